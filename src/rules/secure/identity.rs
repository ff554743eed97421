//! The key that a person is known by.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use zeroize::Zeroizing;

use super::ALPN;
use super::error::is_old;
use super::trust::Verifier;

/// The most bytes that a file with a key or with certificates may have.
pub const MAX_PEM: usize = 1 << 20;

/// The hash of a public key (SHA-256 of its `SubjectPublicKeyInfo`). A renewed certificate with the same key has the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the key in a certificate, or None if it cannot be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let key = ParsedCertificate::try_from(certificate).ok()?.subject_public_key_info();
        digest(&SHA256, &key).as_ref().try_into().ok().map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decoded = text.strip_prefix("sha256:").and_then(|hash| STANDARD_NO_PAD.decode(hash).ok());
        let bytes = decoded.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("it is not a fingerprint: sha256: and 43 letters, digits, + or /")
    }
}

/// A key, and a certificate for it. Cheap to clone; `Debug` shows the fingerprint only.
#[derive(Clone)]
pub struct Identity {
    fingerprint: Fingerprint,
    certified: Arc<CertifiedKey>,
    /// For [`super::Channel::called`]: who is admitted is decided after the handshake, so all callers share it.
    server: Arc<ServerConfig>,
    #[cfg(feature = "web")]
    web_server: Arc<ServerConfig>,
}

impl Identity {
    /// A new key and its PEM text (PKCS#8), for the file that [`Identity::from_pem`] reads.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<(Self, Zeroizing<String>), IdentityError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IdentityError::library)?;
        let pair = Zeroizing::new(pair);
        let der = Zeroizing::new(pair.serialize_der());
        Ok((Self::self_signed(&der)?, pem(&der)))
    }

    /// An own key. Its certificate is made anew: only the key counts.
    ///
    /// # Errors
    /// The text has no key that can be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, IdentityError> {
        match &*key(text)? {
            PrivateKeyDer::Pkcs8(key) => Self::self_signed(key.secret_pkcs8_der()),
            _ => Err(IdentityError::NotOurs),
        }
    }

    /// A key with the chain of certificates that somebody else issued for it.
    ///
    /// # Errors
    /// A file has not what it should, or the two do not belong together.
    pub fn from_files(certificates: &[u8], private_key: &[u8]) -> Result<Self, IdentityError> {
        let chain = self::certificates(certificates).ok_or(IdentityError::NoCertificate)?;
        Self::new(chain, &*key(private_key)?)
    }

    fn self_signed(pkcs8: &[u8]) -> Result<Self, IdentityError> {
        let der = PrivatePkcs8KeyDer::from(pkcs8);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| IdentityError::NotOurs)?;
        let pair = Zeroizing::new(pair);
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "threadchat");
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        let certificate = params.self_signed(&*pair).map_err(IdentityError::library)?;
        Self::new(vec![certificate.der().clone()], &PrivateKeyDer::Pkcs8(der))
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<Self, IdentityError> {
        let first = chain.first().ok_or(IdentityError::NoCertificate)?;
        let fingerprint = Fingerprint::of(first).ok_or_else(|| match ParsedCertificate::try_from(first) {
            Err(error) if is_old(&format!("{error:?}")) => IdentityError::OldCertificate,
            _ => IdentityError::NoCertificate,
        })?;
        let key = any_supported_type(key).map_err(|_| IdentityError::NotUsable)?;
        let certified = Arc::new(CertifiedKey::new(chain, key));
        certified.keys_match().map_err(|_| IdentityError::NoMatch)?;
        let server = server(&certified).map_err(IdentityError::library)?;
        Ok(Self {
            fingerprint,
            #[cfg(feature = "web")]
            web_server: web_server(&certified).map_err(IdentityError::library)?,
            certified,
            server,
        })
    }

    /// The hash of the key, by which others know it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) fn certified(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified)))
    }

    /// For tests that put it together wrongly.
    #[cfg(test)]
    pub(super) fn certified_key(&self) -> &CertifiedKey {
        &self.certified
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// For browsers.
    #[cfg(feature = "web")]
    pub(super) fn web_server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.web_server)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

/// The algorithms of ring.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server(certified: &Arc<CertifiedKey>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = provider();
    let verifier = Verifier::any(&provider);
    // The clock is for tickets and for a verifier that looks at dates: there is neither.
    let clock = Arc::new(super::trust::At::epoch());
    let mut config = ServerConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(certified))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(without_tickets(config)))
}

#[cfg(feature = "web")]
fn web_server(certified: &Arc<CertifiedKey>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let clock = Arc::new(super::trust::At::epoch());
    let mut config = ServerConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(certified))));
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    Ok(Arc::new(without_tickets(config)))
}

fn without_tickets(mut config: ServerConfig) -> ServerConfig {
    // Some clients do not read tickets, and lose their last lines to the reset that this causes.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

fn pem(der: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(2 * encoded.len() + 64));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = others;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

/// All certificates in a text, or None if it has none or one is broken.
pub(super) fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let text = text.get(..text.len().min(MAX_PEM + 1)).filter(|text| text.len() <= MAX_PEM)?;
    let certificates: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(text).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty())
}

fn key(text: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, IdentityError> {
    let contains = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    if text.len() > MAX_PEM {
        return Err(IdentityError::NoKey);
    }
    if contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED") {
        return Err(IdentityError::Encrypted);
    }
    PrivateKeyDer::from_pem_slice(text).map(Zeroizing::new).map_err(|_| IdentityError::NoKey)
}

/// Why there is no identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityError {
    /// The text has no private key.
    NoKey,
    /// The private key is locked with a password.
    Encrypted,
    /// It is a private key, but none that [`Identity::generate`] makes.
    NotOurs,
    /// It is a private key of a kind or size that is not supported.
    NotUsable,
    /// The text has no certificate, or a broken one.
    NoCertificate,
    /// The certificate is of X.509 version 1 or 2.
    OldCertificate,
    /// The certificate is for another key.
    NoMatch,
    /// A library failed; most likely, the system gives no random bytes.
    Library(String),
}

impl IdentityError {
    fn library(error: impl fmt::Display) -> Self {
        Self::Library(error.to_string())
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "it has no private key in PEM form (BEGIN PRIVATE KEY)",
            Self::Encrypted => {
                "the private key is locked with a password: unlock a copy with openssl pkey -in FILE -out COPY"
            }
            Self::NotOurs => "the private key is not one that threadchat made: an ECDSA key on the curve P-256",
            Self::NotUsable => {
                "the private key cannot be used: it must be ECDSA (P-256, P-384), Ed25519, or RSA with 2048 to 4096 bits"
            }
            Self::NoCertificate => "it has no certificate in PEM form (BEGIN CERTIFICATE), or a broken one",
            Self::OldCertificate => {
                "the certificate is of an old version: issue one of X.509 version 3, for example with openssl req -x509"
            }
            Self::NoMatch => {
                "the certificate is for another private key; if the file is a chain, the own certificate comes first"
            }
            Self::Library(error) => return write!(f, "no key could be made: {error}"),
        })
    }
}

impl std::error::Error for IdentityError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn issued(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            CertificateParams::new(vec!["host".to_owned()]).unwrap().self_signed(&pair).unwrap();
        let lines = |kind, der: &[u8]| {
            format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
        };
        (lines("CERTIFICATE", certificate.der()), lines("PRIVATE KEY", &pair.serialize_der()))
    }

    /// As `openssl x509 -req -signkey` makes it.
    const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBITCByQIUVeDYCfoeDjeDB+xyWCuxMOYirQ0wCgYIKoZIzj0EAwIwFDESMBAG\n\
A1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyNzA2MTQwNFoXDTI2MTIyNzA2MTQwNFow\n\
FDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n\
c0u58E8uAf5jiJTOjSEt+2od3ECfMscnDvOol6jNibrHxlSmeHPkydYj7HlfTVSQ\n\
Zyhq74Sa773VbmSidzLhLjAKBggqhkjOPQQDAgNHADBEAiAlRiYzX2p3ERk3KWSw\n\
hV1Ce5yRnN4nwGZ4AtxAENUkAgIgN+L4r/uz9a/UC4tQAF0umZ45TDMRravB10cD\n\
sFmLLNU=\n\
-----END CERTIFICATE-----\n";

    #[test]
    fn a_key_keeps_its_fingerprint_in_a_file() {
        let (identity, pem) = Identity::generate().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.lines().all(|line| line.len() <= 64));
        let again = Identity::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(identity.fingerprint(), again.fingerprint());
        let shown = identity.fingerprint().to_string();
        assert_eq!(shown.len(), "sha256:".len() + 43);
        assert_eq!(shown.parse(), Ok(identity.fingerprint()));
        assert_ne!(Identity::generate().unwrap().0.fingerprint(), identity.fingerprint());
    }

    #[test]
    fn a_fingerprint_is_the_hash_that_other_programs_show() {
        let (_, pem) = Identity::generate().unwrap();
        let key = KeyPair::try_from(&*key(pem.as_bytes()).unwrap()).unwrap();
        let hash = digest(&SHA256, &rcgen::PublicKeyData::subject_public_key_info(&key));
        let identity = Identity::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(identity.fingerprint().bytes(), hash.as_ref());
    }

    #[test]
    fn what_is_not_a_fingerprint_is_refused() {
        let shown = Identity::generate().unwrap().0.fingerprint().to_string();
        for text in ["", "sha256:", "sha256:AAAA", &shown[7..], &format!("{shown}="), &format!("{shown}A")] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_are_an_identity() {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let (certificate, key) = issued(algorithm);
            let (other, _) = issued(algorithm);
            let identity = Identity::from_files(certificate.as_bytes(), key.as_bytes()).unwrap();
            // A chain in any file, with the key in the same.
            let both = format!("# of us\n{certificate}{other}{key}");
            let again = Identity::from_files(both.as_bytes(), both.as_bytes()).unwrap();
            assert_eq!(identity.fingerprint(), again.fingerprint());
            assert_eq!(
                Identity::from_files(other.as_bytes(), key.as_bytes()).unwrap_err(),
                IdentityError::NoMatch
            );
        }
    }

    #[test]
    fn files_without_an_identity_are_explained() {
        let (certificate, key) = issued(&PKCS_ECDSA_P256_SHA256);
        let refused = |certificate: &str, key: &str| {
            Identity::from_files(certificate.as_bytes(), key.as_bytes()).unwrap_err()
        };
        assert_eq!(refused(&certificate, &certificate), IdentityError::NoKey);
        assert_eq!(refused(&certificate, ""), IdentityError::NoKey);
        assert_eq!(refused(&key, &key), IdentityError::NoCertificate);
        assert_eq!(refused(&certificate.replace('M', "N"), &key), IdentityError::NoCertificate);
        assert_eq!(
            refused(&certificate, &key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
            IdentityError::Encrypted
        );
        assert_eq!(refused(VERSION_1, &key), IdentityError::OldCertificate);
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(refused(&certificate, legacy), IdentityError::Encrypted);
        let nonsense = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(refused(&certificate, nonsense), IdentityError::NotUsable);
        let (_, ed25519) = issued(&rcgen::PKCS_ED25519);
        assert_eq!(Identity::from_pem(ed25519.as_bytes()).unwrap_err(), IdentityError::NotOurs);
        assert_eq!(Identity::from_pem(&vec![b'-'; MAX_PEM + 1]).unwrap_err(), IdentityError::NoKey);
    }

    #[test]
    fn debug_and_errors_show_no_key() {
        let (identity, pem) = Identity::generate().unwrap();
        assert_eq!(format!("{identity:?}"), format!("Identity({})", identity.fingerprint()));
        let broken = pem.replace('M', "N");
        let error = Identity::from_pem(broken.as_bytes()).unwrap_err();
        let secret = pem.lines().nth(1).unwrap();
        assert!(!format!("{error:?} {error}").contains(&secret[..16]));
    }
}
