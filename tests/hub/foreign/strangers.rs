//! Clients that are no chat: nobody joins, and nothing is said.

use super::super::*;
use crate::common::foreign::*;

/// Lets a stranger call. Afterwards somebody joins, and bob has heard of nobody else.
fn nobody_joins(stranger: impl FnOnce(&Program, u16)) -> Program {
    let (hub, heard, who) = nobody_speaks(stranger);
    assert!(heard.is_empty(), "{heard:?}");
    assert_eq!(present(&who).unwrap().count, 3, "{who}");
    hub
}

/// The same, of which nothing was said. Returns what bob has heard before that, and who is there then.
fn nobody_speaks(stranger: impl FnOnce(&Program, u16)) -> (Program, Vec<String>, String) {
    let (hub, port) = hub(&[]);
    let mut bob = Client::joins_as(port, "bob");
    bob.catches_up();
    stranger(&hub, port);
    let carol = Client::joins(port);
    let (mut heard, _) = bob.hears_until_one(|line| line == format!("* {} joined", carol.name));
    bob.says("/who");
    let (more, who) = bob.hears_until_one(|line| present(line).is_some());
    heard.extend(more);
    bob.says("alone at last");
    hub.out.wait_for("alone at last");
    assert!(!hub.out.text().contains("mallory"), "{}", hub.out.text());
    (hub, heard, who)
}

#[test]
#[ignore = "needs curl"]
fn what_curl_posts_is_not_said() {
    let hub = nobody_joins(|_, port| is_refused(&posts(SPEECH, port)));
    hub.err.wait_for("sent an HTTP request");
}

#[test]
#[ignore = "needs chromium"]
fn what_a_web_page_sends_by_a_form_or_a_websocket_is_not_said() {
    let (_hub, heard, _) = nobody_speaks(|hub, port| {
        let browser = Browser::shows_a_page_that_speaks(port);
        hub.err.wait_for_times(2, "sent an HTTP request");
        browser.closes();
    });
    // A connection that a browser opens in advance says nothing, and after a second that is somebody who says nothing.
    let is_silent = |line: &String| line.starts_with("* user") && !line.contains('<');
    assert!(heard.iter().all(is_silent), "{heard:?}");
}

#[test]
#[ignore = "needs openssl"]
fn a_tls_client_is_refused_with_a_sentence() {
    let hub = nobody_joins(|_, port| {
        let heard = speaks_tls(port);
        assert!(heard.contains("This is threadchat, a chat in clear text"), "{heard}");
    });
    hub.err.wait_for("wants to speak TLS");
}

#[test]
#[ignore = "needs nc"]
fn a_probe_of_the_port_is_nobody() {
    nobody_joins(|_, port| probes(port));
}
