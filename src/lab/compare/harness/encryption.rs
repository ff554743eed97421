//! The certificate of all encrypted subjects, and this process as a caller that speaks TLS.

use super::subject::folder;
use crate::platform::{create_once, create_private_folder};
use crate::rules::failure::{Context, Failure};
use crate::rules::secure::{Channel, Code, Demand, Identity, Known, Security};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Instant, SystemTime};

/// Makes a key and a certificate for 127.0.0.1, which is also the authority that vouches for it.
pub(crate) fn issue_certificate() -> Result<(), Failure> {
    let names = vec!["127.0.0.1".to_owned()];
    let issued = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    let write = |name, kind, der: &[u8]| {
        let text = format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der));
        create_once(&folder().join(name), text.as_bytes())
    };
    create_private_folder(&folder())
        .and_then(|()| write("cert", "CERTIFICATE", issued.cert.der()))
        .and_then(|()| write("key", "PRIVATE KEY", issued.signing_key.serialized_der()))
        .context(format_args!("cannot write a certificate to {}", folder().display()))
}

/// Calls encrypted subjects, and believes each of them without a reason.
pub(crate) struct Caller(Security);

impl Caller {
    pub(crate) fn new() -> Result<Self, Failure> {
        let (identity, _) = Identity::generate().context("cannot make a key")?;
        Ok(Self(Security {
            identity,
            known: Known::default(),
            file: String::new(),
            demand: Demand::FirstUse,
            server: Some("127.0.0.1".parse().context("cannot call this machine")?),
            time: (Instant::now(), SystemTime::now()),
        }))
    }

    /// A channel for one call; with a code, both sides must prove that they have it.
    pub(crate) fn channel(&self, code: Option<&str>) -> io::Result<Channel> {
        let Self(security) = self;
        let channel = match code {
            None => security.channel(Instant::now()),
            Some(code) => {
                let code = Code::parse(code).map_err(io::Error::other)?;
                let security = Security { demand: Demand::Code(Some(code)), ..security.clone() };
                security.channel(Instant::now())
            }
        };
        channel.map_err(io::Error::other)
    }
}

/// Waits until the channel is open; returns what came behind that.
pub(crate) fn open(mut socket: &TcpStream, channel: &mut Channel) -> io::Result<Vec<u8>> {
    let (mut plaintext, mut output, mut buffer) = (Vec::new(), Vec::new(), [0; 4096]);
    loop {
        channel.take_output(&mut output);
        socket.write_all(&output)?;
        output.clear();
        if channel.is_open() {
            return Ok(plaintext);
        }
        let read = socket.read(&mut buffer)?;
        if read == 0 {
            return Err(io::Error::other(channel.cut_off()));
        }
        channel.receive(&buffer[..read], &mut plaintext).map_err(io::Error::other)?;
    }
}
