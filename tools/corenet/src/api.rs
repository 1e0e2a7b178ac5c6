//! The API: what the nodes have done and how they misbehave, over HTTP and JSON, while they run.
//!
//! | request | does |
//! | --- | --- |
//! | `GET /v1/nodes` | counters and fills of every node |
//! | `GET /v1/ledger` | what all ledgers say together |
//! | `GET /v1/models` | the models of all nodes that have some, by node |
//! | `PUT /v1/models/NODE` | gives a node other models |
//! | `POST /v1/messages` | an SME's message for the mobile `{"to": "491711000001"}` |
//! | `POST /v1/ues/NUMBER` | a UE acts: `{"act": "register"}`, `leave`, `memory-available` or `submit` |

use crate::config;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::Value;
use std::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What is asked.
#[derive(Debug)]
pub enum Ask {
    /// What all nodes have done.
    Nodes,
    /// What their ledgers say.
    Ledger,
    /// How they misbehave.
    Models,
    /// How a node is to misbehave from now on.
    SetModels(String, Value),
    /// An SME has a message.
    Message(Value),
    /// A UE, by its number, acts.
    Act(String, Value),
}

/// What is asked, and who waits for the answer: JSON, or why there is none.
pub type Question = (Ask, oneshot::Sender<Result<Value, String>>);

/// Listens where the configuration says, on a thread of its own. Questions come by the receiver.
///
/// # Errors
/// Says what is wrong with the address.
#[allow(clippy::disallowed_methods)] // it waits for its clients, which the nodes' thread must not
pub fn listen(api: &config::Api) -> Result<mpsc::Receiver<Question>, String> {
    let wrong = |error: std::io::Error| {
        format!("api.listen: {}: {error}; give an own address and a free port", api.listen)
    };
    let listener = TcpListener::bind(api.listen).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wrong)?;
    let (ask, questions) = mpsc::channel(16);
    std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener);
            // It ends with the process.
            let _ = axum::serve(listener?, router(ask)).await;
            Ok::<_, std::io::Error>(())
        })
    });
    Ok(questions)
}

/// The routes.
fn router(ask: mpsc::Sender<Question>) -> Router {
    type Asker = State<mpsc::Sender<Question>>;
    Router::new()
        .route("/v1/nodes", get(|State(ask): Asker| answered(ask, Ask::Nodes)))
        .route("/v1/ledger", get(|State(ask): Asker| answered(ask, Ask::Ledger)))
        .route("/v1/models", get(|State(ask): Asker| answered(ask, Ask::Models)))
        .route(
            "/v1/models/{node}",
            put(|State(ask): Asker, Path(node): Path<String>, Json(models): Json<Value>| {
                answered(ask, Ask::SetModels(node, models))
            }),
        )
        .route(
            "/v1/messages",
            post(|State(ask): Asker, Json(message): Json<Value>| answered(ask, Ask::Message(message))),
        )
        .route(
            "/v1/ues/{number}",
            post(|State(ask): Asker, Path(number): Path<String>, Json(act): Json<Value>| {
                answered(ask, Ask::Act(number, act))
            }),
        )
        .with_state(ask)
}

async fn answered(ask: mpsc::Sender<Question>, what: Ask) -> Result<Json<Value>, (StatusCode, String)> {
    let (answer, answered) = oneshot::channel();
    // Where nobody listens any more the question is dropped, which ends the wait for its answer.
    let _ = ask.send((what, answer)).await;
    let answer = answered.await.map_err(|_| (StatusCode::SERVICE_UNAVAILABLE, "it ends".to_owned()))?;
    answer.map(Json).map_err(|what| (StatusCode::BAD_REQUEST, format!("{what}\n")))
}
