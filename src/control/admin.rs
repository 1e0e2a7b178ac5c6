//! The admin API: HTTP and JSON on a Unix socket that its owner alone may use; and its client, `ipsmgw show …`.

mod client;
mod table;

pub use client::{AskError, ask, fetch, set_subsystem};
pub use table::table;

use super::numbers::Numbers;
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

/// The routes: `GET /v1/workers` and so on. `control` leads to the control thread.
pub(super) fn router(numbers: Arc<Numbers>, control: mpsc::Sender<Question>) -> Router {
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

#[cfg(test)]
mod tests {
    use super::super::numbers::tests::numbers;
    use super::*;

    fn path(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("ipsmgw-admin-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        directory.join("admin.sock")
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn a_client_is_told_what_the_workers_published() {
        let path = path("told");
        runtime().block_on(async {
            let (_socket, listener) = Socket::bind(&path).unwrap();
            let (ask_control, mut questions) = mpsc::channel::<Question>(1);
            tokio::spawn(axum::serve(listener, router(Arc::new(numbers()), ask_control)).into_future());
            for subject in [Subject::Workers, Subject::Ports, Subject::Associations, Subject::Destinations] {
                let answer = ask(&path, subject).await.unwrap();
                assert!(answer[subject.name()].is_array(), "{answer}");
            }
            let answer = ask(&path, Subject::Workers).await.unwrap();
            assert_eq!(answer, numbers().workers());
            let (answer, ()) = tokio::join!(ask(&path, Subject::Subscribers), async {
                let Some(Question::Subscribers(answer)) = questions.recv().await else { panic!() };
                answer.send((3, 0x00c0_ffee)).unwrap();
            });
            let expected = json!({ "count": 3, "digest": "0000000000c0ffee" });
            let (peers, ()) = tokio::join!(ask(&path, Subject::Peers), async {
                let Some(Question::Places(answer)) = questions.recv().await else { panic!() };
                answer.send(None).unwrap();
            });
            assert_eq!(peers.unwrap()["peers"], json!([]));
            assert_eq!(answer.unwrap()["subscribers"], expected);
            for (ssn, place, known) in [(146, "out", true), (6, "in", false)] {
                let (answer, ()) = tokio::join!(set_subsystem(&path, ssn, place == "in"), async {
                    let Some(Question::Subsystem { ssn: asked, in_service, answer }) = questions.recv().await
                    else {
                        panic!()
                    };
                    assert_eq!((asked, in_service), (ssn, place == "in"));
                    answer.send(known).unwrap();
                });
                assert_eq!(answer.is_ok(), known);
            }
            drop(questions);
            let error = ask(&path, Subject::Subscribers).await.unwrap_err();
            assert!(error.to_string().contains("503"), "{error}");
        });
        assert!(!path.exists(), "the socket goes with the process");
    }

    #[test]
    fn the_socket_is_its_owners_alone() {
        let path = path("mode");
        runtime().block_on(async {
            let (_socket, _listener) = Socket::bind(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let left: Vec<_> =
                fs::read_dir(path.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
            assert_eq!(left, ["admin.sock"]);
        });
    }

    #[test]
    fn a_stale_socket_is_replaced_and_nothing_else() {
        let path = path("stale");
        runtime().block_on(async {
            let (socket, listener) = Socket::bind(&path).unwrap();
            std::mem::forget(socket);
            let living = Socket::bind(&path).map(drop).unwrap_err();
            assert_eq!(living.kind(), ErrorKind::AddrInUse);
            drop(listener);
            drop(Socket::bind(&path).unwrap());
            fs::write(&path, "precious").unwrap();
            assert_eq!(Socket::bind(&path).map(drop).unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        });
    }

    #[test]
    fn nobody_there_is_said_with_a_remedy() {
        let error = runtime().block_on(ask(&path("nobody"), Subject::Workers)).unwrap_err();
        assert!(error.to_string().contains("--socket"), "{error}");
    }
}
