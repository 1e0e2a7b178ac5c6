//! The admin API: HTTP and JSON on a Unix socket that its owner alone may use; and its client, `ipsmgw show …`.

mod audit;
mod client;
mod persons;
mod report;
mod table;
#[cfg(test)]
mod tests;

pub use super::registrar::operator::Filter;
pub(super) use audit::{Audit, TARGET as AUDIT};
pub use client::{AskError, ask, compare, deregister, fetch, list, set_subsystem, why};
pub use persons::{Comparison, List, Person};
pub use report::{compared, deregistered, listed, merged, why_report};
pub use table::table;

use super::numbers::Numbers;
use super::operator::Asked;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::fs::{self, DirBuilder, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

/// What can be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Subject {
    /// Each worker: how busy, its counters, fills and states.
    Workers,
    /// Each port, by worker.
    Ports,
    /// Each association, with the worker that owns it.
    Associations,
    /// Each way to a destination, with what the signalling gateway says of it.
    Destinations,
    /// Each S-CSCF, by worker, and how it has answered of late.
    Peers,
    /// Each association's SCTP, with its paths.
    Sctp,
    /// Each rule of screening, by worker: what is done about what breaks it, and what it has refused or let through.
    Screening,
    /// How many subscribers are registered, and a digest of the registrations: it stays as long as none of them comes,
    /// changes or goes.
    Subscribers,
}

impl Subject {
    /// The path of the request and the key of what is asked for in the answer.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Ports => "ports",
            Self::Associations => "associations",
            Self::Destinations => "destinations",
            Self::Peers => "peers",
            Self::Sctp => "sctp",
            Self::Screening => "screening",
            Self::Subscribers => "subscribers",
        }
    }
}

/// What only the control thread can answer.
pub(super) enum Question {
    /// The count and the digest of the subscriber table, which is its own.
    Subscribers(oneshot::Sender<(usize, u64)>),
    /// What an operator asks about subscribers.
    Operator(Asked, oneshot::Sender<Value>),
    /// Where the S-CSCFs are, and how that is known.
    Places(oneshot::Sender<Option<Value>>),
    /// A subsystem of the gateway goes out of service or comes back; whether it is one.
    Subsystem {
        /// Its number.
        ssn: u8,
        /// Whether it is in service from now on.
        in_service: bool,
        /// Where the answer goes.
        answer: oneshot::Sender<bool>,
    },
}

/// Serves clients until the process ends.
pub(super) async fn serve(
    listener: UnixListener,
    numbers: Arc<Numbers>,
    control: mpsc::Sender<Question>,
    audit: Audit,
) {
    let router = router(numbers, control, audit).into_make_service_with_connect_info::<audit::Peer>();
    let _ = axum::serve(listener, router).await;
}

/// The routes: `GET /v1/workers` and so on. `control` leads to the control thread.
fn router(numbers: Arc<Numbers>, control: mpsc::Sender<Question>, audit: Audit) -> Router {
    let persons = persons::routes(numbers.node(), control.clone(), audit);
    let (ports, associations) = (numbers.clone(), numbers.clone());
    let (destinations, sctp, table) = (numbers.clone(), numbers.clone(), numbers.clone());
    let (screening, peers) = (numbers.clone(), numbers.clone());
    Router::new()
        .route("/v1/workers", get(|| async move { Json(numbers.workers()) }))
        .route("/v1/ports", get(|| async move { Json(ports.objects("ports", "port")) }))
        .route(
            "/v1/associations",
            get(|| async move { Json(associations.objects("associations", "association")) }),
        )
        .route("/v1/destinations", get(|| async move { Json(destinations.objects("destinations", "way")) }))
        .route("/v1/screening", get(|| async move { Json(screening.objects("screening", "screening")) }))
        .route(
            "/v1/peers",
            get({
                let control = control.clone();
                || self::peers(peers, control)
            }),
        )
        .route("/v1/sctp", get(|| async move { Json(sctp.sctp()) }))
        .route(
            "/v1/subscribers",
            get({
                let control = control.clone();
                || subscribers(table, control)
            }),
        )
        .route("/v1/subsystems/{ssn}/{state}", post(|place| subsystem(place, control)))
        .merge(persons)
}

/// Takes a subsystem `out` of service, or back `in`.
async fn subsystem(
    axum::extract::Path((ssn, state)): axum::extract::Path<(u8, String)>,
    control: mpsc::Sender<Question>,
) -> Result<Json<Value>, StatusCode> {
    let in_service = match state.as_str() {
        "in" => true,
        "out" => false,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    let (question, answer) = oneshot::channel();
    let _ = control.send(Question::Subsystem { ssn, in_service, answer: question }).await;
    match answer.await {
        Ok(true) => Ok(Json(json!({ "subsystem": ssn, "in_service": in_service }))),
        Ok(false) => Err(StatusCode::NOT_FOUND),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn peers(numbers: Arc<Numbers>, control: mpsc::Sender<Question>) -> Result<Json<Value>, StatusCode> {
    let (question, answer) = oneshot::channel();
    let _ = control.send(Question::Places(question)).await;
    let places = answer.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(numbers.peers(&places.unwrap_or_default())))
}

async fn subscribers(
    numbers: Arc<Numbers>,
    control: mpsc::Sender<Question>,
) -> Result<Json<Value>, StatusCode> {
    let (question, answer) = oneshot::channel();
    // Where nobody listens any more the question is dropped, which ends the wait for its answer.
    let _ = control.send(Question::Subscribers(question)).await;
    let (count, digest) = answer.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(numbers.answer("subscribers", json!({ "count": count, "digest": format!("{digest:016x}") }))))
}

/// The admin socket; dropped, it goes.
pub(super) struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Listens at `path` with mode 0600. What another process left there is replaced; a living one is not.
    ///
    /// The socket is made in a directory that is ours alone and moved into its place when its mode is set, so that at no
    /// time somebody else can connect to it.
    pub(super) fn bind(path: &Path) -> Result<(Self, UnixListener), Error> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(Error::new(ErrorKind::AlreadyExists, "something that is no socket is there"));
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                return Err(Error::new(ErrorKind::AddrInUse, "another process listens there"));
            }
            _ => {}
        }
        let directory = path.parent().unwrap_or(Path::new("."));
        if !directory.as_os_str().is_empty() {
            fs::create_dir_all(directory)?;
        }
        // Of this process, and of this socket of it: tests have several.
        static SOCKETS: AtomicU32 = AtomicU32::new(0);
        let number = SOCKETS.fetch_add(1, Ordering::Relaxed);
        let private = directory.join(format!(".{}-{number}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&private)?;
        let made = Self::make(&private.join("s"), path);
        fs::remove_dir(&private)?;
        Ok((Self { path: path.into() }, made?))
    }

    fn make(made: &Path, path: &Path) -> Result<UnixListener, Error> {
        let listener = UnixListener::bind(made)?;
        let moved =
            fs::set_permissions(made, Permissions::from_mode(0o600)).and_then(|()| fs::rename(made, path));
        if moved.is_err() {
            let _ = fs::remove_file(made);
        }
        moved.map(|()| listener)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
