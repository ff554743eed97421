//! Programs of others that have to be installed. These tests are ignored by default:
//! `cargo test --tests -- --ignored foreign::`.

use super::*;
use crate::common::tls::{self, Files};
use std::process::{Command, Output, Stdio};

/// A hub that is encrypted, for programs that trust its certificate.
fn secure_hub() -> (Hub, &'static Files) {
    let files = tls::files();
    (Hub::start(&["--secure", "--cert", &files.certificate, "--key", &files.key]), files)
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What curl gets with these options.
#[track_caller]
fn curl(options: &[&str], url: &str) -> String {
    let options = [&["--silent", "--show-error", "--include", "--max-time", "20"], options].concat();
    let answer = run(Command::new("curl").args(options).arg(url));
    assert!(answer.status.success(), "{answer:?}");
    String::from_utf8(answer.stdout).unwrap()
}

#[track_caller]
fn is_page(answer: &str) {
    has_status(answer, 200);
    assert!(answer.trim_end().ends_with("</html>"), "{answer}");
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_the_pages() {
    let hub = Hub::start(&[]);
    let url = |path: &str| format!("http://localhost:{}{path}", hub.web);
    for options in [&[][..], &["--http1.0"], &["--http2"], &["--compressed"], &["--no-keepalive"]] {
        is_page(&curl(options, &url("/")));
        is_page(&curl(options, &url("/live")));
    }
    let head = curl(&["--head"], &url("/"));
    has_status(&head, 200);
    assert!(head.ends_with("\r\n\r\n"));
    has_status(&curl(&[], &url("/nothing")), 404);
    has_status(&curl(&["--data", "/name eve"], &url("/")), 405);
    has_status(&curl(&["--header", "Host: evil.example"], &url("/")), 421);
    has_status(&curl(&["--header", &format!("X: {}", "x".repeat(9000))], &url("/")), 431);
    // A body that the hub does not read costs nobody the answer.
    let body = file_of("x".repeat(10 * 1024 * 1024));
    let mut posting = Command::new("curl");
    let options = ["--silent", "--include", "--max-time", "20", "--data-binary", "@-", "--header", "Expect:"];
    let answer = run(posting.args(options).arg(url("/")).stdin(Stdio::from(body)));
    has_status(&String::from_utf8_lossy(&answer.stdout), 405);
}

#[test]
#[ignore = "needs curl and openssl"]
fn curl_and_openssl_get_the_pages_of_an_encrypted_hub() {
    let (hub, files) = secure_hub();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        for options in [&[][..], &["--http1.0"], &["--http2"], &["--tlsv1.3"]] {
            let options = [&["--cacert", &files.authority], options].concat();
            // The hub listens at both addresses, and chooses the ports: they may differ.
            if host != "[::1]" {
                is_page(&curl(&options, &format!("https://{host}:{}/", hub.web)));
            }
        }
    }
    let address = format!("127.0.0.1:{}", hub.web);
    let mut openssl = Command::new("openssl");
    openssl.args([
        "s_client",
        "-quiet",
        "-verify_return_error",
        "-CAfile",
        &files.authority,
        "-connect",
        &address,
    ]);
    openssl.stdin(file_of(get("/") + "\r\n"));
    let page = run(&mut openssl);
    is_page(&String::from_utf8(page.stdout).unwrap());
    // In clear text there is nothing.
    let mut plain = call(hub.web);
    plain.write_all((get("/") + "\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
}

#[test]
#[ignore = "needs python3 with websockets"]
fn python_joins_talks_and_is_told_how_it_ends() {
    let hub = Hub::start(&[]);
    python_joins(hub, "ws", &[]);
}

#[test]
#[ignore = "needs python3 with websockets"]
fn python_joins_an_encrypted_hub() {
    let (hub, files) = secure_hub();
    python_joins(hub, "wss", &[&files.authority]);
}

#[track_caller]
fn python_joins(mut hub: Hub, scheme: &str, authority: &[&str]) {
    let url = format!("{scheme}://localhost:{}/ws", hub.web);
    let mut command = Command::new("python3");
    command.args(["tests/peers/websockets_peer.py", &url, &hub.ticket]).args(authority);
    let mut python = Program::start(command);
    python.out.wait_for("joined as snake");
    hub.program.out.wait_for("<snake> hello in three parts");
    hub.program
        .out
        .wait_until("the long line", |said| said.iter().filter(|byte| **byte == b'x').count() >= 300_000);
    hub.program.types("hello snake\n");
    python.out.wait_for("<@operator> hello snake");
    python.out.wait_for("closed with 1000");
    hub.program.out.wait_for("* snake left\n");
    python.out.wait_for("joined as toad");
    hub.program.types("/kick toad\n");
    python.out.wait_for("closed with 4000");
    python.out.wait_for("closed with 4001 the link is not valid");
    python.out.wait_for("joined as newt");
    hub.program.out.wait_for("* newt left\n");
    python.out.wait_for("closed by us with 1000");
    python.exits(0);
    hub.program.types("88\n");
    hub.program.exits(0);
}
