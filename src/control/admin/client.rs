//! The client of the admin API.

use super::Subject;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// Why the gateway gave no answer.
#[derive(Debug)]
pub struct AskError {
    socket: PathBuf,
    what: String,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { socket, what } = self;
        write!(f, "{}: {what}; is the gateway running? Name its socket with --socket", socket.display())
    }
}

impl std::error::Error for AskError {}

/// Asks the gateway that listens at `socket` about `subject`.
pub async fn ask(socket: &Path, subject: Subject) -> Result<Value, AskError> {
    let wrong = |what: String| AskError { socket: socket.into(), what };
    let asked = async { fetch(UnixStream::connect(socket).await?, &format!("/v1/{}", subject.name())).await };
    asked.await.map_err(|error| wrong(error.to_string()))
}

/// Tells the gateway that listens at `socket` that a subsystem of its goes out of service, or comes back.
///
/// # Errors
/// It does not answer, or it is no subsystem of its.
pub async fn set_subsystem(socket: &Path, ssn: u8, in_service: bool) -> Result<Value, AskError> {
    let wrong = |what: String| AskError { socket: socket.into(), what };
    let path = format!("/v1/subsystems/{ssn}/{}", if in_service { "in" } else { "out" });
    let asked = async { exchange(UnixStream::connect(socket).await?, Method::POST, &path).await };
    asked.await.map_err(|error| wrong(error.to_string()))
}

/// One GET over a connection, which ends with it: the JSON of the answer.
///
/// # Errors
/// If there is no answer, or one with another status than 200, or none of JSON.
pub async fn fetch(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
) -> Result<Value, Box<dyn std::error::Error>> {
    exchange(stream, Method::GET, path).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    method: Method,
    path: &str,
) -> Result<Value, Box<dyn std::error::Error>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder().method(method).uri(path).header("host", "ipsmgw");
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?);
    // The connection ends when the answer has come: nobody asks again.
    let (answer, _) = tokio::join!(
        async {
            let answer = answer.await?;
            drop(sender);
            let status = answer.status();
            Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes()))
        },
        connection
    );
    let (status, body) = answer?;
    if !status.is_success() {
        return Err(format!("answers {status}").into());
    }
    Ok(serde_json::from_slice(&body)?)
}
