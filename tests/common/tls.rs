//! Conversations over TLS: the options for our programs, and the encryption of a test that is a peer itself.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme,
};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

/// An authority, and a key with a certificate for this machine that it issued, as files.
pub struct Files {
    folder: tempfile::TempDir,
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

impl Files {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        // Another name than the one of the certificate that it issues, which OpenSSL would take for its own issuer.
        authority.distinguished_name.push(DnType::CommonName, "an authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let write = |name, what, der: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem(what, der)).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            path.to_str().unwrap().to_owned()
        };
        Self {
            authority: write("authority.pem", "CERTIFICATE", authority.der()),
            certificate: write("certificate.pem", "CERTIFICATE", certificate.der()),
            key: write("key.pem", "PRIVATE KEY", key.serialized_der()),
            folder,
        }
    }

    /// A file in the same folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server with this certificate. `alpn`: it passes for a threadchat.
    pub fn server(&self, alpn: bool) -> Connection {
        let chain = CertificateDer::pem_file_iter(&self.certificate).unwrap().map(Result::unwrap);
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(chain.collect(), key).unwrap();
        config.alpn_protocols = protocols(alpn);
        config.send_tls13_tickets = 0;
        ServerConnection::new(Arc::new(config)).unwrap().into()
    }

    /// A client with this certificate, which believes every server. `alpn`: it passes for a threadchat.
    pub fn client(&self, alpn: bool) -> Connection {
        let chain = CertificateDer::pem_file_iter(&self.certificate).unwrap().map(Result::unwrap);
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let mut config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(BelievesAll))
            .with_client_auth_cert(chain.collect(), key)
            .unwrap();
        config.alpn_protocols = protocols(alpn);
        ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1").unwrap()).unwrap().into()
    }
}

#[derive(Debug)]
struct BelievesAll;

impl ServerCertVerifier for BelievesAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn protocols(alpn: bool) -> Vec<Vec<u8>> {
    if alpn { vec![b"threadchat/1".to_vec()] } else { Vec::new() }
}

/// The text form, in one long line.
fn pem(what: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
}

/// Those of all tests in this program that are encrypted, but need nothing of their own.
pub fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(Files::new)
}

/// The options with which `serve` admits everybody, and `connect` believes in that certificate.
pub fn options(command: &str) -> &'static [&'static str] {
    static OPTIONS: OnceLock<[&str; 8]> = OnceLock::new();
    let all = OPTIONS.get_or_init(|| {
        let Files { authority, certificate, key, .. } = files();
        let known = String::leak(files().path("known").to_str().unwrap().to_owned());
        ["--ca", authority, "--cert", certificate, "--key", key, "--known", known]
    });
    if command == "connect" { all } else { &all[2..] }
}

/// How much waits in each socket of the relay, in bytes.
const BUFFER: usize = 256 * 1024;

/// Encrypts what goes through this socket. Returns the socket on which the test now speaks in clear text. What happens to one
/// happens to the other: the end of the stream, and a reset.
pub fn encrypt(socket: TcpStream, connection: Connection) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The system does not let buffers of a fixed size grow. So when a program whose peer does not read waits, it waits for good.
    let ours = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    ours.set_recv_buffer_size(BUFFER).unwrap();
    ours.connect(&listener.local_addr().unwrap().into()).unwrap();
    let ours = TcpStream::from(ours);
    let clear = super::accept(&listener);
    for stream in [&ours, &clear, &socket] {
        stream.set_nodelay(true).unwrap();
    }
    ours.set_read_timeout(socket.read_timeout().unwrap()).unwrap();
    socket.set_read_timeout(None).unwrap();
    socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER).unwrap();
    socket2::SockRef::from(&clear).set_send_buffer_size(BUFFER).unwrap();
    thread::spawn(move || relay(&clear, &socket, connection));
    ours
}

fn relay(clear: &TcpStream, socket: &TcpStream, mut connection: Connection) {
    let has_failed = AtomicBool::new(false);
    let reset = |_| {
        has_failed.store(true, Ordering::Relaxed);
        for stream in [clear, socket] {
            // Then closing it is a reset. Until then nothing is sent, but the other thread wakes up.
            let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Read);
        }
    };
    if let Err(error) = connection.complete_io(&mut &*socket) {
        return reset(error);
    }
    let connection = Mutex::new(connection);
    thread::scope(|scope| {
        scope.spawn(|| decrypt(socket, clear, &connection).unwrap_or_else(reset));
        scope.spawn(|| encrypt_all(clear, socket, &connection, &has_failed).unwrap_or_else(reset));
    });
}

/// An end without `close_notify` is an error.
fn decrypt(mut socket: &TcpStream, mut clear: &TcpStream, connection: &Mutex<Connection>) -> io::Result<()> {
    let (mut ciphertext, mut read, mut plaintext) = (vec![0; 64 * 1024], 0, Vec::new());
    loop {
        let mut has_ended = false;
        {
            let mut connection = connection.lock().unwrap();
            let mut rest = &ciphertext[..read];
            loop {
                if !rest.is_empty() {
                    connection.read_tls(&mut rest)?;
                    connection.process_new_packets().map_err(io::Error::other)?;
                }
                match connection.reader().read_to_end(&mut plaintext) {
                    Ok(_) => has_ended = true,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                if rest.is_empty() || has_ended {
                    break;
                }
            }
        }
        clear.write_all(&plaintext)?;
        plaintext.clear();
        if has_ended {
            return clear.shutdown(Shutdown::Write);
        }
        read = socket.read(&mut ciphertext)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

fn encrypt_all(
    mut clear: &TcpStream,
    mut socket: &TcpStream,
    connection: &Mutex<Connection>,
    has_failed: &AtomicBool,
) -> io::Result<()> {
    let (mut plaintext, mut ciphertext) = (vec![0; 16 * 1024], Vec::new());
    loop {
        let read = clear.read(&mut plaintext)?;
        if has_failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        {
            let mut connection = connection.lock().unwrap();
            match read {
                0 => connection.send_close_notify(),
                _ => connection.writer().write_all(&plaintext[..read])?,
            }
            while connection.wants_write() {
                connection.write_tls(&mut ciphertext)?;
            }
        }
        socket.write_all(&ciphertext)?;
        ciphertext.clear();
        if read == 0 {
            return socket.shutdown(Shutdown::Write);
        }
    }
}
