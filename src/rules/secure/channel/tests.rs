//! Two channels against each other in memory, and what somebody in between can do.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::rules::secure::{Authority, Code, Unknown};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

mod hostile;

static ALICE: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap().0);
static BOB: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap().0);
static MALLORY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap().0);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn by_code(code: &str) -> Trust {
    Trust { code: Some(Code::parse(code).unwrap()), ..Trust::default() }
}

fn known(identity: &Identity) -> Trust {
    Trust { known: Arc::new(HashSet::from([identity.fingerprint()])), ..Trust::default() }
}

fn unknown(unknown: Unknown) -> Trust {
    Trust { unknown, ..Trust::default() }
}

/// A channel and what its owner knows.
struct Side {
    channel: Channel,
    plaintext: Vec<u8>,
    peer: Option<Peer>,
    is_closed: bool,
    error: Option<ChannelError>,
}

impl Side {
    /// Alice calls.
    fn caller(trust: Trust) -> Self {
        Self::new(Channel::calling(&ALICE, trust, now()).unwrap())
    }

    /// Bob is called.
    fn called(trust: Trust) -> Self {
        Self::new(Channel::called(&BOB, trust).unwrap())
    }

    fn new(channel: Channel) -> Self {
        Self { channel, plaintext: Vec::new(), peer: None, is_closed: false, error: None }
    }

    fn feed(&mut self, ciphertext: &[u8]) {
        match self.channel.receive(ciphertext, &mut self.plaintext) {
            Ok(received) => {
                assert!(self.peer.is_none() || received.opened.is_none());
                self.peer = self.peer.take().or(received.opened);
                self.is_closed |= received.is_closed;
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        self.channel.take_output(&mut output);
        assert!(!self.channel.has_output());
        output
    }

    fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut ciphertext = Vec::new();
        assert_eq!(self.channel.send(plaintext, &mut ciphertext), plaintext.len());
        ciphertext
    }

    fn how(&self) -> Option<How> {
        self.peer.as_ref().map(|peer| peer.how)
    }
}

/// Passes on what each sends, in pieces, until nothing moves or one has failed.
fn connect(caller: &mut Side, called: &mut Side, mut piece: impl FnMut(bool, usize) -> usize) {
    let pass = |from: &mut Side, to: &mut Side, piece: &mut dyn FnMut(usize) -> usize| {
        let output = from.output();
        let mut rest = output.as_slice();
        while !rest.is_empty() && to.error.is_none() {
            let (now, later) = rest.split_at(piece(rest.len()).clamp(1, rest.len()));
            to.feed(now);
            rest = later;
        }
        !output.is_empty()
    };
    loop {
        let moved = pass(caller, called, &mut |left| piece(true, left));
        if !(pass(called, caller, &mut |left| piece(false, left)) || moved) {
            return;
        }
    }
}

fn whole(_: bool, left: usize) -> usize {
    left
}

fn connected(caller: Trust, called: Trust) -> (Side, Side) {
    let (mut caller, mut called) = (Side::caller(caller), Side::called(called));
    connect(&mut caller, &mut called, whole);
    (caller, called)
}

fn open() -> (Side, Side) {
    let (caller, called) = connected(known(&BOB), known(&ALICE));
    assert_eq!((caller.how(), called.how()), (Some(How::Known), Some(How::Known)));
    (caller, called)
}

#[test]
fn the_same_code_opens_the_channel_and_says_who_is_there() {
    let (mut caller, mut called) = connected(by_code("7-velvet-otter"), by_code("7-velvet-otter"));
    for (side, other) in [(&caller, &*BOB), (&called, &*ALICE)] {
        let fingerprint = Some(other.fingerprint());
        assert_eq!(
            side.peer,
            Some(Peer { fingerprint, how: How::Code, is_threadchat: true, used_code: true })
        );
    }
    let lines: Vec<u8> = (0..100_000_u32).map(|i| i as u8).collect();
    called.feed(&caller.seal(&lines));
    caller.feed(&called.seal(b"yes"));
    assert_eq!((called.plaintext == lines, caller.plaintext.as_slice()), (true, b"yes".as_slice()));
}

#[test]
fn a_wrong_code_is_reported_to_both_and_spent() {
    let (caller, called) = connected(by_code("7-velvet-otter"), by_code("7-velvet-acorn"));
    for side in [caller, called] {
        assert_eq!((side.how(), side.error.clone()), (None, Some(ChannelError::WrongCode)));
        assert!(side.error.unwrap().spends_code());
    }
}

#[test]
fn without_a_code_only_those_who_are_known_to_each_other_are_connected() {
    let refused = |caller, called| {
        let (caller, called) = connected(caller, called);
        assert_eq!((caller.how(), called.how()), (None, None));
        [caller.error.unwrap(), called.error.unwrap()]
    };
    use ChannelError::{CodeAsked, CodeMissing, CodeNotNow, CodeNotTaken, CodeSpent};
    assert_eq!(refused(Trust::default(), Trust::default()), [CodeNotNow, CodeMissing]);
    assert_eq!(refused(known(&BOB), Trust::default()), [CodeAsked, CodeMissing]);
    assert_eq!(refused(known(&BOB), by_code("7-velvet-otter")), [CodeAsked, CodeMissing]);
    assert_eq!(refused(by_code("7-velvet-otter"), known(&ALICE)), [CodeNotTaken, CodeSpent]);
    let (mut caller, mut called) = open();
    called.feed(&caller.seal(b"hello"));
    caller.feed(&called.seal(b"hello"));
    assert_eq!((caller.plaintext, called.plaintext), (b"hello".to_vec(), b"hello".to_vec()));
}

#[test]
fn a_known_side_that_does_not_know_the_other_needs_the_code() {
    let caller = Trust { code: by_code("7-velvet-otter").code, ..known(&BOB) };
    let (caller, called) = connected(caller, by_code("7-velvet-otter"));
    assert_eq!((caller.how(), called.how()), (Some(How::Known), Some(How::Code)));
}

#[test]
fn another_key_than_the_known_one_is_refused_even_with_the_code() {
    let expected = "line 3 of known_hosts says sha256:…".to_owned();
    let trust = Trust {
        unknown: Unknown::Refused { expected: expected.clone() },
        code: by_code("7-velvet-otter").code,
        ..known(&MALLORY)
    };
    let (caller, called) = connected(trust, by_code("7-velvet-otter"));
    assert_eq!(caller.error, Some(ChannelError::AnotherKey { shown: BOB.fingerprint(), expected }));
    let sentence = caller.error.unwrap().to_string();
    assert!(sentence.contains(&BOB.fingerprint().to_string()) && sentence.contains("line 3"), "{sentence}");
    // The called side does not learn who called.
    assert!(matches!(called.error, Some(ChannelError::Refused(_))) && called.peer.is_none());
}

#[test]
fn a_first_use_is_believed_if_the_other_side_agrees() {
    let (caller, called) = connected(unknown(Unknown::FirstUse), unknown(Unknown::FirstUse));
    assert_eq!((caller.how(), called.how()), (Some(How::FirstUse), Some(How::FirstUse)));
    assert_eq!(caller.peer.unwrap().fingerprint, Some(BOB.fingerprint()));
    let (caller, called) = connected(unknown(Unknown::FirstUse), by_code("7-velvet-otter"));
    assert_eq!((caller.error, called.how()), (Some(ChannelError::CodeAsked), None));
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same() {
    let mut position = [0, 0];
    loop {
        // One cut in each direction, one byte later each time.
        let (mut caller, mut called) = (Side::caller(known(&BOB)), Side::called(known(&ALICE)));
        let mut passed = [0, 0];
        connect(&mut caller, &mut called, |is_call, left| {
            let (passed, cut) = (&mut passed[usize::from(is_call)], position[usize::from(is_call)]);
            let piece = if *passed < cut && cut < *passed + left { cut - *passed } else { left };
            *passed += piece;
            piece
        });
        assert!(caller.channel.is_open() && called.channel.is_open(), "{position:?}");
        if position[0] > passed[0] && position[1] > passed[1] {
            break;
        }
        position = position.map(|position| position + 1);
    }
    // Records, too.
    let mut cut = 0;
    loop {
        let (mut caller, mut called) = open();
        let mut sealed = caller.seal(b"hello, world");
        caller.channel.close(&mut sealed);
        let (first, second) = sealed.split_at(cut.min(sealed.len()));
        called.feed(first);
        called.feed(second);
        assert_eq!((called.plaintext.as_slice(), called.is_closed), (b"hello, world".as_slice(), true));
        if cut > sealed.len() {
            break;
        }
        cut += 1;
    }
}

#[test]
fn a_stream_byte_by_byte_gives_the_same() {
    let (mut caller, mut called) =
        (Side::caller(by_code("7-velvet-otter")), Side::called(by_code("7-velvet-otter")));
    connect(&mut caller, &mut called, |_, _| 1);
    assert_eq!((caller.how(), called.how()), (Some(How::Code), Some(How::Code)));
    for byte in caller.seal(&[7; 20_000]) {
        called.feed(&[byte]);
    }
    assert_eq!(called.plaintext, [7; 20_000]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_in_random_pieces_gives_the_same(pieces in proptest::collection::vec(1..3000_usize, 1..60), lines in proptest::collection::vec(any::<u8>(), 0..60_000)) {
        let mut pieces = pieces.into_iter().cycle();
        let (mut caller, mut called) = (Side::caller(known(&BOB)), Side::called(known(&ALICE)));
        connect(&mut caller, &mut called, |_, _| pieces.next().unwrap());
        let sealed = caller.seal(&lines);
        let mut rest = sealed.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(pieces.next().unwrap().min(rest.len()));
            called.feed(now);
            rest = later;
        }
        prop_assert!(called.error.is_none() && called.plaintext == lines);
    }
}

/// Two TLS connections of somebody in the middle, who passes on what is said inside of them.
struct Middle {
    to_caller: Connection,
    to_called: Connection,
}

/// Passes records from a side to a connection and back, and returns what the side said.
fn listen(side: &mut Side, connection: &mut Connection) -> Vec<u8> {
    let mut said = Vec::new();
    loop {
        let output = side.output();
        let mut rest = output.as_slice();
        while !rest.is_empty() && connection.read_tls(&mut rest).unwrap() > 0 {
            connection.process_new_packets().unwrap();
            let _ = connection.reader().read_to_end(&mut said);
        }
        let mut back = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut back).unwrap();
        }
        if back.is_empty() && output.is_empty() {
            return said;
        }
        if !back.is_empty() && side.error.is_none() {
            side.feed(&back);
        }
    }
}

impl Middle {
    fn new() -> Self {
        let to_called = unknown(Unknown::FirstUse).client(MALLORY.certified(), now()).unwrap().into();
        Self { to_caller: ServerConnection::new(MALLORY.server()).unwrap().into(), to_called }
    }

    fn relay(&mut self, caller: &mut Side, called: &mut Side) {
        loop {
            let from_caller = listen(caller, &mut self.to_caller);
            self.to_called.writer().write_all(&from_caller).unwrap();
            let from_called = listen(called, &mut self.to_called);
            self.to_caller.writer().write_all(&from_called).unwrap();
            if from_caller.is_empty() && from_called.is_empty() {
                return;
            }
        }
    }
}

#[test]
fn somebody_in_the_middle_who_relays_the_proof_is_found_out_by_both() {
    for forged in [None, Some([7; 32])] {
        let (mut caller, mut called) =
            (Side::caller(by_code("7-velvet-otter")), Side::called(by_code("7-velvet-otter")));
        let mut middle = Middle::new();
        middle.relay(&mut caller, &mut called);
        assert_eq!(called.error, Some(ChannelError::WrongCode));
        assert_eq!((caller.how(), called.how()), (None, None));
        assert_eq!((&caller.error, caller.channel.cut_off()), (&None, ChannelError::WrongCode));
        match forged {
            Some(forged) => middle.to_caller.writer().write_all(&forged).unwrap(),
            None => middle.to_caller.send_close_notify(),
        }
        listen(&mut caller, &mut middle.to_caller);
        assert_eq!(caller.error, Some(ChannelError::WrongCode));
        assert!(caller.plaintext.is_empty() && called.plaintext.is_empty());
    }
}

#[test]
fn a_preamble_of_somebody_else_does_not_open_a_channel() {
    // It says: I trust you. This side still does not.
    let mut caller = Side::caller(by_code("7-velvet-otter"));
    let mut impostor: Connection = ServerConnection::new(MALLORY.server()).unwrap().into();
    listen(&mut caller, &mut impostor);
    impostor.writer().write_all(&[1, 1]).unwrap();
    listen(&mut caller, &mut impostor);
    assert_eq!((caller.how(), caller.error), (None, Some(ChannelError::CodeNotTaken)));
    // It says what this side says.
    let mut caller = Side::caller(by_code("7-velvet-otter"));
    let mut impostor: Connection = ServerConnection::new(MALLORY.server()).unwrap().into();
    for _ in 0..2 {
        let said = listen(&mut caller, &mut impostor);
        impostor.writer().write_all(&said).unwrap();
    }
    listen(&mut caller, &mut impostor);
    assert_eq!((caller.how(), caller.error), (None, Some(ChannelError::WrongCode)));
}

/// The certificate of one and the key of the other.
fn stolen(certificate: &Identity, key: &Identity) -> Arc<SingleCertAndKey> {
    let [certificate, key] = [certificate, key].map(Identity::certified_key);
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(certificate.cert.clone(), Arc::clone(&key.key))))
}

/// A server with this certificate and key answers the caller.
fn is_answered(caller: &mut Side, certified: Arc<SingleCertAndKey>) {
    let server = ServerConfig::builder_with_provider(super::super::identity::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(certified);
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    server.read_tls(&mut caller.output().as_slice()).unwrap();
    server.process_new_packets().unwrap();
    let mut answer = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut answer).unwrap();
    }
    caller.feed(&answer);
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    for trust in [known(&BOB), unknown(Unknown::FirstUse), unknown(Unknown::Anybody)] {
        let mut caller = Side::caller(trust);
        is_answered(&mut caller, stolen(&BOB, &MALLORY));
        assert!(matches!(caller.error, Some(ChannelError::Certificate(_))), "{:?}", caller.error);
    }
    // And a caller's.
    let impostor = known(&BOB).client(stolen(&ALICE, &MALLORY), now()).unwrap().into();
    let impostor = Channel::new(impostor, Role::Caller, &ALICE, known(&BOB));
    let (mut caller, mut called) = (Side::new(impostor), Side::called(known(&ALICE)));
    connect(&mut caller, &mut called, whole);
    assert!(matches!(called.error, Some(ChannelError::Certificate(_))), "{:?}", called.error);
    assert_eq!(called.how(), None);
}

#[test]
fn the_end_of_the_connection_is_not_the_end_of_the_channel() {
    let length = open().0.seal(b"last words").len();
    for end in 0..length {
        let (mut caller, mut called) = open();
        called.feed(&caller.seal(b"last words")[..end]);
        assert!(!called.is_closed && called.plaintext.is_empty());
        assert_eq!(called.channel.cut_off(), ChannelError::CutOff);
    }
    let (mut caller, mut called) = open();
    let sealed = caller.seal(b"last words");
    called.feed(&sealed);
    assert!(!called.is_closed);
    let mut end = Vec::new();
    caller.channel.close(&mut end);
    called.feed(&end);
    assert!(called.is_closed && called.plaintext == b"last words");
    // The other direction is still open.
    caller.feed(&called.seal(b"and yours"));
    assert_eq!(caller.plaintext, b"and yours");
    assert_eq!(caller.channel.send(b"no", &mut Vec::new()), 0);
}

#[test]
fn who_disappears_during_the_handshake_was_nobody() {
    let mut called = Side::called(known(&ALICE));
    assert_eq!(called.channel.cut_off(), ChannelError::EndedEarly);
    let hello = Side::caller(known(&BOB)).output();
    called.feed(&hello[..hello.len() / 2]);
    assert_eq!((called.output(), &called.error), (Vec::new(), &None));
    assert_eq!(called.channel.cut_off(), ChannelError::EndedEarly);
    called.feed(&hello[hello.len() / 2..]);
    assert!(!called.output().is_empty());
}

#[test]
fn a_proof_that_is_cut_off_proves_nothing() {
    let mut cut = 0;
    loop {
        let (mut caller, mut called) =
            (Side::caller(by_code("7-velvet-otter")), Side::called(by_code("7-velvet-otter")));
        let mut passed = 0;
        // Somebody cuts what the caller receives, here.
        for _ in 0..6 {
            called.feed(&caller.output());
            let answer = called.output();
            let now = answer.len().min(cut - passed);
            passed += now;
            caller.feed(&answer[..now]);
        }
        if caller.channel.is_open() {
            break;
        }
        assert!(
            matches!(caller.channel.cut_off(), ChannelError::EndedEarly | ChannelError::WrongCode),
            "{cut}"
        );
        assert_eq!((caller.how(), &caller.error), (None, &None), "{cut}");
        cut += 16;
    }
    assert!(cut > 500);
}

#[test]
fn a_channel_that_was_tampered_with_gives_nothing_more() {
    let (mut caller, mut called) = open();
    let mut sealed = caller.seal(b"pay 10");
    let next = caller.seal(b"pay 20");
    *sealed.last_mut().unwrap() ^= 1;
    called.feed(&sealed);
    assert!(matches!(called.error, Some(ChannelError::Broken(_))), "{:?}", called.error);
    // The alert says so to the other side.
    let alert = called.output();
    assert!(!alert.is_empty());
    caller.feed(&alert);
    assert!(matches!(caller.error, Some(ChannelError::Refused(_))));
    called.feed(&next);
    assert!(called.plaintext.is_empty());
    // The same record twice, or plain text, or what came before in the clear.
    let hello = Side::caller(known(&BOB)).output();
    for (garbage, is_replay) in
        [(b"GET / HTTP/1.1\r\n\r\n".to_vec(), false), (hello, false), (Vec::new(), true)]
    {
        let (mut caller, mut called) = open();
        let sealed = caller.seal(b"one");
        called.feed(&sealed);
        called.feed(if is_replay { &sealed } else { &garbage });
        assert!(matches!(called.error, Some(ChannelError::Broken(_))), "{:?}", called.error);
        assert_eq!(called.plaintext, b"one");
    }
}

#[test]
fn garbage_after_the_own_end_does_no_harm() {
    let (_, mut called) = open();
    let mut end = Vec::new();
    called.channel.close(&mut end);
    called.feed(&[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    assert!(matches!(called.error, Some(ChannelError::Broken(_))));
    called.output();
}

#[test]
fn plain_text_is_recognised_by_its_first_byte() {
    for text in [b"hello\n".as_slice(), b"GET / HTTP/1.1\r\n", b"\n", b"\x00", b"SSH-2.0-x\r\n"] {
        let mut caller = Side::caller(known(&BOB));
        caller.output();
        for mut side in [caller, Side::called(known(&ALICE))] {
            side.feed(text);
            assert_eq!(side.error, Some(ChannelError::NotTls));
            // So a sentence in plain text can be the answer.
            assert!(!side.channel.has_output());
        }
    }
}

#[test]
fn tls_1_2_is_refused() {
    let hello = [
        &[22, 3, 1, 0, 63, 1, 0, 0, 59, 3, 3][..],
        &[9; 32],
        &[0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 16],
        // Groups and signature algorithms.
        &[0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3],
    ]
    .concat();
    let mut called = Side::called(known(&ALICE));
    called.feed(&hello);
    let error = called.error.clone().unwrap().to_string();
    assert!(error.contains("TLS 1.3"), "{error}");
    // An alert: protocol_version.
    assert_eq!(called.output().last(), Some(&70));
}

#[test]
fn what_a_stranger_announces_is_not_waited_for_without_bound() {
    // A record and a message that are too long.
    for start in [&[22, 3, 1, 0xff, 0xff, 1][..], &[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]] {
        let mut called = Side::called(known(&ALICE));
        called.feed(start);
        assert!(matches!(called.error, Some(ChannelError::Handshake(_))), "{:?}", called.error);
    }
    // The longest message that is waited for, which never ends.
    let mut called = Side::called(known(&ALICE));
    called.feed(&[22, 3, 1, 0, 4, 1, 0, 0xff, 0xf0]);
    let mut record = vec![22, 3, 1, 0x10, 0];
    record.resize(5 + 0x1000, 0);
    let fed = (0..100).take_while(|_| {
        called.feed(&record);
        called.error.is_none()
    });
    assert!(fed.count() < 17);
    // In an open channel.
    let (_, mut called) = open();
    called.feed(&[23, 3, 3, 0xff, 0xff]);
    assert!(called.error.is_some());
}

#[test]
fn empty_records_do_not_keep_a_side_busy() {
    let mut called = Side::called(known(&ALICE));
    let fed = (0..1000).take_while(|_| {
        called.feed(&[22, 3, 1, 0, 0]);
        called.error.is_none()
    });
    assert!(fed.count() < 50);
}

#[test]
fn new_keys_are_followed_and_the_answers_do_not_pile_up() {
    let (mut caller, mut called) = open();
    for _ in 0..500 {
        caller.channel.connection.refresh_traffic_keys().unwrap();
        let sealed = [caller.output(), caller.seal(b"x")].concat();
        called.feed(&sealed);
        assert!(!called.channel.has_output());
    }
    assert_eq!(called.plaintext.len(), 500);
    let answer = called.seal(b"y");
    assert!(answer.len() < 100, "{}", answer.len());
    caller.feed(&answer);
    assert_eq!(caller.plaintext, b"y");
    // Updates without anything between them are an attack.
    let fed = (0..1000).take_while(|_| {
        caller.channel.connection.refresh_traffic_keys().unwrap();
        called.feed(&caller.output());
        called.error.is_none()
    });
    assert!(fed.count() < 50);
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}

/// The certificate of an authority, and an identity for a host that it issued.
fn issued(host: &str, last_year: i32) -> (String, Identity) {
    static AUTHORITIES: AtomicUsize = AtomicUsize::new(0);
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    let name = format!("authority {}", AUTHORITIES.fetch_add(1, Ordering::Relaxed));
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = pem("CERTIFICATE", authority.self_signed(&key).unwrap().der());
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 1, 1);
    let own = pem("CERTIFICATE", params.signed_by(&key, &issuer).unwrap().der());
    let key = pem("PRIVATE KEY", &key.serialize_der());
    (certificate, Identity::from_files(own.as_bytes(), key.as_bytes()).unwrap())
}

#[test]
fn an_authority_vouches_for_the_host_that_was_called() {
    let (authority, host) = issued("chat.example", 2200);
    let (stranger, _) = issued("chat.example", 2200);
    let (old, expired) = issued("chat.example", 2001);
    let (numbers, number) = issued("192.0.2.1", 2200);
    for (called, authority, name, refused) in [
        (&host, &authority, "chat.example", None),
        (&host, &authority, "CHAT.example", None),
        (&number, &numbers, "192.0.2.1", None),
        (&host, &authority, "chat.example.org", Some("not for chat.example.org but for")),
        (&number, &numbers, "192.0.2.2", Some("not for 192.0.2.2")),
        (&host, &stranger, "chat.example", Some("none of the given authorities")),
        (&expired, &old, "chat.example", Some("expired")),
        (&*BOB, &authority, "chat.example", Some("none of the given authorities")),
    ] {
        let trust = unknown(Unknown::Authority(Authority::from_pem(authority.as_bytes(), name).unwrap()));
        let mut caller = Side::caller(trust);
        let mut called = Side::new(Channel::called(called, unknown(Unknown::Anybody)).unwrap());
        connect(&mut caller, &mut called, whole);
        match refused {
            None => assert_eq!((caller.how(), called.how()), (Some(How::Authority), Some(How::Nobody))),
            Some(reason) => {
                let error = caller.error.unwrap().to_string();
                assert!(error.contains(reason), "{name}: {error}");
                assert_eq!(called.how(), None);
            }
        }
    }
    let (certificate, _) = issued("chat.example", 2200);
    assert!(Authority::from_pem(b"nonsense", "chat.example").unwrap_err().contains("BEGIN CERTIFICATE"));
    assert!(
        Authority::from_pem(certificate.as_bytes(), "fe80::1%eth0").unwrap_err().contains("no certificate")
    );
}

#[test]
fn the_certificate_of_an_authority_is_no_servers_own_and_the_user_hears_so() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["chat.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = pem("CERTIFICATE", params.self_signed(&key).unwrap().der());
    let key = pem("PRIVATE KEY", &key.serialize_der());
    let server = Identity::from_files(own.as_bytes(), key.as_bytes()).unwrap();
    let trust = Authority::from_pem(own.as_bytes(), "chat.example").unwrap();
    let mut caller = Side::caller(unknown(Unknown::Authority(trust)));
    let mut called = Side::new(Channel::called(&server, unknown(Unknown::Anybody)).unwrap());
    connect(&mut caller, &mut called, whole);
    let error = caller.error.unwrap().to_string();
    assert!(error.contains("(CA:TRUE), which must not be a server's own"), "{error}");
}

/// The certificate, made one of X.509 version 1: without the number of the version and without extensions. The signature is not
/// renewed; neither that of a root nor that of a certificate that cannot be read is verified.
fn as_version_1(certificate: &[u8]) -> Vec<u8> {
    /// Takes the first element: its tag, its content, and all of it.
    fn take<'a>(der: &mut &'a [u8]) -> (u8, &'a [u8], &'a [u8]) {
        let (header, length) = match der[1] {
            0x81 => (3, usize::from(der[2])),
            0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
            short => (2, usize::from(short)),
        };
        let (element, rest) = der.split_at(header + length);
        *der = rest;
        (element[0], &element[header..], element)
    }
    fn sequence(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header =
            if length[0] > 0 { vec![0x30, 0x82, length[0], length[1]] } else { vec![0x30, 0x81, length[1]] };
        [&header, content].concat()
    }
    let (_, mut content, _) = take(&mut &*certificate);
    let (_, mut signed, _) = take(&mut content);
    let mut kept = Vec::new();
    while !signed.is_empty() {
        let (tag, _, element) = take(&mut signed);
        // The version and the extensions have tags of their own.
        if !matches!(tag, 0xa0 | 0xa3) {
            kept.extend_from_slice(element);
        }
    }
    sequence(&[&sequence(&kept), content].concat())
}

#[test]
fn a_server_with_a_certificate_of_version_1_is_refused_and_the_user_hears_why() {
    let (authority, host) = issued("chat.example", 2200);
    let own = as_version_1(&host.certified_key().cert[0]);
    let certified = CertifiedKey::new(vec![own.into()], Arc::clone(&host.certified_key().key));
    let certified = Arc::new(SingleCertAndKey::from(certified));
    let authority = Authority::from_pem(authority.as_bytes(), "chat.example").unwrap();
    for trust in [
        unknown(Unknown::Authority(authority)),
        unknown(Unknown::FirstUse),
        by_code("7-velvet-otter"),
        known(&BOB),
    ] {
        let mut caller = Side::caller(trust);
        is_answered(&mut caller, Arc::clone(&certified));
        let error = caller.error.unwrap().to_string();
        assert!(error.contains("it is of an old version: it must be X.509 version 3"), "{error}");
    }
}

/// As are some that are older than the extensions: what it may not be is a server's own.
#[test]
fn an_authority_with_a_certificate_of_version_1_vouches_for_a_host() {
    let (authority, host) = issued("chat.example", 2200);
    let authority = super::super::identity::certificates(authority.as_bytes()).unwrap().remove(0);
    let old = pem("CERTIFICATE", &as_version_1(&authority));
    let trust = Authority::from_pem(old.as_bytes(), "chat.example").unwrap();
    let mut caller = Side::caller(unknown(Unknown::Authority(trust)));
    let mut called = Side::new(Channel::called(&host, unknown(Unknown::Anybody)).unwrap());
    connect(&mut caller, &mut called, whole);
    assert_eq!((caller.how(), caller.error), (Some(How::Authority), None));
}

#[test]
fn an_open_channel_describes_what_was_agreed_on() {
    let (caller, called) = open();
    let described = caller.channel.describe();
    assert_eq!(described, called.channel.describe());
    assert!(
        described.starts_with("TLS 1.3, TLS13_AES_") && described.ends_with("threadchat/1"),
        "{described}"
    );
}

/// A TLS program without a proof, such as openssl.
fn other_program(trust: Trust, shows_key: bool) -> Side {
    let (authority, host) = issued("chat.example", 2200);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(super::super::identity::certificates(authority.as_bytes()).unwrap().remove(0)).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(super::super::identity::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let config = if shows_key {
        config.with_client_cert_resolver(ALICE.certified())
    } else {
        config.with_no_client_auth()
    };
    let client = rustls::ClientConnection::new(Arc::new(config), "chat.example".try_into().unwrap()).unwrap();
    let mut client: Connection = client.into();
    let mut called = Side::new(Channel::called(&host, trust).unwrap());
    loop {
        let mut sent = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut sent).unwrap();
        }
        if sent.is_empty() {
            return called;
        }
        called.feed(&sent);
        let answer = called.output();
        let mut rest = answer.as_slice();
        while !rest.is_empty() && client.read_tls(&mut rest).unwrap() > 0 {
            client.process_new_packets().unwrap();
        }
        if called.channel.is_open() && called.plaintext.is_empty() {
            client.writer().write_all(b"plain lines\n").unwrap();
        }
    }
}

#[test]
fn another_program_speaks_plain_lines_if_it_need_not_prove_anything() {
    let called = other_program(unknown(Unknown::Anybody), false);
    assert_eq!(
        called.peer,
        Some(Peer { fingerprint: None, how: How::Nobody, is_threadchat: false, used_code: false })
    );
    assert_eq!(called.plaintext, b"plain lines\n");
    let called = other_program(known(&ALICE), true);
    assert_eq!((called.how(), called.plaintext.as_slice()), (Some(How::Known), b"plain lines\n".as_slice()));
    let called = other_program(by_code("7-velvet-otter"), true);
    assert_eq!((called.how(), called.error), (None, Some(ChannelError::NotThreadchat)));
    let called = other_program(unknown(Unknown::FirstUse), false);
    assert_eq!((called.how(), called.error), (None, Some(ChannelError::NoKey)));
}

#[test]
fn debug_shows_no_secret() {
    let (caller, called) = connected(by_code("7-velvet-otter"), by_code("7-velvet-acorn"));
    let trust = by_code("7-velvet-otter");
    let shown = format!("{:?} {:?} {trust:?} {:?}", caller.channel, called.channel, called.error);
    assert!(!shown.contains("otter") && !shown.contains("acorn"), "{shown}");
    assert_eq!(format!("{:?}", Side::caller(trust).channel), "Channel(Caller, handshake)");
}
