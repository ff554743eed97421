//! Why a channel failed, in sentences that a person can act on.

use std::fmt;

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::identity::Fingerprint;
use crate::rules::address::Address;

/// Why a channel failed. It stays failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelError {
    /// The two codes differ, or somebody is in between who does not know the code. The code is spent.
    WrongCode,
    /// The called side needs a code, and the caller has none.
    CodeAsked,
    /// The same for the called side.
    CodeMissing,
    /// The caller has a code, and the called side has none at the moment.
    CodeNotNow,
    /// The same for the called side.
    CodeSpent,
    /// The caller has a code, but the called side asked for none.
    CodeNotTaken,
    /// The same for the called side, which never has one.
    CodeUseless,
    /// The other side has another key than the one known.
    AnotherKey {
        /// What it showed.
        shown: Fingerprint,
        /// As [`super::Unknown::Refused`] says.
        expected: String,
    },
    /// The other side shows no key, and would not be known next time.
    NoKey,
    /// What came is not TLS; nothing must be sent but plain text.
    NotTls,
    /// A code is needed, but the other side is another program.
    NotThreadchat,
    /// The authority does not vouch for the server; this is what is wrong.
    Certificate(String),
    /// The other side sent an alert; this is what it means.
    Refused(String),
    /// There was no agreement on how to encrypt.
    Handshake(String),
    /// The other side has another version of the proof.
    Version,
    /// The connection ended before it was open.
    EndedEarly,
    /// It was not open in time.
    Silent,
    /// The other side admits nobody now.
    Busy,
    /// What came after the handshake is not what the other side encrypted.
    Broken(String),
    /// The connection ended without `close_notify`.
    CutOff,
}

impl ChannelError {
    /// Whether somebody had a try at the code, so that it must not be used again. In a chat of two, it is burnt.
    #[must_use]
    pub fn spends_code(&self) -> bool {
        *self == Self::WrongCode
    }

    /// What the user of a side that called `server` can do, as the end of a sentence.
    #[must_use]
    pub fn advice(&self, server: &Address) -> String {
        match self {
            Self::WrongCode => "; ask which code is shown there now, and call again with that one. If that is serve, and it shows \
                                the old code for 5 s, somebody else has answered: let it end and start again"
                .to_owned(),
            Self::CodeAsked => format!("; to type it, call again: threadchat connect {server} --code -"),
            _ => String::new(),
        }
    }

    /// Whether the other side talks in clear text.
    #[must_use]
    pub fn is_clear_text(&self) -> bool {
        *self == Self::NotTls
    }

    /// Whether it talks with others.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        *self == Self::Busy
    }

    /// Whether another call may succeed without anybody doing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::EndedEarly | Self::Silent | Self::Busy | Self::Broken(_) | Self::CutOff)
    }

    /// The connection was not open in time.
    pub(crate) fn silent() -> Option<Self> {
        Some(Self::Silent)
    }

    /// What an error of rustls means, before or after the handshake.
    pub(super) fn of(error: rustls::Error, is_handshaking: bool) -> Self {
        use rustls::Error;
        match error {
            Error::AlertReceived(AlertDescription::CloseNotify) => Self::EndedEarly,
            Error::AlertReceived(AlertDescription::AccessDenied) => Self::Busy,
            Error::AlertReceived(alert) => Self::Refused(alert_in_words(alert)),
            Error::InvalidCertificate(error) => Self::of_certificate(error),
            Error::NoCertificatesPresented => Self::NoKey,
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            ) => Self::Handshake("the other side does not speak TLS 1.3".to_owned()),
            Error::NoApplicationProtocol => {
                Self::Handshake("the other side wants another protocol than a chat".to_owned())
            }
            error if is_handshaking => Self::Handshake(error.to_string()),
            error => Self::Broken(error.to_string()),
        }
    }

    fn of_certificate(error: CertificateError) -> Self {
        use CertificateError as E;
        let sentence = match error {
            // Our own verifier says why.
            E::Other(error) => match error.0.downcast_ref::<Self>() {
                Some(own) => return own.clone(),
                None => webpki_in_words(&error.0.to_string()),
            },
            E::Expired | E::ExpiredContext { .. } => {
                "it has expired: its owner must renew it, or the clock of this machine is wrong".to_owned()
            }
            E::NotValidYet | E::NotValidYetContext { .. } => {
                "it is not valid yet: is the clock of this machine right?".to_owned()
            }
            E::NotValidForName => "it is for another host".to_owned(),
            E::NotValidForNameContext { expected, presented } => {
                // The names come from outside.
                let presented: Vec<String> =
                    presented.iter().take(3).map(|name| name.chars().take(60).collect()).collect();
                let name = expected.to_str();
                format!("it is not for {name} but for {presented:?}: call the server by a name of its certificate")
            }
            E::UnknownIssuer => "none of the given authorities issued it: check --ca".to_owned(),
            E::BadSignature => "a signature is wrong: it is not the other side's own, or none of the given authorities issued it".to_owned(),
            E::BadEncoding => "it cannot be read".to_owned(),
            E::Revoked => "its authority has revoked it".to_owned(),
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => "it is not for servers".to_owned(),
            error => webpki_in_words(&error.to_string()),
        };
        Self::Certificate(sentence)
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongCode => "the code was wrong, or somebody is in between",
            Self::CodeAsked => "the other side does not know this side, and asks for the code that it shows",
            Self::CodeMissing => "the other side is not known here, and came without a code",
            Self::CodeNotNow => {
                "the other side accepts no code at the moment, because there was a wrong one: serve shows a new code after 4 s, a hub accepts its code again after a minute; ask for it and call again"
            }
            Self::CodeSpent => {
                "it came with a code, but none is accepted at the moment, because there was a wrong one; let them call again with the code that is shown then"
            }
            Self::CodeNotTaken => {
                "the other side asked for no code, so that it cannot prove with one who it is: call a server with --cert with --ca, one with --trust-first with --trust-first, and another one again in 5 s"
            }
            Self::CodeUseless => {
                "it wants to prove itself with a code, and this side asks for none: it must call with --ca if this side has --cert, else with --trust-first"
            }
            Self::AnotherKey { shown, expected } => {
                return write!(
                    f,
                    "the other side has the key {shown}, but {expected}: somebody may be in between. If you know that the key has changed, remove that line"
                );
            }
            Self::NoKey => "the other side shows no key by which it could be known again",
            Self::NotTls => "the other side does not encrypt, or somebody is in between",
            Self::NotThreadchat => {
                "the other side is another program, which cannot prove that it has the code: it needs --trust-first, or --cert at the server and --ca at the client"
            }
            Self::Certificate(what) => {
                return write!(f, "the certificate of the other side is not accepted: {what}");
            }
            Self::Refused(what) => return write!(f, "the other side refused: {what}"),
            Self::Handshake(what) => return write!(f, "no encrypted connection could be made: {what}"),
            Self::Version => "the other side has another version of threadchat: update the older one",
            Self::EndedEarly => "the other side closed the connection before it was clear who it is",
            Self::Busy => "the other side admits nobody now: the line may be busy; please call again later",
            Self::Silent => "the other side took too long to open an encrypted connection: does it encrypt?",
            Self::Broken(what) => {
                return write!(f, "what came is not what the other side encrypted ({what}): the connection is closed");
            }
            Self::CutOff => "the connection was cut off: something may be missing at its end",
        })
    }
}

impl std::error::Error for ChannelError {}

/// What else can be wrong with a certificate. Its library names these in text only.
fn webpki_in_words(text: &str) -> String {
    if text.contains("CaUsedAsEndEntity") {
        "it is that of an authority (CA:TRUE), which must not be a server's own: the file of --cert there must begin with a certificate \
         that the authority issued for the server"
    } else if is_old(text) {
        "it is of an old version: it must be X.509 version 3"
    } else {
        text
    }
    .to_owned()
}

/// Whether this error is about a certificate of X.509 version 1 or 2.
pub(super) fn is_old(text: &str) -> bool {
    text.contains("UnsupportedCertVersion")
}

fn alert_in_words(alert: AlertDescription) -> String {
    use AlertDescription as A;
    match alert {
        A::ProtocolVersion => "it does not speak TLS 1.3",
        A::HandshakeFailure | A::InsufficientSecurity => "it has no way to encrypt in common with this side",
        A::NoApplicationProtocol => "it wants another protocol than a chat",
        A::CertificateRequired => "it wants a certificate",
        A::UnknownCA => "it does not know who issued the certificate of this side",
        A::CertificateExpired => "it says that the certificate of this side has expired",
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateRevoked | A::CertificateUnknown => {
            "it does not accept the key of this side; maybe it knows another one"
        }
        A::BadRecordMac | A::DecryptError | A::DecodeError => "what it received is not what this side sent",
        alert => return format!("it sent the TLS alert {alert:?}"),
    }
    .to_owned()
}
