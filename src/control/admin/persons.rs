//! What the admin API tells of single subscribers, and ends of theirs: `POST /v1/list`, `/v1/why` and `/v1/deregister`; and
//! that all are compared with what HLRs know, `/v1/audit`. Each question is audited first; questions come in bodies, so that no
//! number is part of a path.

use super::super::operator::Asked;
use super::Question;
use super::audit::{About, Audit, Peer, Record};
use crate::control::registrar::operator::{Filter, Sight, Whom};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Subscribers that are listed at once, at most.
pub(super) const MOST: u32 = 1_000;

/// Which part of the list is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Who is listed.
    #[serde(default)]
    pub filter: Filter,
    /// The place to go on from: `next` of an earlier answer.
    #[serde(default)]
    pub after: u32,
    /// Subscribers, at most: 1 to 1,000.
    pub limit: u32,
    /// Whether numbers are shown whole.
    #[serde(default)]
    pub unmasked: bool,
}

/// Whom a question is about, by one of the two.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The MSISDN, international, with or without "+".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<String>,
    /// The IMSI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imsi: Option<String>,
    /// Whether numbers are shown whole.
    #[serde(default)]
    pub unmasked: bool,
}

impl Person {
    fn whom(&self) -> Result<Whom, Refused> {
        match (&self.msisdn, &self.imsi) {
            (Some(number), None) => {
                number.strip_prefix('+').unwrap_or(number).parse().map(Whom::Msisdn).map_err(Refused::wrong)
            }
            (None, Some(number)) => number.parse().map(Whom::Imsi).map_err(Refused::wrong),
            _ => Err(Refused::wrong("expected msisdn or imsi")),
        }
    }

    fn sight(&self) -> Sight {
        Sight { unmasked: self.unmasked }
    }
}

/// Whether everybody is compared with what HLRs know from now on, or how that stands is asked alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// It begins, unless it is under way.
    pub begin: bool,
}

/// Why there is no answer.
struct Refused(StatusCode, String);

impl Refused {
    fn wrong(what: &str) -> Self {
        Self(StatusCode::BAD_REQUEST, what.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;

/// What answers these questions.
struct Desk {
    node: String,
    control: mpsc::Sender<Question>,
    audit: Audit,
}

impl Desk {
    async fn ask(&self, asked: Asked) -> Result<Value, Refused> {
        let (question, answer) = oneshot::channel();
        // Where nobody listens any more the question is dropped, which ends the wait for its answer.
        let _ = self.control.send(Question::Operator(asked, question)).await;
        answer.await.map_err(|_| Refused(StatusCode::SERVICE_UNAVAILABLE, "the gateway is stopping".into()))
    }

    /// Whoever can't be named, or whose question can't be recorded, gets no answer.
    async fn record(&self, record: Record) -> Result<(), Refused> {
        if record.peer.who.is_none() {
            let what = "the kernel does not say who is asking";
            return Err(Refused(StatusCode::FORBIDDEN, what.into()));
        }
        self.audit.record(record).await.map_err(|error| {
            let what = format!("the question can't be recorded in [admin] audit_file: {error}");
            Refused(StatusCode::SERVICE_UNAVAILABLE, what)
        })
    }
}

/// The routes.
pub(super) fn routes(node: &str, control: mpsc::Sender<Question>, audit: Audit) -> Router {
    let desk = Arc::new(Desk { node: node.to_owned(), control, audit });
    Router::new()
        .route("/v1/list", post(list))
        .route("/v1/why", post(why))
        .route("/v1/deregister", post(deregister))
        .route("/v1/audit", post(compare))
        .with_state(desk)
}

async fn list(
    ConnectInfo(peer): ConnectInfo<Peer>,
    State(desk): State<Arc<Desk>>,
    Json(asked): Json<List>,
) -> Answer {
    let List { filter, after, limit, unmasked } = asked;
    if !(1..=MOST).contains(&limit) {
        return Err(Refused::wrong("expected a limit of 1 to 1000"));
    }
    let about = About::Filter(format!("{}, after {after}, at most {limit}", described(&filter)));
    let record = Record { peer, action: "show subscribers", about, masked: !unmasked, outcome: None };
    desk.record(record).await?;
    let sight = Sight { unmasked };
    let (mut found, mut from): (Vec<Value>, _) = (vec![], Some(after));
    // A part of the table at a time, so that the control thread has its turn between them.
    while let Some(place) = from.filter(|_| found.len() < limit as usize) {
        let most = limit as usize - found.len();
        let part = desk.ask(Asked::List { filter: filter.clone(), from: place, most, sight }).await?;
        found.extend(part["list"].as_array().into_iter().flatten().cloned());
        from = part["next"].as_u64().and_then(|next| u32::try_from(next).ok());
    }
    Ok(Json(json!({ "node": desk.node, "list": found, "next": from })))
}

/// A filter as a record tells it.
fn described(filter: &Filter) -> String {
    let of = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let Filter { state, access, scscf, network } = filter;
    let parts = [
        of("state", state.map(|it| format!("{it:?}"))),
        of("access", access.map(|it| format!("{it:?}"))),
        of("S-CSCF", scscf.clone()),
        of("network", network.clone()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "all".into() } else { parts.join(", ") }
}

async fn why(
    ConnectInfo(peer): ConnectInfo<Peer>,
    State(desk): State<Arc<Desk>>,
    Json(asked): Json<Person>,
) -> Answer {
    let (whom, sight) = (asked.whom()?, asked.sight());
    let about = About::Number(whom.digits());
    desk.record(Record { peer, action: "why", about, masked: !sight.unmasked, outcome: None }).await?;
    let answer = desk.ask(Asked::Why { whom, sight }).await?;
    Ok(Json(json!({ "node": desk.node, "why": answer })))
}

async fn deregister(
    ConnectInfo(peer): ConnectInfo<Peer>,
    State(desk): State<Arc<Desk>>,
    Json(asked): Json<Person>,
) -> Answer {
    let (whom, sight) = (asked.whom()?, asked.sight());
    let record = |outcome| {
        let about = About::Number(whom.digits());
        Record { peer, action: "deregister", about, masked: !sight.unmasked, outcome }
    };
    desk.record(record(None)).await?;
    let mut answer = desk.ask(Asked::Deregister { whom }).await?;
    answer["asked"] = sight.number(whom.digits()).into();
    // It is done: whoever can't be told so is told why.
    let outcome = answer["outcome"].as_str().map(str::to_owned);
    desk.record(record(outcome)).await?;
    Ok(Json(json!({ "node": desk.node, "deregister": answer })))
}

/// How it stands is about nobody, and leaves no record.
async fn compare(
    ConnectInfo(peer): ConnectInfo<Peer>,
    State(desk): State<Arc<Desk>>,
    Json(Comparison { begin }): Json<Comparison>,
) -> Answer {
    if begin {
        let about = About::Filter("all".into());
        desk.record(Record { peer, action: "audit", about, masked: true, outcome: None }).await?;
    }
    let answer = desk.ask(Asked::Audit { begin }).await?;
    Ok(Json(json!({ "node": desk.node, "audit": answer })))
}
