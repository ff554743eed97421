//! Callers that are no chat: a browser, or any other program that speaks its own protocol to whatever port it finds.
//!
//! A web page can make its reader's browser send lines of its choice to any address, 127.0.0.1 included. So a stream that
//! begins as those of browsers do is never taken for somebody who speaks.

use std::fmt;

/// What a caller speaks instead of chatting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// The first line is that of an HTTP request (RFC 9112, section 3).
    Http,
    /// The stream begins with a TLS record of the type handshake (RFC 8446, section 5.1).
    Tls,
    /// The stream begins with something else where TLS is spoken.
    ClearText,
    /// The stream begins with a byte from 0 to 2, as a message of STUN does, with a length in front of it (RFC 8489, RFC 4571) or
    /// without: a web page can make its reader's browser send such messages, with text of its choice in them (WebRTC).
    Binary,
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

/// Tells what a stream is from its first bytes.
pub(super) fn classify(first: &[u8]) -> Beginning {
    let may_begin = |begin: &[u8]| first.starts_with(begin) || begin.starts_with(first);
    match first {
        [0..=2, ..] => Beginning::Foreign(Foreign::Binary),
        _ if first.starts_with(HANDSHAKE) => Beginning::Foreign(Foreign::Tls),
        _ if may_begin(HANDSHAKE) || METHODS.iter().any(|method| may_begin(method)) => Beginning::Open,
        _ => Beginning::Messages,
    }
}

/// Whether a line is the first one of a request: a method, whatever it is, a target (a path, an asterisk, or a URL or a host with
/// a colon), and a version such as `HTTP/1.1`.
pub(super) fn is_request(line: &[u8]) -> bool {
    let mut words = line.trim_ascii().split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let version = words.next_back().unwrap_or_default();
    let is_version = version.len() >= 5 && version[..5].eq_ignore_ascii_case(b"HTTP/");
    let is_target = |word: &[u8]| matches!(word, [b'/' | b'*', ..]) || word.contains(&b':');
    is_version && words.next().is_some_and(is_target) && method.iter().all(u8::is_ascii_alphabetic)
}

/// Whether the beginning of a line that is too long to be a message is that of a request, whose version does not fit in.
pub(super) fn is_long_request(line: &[u8]) -> bool {
    METHODS.iter().any(|method| line.starts_with(method))
}

impl Foreign {
    /// What somebody speaks who begins like this where TLS is spoken.
    #[must_use]
    pub fn in_clear_text(first: &[u8]) -> Self {
        if METHODS.iter().any(|method| first.starts_with(method)) { Self::Http } else { Self::ClearText }
    }

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
            Self::Binary => b"This is threadchat, a chat: it understands lines of text.\n".to_vec(),
            Self::ClearText => {
                b"This is threadchat, encrypted. To call it: threadchat connect HOST:PORT --secure\n".to_vec()
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
            Self::Binary => "sent binary data",
            Self::Tls => "wants to speak TLS, but this port is in clear text",
            Self::ClearText => "speaks in clear text, but this port is encrypted",
        })
    }
}
