//! The options that make several hubs one.

use crate::designs;
use crate::platform::{host_name, read_at_most};
use crate::rules::failure::{Context, Failure};
use crate::rules::hub::{MAX_NAME, Name, NameError};
use crate::rules::link::{LinkUrl, Settings};
use clap::Args;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const OTHER_HUBS: &str = "Other hubs";

/// The environment variable with the password.
const VARIABLE: &str = "THREADCHAT_LINK_PASSWORD";

/// The most bytes that a file with a password may have.
const MAX_FILE: usize = 4096;

/// The name of a hub whose machine has none that fits.
const NAMELESS: &str = "hub";

/// The options of a hub that is linked to others.
#[derive(Debug, Args)]
pub(super) struct Link {
    /// Be one chat with all hubs that have the same URL, of a Redis server: redis://HOST:6379/NAME, encrypted
    /// rediss://HOST:6379/NAME, or unix:/PATH/TO/SOCKET?name=NAME. Others on this machine can see a password in the URL, as in
    /// redis://USER:PASSWORD@HOST/NAME, in the list of processes; a file and the variable THREADCHAT_LINK_PASSWORD are not in it
    #[arg(long, value_name = "URL", value_parser = url, help_heading = OTHER_HUBS)]
    link: Option<UrlValue>,

    /// Take the password for Redis from the first line of FILE, unless the URL has one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "link", help_heading = OTHER_HUBS)]
    link_password: Option<PathBuf>,

    /// What the other hubs call this one [default: the name of this machine]
    #[arg(long, value_name = "NAME", value_parser = name, requires = "link", help_heading = OTHER_HUBS)]
    name_of_hub: Option<String>,
}

/// `--link`. An error is reported later: the parser of the command line would repeat the URL, which may contain a password.
#[derive(Debug, Clone)]
struct UrlValue(Result<LinkUrl, String>);

fn url(text: &str) -> Result<UrlValue, Infallible> {
    Ok(UrlValue(text.parse()))
}

/// The names of members, but a hub may also have one of the words that are reserved among them.
fn name(text: &str) -> Result<String, String> {
    match Name::parse(text) {
        Ok(name) => Ok(name.shown().to_string()),
        Err(NameError::Reserved(name) | NameError::LooksReserved { name, .. }) => Ok(name.to_string()),
        Err(error @ (NameError::Malformed | NameError::MixesScripts(_))) => Err(error.to_string()),
    }
}

impl Link {
    /// Whether the URL is one.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.link {
            Some(UrlValue(Err(error))) => Err(format!("--link: {error}")),
            _ => Ok(()),
        }
    }

    /// How to be one with other hubs, if at all. `history` is how many lines of a room newcomers see.
    ///
    /// # Errors
    /// The password cannot be read, or this program cannot reach the server in this way.
    pub(super) fn link(&self, history: usize) -> Result<Option<designs::Link>, Failure> {
        let Some(UrlValue(url)) = &self.link else { return Ok(None) };
        let mut url = url.clone()?;
        let password = match &self.link_password {
            Some(path) => from_file(path)?,
            None => None,
        };
        let password = match password {
            None => from_variable(std::env::var_os(VARIABLE))?,
            password => password,
        };
        if let Some(password) = password {
            url = url.or_password(password).context("cannot use the password of the link")?;
        }
        let name = self.name_of_hub.clone().or_else(|| host_name().and_then(|name| fit(&name)));
        let name = name.unwrap_or_else(|| NAMELESS.to_owned()).into_bytes();
        designs::Link::new(url, Settings { name, history }).map(Some)
    }
}

/// The name of a machine, made one of a hub.
fn fit(host: &str) -> Option<String> {
    let own = host.split('.').next().unwrap_or_default();
    let fit = own
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .take(MAX_NAME)
        .collect::<String>();
    name(&fit).ok()
}

/// The first line of a file, if it is not empty.
fn from_file(path: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    let cannot = || format!("cannot read the password of the link from {}", path.display());
    let content = Zeroizing::new(read_at_most(MAX_FILE, path).context(cannot())?);
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    parse(line.strip_suffix(b"\r").unwrap_or(line)).context(cannot())
}

/// An empty variable counts as none.
fn from_variable(value: Option<OsString>) -> Result<Option<Zeroizing<String>>, Failure> {
    let bytes = Zeroizing::new(value.unwrap_or_default().into_encoded_bytes());
    parse(&bytes).context(format_args!("cannot use the password in the variable {VARIABLE}"))
}

fn parse(password: &[u8]) -> Result<Option<Zeroizing<String>>, &'static str> {
    let text = std::str::from_utf8(password).map_err(|_| "it is not text in UTF-8")?;
    Ok((!text.is_empty()).then(|| Zeroizing::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        link: Link,
    }

    fn parse(options: &[&str]) -> Result<Link, String> {
        let program = Program::try_parse_from([&["threadchat"], options].concat());
        let link = program.map_err(|error| error.to_string())?.link;
        link.check().map(|()| link)
    }

    #[test]
    fn the_options_need_a_url_and_a_name() {
        assert!(parse(&[]).unwrap().link(20).unwrap().is_none());
        assert!(parse(&["--link", "redis://host/a"]).is_ok());
        for (options, reason) in [
            (&["--link", "redis://host"][..], "--link: the name of the group of hubs is missing"),
            (&["--link-password", "file"], "--link <URL>"),
            (&["--name-of-hub", "east"], "--link <URL>"),
            (&["--link", "redis://host/a", "--name-of-hub", "two words"], "a name has 1 to 32 letters"),
            (
                &["--link", "redis://host/a", "--name-of-hub", "b\u{43e}b"],
                "mixes letters of different scripts",
            ),
        ] {
            let error = parse(options).unwrap_err();
            assert!(error.contains(reason), "{options:?}: {error}");
        }
    }

    #[test]
    fn a_url_is_never_repeated_with_its_password() {
        for url in ["redis://:secret@host", "redis://:secret@host/a", "rediss://:secret%2@host/a", "secret"] {
            let shown = match parse(&["--link", url]) {
                Ok(link) => format!("{link:?} {:?}", link.link(1).unwrap()),
                Err(error) => error,
            };
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn a_hub_may_have_a_name_that_members_may_not_have() {
        for (text, expected) in
            [("east", "east"), ("hub", "hub"), ("0perator", "0perator"), ("Ｂｏｂ", "Bob")]
        {
            assert_eq!(name(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_machine_lends_its_name_if_that_fits() {
        for (host, name) in [
            ("east", Some("east")),
            ("school-3.example.org", Some("school-3")),
            ("my host!", Some("myhost")),
            (&"x".repeat(63), Some(&*"x".repeat(32))),
            ("", None),
            (".local", None),
            ("b\u{43e}b", None),
        ] {
            assert_eq!(fit(host).as_deref(), name, "{host}");
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_a_file_and_an_empty_one_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (content, password) in
            [("secret\nmore", Some("secret")), ("s p\r\n", Some("s p")), ("", None), ("\nsecret", None)]
        {
            std::fs::write(&file, content).unwrap();
            let read = from_file(file.path()).unwrap();
            assert_eq!(read.as_ref().map(|read| read.as_str()), password);
        }
        std::fs::write(&file, b"\xff\n").unwrap();
        let error = from_file(file.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read the password of the link from ") && error.ends_with("UTF-8"),
            "{error}"
        );
        assert!(from_variable(Some("".into())).unwrap().is_none() && from_variable(None).unwrap().is_none());
        assert_eq!(from_variable(Some("secret".into())).unwrap().unwrap().as_str(), "secret");
    }
}
