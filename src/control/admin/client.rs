//! The client of the admin API.

use super::{Comparison, List, Person, Subject};
use http_body_util::{BodyExt, Full};
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
    let asked = async { exchange(UnixStream::connect(socket).await?, Method::POST, &path, vec![]).await };
    asked.await.map_err(|error| wrong(error.to_string()))
}

/// A part of the list of subscribers.
///
/// # Errors
/// It does not answer, or refuses.
pub async fn list(socket: &Path, asked: &List) -> Result<Value, AskError> {
    post(socket, "/v1/list", serde_json::json!(asked)).await
}

/// What is known about a subscriber.
///
/// # Errors
/// It does not answer, or refuses.
pub async fn why(socket: &Path, asked: &Person) -> Result<Value, AskError> {
    post(socket, "/v1/why", serde_json::json!(asked)).await
}

/// A subscriber's registration ends: what has become of that.
///
/// # Errors
/// It does not answer, or refuses.
pub async fn deregister(socket: &Path, asked: &Person) -> Result<Value, AskError> {
    post(socket, "/v1/deregister", serde_json::json!(asked)).await
}

/// Everybody is compared with what HLRs know from now on, or how that stands.
///
/// # Errors
/// It does not answer, or refuses.
pub async fn compare(socket: &Path, asked: &Comparison) -> Result<Value, AskError> {
    post(socket, "/v1/audit", serde_json::json!(asked)).await
}

async fn post(socket: &Path, path: &str, asked: Value) -> Result<Value, AskError> {
    let body = asked.to_string().into_bytes();
    let asked = async { exchange(UnixStream::connect(socket).await?, Method::POST, path, body).await };
    asked.await.map_err(|error| AskError { socket: socket.into(), what: error.to_string() })
}

/// One GET over a connection, which ends with it: the JSON of the answer.
///
/// # Errors
/// If there is no answer, or one with another status than 200, or none of JSON.
pub async fn fetch(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
) -> Result<Value, Box<dyn std::error::Error>> {
    exchange(stream, Method::GET, path, vec![]).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<Value, Box<dyn std::error::Error>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder().method(method).uri(path).header("host", "ipsmgw");
    let request = if body.is_empty() { request } else { request.header("content-type", "application/json") };
    let answer = sender.send_request(request.body(Full::<Bytes>::new(body.into()))?);
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
        let why = serde_json::from_slice::<Value>(&body).ok();
        let why = why.as_ref().and_then(|why| why["error"].as_str()).map(|why| format!(": {why}"));
        return Err(format!("answers {status}{}", why.unwrap_or_default()).into());
    }
    Ok(serde_json::from_slice(&body)?)
}
