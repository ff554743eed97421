//! Callers that are no chat: a browser, or any other program that speaks HTTP or TLS to whatever port it finds.
//!
//! A web page can make its reader's browser send lines of its choice to any address, 127.0.0.1 included. So a stream that
//! begins with an HTTP request is never taken for somebody who speaks.

use memchr::memchr;
use std::fmt;

/// What a caller speaks instead of chatting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// The stream begins with the first line of an HTTP request (RFC 9112, section 3).
    Http,
    /// The stream begins with a TLS record of the type handshake (RFC 8446, section 5.1).
    Tls,
}

/// What the beginning of a stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// It may become either: more must arrive.
    Open,
    /// Nothing of the stream may be taken for a message.
    Foreign(Foreign),
    /// It is the beginning of messages.
    Messages,
}

/// The methods of RFC 9110 and RFC 5789, and the first word of an HTTP/2 connection (RFC 9113, section 3.4).
const METHODS: [&[u8]; 10] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    b"PRI ",
];

/// A handshake record, and the major version, which is 3 in all versions of TLS.
const HANDSHAKE: &[u8] = &[0x16, 0x03];

/// Tells what a stream is from its first bytes. `is_whole`: nothing more of the first line will come.
pub(super) fn classify(first: &[u8], is_whole: bool) -> Beginning {
    if first.len() >= HANDSHAKE.len() && first.starts_with(HANDSHAKE) {
        return Beginning::Foreign(Foreign::Tls);
    }
    let end = memchr(b'\n', first);
    let line = &first[..end.unwrap_or(first.len())];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_method = METHODS.iter().any(|method| line.starts_with(method));
    let may_begin = [HANDSHAKE].iter().chain(&METHODS).any(|begin| begin.starts_with(line));
    match end.is_some() || is_whole {
        true if is_method && is_request(line) => Beginning::Foreign(Foreign::Http),
        false if is_method || may_begin => Beginning::Open,
        _ => Beginning::Messages,
    }
}

/// Whether a line that begins with a method ends with a version, such as `HTTP/1.1`.
fn is_request(line: &[u8]) -> bool {
    line.rsplit(|byte| *byte == b' ').next().is_some_and(|version| version.starts_with(b"HTTP/"))
}

/// Whether the beginning of a line that is too long to be a message is that of a request, whose version does not fit in.
pub(super) fn is_long_request(line: &[u8]) -> bool {
    METHODS.iter().any(|method| line.starts_with(method))
}

impl Foreign {
    /// What to send before closing the connection.
    #[must_use]
    pub fn answer(self) -> Vec<u8> {
        match self {
            Self::Http => {
                let body =
                    "This is threadchat, a chat, and no web server. To join: threadchat connect HOST:PORT\n";
                let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n";
                format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into()
            }
            Self::Tls => b"This is threadchat, a chat in clear text: it does not speak TLS.\n".to_vec(),
        }
    }
}

/// What the caller did.
impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "sent an HTTP request: a browser, perhaps",
            Self::Tls => "wants to speak TLS, but this port is in clear text",
        })
    }
}
