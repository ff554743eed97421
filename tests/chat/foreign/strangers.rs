//! Callers that are no chat: they are no callers.

use crate::common::foreign::*;
use crate::common::*;

/// Lets a stranger call `serve --once`, for whose first caller a line waits. Then that caller comes.
fn only_a_chat_is_a_caller(stranger: impl FnOnce(u16)) -> Program {
    let (mut ours, port) = serve(&["--once"]);
    ours.types("kept\n");
    stranger(port);
    let mut caller = connect(port, &[]);
    caller.out.wait_for("kept\n");
    caller.types("hi\n88\n");
    caller.exits(0);
    ours.exits(0);
    assert_eq!(ours.out.wait_for_texts(1), ["hi"]);
    ours
}

#[test]
#[ignore = "needs curl"]
fn what_curl_posts_is_not_said_and_the_first_caller_can_still_come() {
    let ours = only_a_chat_is_a_caller(|port| is_refused(&posts(SPEECH, port)));
    assert!(ours.err.text().contains("sent an HTTP request"), "{}", ours.err.text());
}

#[test]
#[ignore = "needs openssl"]
fn a_tls_client_is_refused_with_a_sentence_and_the_first_caller_can_still_come() {
    let ours = only_a_chat_is_a_caller(|port| {
        let heard = speaks_tls(port);
        assert!(heard.contains("This is threadchat, a chat in clear text"), "{heard}");
    });
    assert!(ours.err.text().contains("wants to speak TLS"), "{}", ours.err.text());
}

#[test]
#[ignore = "needs nc"]
fn a_probe_of_the_port_is_no_caller() {
    let ours = only_a_chat_is_a_caller(probes);
    assert_eq!(ours.err.text().matches("...connected from").count(), 1, "{}", ours.err.text());
}
