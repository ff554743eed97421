//! The floor: two endpoints that only move bytes, each way in a blocking thread of its own. Whatever another
//! program needs more than these, it needs for what it does beside moving bytes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Listens on a free port, which it tells on standard error, and pumps for one caller; or for all, one after the
/// other, who are only listened to.
///
/// # Errors
/// What the system said.
pub(super) fn serve(once: bool) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stderr(), "listening on {}", listener.local_addr()?)?;
    if once {
        return pump_both_ways(&listener.accept()?.0);
    }
    loop {
        pump(&mut &listener.accept()?.0, &mut io::stdout().lock())?;
    }
}

/// Calls somebody who listens, and pumps.
///
/// # Errors
/// What the system said.
pub(super) fn connect(address: SocketAddr) -> io::Result<()> {
    pump_both_ways(&TcpStream::connect(address)?)
}

fn pump_both_ways(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let pumped = pump(&mut io::stdin().lock(), &mut &*socket);
            pumped.and_then(|()| socket.shutdown(Shutdown::Write))
        });
        pump(&mut &*socket, &mut io::stdout().lock())
    })
}

fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            read => {
                to.write_all(&buffer[..read])?;
                to.flush()?;
            }
        }
    }
}
