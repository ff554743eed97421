//! What a hub and its clients need for browsers: a port, tickets that both know, and this process as a browser.

use super::pair::free_port;
use super::subject::{TICKETS, folder};
use crate::platform::{create_private_folder, replace_private};
use crate::rules::failure::{Context, Failure};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use websocket_sans_io::{
    FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent,
};

/// Anybody may know them: the hubs listen on this machine only, and for this comparison.
const CHAT_TICKET: &str = "comparecomparech";
const LIVE_TICKET: &str = "comparecompareli";

/// What a browser sends is masked. With a key of zeros nothing would have to be done.
const MASK: [u8; 4] = *b"MASK";

/// Writes the tickets of all hubs. A run must not do it: it could come after the end of the comparison.
pub(crate) fn keep_tickets() -> Result<(), Failure> {
    let tickets = format!("{CHAT_TICKET}\n{LIVE_TICKET}\n");
    create_private_folder(&folder())
        .and_then(|()| replace_private(&folder().join(TICKETS), tickets.as_bytes()))
        .context(format_args!("cannot write tickets to {}", folder().display()))
}

/// A port for browsers.
pub(crate) fn port() -> Result<u16, Failure> {
    free_port().context("cannot find a free port for browsers")
}

/// One end of a WebSocket.
#[derive(Default)]
pub(crate) struct Browser {
    decoder: WebsocketFrameDecoder,
}

impl Browser {
    /// Opens the WebSocket, and joins the chat.
    pub(crate) fn join(socket: &TcpStream) -> io::Result<Self> {
        let mut browser = open(socket)?;
        let mut hello = Vec::new();
        browser.send_text(format!("threadchat 1\nticket {CHAT_TICKET}\n").as_bytes(), &mut hello);
        let (mut socket, mut text, mut buffer) = (socket, Vec::new(), [0; 4096]);
        socket.write_all(&hello)?;
        while !text.starts_with(b"you ") {
            let read = socket.read(&mut buffer)?;
            browser.receive(&mut buffer[..read], &mut text);
            if read == 0 || text.len() > 4 && !text.starts_with(b"you ") {
                return Err(io::Error::other(format!("no welcome: {}", String::from_utf8_lossy(&text))));
            }
        }
        Ok(browser)
    }

    /// Encodes lines, each as a message. Returns how many bytes of them.
    pub(crate) fn send(&self, lines: &[u8], frames: &mut Vec<u8>) -> usize {
        let whole = memchr::memrchr(b'\n', lines).map_or(0, |end| end + 1);
        // The end of a message is the end of a line.
        let texts = lines[..whole].split_inclusive(|byte| *byte == b'\n');
        texts.for_each(|text| self.send_text(&text[..text.len() - 1], frames));
        whole
    }

    fn send_text(&self, text: &[u8], frames: &mut Vec<u8>) {
        let payload_length = text.len() as u64;
        let info =
            FrameInfo { opcode: Opcode::Text, payload_length, mask: Some(MASK), fin: true, reserved: 0 };
        let mut encoder = WebsocketFrameEncoder::new();
        frames.extend_from_slice(&encoder.start_frame(&info));
        let begin = frames.len();
        frames.extend_from_slice(text);
        encoder.transform_frame_payload(&mut frames[begin..]);
    }

    /// Appends the payload of the frames in what was read.
    pub(crate) fn receive(&mut self, mut read: &mut [u8], payload: &mut Vec<u8>) {
        loop {
            let Ok(result) = self.decoder.add_data(read);
            let (piece, rest) = read.split_at_mut(result.consumed_bytes);
            match result.event {
                None if piece.is_empty() => return,
                Some(WebsocketFrameEvent::PayloadChunk { .. }) => payload.extend_from_slice(piece),
                _ => {}
            }
            read = rest;
        }
    }
}

/// Asks for the WebSocket, and reads the answer to its end.
fn open(mut socket: &TcpStream) -> io::Result<Browser> {
    let host = socket.peer_addr()?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes())?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        // One byte after the other: nothing comes behind it before the first message.
        socket.read_exact(&mut byte)?;
        answer.extend_from_slice(&byte);
    }
    if answer.starts_with(b"HTTP/1.1 101 ") {
        return Ok(Browser::default());
    }
    Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_masked_message_and_frames_may_arrive_in_any_pieces() {
        let (mut frames, lines) = (Vec::new(), b"one\ntwo\nthr");
        assert_eq!(Browser::default().send(lines, &mut frames), 8);
        assert_eq!((&frames[..2], frames.len()), (&[0x81, 0x83][..], 2 * (6 + 3)));
        for size in 1..=frames.len() {
            let (mut browser, mut text) = (Browser::default(), Vec::new());
            frames.clone().chunks_mut(size).for_each(|piece| browser.receive(piece, &mut text));
            assert_eq!(text, b"onetwo");
        }
    }
}
