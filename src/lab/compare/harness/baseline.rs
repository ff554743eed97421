//! The baseline: two endpoints that move bytes, each way in a blocking thread of its own, and do nothing else. What
//! another subject needs beyond that is its own.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Listens on a free port, prints it on standard error, and pumps both ways for one caller; or, without `once`, only
/// receives, from one caller after the other.
pub(crate) fn serve(once: bool) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stderr(), "listening on {}", listener.local_addr()?)?;
    if once {
        return pump_both_ways(&listener.accept()?.0);
    }
    loop {
        pump(&mut &listener.accept()?.0, &mut io::stdout().lock())?;
    }
}

pub(crate) fn connect(address: SocketAddr) -> io::Result<()> {
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
