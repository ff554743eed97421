//! What a browser gets before it is a client. Each connection gets one answer: the one after a page is for something else.

use super::pages;
use super::request::Path;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum Bad {
    /// It is no HTTP.
    Request,
    /// There is no such path.
    Path,
    /// It is neither `GET` nor `HEAD`.
    Method,
    /// Its head is longer than [`MAX_HEAD`](super::MAX_HEAD).
    TooLong,
    /// Its head did not come in time.
    Slow,
    /// It means another host.
    Host,
    /// A page of another site asks for the WebSocket.
    Origin,
    /// It asks for the WebSocket and does not say so.
    NoUpgrade,
    /// It speaks another version of WebSocket.
    Version,
}

/// What every answer says: nothing is kept, guessed, framed by another page, or told to another site.
const FIELDS: &str = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
    Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n";

/// For what is no page.
const NOTHING: &str = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";

/// A page, for a browser that thinks it is at this host.
pub(in crate::rules) fn page(path: Path, host: &str, is_head: bool) -> Vec<u8> {
    let page = pages::page(path);
    let policy = page.policy(host);
    let fields = format!("Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {policy}\r\n");
    answer("200 OK", &fields, page.html.as_bytes(), is_head)
}

/// Why there is no page.
pub(in crate::rules) fn bad(bad: Bad) -> Vec<u8> {
    let (status, field, text) = match bad {
        Bad::Request => ("400 Bad Request", "", "This is no request that a browser sends."),
        Bad::Path => ("404 Not Found", "", "There is nothing here. The chat is at /"),
        Bad::Method => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "This method does nothing here."),
        Bad::TooLong => ("431 Request Header Fields Too Large", "", "The head of the request is too long."),
        Bad::Slow => ("408 Request Timeout", "", "The request did not come in time."),
        Bad::Host => (
            "421 Misdirected Request",
            "",
            "This hub is not known by that name. Use its address, or start it with --web-name NAME.",
        ),
        Bad::Origin => ("403 Forbidden", "", "A page of another site may not use this hub."),
        Bad::NoUpgrade => {
            ("426 Upgrade Required", "Upgrade: websocket\r\n", "This is the WebSocket of the pages.")
        }
        Bad::Version => {
            ("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n", "WebSocket 13 is spoken here.")
        }
    };
    let fields = format!("{field}{NOTHING}Content-Type: text/plain; charset=utf-8\r\n");
    answer(status, &fields, format!("{text}\n").as_bytes(), false)
}

/// For a caller who may not come in.
pub(in crate::rules) fn refusal(why: &str) -> Vec<u8> {
    let fields = format!("{NOTHING}Content-Type: text/plain; charset=utf-8\r\n");
    answer("503 Service Unavailable", &fields, format!("{why}\n").as_bytes(), false)
}

fn answer(status: &str, fields: &str, body: &[u8], is_head: bool) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{FIELDS}{fields}Content-Length: {length}\r\n\r\n");
    let body = if is_head { &[] } else { body };
    [head.as_bytes(), body].concat()
}

/// The WebSocket is open (RFC 6455, section 4.2.2).
pub(in crate::rules) fn socket(key: &str) -> Vec<u8> {
    let proof =
        digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
    let accept = BASE64_STANDARD.encode(proof);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(answer: Vec<u8>) -> String {
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn the_handshake_is_proved_as_in_the_example_of_the_rfc() {
        let answer = text(socket("dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
    }

    #[test]
    fn the_answer_to_head_has_the_same_head_and_no_body() {
        let whole = text(page(Path::Chat, "localhost", false));
        let head = text(page(Path::Chat, "localhost", true));
        assert!(whole.starts_with(&head) && head.ends_with("\r\n\r\n") && whole.len() > head.len());
    }

    #[test]
    fn every_answer_says_how_long_it_is_and_that_the_connection_ends() {
        let all = [
            Bad::Request,
            Bad::Path,
            Bad::Method,
            Bad::TooLong,
            Bad::Slow,
            Bad::Host,
            Bad::Origin,
            Bad::NoUpgrade,
            Bad::Version,
        ];
        for answer in all.into_iter().map(bad).chain([refusal("full"), page(Path::Live, "localhost", false)])
        {
            let answer = text(answer);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
            assert!(head.contains("\r\nConnection: close\r\n") && head.contains("'none'"), "{head}");
        }
    }
}
