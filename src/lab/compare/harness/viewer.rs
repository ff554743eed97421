//! Somebody who views a hub on its page `/live`: it reads everything that the hub sends, and draws nothing.

use super::watchdog::PATIENCE;
use crate::rules::failure::{Context, Failure};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;

/// Views the hub with this link until it ends. Returns when the first picture has come.
pub(crate) fn view(link: &str) -> Result<(), Failure> {
    let (host, ticket) = link
        .strip_prefix("http://")
        .and_then(|link| link.split_once("/live#"))
        .ok_or_else(|| format!("cannot read the link {link:?}"))?;
    let mut pictures = BufReader::new(open(host, ticket).context("cannot view the hub")?);
    let mut line = Vec::new();
    // What comes before is the answer to the request.
    while !line.windows(b"live ".len()).any(|words| words == b"live ") {
        line.clear();
        if pictures.read_until(b'\n', &mut line).context("cannot view the hub")? == 0 {
            return Err("the hub shows nothing to who views it".into());
        }
    }
    pictures.get_ref().set_read_timeout(None).context("cannot view the hub")?;
    thread::spawn(move || io::copy(&mut pictures, &mut io::sink()));
    Ok(())
}

fn open(host: &str, ticket: &str) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(host)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let hello = format!("threadchat-live 1\nticket {ticket}");
    write!(
        socket,
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )?;
    // A text message whose mask changes nothing. It has fewer than 126 bytes.
    socket.write_all(&[0x81, 0x80 | hello.len() as u8, 0, 0, 0, 0])?;
    socket.write_all(hello.as_bytes())?;
    Ok(socket)
}
