//! Where the log is: `hub --link URL`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::rules::address::Address;

/// The port on which Redis listens unless it is told otherwise.
const REDIS_PORT: u16 = 6379;
/// The longest name of a group of hubs.
pub const MAX_NAME: usize = 32;
/// The longest user name and the longest password, in bytes.
const MAX_CREDENTIAL: usize = 1024;
/// What a URL looks like, as the end of a sentence.
const EXAMPLE: &str =
    "write redis://HOST:6379/NAME, rediss://HOST:6379/NAME or unix:/PATH/TO/SOCKET?name=NAME";

/// What to do with an `@` behind what ends the user and the password. Else their beginning would be taken for a host, and an
/// error would repeat it.
const ENCODE: &str = "an @ is behind a / or a ?: in the user and the password, write / as %2F and ? as %3F";

/// How to reach the Redis server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// In clear text.
    Tcp(Address),
    /// Encrypted.
    Tls(Address),
    /// On this machine, by the path of a Unix socket.
    Unix(PathBuf),
}

/// The Redis server, the group of hubs in it, and who this hub is to the server. The password is in no output of `Debug`
/// or `Display`, and is wiped.
///
/// ```
/// # use threadchat::rules::link::LinkUrl;
/// let url: LinkUrl = "redis://hub:secret@example.org/school?db=2".parse()?;
/// assert_eq!(url.to_string(), "redis://example.org:6379/school?db=2");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LinkUrl {
    transport: Transport,
    name: String,
    database: u32,
    user: Option<String>,
    password: Option<Zeroizing<String>>,
}

impl LinkUrl {
    /// How to reach the server.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The name of the group: hubs with the same name are one chat.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the database to select.
    pub(super) fn database(&self) -> u32 {
        self.database
    }

    /// The user, if not the default one.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, if one is known.
    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.as_str())
    }

    /// With this password, unless the URL has one.
    ///
    /// # Errors
    /// The password is too long: a sentence for the user.
    pub fn or_password(mut self, password: Zeroizing<String>) -> Result<Self, String> {
        check_length("password", &password)?;
        self.password.get_or_insert(password);
        Ok(self)
    }
}

impl fmt::Debug for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkUrl({self})")
    }
}

/// Without user and password.
impl fmt::Display for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let separator = match &self.transport {
            Transport::Tcp(address) => write!(f, "redis://{address}/{name}").map(|()| '?'),
            Transport::Tls(address) => write!(f, "rediss://{address}/{name}").map(|()| '?'),
            Transport::Unix(path) => {
                let path = path.display().to_string().replace('%', "%25").replace('?', "%3F");
                // Otherwise it looks as if a host came first.
                let slashes = if path.starts_with("//") { "//" } else { "" };
                write!(f, "unix:{slashes}{path}?name={name}").map(|()| '&')
            }
        }?;
        if self.database == 0 { Ok(()) } else { write!(f, "{separator}db={}", self.database) }
    }
}

impl FromStr for LinkUrl {
    type Err = String;

    /// No error repeats what stands in front of an `@`: the password may be there.
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').ok_or(EXAMPLE)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') {
            return Err(ENCODE.to_owned());
        }
        let mut query = Query::parse(query)?;
        let (credentials, transport, name) = match scheme.to_ascii_lowercase().as_str() {
            "unix" => {
                let (credentials, path) = unix(rest)?;
                let name = query
                    .name
                    .take()
                    .ok_or("the name of the group of hubs is missing: end the URL with ?name=NAME")?;
                (credentials, Transport::Unix(path), name)
            }
            scheme @ ("redis" | "rediss") => {
                let (credentials, address, name) = tcp(rest)?;
                if query.name.is_some() {
                    return Err(
                        "the name of the group of hubs is the last part of the URL, and not name=".to_owned()
                    );
                }
                let transport = if scheme == "redis" { Transport::Tcp } else { Transport::Tls };
                (credentials, transport(address), name)
            }
            // It may be a password, if the scheme is missing.
            _ => return Err(format!("the URL does not begin with redis:, rediss: or unix:; {EXAMPLE}")),
        };
        check_name(&name)?;
        let (user, password) = credentials.map_or(Ok((None, None)), parse_credentials)?;
        Ok(Self { transport, name, database: query.database, user, password })
    }
}

/// What may stand behind the question mark.
#[derive(Default)]
struct Query {
    name: Option<String>,
    database: u32,
}

impl Query {
    fn parse(text: &str) -> Result<Self, String> {
        let mut query = Self::default();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("name", name)) => query.name = Some(name.to_owned()),
                Some(("db", number)) => {
                    let digits = number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number);
                    let database = digits.and_then(|digits| digits.parse().ok());
                    query.database = database.ok_or("db= takes the number of a database, such as db=1")?;
                }
                _ => {
                    return Err(
                        "behind the ? only db=NUMBER is known, and name=NAME of a unix: URL".to_owned()
                    );
                }
            }
        }
        Ok(query)
    }
}

/// `//[user:password@]host[:port]/name`, without the scheme.
fn tcp(rest: &str) -> Result<(Option<&str>, Address, String), String> {
    let rest = rest.strip_prefix("//").ok_or(EXAMPLE)?;
    let (credentials, rest) = split_credentials(rest);
    if rest.contains('@') {
        return Err(ENCODE.to_owned());
    }
    let (host, name) = rest.split_once('/').unwrap_or((rest, ""));
    if name.is_empty() {
        return Err(format!("the name of the group of hubs is missing; {EXAMPLE}"));
    }
    let address: Address = host.parse().map_err(|error| format!("the host of the URL: {error}"))?;
    // An error means that the URL has a port.
    let address = address.clone().with_port(Some(REDIS_PORT)).unwrap_or(address);
    Ok((credentials, address, name.to_owned()))
}

/// `/path` or `//[user:password@]/path`, without the scheme.
fn unix(rest: &str) -> Result<(Option<&str>, PathBuf), String> {
    let (credentials, path) = match rest.strip_prefix("//") {
        Some(rest) => split_credentials(rest),
        None => (None, rest),
    };
    if !path.starts_with('/') {
        return Err(format!("the path of a Unix socket begins with a /; {EXAMPLE}"));
    }
    let path = decode(path).ok_or("the path of the socket has a % that no two hexadecimal digits follow")?;
    Ok((credentials, PathBuf::from(path.as_str())))
}

/// A path may contain an @, and so may a password that was not encoded; the last one in front of the first / counts.
fn split_credentials(rest: &str) -> (Option<&str>, &str) {
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    }
}

type Credentials = (Option<String>, Option<Zeroizing<String>>);

/// `user`, `user:password` or `:password`, with %-encoding.
fn parse_credentials(text: &str) -> Result<Credentials, String> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let decoded = |what: &str, text: &str| -> Result<Zeroizing<String>, String> {
        let text = decode(text).ok_or_else(|| {
            format!("the {what} in the URL has a % that no two hexadecimal digits follow: write % as %25, @ as %40 and / as %2F")
        })?;
        check_length(what, &text)?;
        Ok(text)
    };
    let user = if user.is_empty() { None } else { Some(decoded("user", user)?.to_string()) };
    let password = password.map(|password| decoded("password", password)).transpose()?;
    Ok((user, password))
}

fn check_length(what: &str, text: &str) -> Result<(), String> {
    if text.len() > MAX_CREDENTIAL {
        return Err(format!("the {what} is longer than {MAX_CREDENTIAL} bytes"));
    }
    Ok(())
}

/// The name is part of the keys in Redis, where a brace would change which of them a cluster keeps together.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_plain) {
        return Err(format!(
            "the name of the group of hubs has 1 to {MAX_NAME} letters without accents, digits, - and _"
        ));
    }
    Ok(())
}

/// Resolves `%41`. None if it is wrong, or no UTF-8.
fn decode(text: &str) -> Option<Zeroizing<String>> {
    // As much as it can become: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
            bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    text.map_err(|error| Zeroizing::new(error.into_bytes())).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// What a URL means, with the secret.
    fn meaning(text: &str) -> Result<(String, Option<String>, Option<String>), String> {
        let url: LinkUrl = text.parse()?;
        let password = url.password().map(str::to_owned);
        Ok((url.to_string(), url.user().map(str::to_owned), password))
    }

    #[test]
    fn a_url_names_the_server_the_group_and_the_user() {
        for (text, shown, user, password) in [
            ("redis://localhost/a", "redis://localhost:6379/a", None, None),
            ("REDIS://host:1/school-2_B", "redis://host:1/school-2_B", None, None),
            ("redis://[::1]:80/a", "redis://[::1]:80/a", None, None),
            ("rediss://host/a?db=0", "rediss://host:6379/a", None, None),
            ("redis://hub@host/a?db=15", "redis://host:6379/a?db=15", Some("hub"), None),
            ("redis://:p%40ss@host/a", "redis://host:6379/a", None, Some("p@ss")),
            ("redis://u:p@ss:w@host:9/a", "redis://host:9/a", Some("u"), Some("p@ss:w")),
            ("redis://u:@host/a", "redis://host:6379/a", Some("u"), Some("")),
            ("unix:/run/redis.sock?name=a", "unix:/run/redis.sock?name=a", None, None),
            ("unix:////run/s?name=a", "unix:////run/s?name=a", None, None),
            ("unix:/%2541%3F?name=a", "unix:/%2541%3F?name=a", None, None),
            ("unix:///run/a@b?name=a&db=3", "unix:/run/a@b?name=a&db=3", None, None),
            ("unix://u:p@/run/s?db=3&name=a", "unix:/run/s?name=a&db=3", Some("u"), Some("p")),
        ] {
            let expected = (shown.to_owned(), user.map(str::to_owned), password.map(str::to_owned));
            assert_eq!(meaning(text), Ok(expected), "{text}");
            assert_eq!(meaning(shown).unwrap().0, shown);
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_explained_without_the_password() {
        let long = format!("redis://host/{}", "n".repeat(33));
        let long_secret = format!("redis://:{}@host/a", "secret".repeat(200));
        for (text, reason) in [
            ("", "redis://HOST:6379/NAME"),
            ("host:6379", "does not begin with redis:"),
            ("secret:secret@host/a", "does not begin with redis:"),
            ("http://host/a", "does not begin with redis:"),
            ("redis:host/a", "redis://HOST:6379/NAME"),
            ("redis://host", "name of the group of hubs is missing"),
            ("redis://:secret@host/", "name of the group of hubs is missing"),
            ("redis://:secret@host:x/a", "\"x\" is not a port"),
            ("redis://:secret@/a", "it is empty"),
            ("redis://:secret@host/a/b", "letters without accents"),
            ("redis://host/{a}", "letters without accents"),
            (&long, "1 to 32 letters"),
            (&long_secret, "the password is longer than"),
            ("redis://:secret%2@host/a", "write % as %25"),
            ("redis://:secret/2@host/a", "write / as %2F"),
            ("redis://secret?2@host/a", "? as %3F"),
            ("unix://:secret?2@/s?name=a", "? as %3F"),
            ("redis://:secret%ff@host/a", "write % as %25"),
            ("redis://host/a?db=x", "number of a database"),
            ("redis://host/a?db=+1", "number of a database"),
            ("redis://host/a?secret=1", "only db=NUMBER"),
            ("redis://host/?name=a", "is missing"),
            ("redis://host/a?name=a", "last part of the URL"),
            ("unix:/s", "?name=NAME"),
            ("unix:s?name=a", "begins with a /"),
            ("unix://host/s?name=a", "begins with a /"),
        ] {
            let error = meaning(text).err().unwrap_or_default();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_from_elsewhere_gives_way_to_that_of_the_url() {
        let password = |url: &str| {
            let url = url.parse::<LinkUrl>().unwrap().or_password("other".to_owned().into()).unwrap();
            assert!(!format!("{url:?}").contains("other"));
            url.password().unwrap().to_owned()
        };
        assert_eq!(password("redis://host/a"), "other");
        assert_eq!(password("redis://:own@host/a"), "own");
    }

    proptest! {
        #[test]
        fn no_output_has_the_password(password in "[a-zA-Z0-9]{8,20}") {
            let url: LinkUrl = format!("redis://:{password}@host/a").parse().unwrap();
            prop_assert_eq!(url.password(), Some(password.as_str()));
            let shown = format!("{url} {url:?}");
            prop_assert!(!shown.contains(&password));
        }
    }
}
