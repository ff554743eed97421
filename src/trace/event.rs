//! One event of the file.

use serde::Serialize;

/// As the format wants it; its one-letter phases are in `docs/trace.md`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) cat: &'a str,
    pub(super) ph: &'a str,
    pub(super) pid: u32,
    pub(super) tid: u32,
    /// In microseconds.
    pub(super) ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dur: Option<f64>,
    /// Of a flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// That a flow ends in the slice around it, not in the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bp: Option<&'a str>,
    /// How far an instant is to be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) s: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) args: Option<Args<'a>>,
}

/// Whatever there is to say about an event; each has a few of these.
#[derive(Debug, Default, Serialize)]
pub(super) struct Args<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waiting: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) messages: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) typed: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) local: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) received: Option<u32>,
    /// Of a flow for a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
    /// Of a thread or process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sort_index: Option<u32>,
    /// Of the whole.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub(super) trace: Option<About<'a>>,
}

/// Some messages of a stream.
#[derive(Debug, Serialize)]
pub(super) struct Numbers {
    pub(super) stream: u32,
    pub(super) first: u64,
    pub(super) count: u64,
}

/// The first event: what the rest of the file is about.
#[derive(Debug, Serialize)]
pub(super) struct About<'a> {
    /// The version of the format.
    pub(super) format: u32,
    pub(super) program: &'a str,
    pub(super) command: &'a str,
    pub(super) design: &'a str,
    /// Which second since 1970 is 0 on the time axis.
    pub(super) origin: u64,
}
