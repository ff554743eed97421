//! The options that encrypt, and what follows from them. The files are in `key.rs` and `known.rs`, the code in `code.rs`.

use super::common::{Common, Secured};
use super::folder::folder;
use super::session::Session;
use super::{code, key, known};
use crate::platform::{Patient, forbid_core_dumps, read_at_most, system_authority};
use crate::rules::address::Address;
use crate::rules::calling::EncryptedOnly;
use crate::rules::failure::{Context, Failure};
use crate::rules::secure::{Authority, Code, Demand, Identity, Known, KnownServer, MAX_PEM, Security};
use clap::Args;
use code::CodeValue;
use ring::rand::SystemRandom;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

#[cfg(feature = "hub")]
pub(super) use crate::rules::secure::WORDS_FOR_A_HUB;
pub(super) use crate::rules::secure::WORDS_FOR_TWO;

const ENCRYPTION: &str = "Encryption";

/// Names the authorities that the system trusts, instead of a file.
const SYSTEM: &str = "system";

/// The options of every command that can encrypt.
#[derive(Debug, Args)]
pub(super) struct Secure {
    /// Encrypt, and chat only with those who have the code or are known from earlier; the options below imply it
    #[arg(long, help_heading = ENCRYPTION)]
    secure: bool,

    /// Use this code; with -, the first line of standard input. Others on this machine can see WORDS in the list of
    /// processes; the variable THREADCHAT_CODE is not in it
    #[arg(long, value_name = "WORDS", value_parser = code::value, help_heading = ENCRYPTION)]
    code: Option<CodeValue>,

    /// Keep the known peers in FILE instead of the file known_hosts in the platform's folder for configuration
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = ENCRYPTION)]
    known: Option<PathBuf>,

    /// Accept unknown peers without a code, and remember their keys. If somebody else answers or is in between at the first
    /// call, that person is remembered, and can read and change everything
    #[arg(long, help_heading = ENCRYPTION)]
    trust_first: bool,

    /// Show the certificate in FILE, and those that follow it there, instead of your own key; a server with one asks nobody
    /// for a code
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = ENCRYPTION)]
    cert: Option<PathBuf>,

    /// The private key of the certificate in --cert
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = ENCRYPTION)]
    key: Option<PathBuf>,
}

/// The options of a command that calls.
#[derive(Debug, Args)]
pub(super) struct SecureCall {
    #[command(flatten)]
    secure: Secure,

    /// Trust in a server that an authority vouches for, without a code: in one whose certificates are in FILE, or, with the
    /// word system, in one that the system trusts
    #[arg(long, value_name = "FILE|system", value_hint = clap::ValueHint::FilePath, help_heading = ENCRYPTION)]
    ca: Option<PathBuf>,
}

impl Secure {
    /// Whether the user wants encryption. Setting a code enables it, by the option or by the variable.
    pub(super) fn is_on(&self) -> bool {
        self.has_option() || code::is_in_environment()
    }

    /// Whether it shows the certificate of an authority.
    #[cfg(feature = "web")]
    pub(super) fn has_certificate(&self) -> bool {
        self.cert.is_some()
    }

    fn has_option(&self) -> bool {
        let Self { secure, code, known, trust_first, cert, key } = self;
        *secure || *trust_first || code.is_some() || known.is_some() || cert.is_some() || key.is_some()
    }

    /// Whether the options fit one another and, if something is encrypted, `can_encrypt`.
    fn check(&self, can_encrypt: impl FnOnce() -> Result<(), &'static str>) -> Result<(), String> {
        if self.has_option() {
            can_encrypt()?;
        } else if self.is_on() {
            can_encrypt()
                .map_err(|error| format!("a code is in the variable {}: {error}", code::VARIABLE))?;
        }
        if let Some(CodeValue::Words(Err(error))) = &self.code {
            return Err(format!("--code: {error}"));
        }
        match (&self.cert, &self.key) {
            (Some(_), None) => Err("--cert needs --key with the private key of the certificate".into()),
            (None, Some(_)) => Err("--key needs --cert with the certificate for that private key".into()),
            _ if self.code.is_some() && self.trust_first => {
                Err("--code and --trust-first exclude each other: who trusts without a code needs none"
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// As [`Self::check`], for a side that is called and whose own codes have this many words.
    pub(super) fn check_called(
        &self,
        words: usize,
        can_encrypt: impl FnOnce() -> Result<(), &'static str>,
    ) -> Result<(), String> {
        self.check(can_encrypt)?;
        match &self.code {
            Some(_) if self.cert.is_some() => {
                Err("--code and --cert exclude each other here: who shows a certificate asks nobody for a code".into())
            }
            None if self.cert.is_some() && self.trust_first => Err(
                "--trust-first and --cert exclude each other here: who shows a certificate asks nobody to be known".into(),
            ),
            Some(CodeValue::Words(Ok(code))) => check_words(code, words).map_err(|error| format!("--code: {error}")),
            _ => Ok(()),
        }
    }

    /// How a side that is called encrypts, if it does. Its codes have this many words.
    ///
    /// # Errors
    /// A file or the code cannot be used.
    pub(super) fn called(&self, words: usize) -> Result<Option<Secured>, Failure> {
        if !self.is_on() {
            return Ok(None);
        }
        self.called_in(folder, words).map(Some)
    }

    fn called_in(
        &self,
        folder: impl Fn() -> Result<PathBuf, Failure>,
        words: usize,
    ) -> Result<Secured, Failure> {
        forbid_core_dumps();
        let demand = match (&self.cert, self.trust_first) {
            (Some(_), _) => Demand::Nothing,
            (None, true) => Demand::FirstUse,
            _ => {
                let code = match code::given(self.code.as_ref())? {
                    Some(code) => code,
                    None => Code::generate(words, &SystemRandom::new())
                        .ok_or("cannot make a code: the system gives no random bytes")?,
                };
                check_words(&code, words)?;
                Demand::Code(Some(code))
            }
        };
        let path = self.known_path(&folder)?;
        let known = known::read(&path)?;
        Ok(secured(self.identity(folder)?, known, path, demand, None))
    }

    fn known_path(&self, folder: impl FnOnce() -> Result<PathBuf, Failure>) -> Result<PathBuf, Failure> {
        self.known.clone().map_or_else(|| Ok(folder()?.join(known::NAME)), Ok)
    }

    fn identity(&self, folder: impl FnOnce() -> Result<PathBuf, Failure>) -> Result<Identity, Failure> {
        match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => key::issued(certificate, key),
            _ => key::own(&folder()?),
        }
    }
}

impl SecureCall {
    /// Whether the options fit one another and, if something is encrypted, `can_encrypt`.
    pub(super) fn check(&self, can_encrypt: impl Fn() -> Result<(), &'static str>) -> Result<(), String> {
        self.secure.check(&can_encrypt)?;
        if self.ca.is_none() {
            return Ok(());
        }
        can_encrypt()?;
        match (&self.secure.code, self.secure.trust_first) {
            (Some(_), _) => {
                Err("--code and --ca exclude each other: the authority says who the server is".into())
            }
            (None, true) => {
                Err("--trust-first and --ca exclude each other: the authority says who the server is".into())
            }
            _ => Ok(()),
        }
    }

    fn is_on(&self) -> bool {
        self.secure.is_on() || self.ca.is_some()
    }

    /// How to encrypt the call, if the user wants it or the server is known; if not, where the known servers are. Asks for a
    /// code if one is needed.
    ///
    /// # Errors
    /// A file or the code cannot be used, or the server is known and the other options do not allow to encrypt.
    pub(super) fn security(
        &self,
        server: &Address,
        session: &Session,
        common: &Common,
    ) -> Result<(Option<Secured>, EncryptedOnly), Failure> {
        self.security_in(folder, server, session, common)
    }

    fn security_in(
        &self,
        folder: impl Fn() -> Result<PathBuf, Failure>,
        server: &Address,
        session: &Session,
        common: &Common,
    ) -> Result<(Option<Secured>, EncryptedOnly), Failure> {
        let is_on = self.is_on();
        let path = match self.secure.known_path(&folder) {
            // Where there is no folder, nobody is known.
            Err(_) if !is_on => return Ok((None, Vec::new())),
            path => path?,
        };
        let peers = known::read(&path)?;
        let known = peers.server(server);
        match &known {
            Some(known) if !is_on => encrypt_known(server, known, &path, session, common)?,
            None if !is_on => return Ok((None, peers.encrypted_only(&path.display().to_string()))),
            _ => {}
        }
        forbid_core_dumps();
        let identity = self.secure.identity(folder)?;
        let demand = match &self.ca {
            Some(ca) => Demand::Authority(authority(ca, server.host())?),
            None if self.secure.trust_first => Demand::FirstUse,
            None => Demand::Code(match code::given(self.secure.code.as_ref())? {
                None if known.is_none() => Some(code::ask_for(server)?),
                code => code,
            }),
        };
        let secured = secured(identity, peers, path, demand, Some(server.clone()));
        Ok((Some(secured), Vec::new()))
    }
}

/// Reports that the conversation is encrypted because the server is known. Only removing the line of the file turns that off.
fn encrypt_known(
    server: &Address,
    known: &KnownServer,
    path: &Path,
    session: &Session,
    common: &Common,
) -> Result<(), Failure> {
    let line = known.lines.first().copied().unwrap_or_default();
    let known = format!("{server} is known from line {line} of {}", path.display());
    session
        .can_encrypt(common)
        .map_err(|error| format!("{known}, so that the connection must be encrypted: {error}"))?;
    if !common.is_quiet() {
        // If this cannot be written, there is nowhere left to say so.
        let _ =
            writeln!(Patient(io::stderr()), "{known}: the connection will be encrypted, as with --secure");
    }
    Ok(())
}

fn secured(
    identity: Identity,
    known: Known,
    path: PathBuf,
    demand: Demand,
    server: Option<Address>,
) -> Secured {
    let security = Security {
        identity,
        known,
        file: path.display().to_string(),
        demand,
        server,
        time: (Instant::now(), SystemTime::now()),
    };
    Secured { security, remember: known::remember(path) }
}

/// A code for two people may have more words than it needs, one for a hub must not have fewer.
fn check_words(code: &Code, min: usize) -> Result<(), String> {
    let words = code.reveal().split('-').skip(1).count();
    if words >= min { Ok(()) } else { Err(format!("the code of a hub needs {min} words behind its number")) }
}

fn authority(ca: &Path, host: &str) -> Result<Authority, Failure> {
    let cannot = || format!("cannot use the authorities of --ca {}", ca.display());
    if ca.as_os_str() == SYSTEM {
        return system_authority(host).context(cannot());
    }
    let content = read_at_most(MAX_PEM, ca).context(cannot())?;
    Authority::from_pem(&content, host).context(cannot())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use clap::Parser;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use std::fs;
    use tempfile::TempDir;

    #[derive(Parser)]
    struct Called {
        #[command(flatten)]
        secure: Secure,
    }

    #[derive(Parser)]
    struct Calls {
        #[command(flatten)]
        secure: SecureCall,
        #[command(flatten)]
        session: Session,
        #[command(flatten)]
        common: Common,
    }

    /// A user with a folder for configuration.
    struct User(TempDir);

    impl User {
        fn new() -> Self {
            Self(TempDir::new().unwrap())
        }

        fn folder(&self) -> impl Fn() -> Result<PathBuf, Failure> {
            let path = self.0.path().to_owned();
            move || Ok(path.clone())
        }

        fn file(&self, name: &str, content: &str) -> String {
            let path = self.0.path().join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        }

        fn called(&self, words: usize, options: &[&str]) -> Result<Security, String> {
            let Called { secure } = Called::parse_from(with_name(options));
            secure.check_called(words, || Ok(()))?;
            assert!(secure.is_on());
            let secured = secure.called_in(self.folder(), words).map_err(|failure| failure.to_string())?;
            Ok(secured.security)
        }

        fn calls(&self, server: &str, options: &[&str]) -> Result<Option<Security>, String> {
            self.calls_or_not(server, options).map(|(security, _)| security)
        }

        fn calls_or_not(
            &self,
            server: &str,
            options: &[&str],
        ) -> Result<(Option<Security>, EncryptedOnly), String> {
            let Calls { secure, session, common } = Calls::parse_from(with_name(options));
            secure.check(|| session.can_encrypt(&common))?;
            let secured = secure.security_in(self.folder(), &server.parse().unwrap(), &session, &common);
            let (secured, encrypted_only) = secured.map_err(|failure| failure.to_string())?;
            Ok((secured.map(|secured| secured.security), encrypted_only))
        }
    }

    fn with_name<'a>(options: &[&'a str]) -> Vec<&'a str> {
        [&["threadchat"], options].concat()
    }

    fn code(security: &Security) -> String {
        security.code().unwrap().reveal().to_owned()
    }

    /// A certificate that can issue others, and its private key.
    fn certificate() -> (String, String) {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["host".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&pair).unwrap();
        let pem = |kind, der: &[u8]| {
            format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
        };
        (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &pair.serialize_der()))
    }

    #[test]
    fn without_an_option_nothing_is_encrypted_and_no_key_is_made() {
        let user = User::new();
        assert!(user.calls("host", &[]).unwrap().is_none());
        assert_eq!(fs::read_dir(user.0.path()).unwrap().count(), 0);
        assert!(!Called::parse_from(["threadchat"]).secure.has_option());
    }

    #[test]
    fn who_is_called_asks_for_a_new_code_unless_one_is_given() {
        let user = User::new();
        for (words, parts) in [(WORDS_FOR_TWO, 3), (3, 4)] {
            let made = code(&user.called(words, &["--secure"]).unwrap());
            assert_eq!(made.split('-').count(), parts);
            assert_ne!(made, code(&user.called(words, &["--secure"]).unwrap()));
        }
        let given = user.called(WORDS_FOR_TWO, &["--code", "7 Velvet otter"]).unwrap();
        assert_eq!(code(&given), "7-velvet-otter");
        assert_eq!(given.server, None);
    }

    #[test]
    fn a_hub_takes_no_code_that_is_too_short() {
        let user = User::new();
        let error = user.called(3, &["--code", "7-velvet-otter"]).unwrap_err();
        assert!(error.contains("needs 3 words"), "{error}");
        assert!(user.called(3, &["--code", "7-velvet-otter-acorn"]).is_ok());
    }

    #[test]
    fn who_is_called_may_trust_first_or_show_a_certificate_instead() {
        let user = User::new();
        let own = user.called(WORDS_FOR_TWO, &["--trust-first"]).unwrap();
        assert!(matches!(own.demand, Demand::FirstUse));
        let (certificate, key) = certificate();
        let (certificate, key) = (user.file("cert.pem", &certificate), user.file("key.pem", &key));
        let issued = user.called(WORDS_FOR_TWO, &["--cert", &certificate, "--key", &key]).unwrap();
        assert!(matches!(issued.demand, Demand::Nothing));
        assert_ne!(issued.identity.fingerprint(), own.identity.fingerprint());
        let error = user.called(WORDS_FOR_TWO, &["--cert", &key, "--key", &key]).unwrap_err();
        assert!(error.contains("no certificate in PEM form"), "{error}");
    }

    #[test]
    fn a_caller_shows_its_certificate_and_needs_the_code_all_the_same() {
        let user = User::new();
        let (certificate, key) = certificate();
        let (certificate, key) = (user.file("cert.pem", &certificate), user.file("key.pem", &key));
        let options = ["--cert", &certificate, "--key", &key, "--code", "7-velvet-otter"];
        let security = user.calls("host", &options).unwrap().unwrap();
        assert_eq!(code(&security), "7-velvet-otter");
        assert_eq!(security.server.unwrap().to_string(), "host:21567");
        assert!(!user.0.path().join("key").exists());
    }

    #[test]
    fn a_server_that_is_known_is_called_encrypted_without_a_code_until_its_line_is_removed() {
        let user = User::new();
        let key = User::new().called(WORDS_FOR_TWO, &["--secure"]).unwrap().identity.fingerprint();
        user.file("known_hosts", &format!("# mine\n\nserver host:9 {key}\n"));
        for options in [&["-q"][..], &["--secure"], &["--trust-first"]] {
            let security = user.calls("HOST:9", options).unwrap().unwrap();
            assert!(security.known.server(&"host:9".parse().unwrap()).is_some());
            assert!(security.code().is_none(), "{options:?}");
        }
        for plain in [["--design", "half-duplex"], ["--wire", "unframed"]] {
            let error = user.calls("host:9", &plain).unwrap_err();
            let from = user.0.path().join("known_hosts");
            assert!(
                error.starts_with(&format!("host:9 is known from line 3 of {}", from.display())),
                "{error}"
            );
            assert!(user.calls("host:10", &plain).unwrap().is_none());
        }
        user.file("known_hosts", "");
        assert!(user.calls("host:9", &[]).unwrap().is_none());
        user.file("elsewhere", &format!("server host:9 {key}\n"));
        let elsewhere = user.0.path().join("elsewhere");
        let security = user.calls("host:9", &["--known", elsewhere.to_str().unwrap()]).unwrap().unwrap();
        assert_eq!(security.file, elsewhere.to_str().unwrap());
    }

    #[test]
    fn no_spelling_of_a_known_server_leads_to_clear_text() {
        let user = User::new();
        let key = User::new().called(WORDS_FOR_TWO, &["--secure"]).unwrap().identity.fingerprint();
        user.file("known_hosts", &format!("server 127.0.0.1 {key}\nserver host:9 {key} 192.0.2.7:9\n"));
        for server in ["127.1", "0x7f000001", "LOCALHOST.", ":21567", "[::ffff:127.0.0.1]:21567", "HOST.:9"] {
            assert!(user.calls(server, &["-q"]).unwrap().is_some(), "{server}");
        }
        let forbidden = |server: &str, options: &[&str]| {
            let (_, places) = user.calls_or_not(server, options).unwrap();
            places.into_iter().map(|(at, _)| at.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(forbidden("another-name:9", &[]), "127.0.0.1:21567 192.0.2.7:9");
        // These calls are encrypted.
        assert_eq!(
            forbidden("another-name:9", &["--secure", "--code", "1-velvet-otter"])
                + &forbidden("127.1", &["-q"]),
            ""
        );
    }

    #[test]
    fn a_file_that_may_know_the_server_and_cannot_be_read_stops_the_call() {
        let user = User::new();
        fs::create_dir(user.0.path().join("known_hosts")).unwrap();
        assert!(user.calls("host", &[]).unwrap_err().contains("file of known peers"));
    }

    #[test]
    fn an_authority_vouches_for_the_server_instead_of_a_code() {
        let user = User::new();
        let ca = user.file("ca.pem", &certificate().0);
        let security = user.calls("host", &["--ca", &ca]).unwrap().unwrap();
        assert!(matches!(security.demand, Demand::Authority(_)));
        let nothing = user.file("empty.pem", "");
        let error = user.calls("host", &["--ca", &nothing]).unwrap_err();
        assert!(error.contains("no certificate of an authority"), "{error}");
        assert!(user.calls("host", &["--ca", "/no/such/file"]).unwrap_err().contains("/no/such/file"));
    }
}
