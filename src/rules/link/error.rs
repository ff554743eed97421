//! Why the link does not work, in sentences that a person can act on.

use std::fmt;

use crate::rules::sanitize::sanitize;

/// The oldest Redis that trims a log by the position of its readers.
const OLDEST: (u32, u32) = (6, 2);
/// How much of what a server says is shown, in characters.
const MAX_SHOWN: usize = 160;

/// Why the link does not work, or what is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkError {
    /// No connection; this is why.
    Unreachable(String),
    /// The connection ended.
    Closed,
    /// No answer in time.
    Silent,
    /// What came is not what Redis says.
    NotRedis,
    /// An answer is larger than anything that was asked for.
    TooLong,
    /// This version is too old.
    TooOld(String),
    /// A password is needed.
    PasswordMissing,
    /// The user or the password is wrong.
    PasswordWrong,
    /// There is a password, and the server knows none.
    PasswordUnneeded,
    /// The user may not do this.
    NoPermission(String),
    /// The server only answers programs on its own machine.
    Protected,
    /// No such database.
    Database,
    /// The server has no memory left.
    OutOfMemory,
    /// Not a key of ours.
    WrongType,
    /// Keys of ours hold what no hub has written; this is what the server says.
    Corrupt(String),
    /// Another script runs for too long.
    Busy,
    /// Somebody has ended our script.
    Killed,
    /// It is a replica.
    ReadOnly,
    /// The server has just started.
    Loading,
    /// It is a replica that has lost its master.
    MasterDown,
    /// The server has not enough replicas.
    NoReplicas,
    /// The server cannot save.
    CannotSave,
    /// The server is part of a cluster, and another one has our keys.
    Cluster,
    /// Too many programs are connected.
    TooManyClients,
    /// The server has forgotten our scripts; they are sent again.
    NoScript,
    /// Something else; this is what the server says.
    Other(String),
    /// The link works; another hub has not read what the limit allows.
    Full,
    /// The link works; this hub was taken for dead, and registers again.
    Fenced,
    /// The link works; Redis has lost what it had accepted.
    DataLost,
    /// The link works; something in Redis makes no sense, and is skipped.
    Nonsense,
}

impl LinkError {
    /// Whether it may pass without a person who changes something.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        !matches!(
            self,
            Self::NotRedis
                | Self::TooOld(_)
                | Self::PasswordMissing
                | Self::PasswordWrong
                | Self::PasswordUnneeded
                | Self::NoPermission(_)
                | Self::Protected
                | Self::Database
                | Self::WrongType
                | Self::Corrupt(_)
                | Self::Cluster
        )
    }

    /// What an error of the server means.
    pub(super) fn of_server(text: &str) -> Self {
        // Up to Redis 6.2, the error of a command in a script stands behind where it happened.
        let inner = text.rsplit_once(": -").map_or(text, |(_, inner)| inner);
        match inner.split(' ').next().unwrap_or_default() {
            "NOAUTH" => Self::PasswordMissing,
            "WRONGPASS" => Self::PasswordWrong,
            "NOPERM" => Self::NoPermission(shown(inner)),
            "DENIED" => Self::Protected,
            "OOM" => Self::OutOfMemory,
            "WRONGTYPE" => Self::WrongType,
            "BUSY" => Self::Busy,
            "READONLY" => Self::ReadOnly,
            "LOADING" => Self::Loading,
            "MASTERDOWN" => Self::MasterDown,
            "NOREPLICAS" => Self::NoReplicas,
            "MISCONF" => Self::CannotSave,
            "CLUSTERDOWN" | "MOVED" | "ASK" | "CROSSSLOT" | "TRYAGAIN" => Self::Cluster,
            "NOSCRIPT" => Self::NoScript,
            _ if text.contains("Script killed by user") => Self::Killed,
            _ if text.contains("max number of clients") => Self::TooManyClients,
            _ if text.contains("DB index") => Self::Database,
            // A script of ours fails only if a key holds something else than hubs write.
            _ if text.contains("user_script") => Self::Corrupt(shown(text)),
            _ => Self::Other(shown(text)),
        }
    }

    /// What an error in answer to the password means. A server that does not know the command repeats what it was sent.
    pub(super) fn of_password(text: &str) -> Self {
        match Self::of_server(text) {
            Self::Other(_) if text.contains("without any password") => Self::PasswordUnneeded,
            Self::Other(_) | Self::NoPermission(_) | Self::Corrupt(_) => Self::PasswordWrong,
            error => error,
        }
    }

    /// Checks what `INFO server` says.
    pub(super) fn check_version(info: &str) -> Result<(), Self> {
        // Valkey says which Redis it is compatible with.
        let version =
            info.lines().find_map(|line| line.strip_prefix("redis_version:")).ok_or(Self::NotRedis)?;
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(()),
            _ => Err(Self::TooOld(shown(version))),
        }
    }
}

/// What a server says, harmless and short.
fn shown(text: &str) -> String {
    let mut harmless = Vec::new();
    let start: String = text.chars().take(MAX_SHOWN).collect();
    sanitize(start.as_bytes(), &mut harmless);
    String::from_utf8_lossy(&harmless).chars().take(MAX_SHOWN).collect()
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable(reason) => return write!(f, "no connection to Redis: {reason}"),
            Self::Closed => "Redis has closed the connection",
            Self::Silent => "Redis has not answered for 5 s",
            Self::NotRedis => "what answers is not a Redis server: check host and port",
            Self::TooLong => "Redis has sent more than the link asks for: check what else writes to its keys",
            Self::TooOld(version) => {
                return write!(f, "Redis {version} is too old: linked hubs need Redis 6.2 or newer, or Valkey");
            }
            Self::PasswordMissing => "Redis wants a password: set THREADCHAT_LINK_PASSWORD, or put it into the URL",
            Self::PasswordWrong => "Redis does not accept the user or the password of the link",
            Self::PasswordUnneeded => "a password is given, and Redis has none set for this user: leave it out",
            Self::NoPermission(reason) => {
                return write!(f, "Redis does not give the user of the link enough rights ({reason})");
            }
            Self::Protected => {
                "Redis is in protected mode, and only answers its own machine: set a password there, and bind it to an address"
            }
            Self::Database => "Redis has no database with this number: change db= in the URL",
            Self::OutOfMemory => "Redis has no memory left: raise its maxmemory, or remove keys",
            Self::WrongType => {
                "a key of the link in Redis has another type: something else uses these keys; take another NAME, or remove the key"
            }
            Self::Corrupt(reason) => {
                return write!(
                    f,
                    "a key of the link in Redis holds what no hub has written; take another NAME, or remove the keys ({reason})"
                );
            }
            Self::Busy => "Redis is busy with a script of another program: wait, or end it there with SCRIPT KILL",
            Self::Killed => "somebody has ended a script of the link in Redis: it is tried again",
            Self::ReadOnly => "this Redis is a replica, to which nothing can be written: link to its master",
            Self::Loading => "Redis has just started, and reads its data",
            Self::MasterDown => "this Redis is a replica that has lost its master",
            Self::NoReplicas => "Redis accepts nothing, because it has not enough replicas",
            Self::CannotSave => "Redis accepts nothing, because it cannot save to its disk: its log says why",
            Self::Cluster => "another server of the Redis Cluster has the keys of the link: link to that one",
            Self::TooManyClients => "too many programs are connected to Redis: raise its maxclients",
            Self::NoScript => "Redis has forgotten the scripts of the link: they are sent again",
            Self::Other(text) => return write!(f, "Redis says: {text}"),
            Self::Full => "a linked hub reads too slowly: what is said waits for it, at most until its lease has run out",
            Self::Fenced => "this hub did not answer in time, and the others think that it is gone: it joins again",
            Self::DataLost => "Redis has lost what it had accepted: lines may be missing",
            Self::Nonsense => "something in the log in Redis makes no sense, and is skipped: check what else writes to its keys",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_error_of_the_server_is_understood_also_from_within_a_script() {
        for (text, error) in [
            ("NOAUTH Authentication required.", LinkError::PasswordMissing),
            ("WRONGPASS invalid username-password pair or user is disabled.", LinkError::PasswordWrong),
            (
                "OOM command not allowed when used memory > 'maxmemory'. script: ab, on @user_script:1.",
                LinkError::OutOfMemory,
            ),
            (
                "ERR Error running script (call to f_ab): @user_script:12: @user_script: 12: -OOM command not allowed when used \
                 memory > 'maxmemory'.",
                LinkError::OutOfMemory,
            ),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", LinkError::WrongType),
            ("READONLY You can't write against a read only replica.", LinkError::ReadOnly),
            ("MOVED 3999 127.0.0.1:6381", LinkError::Cluster),
            ("NOSCRIPT No matching script. Please use EVAL.", LinkError::NoScript),
            (
                "ERR Error running script: Script killed by user with SCRIPT KILL... script: ab",
                LinkError::Killed,
            ),
            ("ERR max number of clients reached", LinkError::TooManyClients),
            ("ERR DB index is out of range", LinkError::Database),
        ] {
            assert_eq!(LinkError::of_server(text), error);
            assert!(error.to_string().len() > 20);
        }
        let corrupt =
            LinkError::of_server("ERR user_script:12: attempt to perform arithmetic on a nil value");
        assert!(matches!(corrupt, LinkError::Corrupt(_)) && !corrupt.may_pass());
    }

    #[test]
    fn what_a_server_says_is_made_harmless_and_short() {
        let shown = LinkError::of_server(&format!("ERR \x1b[2J{}", "é".repeat(10_000))).to_string();
        assert!(shown.starts_with("Redis says: ERR ^[[2J"), "{shown}");
        assert!(shown.chars().count() < 200);
    }

    #[test]
    fn an_error_about_the_password_does_not_repeat_it() {
        for text in [
            "ERR unknown command 'AUTH', with args beginning with: 'secret'",
            "NOPERM secret",
            "ERR user_script: secret",
            "WRONGPASS secret",
        ] {
            assert_eq!(LinkError::of_password(text), LinkError::PasswordWrong);
        }
        let unneeded =
            "ERR AUTH <password> called without any password configured for the default user. Are you sure?";
        assert_eq!(LinkError::of_password(unneeded), LinkError::PasswordUnneeded);
    }

    #[test]
    fn a_server_older_than_6_2_is_refused_and_valkey_is_not() {
        let check = |version: &str| {
            LinkError::check_version(&format!("# Server\r\nredis_version:{version}\r\nx:y\r\n"))
        };
        for version in ["6.2.0", "6.10.1", "7.0.15", "8.0.0", "10.0"] {
            assert_eq!(check(version), Ok(()), "{version}");
        }
        for version in ["6.0.16", "5.0.14", "2.8", "6", "x"] {
            let error = check(version).unwrap_err();
            assert!(error.to_string().contains("6.2 or newer"), "{error}");
        }
        assert_eq!(LinkError::check_version("hello"), Err(LinkError::NotRedis));
    }
}
