//! Why a channel failed, in sentences that a person can act on.

use std::fmt;

use rustls::{AlertDescription, CertificateError, PeerIncompatible};

use super::identity::Fingerprint;

/// Why a channel failed. It stays failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelError {
    /// The two codes differ, or somebody is in between who does not know the code. The code is spent.
    WrongCode,
    /// The other side needs a code, and there is none here.
    CodeAsked,
    /// This side needs a code, and there is none at the other side.
    CodeMissing,
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

    /// Whether the other side talks in clear text.
    #[must_use]
    pub fn is_clear_text(&self) -> bool {
        *self == Self::NotTls
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
                None => error.0.to_string(),
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
            error => error.to_string(),
        };
        Self::Certificate(sentence)
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongCode => "the code was wrong, or somebody is in between; ask for a new code",
            Self::CodeAsked => "the other side asks for a code: call again with --code - and the code that it shows",
            Self::CodeMissing => "the other side is not known here, and has no code or has used it up",
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
