//! What the other side must show.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error,
    OtherError, RootCertStore, SignatureScheme,
};

use super::channel::How;
use super::identity::{self, Fingerprint};
use super::{ALPN, ChannelError, Code};

/// What the other side must show before anything is said. The default: a code, but there is none.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// For those who are not known otherwise, and for peers that do not know this side.
    pub code: Option<Code>,
    /// The keys that need nothing else.
    pub known: Arc<HashSet<Fingerprint>>,
    /// How keys outside `known` are judged.
    pub unknown: Unknown,
}

/// What to think of a key that is not known.
#[derive(Debug, Clone, Default)]
pub enum Unknown {
    /// Its owner must prove that it has the code.
    #[default]
    NeedsCode,
    /// It is an impostor's, also if it has the code.
    Refused {
        /// What is expected, and the line that says so, as the end of “the other side has the key X, but …”.
        expected: String,
    },
    /// It is believed, and known from now on.
    FirstUse,
    /// The owner need not prove anything, nor have a key: a server with a certificate and its callers.
    Anybody,
    /// For callers only: the server has a certificate that an authority issued for its host.
    Authority(Authority),
}

/// A verifier and the host that it verifies.
#[derive(Debug, Clone)]
pub struct Authority {
    verifier: Arc<dyn ServerCertVerifier>,
    host: ServerName<'static>,
}

impl Authority {
    /// Trusts in these certificates of authorities (PEM) to say who `host` is.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn from_pem(certificates: &[u8], host: &str) -> Result<Self, String> {
        const NONE: &str =
            "it has no certificate of an authority in PEM form (BEGIN CERTIFICATE), or a broken one";
        let mut roots = RootCertStore::empty();
        for certificate in identity::certificates(certificates).ok_or(NONE)? {
            roots.add(certificate).map_err(|_| NONE)?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), identity::provider());
        let verifier = verifier.build().map_err(|error| error.to_string())?;
        Self::new(verifier, host)
    }

    /// Trusts in another verifier, such as the system's.
    ///
    /// # Errors
    /// The host is none that a certificate can name: a sentence for the user.
    pub fn new(verifier: Arc<dyn ServerCertVerifier>, host: &str) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            format!("no certificate can be for {host:?}: call the server by a name or a number")
        })?;
        Ok(Self { verifier, host: name })
    }

    /// TLS to a server of another kind: nothing but the certificate says who it is, and nobody asks who we are.
    #[cfg(feature = "link")]
    pub(super) fn client(&self, now: SystemTime) -> Result<ClientConnection, Error> {
        let time = Arc::new(At::time(now));
        let mut config = ClientConfig::builder_with_details(identity::provider(), time)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        ClientConnection::new(Arc::new(config), self.host.clone())
    }
}

impl Trust {
    /// How the key is trusted; None if a code is needed.
    pub(super) fn judge(
        &self,
        key: Option<&Fingerprint>,
        is_calling: bool,
    ) -> Result<Option<How>, ChannelError> {
        match (&self.unknown, key) {
            // The verifier has looked at it during the handshake. A caller is never judged by an authority.
            (Unknown::Authority(_), _) if is_calling => Ok(Some(How::Authority)),
            (_, Some(key)) if self.known.contains(key) => Ok(Some(How::Known)),
            (Unknown::Refused { expected }, Some(key)) => {
                Err(ChannelError::AnotherKey { shown: *key, expected: expected.clone() })
            }
            (Unknown::FirstUse, Some(_)) => Ok(Some(How::FirstUse)),
            (Unknown::Anybody, _) => Ok(Some(How::Nobody)),
            (Unknown::Refused { .. } | Unknown::FirstUse, None) => Err(ChannelError::NoKey),
            (Unknown::NeedsCode | Unknown::Authority(_), _) => Ok(None),
        }
    }

    /// The caller's side of TLS. Only an authority looks at the time.
    pub(super) fn client(
        &self,
        key: Arc<SingleCertAndKey>,
        now: SystemTime,
    ) -> Result<ClientConnection, Error> {
        let provider = identity::provider();
        // The verifier lives as long as the connection: the code need not.
        let trust = Self { code: None, ..self.clone() };
        let verifier = Verifier { trust: Some(trust), ..Verifier::any(&provider) };
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(At::time(now)))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(key);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        let host = match &self.unknown {
            Unknown::Authority(authority) => authority.host.clone(),
            // Nobody looks at the name. An address is not sent, so that those who listen do not learn who is called.
            _ => ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()),
        };
        ClientConnection::new(Arc::new(config), host)
    }
}

/// Believes certificates because of their keys alone: neither dates nor names nor issuers count. Whether the other side has
/// the private key is always verified.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    /// None: all keys are let through here, and judged later.
    trust: Option<Trust>,
}

impl Verifier {
    pub(super) fn any(provider: &CryptoProvider) -> Self {
        Self { algorithms: provider.signature_verification_algorithms, trust: None }
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Result<Fingerprint, Error> {
    Fingerprint::of(certificate).ok_or_else(|| match ParsedCertificate::try_from(certificate) {
        Err(error) => error,
        Ok(_) => CertificateError::BadEncoding.into(),
    })
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = fingerprint(certificate)?;
        let Some(trust) = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        if let Unknown::Authority(authority) = &trust.unknown {
            return authority.verifier.verify_server_cert(certificate, others, name, ocsp, now);
        }
        // Here and not after the handshake, so that an impostor does not learn who calls.
        match trust.judge(Some(&key), true) {
            Ok(_) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(CertificateError::Other(OtherError(Arc::new(error))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        fingerprint(certificate).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A clock that stands still: rules are told the time.
#[derive(Debug)]
pub(super) struct At(UnixTime);

impl At {
    fn time(now: SystemTime) -> Self {
        Self(UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    pub(super) fn epoch() -> Self {
        Self(UnixTime::since_unix_epoch(Duration::ZERO))
    }
}

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}
