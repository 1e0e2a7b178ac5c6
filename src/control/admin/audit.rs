//! Who has asked about which subscriber: a record for each question, written before it is answered
//! ([0031](../../../docs/decisions/0031-audit-of-operators.md)).

use crate::ident::{Digits, Masked};
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{Error, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// The target of these records in the process's log, whatever level that has.
pub(in super::super) const TARGET: &str = "audit";

/// Who is at the other end of the admin socket, as the kernel says: the process that connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// The user and the process; none if the kernel does not tell.
    pub(super) who: Option<(u32, Option<i32>)>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred().ok();
        Self { who: credentials.map(|it| (it.uid(), it.pid())) }
    }
}

/// What was asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum About {
    /// A subscriber by its number, or its IMSI.
    Number(Digits),
    /// All whom a filter lets through.
    Filter(String),
}

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) peer: Peer,
    /// The question, as the command is called.
    pub(super) action: &'static str,
    pub(super) about: About,
    /// Whether numbers were masked in the answer.
    pub(super) masked: bool,
    /// What became of it, if it is more than an answer.
    pub(super) outcome: Option<String>,
}

/// Where the records go: to a file, each durable before the question is answered, or to the process's log.
pub(in super::super) struct Audit {
    file: Option<PathBuf>,
}

impl Audit {
    /// Records go to the file at this path, or else to the log. The file is made if it is not there, so that a wrong path shows
    /// at the start.
    pub(in super::super) fn new(file: Option<&Path>) -> Result<Self, Error> {
        let audit = Self { file: file.map(Path::to_owned) };
        audit.file.as_deref().map(open).transpose()?;
        Ok(audit)
    }

    /// Writes a record. What can't be written must not be answered.
    pub(super) async fn record(&self, record: Record) -> Result<(), Error> {
        let Some(path) = self.file.clone() else {
            tell(&record);
            return Ok(());
        };
        // A slow disk keeps the client waiting, and not the control thread.
        let written = tokio::task::spawn_blocking(move || append(&path, &record)).await;
        written.unwrap_or_else(|ended| Err(Error::other(ended))).inspect_err(|error| {
            tracing::error!(
                %error,
                "the audit file can't be written: questions about subscribers are refused until it can"
            );
        })
    }
}

/// In the log, numbers are masked as everywhere there.
fn tell(record: &Record) {
    let Record { peer, action, about, masked, outcome } = record;
    let about = match about {
        About::Number(digits) => Masked(*digits).to_string(),
        About::Filter(text) => text.clone(),
    };
    let (uid, pid) = (peer.who.map(|(uid, _)| uid), peer.who.and_then(|(_, pid)| pid));
    tracing::info!(target: TARGET, uid, pid, action, about, masked, outcome, "an operator has asked");
}

/// Opened for each record, so that the file may be moved away at any time.
fn open(path: &Path) -> Result<std::fs::File, Error> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn append(path: &Path, record: &Record) -> Result<(), Error> {
    let Record { peer, action, about, masked, outcome } = record;
    let about = match about {
        About::Number(digits) => digits.to_string(),
        About::Filter(text) => text.clone(),
    };
    let mut at = String::new();
    SystemTime.format_time(&mut Writer::new(&mut at)).map_err(Error::other)?;
    let line = json!({
        "at": at,
        "uid": peer.who.map(|(uid, _)| uid),
        "pid": peer.who.and_then(|(_, pid)| pid),
        "action": action,
        "about": about,
        "masked": masked,
        "outcome": outcome,
    });
    let mut file = open(path)?;
    // One call for a whole line: those of two questions don't mix.
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}
