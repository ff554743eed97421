//! What a browser asks for.

use super::answer::Bad;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use httparse::{EMPTY_HEADER, Header, Status};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest head of a request, in bytes.
pub(in crate::rules) const MAX_HEAD: usize = 8 * 1024;

/// The most header fields. A browser sends about twenty.
const MAX_FIELDS: usize = 64;

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum Path {
    Chat,
    Live,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rules) enum Request {
    Page {
        path: Path,
        /// `HEAD`: the answer has no body.
        is_head: bool,
        /// Where the browser thinks it is.
        host: String,
    },
    /// The WebSocket.
    Socket {
        /// Proves to the browser that its request was understood.
        key: String,
    },
}

/// Takes the head of a request from the front of what was read. Returns the request and how long its head is; None if more must
/// come. `names` are the hosts beside addresses and `localhost`: a page of a foreign site whose name leads here by DNS (*DNS
/// rebinding*) has another one.
///
/// # Errors
/// What to answer instead.
pub(in crate::rules) fn parse(read: &[u8], names: &[String]) -> Result<Option<(Request, usize)>, Bad> {
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(&read[..read.len().min(MAX_HEAD)]) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if read.len() < MAX_HEAD => return Ok(None),
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(Bad::TooLong),
        Err(_) => return Err(Bad::Request),
    };
    let host = one(head.headers, "Host")?.ok_or(Bad::Request)?;
    if !is_ours(host, names) {
        return Err(Bad::Host);
    }
    let is_head = head.method == Some("HEAD");
    if !is_head && head.method != Some("GET") {
        return Err(Bad::Method);
    }
    let path = match head.path {
        Some("/") => Path::Chat,
        Some("/live") => Path::Live,
        Some("/ws") => return Ok(Some((socket(head.headers, host, is_head)?, length))),
        _ => return Err(Bad::Path),
    };
    Ok(Some((Request::Page { path, is_head, host: host.to_owned() }, length)))
}

/// Checks the handshake (RFC 6455, section 4.2.1).
fn socket(fields: &[Header<'_>], host: &str, is_head: bool) -> Result<Request, Bad> {
    let has = |name, word: &str| {
        let values = all(fields, name).flat_map(|value| value.split(','));
        values.into_iter().any(|value| value.trim().eq_ignore_ascii_case(word))
    };
    if is_head || !has("Upgrade", "websocket") || !has("Connection", "upgrade") {
        return Err(Bad::NoUpgrade);
    }
    if one(fields, "Sec-WebSocket-Version")? != Some("13") {
        return Err(Bad::Version);
    }
    // Every browser says which page asks. A program that is none need not, and proves itself by its ticket alone.
    if let Some(origin) = one(fields, "Origin")? {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) {
            return Err(Bad::Origin);
        }
    }
    let key = one(fields, "Sec-WebSocket-Key")?.unwrap_or_default();
    match BASE64_STANDARD.decode(key) {
        Ok(nonce) if nonce.len() == 16 => Ok(Request::Socket { key: key.to_owned() }),
        _ => Err(Bad::Request),
    }
}

/// The values of a field, however often it is there. One that is no text counts as empty.
fn all<'a>(fields: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let is_it = move |field: &&Header<'_>| field.name.eq_ignore_ascii_case(name);
    fields.iter().filter(is_it).map(|field| str::from_utf8(field.value).unwrap_or_default())
}

/// The value of a field that may be there once.
fn one<'a>(fields: &'a [Header<'_>], name: &'a str) -> Result<Option<&'a str>, Bad> {
    let mut values = all(fields, name);
    let value = values.next();
    if values.next().is_some() { Err(Bad::Request) } else { Ok(value) }
}

/// Whether somebody who means this hub may call it so.
fn is_ours(authority: &str, names: &[String]) -> bool {
    let (host, port) = match authority.rfind(']') {
        Some(end) => authority.split_at(end + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
        return false;
    }
    let is_ipv6 = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    host.parse::<Ipv4Addr>().is_ok()
        || host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).is_some_and(is_ipv6)
        || host.eq_ignore_ascii_case("localhost")
        || names.iter().any(|name| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn asks(head: &str) -> Result<Option<(Request, usize)>, Bad> {
        parse(head.replace('\n', "\r\n").as_bytes(), &["school.example".to_owned()])
    }

    fn get(path: &str, host: &str) -> Result<Request, Bad> {
        asks(&format!("GET {path} HTTP/1.1\nHost: {host}\n\n")).map(|request| request.unwrap().0)
    }

    const HANDSHAKE: &str = "GET /ws HTTP/1.1\nHost: 192.0.2.7:21568\nUpgrade: websocket\n\
        Connection: keep-alive, Upgrade\nSec-WebSocket-Version: 13\nOrigin: http://192.0.2.7:21568\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n";

    #[test]
    fn three_paths_exist_and_nothing_else() {
        let page = |path| Ok(Request::Page { path, is_head: false, host: "localhost".to_owned() });
        assert_eq!(get("/", "localhost"), page(Path::Chat));
        assert_eq!(get("/live", "localhost"), page(Path::Live));
        for path in
            ["/index.html", "/favicon.ico", "/live/", "/?", "//", "/../etc/passwd", "*", "http://localhost/"]
        {
            assert_eq!(get(path, "localhost"), Err(Bad::Path), "{path}");
        }
        for method in ["POST", "OPTIONS", "get", "DELETE"] {
            assert_eq!(asks(&format!("{method} / HTTP/1.1\nHost: localhost\n\n")), Err(Bad::Method));
        }
        let head = asks("HEAD / HTTP/1.1\nHost: localhost\n\n").unwrap().unwrap().0;
        assert!(matches!(head, Request::Page { is_head: true, .. }));
    }

    #[test]
    fn a_host_is_an_address_localhost_or_a_name_of_the_hub() {
        for host in
            ["192.0.2.7", "192.0.2.7:80", "[::1]:21568", "[fe80::1]", "LocalHost:1", "School.example:443"]
        {
            assert!(get("/", host).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "school.example.evil.example",
            "192.0.2.7.evil.example",
            "192.0.2.7@evil.example",
            "localhost:80:80",
            "localhost:x",
            "[::1",
            "::1",
            "",
            "2130706433",
        ] {
            assert_eq!(get("/", host), Err(Bad::Host), "{host}");
        }
        assert_eq!(asks("GET / HTTP/1.1\n\n"), Err(Bad::Request));
        assert_eq!(asks("GET / HTTP/1.1\nHost: localhost\nHost: localhost\n\n"), Err(Bad::Request));
    }

    #[test]
    fn the_handshake_of_a_browser_is_understood_and_its_parts_are_needed() {
        let socket = Request::Socket { key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned() };
        assert_eq!(asks(HANDSHAKE).unwrap().unwrap().0, socket);
        for (part, instead, error) in [
            ("GET", "HEAD", Bad::NoUpgrade),
            ("Upgrade: websocket\n", "", Bad::NoUpgrade),
            ("keep-alive, Upgrade", "keep-alive", Bad::NoUpgrade),
            ("Version: 13", "Version: 8", Bad::Version),
            ("Sec-WebSocket-Version: 13\n", "", Bad::Version),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", Bad::Request),
            ("dGhlIHNhbXBsZSBub25jZQ==", "?", Bad::Request),
            ("Origin: http://192.0.2.7:21568", "Origin: http://192.0.2.7", Bad::Origin),
            ("Origin: http://192.0.2.7:21568", "Origin: http://evil.example", Bad::Origin),
            ("Origin: http://192.0.2.7:21568", "Origin: null", Bad::Origin),
            ("Origin: http://192.0.2.7:21568", "Origin: file://192.0.2.7:21568", Bad::Origin),
        ] {
            assert_eq!(asks(&HANDSHAKE.replace(part, instead)), Err(error), "{instead}");
        }
        assert!(asks(&HANDSHAKE.replace("Origin: http://192.0.2.7:21568\n", "")).is_ok(), "no browser");
    }

    #[test]
    fn a_head_may_come_in_parts_and_has_an_end() {
        let whole = HANDSHAKE.replace('\n', "\r\n");
        for end in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..end], &[]), Ok(None), "{end}");
        }
        let more = format!("{whole}more");
        assert_eq!(parse(more.as_bytes(), &[]).unwrap().unwrap().1, whole.len());
        let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD));
        assert_eq!(parse(long.as_bytes(), &[]), Err(Bad::TooLong));
        let fields = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "x: y\r\n".repeat(MAX_FIELDS));
        assert_eq!(parse(fields.as_bytes(), &[]), Err(Bad::TooLong));
        for wrong in [
            "\0\0\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "\x16\x03\x01",
            "GET / HTTP/1.1\r\n : x\r\n\r\n",
        ] {
            assert_eq!(parse(wrong.as_bytes(), &[]), Err(Bad::Request), "{wrong:?}");
        }
    }
}
