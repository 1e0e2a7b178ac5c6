//! Server location (RFC 3263) on the slow path: where the S-CSCFs are that the configuration gives by name.
//!
//! A task for each name asks DNS (`dns.rs`), keeps the answers for as long as they live, and longer while no others come
//! (`cache.rs`), chooses the targets (`select.rs`, which asks nobody), and begins again before the first answer's life ends.
//! The control thread gives targets their places (`places.rs`), and exchanges what workers know as a whole. No worker
//! asks for a name, or waits for one.

mod cache;
mod dns;
mod places;
mod records;
mod select;
#[cfg(test)]
mod tests;

pub(super) use places::Places;
pub(super) use select::TARGETS;

use super::config::Config;
use crate::base::publish::{Show, Shown};
use crate::base::{SipKey, Time, counts};
use crate::gateway::mailbox::Located;
use cache::{Cache, CacheConfig};
use dns::{Resolver, ResolverConfig, Unanswered};
use records::Question;
use select::{Sought, Target, Ways, Why};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

counts! {
    /// What server location has done.
    pub struct LocationCounts {
        /// Questions to DNS.
        questions,
        /// Of these, answered with records.
        answers,
        /// Of these, answered with "there is none".
        answers_negative,
        /// Of these, answered by no server in time.
        unanswered_silent,
        /// Of these, refused by the last server that said anything.
        unanswered_refused,
        /// Of these, whose answer can't be read, or goes round in aliases.
        unanswered_malformed,
        /// Old answers used because there was no other.
        stale,
        /// S-CSCFs looked for.
        located,
        /// Of these, not found: DNS did not answer.
        not_located_unanswered,
        /// Of these, not found: there is neither a server nor an address.
        not_located_nothing,
        /// Of these, not found: DNS says that the service is not to be had.
        not_located_refused,
        /// Of these, not found: no transport of ours.
        not_located_transports,
        /// Times that the targets of an S-CSCF have changed.
        changed,
        /// Targets that no place was left for.
        no_place,
    }
}

impl LocationCounts {
    fn add(&mut self, other: &Self) {
        let Self {
            questions,
            answers,
            answers_negative,
            unanswered_silent,
            unanswered_refused,
            unanswered_malformed,
            stale,
            located,
            not_located_unanswered,
            not_located_nothing,
            not_located_refused,
            not_located_transports,
            changed,
            no_place,
        } = other;
        self.questions += questions;
        self.answers += answers;
        self.answers_negative += answers_negative;
        self.unanswered_silent += unanswered_silent;
        self.unanswered_refused += unanswered_refused;
        self.unanswered_malformed += unanswered_malformed;
        self.stale += stale;
        self.located += located;
        self.not_located_unanswered += not_located_unanswered;
        self.not_located_nothing += not_located_nothing;
        self.not_located_refused += not_located_refused;
        self.not_located_transports += not_located_transports;
        self.changed += changed;
        self.no_place += no_place;
    }
}

/// What has become of one name.
#[derive(Clone, Debug)]
struct Report {
    /// Which S-CSCF of the configuration.
    given: usize,
    /// The targets, or why there are none.
    outcome: Result<Vec<Target>, Why>,
    /// Whether an old answer was used.
    is_stale: bool,
    /// How long the answers live; old ones no longer.
    life: Duration,
    /// What was done since the last report.
    counts: LocationCounts,
}

/// How one name stands.
#[derive(Clone, Debug, Default)]
struct Standing {
    is_stale: bool,
    /// Why the last look found nothing.
    why: Option<Why>,
    until: Time,
}

/// Rounds of questions for one name: pointers, servers, addresses.
const ROUNDS: usize = 4;
/// Reports that wait for the control thread; then who has another waits.
const REPORTS: usize = 64;
/// A name for which old answers, or none, are used is asked for again no later.
const AGAIN: Duration = cache::RETRY;

/// Server location as the control thread has it.
pub struct Location {
    places: Places,
    standing: Vec<Standing>,
    reports: mpsc::Receiver<Report>,
    /// What workers had before: kept until none has it any more, so that none has to free it.
    former: Vec<Arc<Located>>,
    present: Arc<Located>,
    /// How many hosts workers still believe that are no targets any more.
    lingering: usize,
    domains: watch::Sender<Vec<(IpAddr, String)>>,
    counts: LocationCounts,
    tasks: Option<Tasks>,
}

/// What the tasks are made of, before they run.
struct Tasks {
    resolver: ResolverConfig,
    cache: CacheConfig,
    ways: Ways,
    key: SipKey,
    reports: mpsc::Sender<Report>,
}

impl Location {
    /// What workers begin with is `present`. Nobody is asked before [`Self::start`].
    #[must_use]
    pub(super) fn new(config: &Config, places: Places, present: Arc<Located>, key: &SipKey) -> Self {
        let dns = &config.sip.dns;
        let (reports, reports_here) = mpsc::channel(REPORTS);
        let tasks = Tasks {
            resolver: ResolverConfig {
                servers: dns.servers.iter().map(|server| server.0).collect(),
                timeout: dns.timeout,
                attempts: dns.attempts,
            },
            cache: CacheConfig {
                ttl_min: dns.ttl_min,
                ttl_max: dns.ttl_max,
                negative_max: dns.negative_max,
                entries: dns.entries as usize,
            },
            ways: places::ways(config),
            key: key.derive("server location"),
            reports,
        };
        let count = places.sought().map(|(at, _)| at + 1).max().unwrap_or(0);
        Self {
            standing: vec![Standing::default(); count],
            tasks: Some(tasks).filter(|_| count > 0),
            domains: watch::channel(places.domains()).0,
            places,
            reports: reports_here,
            former: vec![],
            present,
            lingering: 0,
            counts: LocationCounts::default(),
        }
    }

    /// Starts a task for each name, in the event loop that this is called in.
    pub(super) fn start(&mut self) {
        let Some(tasks) = self.tasks.take() else { return };
        let resolver = Arc::new(Resolver::new(&tasks.resolver));
        for (given, sought) in self.places.sought() {
            let seeker = Seeker {
                given,
                sought: sought.clone(),
                ways: tasks.ways,
                seed: tasks.key.hash(&[sought.name.as_bytes()]),
                cache: Cache::new(tasks.cache),
                resolver: resolver.clone(),
                reports: tasks.reports.clone(),
                began: Instant::now(),
            };
            tokio::spawn(seeker.run());
        }
    }

    /// Waits until a name has been looked for; never, if there is none.
    pub(super) async fn next(&mut self) -> Changed {
        match self.reports.recv().await {
            Some(report) => Changed(report),
            None => std::future::pending().await,
        }
    }

    /// Takes in what has become of a name. What workers are to be told, if it is new.
    pub(super) fn take(&mut self, now: Time, Changed(report): Changed) -> Option<Arc<Located>> {
        let Report { given, outcome, is_stale, life, counts } = report;
        self.counts.add(&counts);
        let uri = self.places.uri(given).to_owned();
        let targets: &[Target] = match &outcome {
            Ok(targets) => targets,
            // Who has been found stays where he is for as long as nobody says otherwise.
            Err(Why::Unanswered) => {
                self.tell(now, given, &uri, Some(Why::Unanswered), is_stale, life);
                return None;
            }
            Err(_) => &[],
        };
        self.tell(now, given, &uri, outcome.as_ref().err().copied(), is_stale, life);
        if !self.places.locate(now, given, targets) {
            return None;
        }
        self.counts.changed += 1;
        let placed = self.places.places().iter().flatten().filter(|place| place.given == given);
        let placed = placed.filter(|place| place.turn.is_some()).count();
        self.counts.no_place += targets.len().saturating_sub(placed) as u64;
        let told: Vec<_> = targets.iter().map(|it| format!("{} by {}", it.address, it.by.name())).collect();
        tracing::info!(scscf = uri, targets = told.join(", "), "S-CSCF located");
        Some(self.exchange(now))
    }

    /// Logs what is new about a name.
    fn tell(&mut self, now: Time, given: usize, uri: &str, why: Option<Why>, is_stale: bool, life: Duration) {
        let Some(standing) = self.standing.get_mut(given) else { return };
        if why != standing.why
            && let Some(why) = why
        {
            let remedy = "see that the servers of [sip.dns] answer, and what they say of its name";
            tracing::error!(scscf = uri, ?why, remedy, "S-CSCF can't be located");
        }
        if is_stale && !standing.is_stale {
            let remedy = "see that the servers of [sip.dns] answer";
            tracing::warn!(scscf = uri, remedy, "DNS does not answer: S-CSCF is taken to be where it was");
        }
        if why.is_none() && !is_stale && (standing.why.is_some() || standing.is_stale) {
            tracing::info!(scscf = uri, "DNS answers again");
        }
        *standing = Standing { is_stale, why, until: now + life };
    }

    /// What workers are to be told from now on.
    fn exchange(&mut self, now: Time) -> Arc<Located> {
        let next = Arc::new(self.places.snapshot(now));
        self.lingering = self.places.lingering(now);
        self.former.push(std::mem::replace(&mut self.present, next.clone()));
        self.domains.send_replace(self.places.domains());
        self.sweep();
        next
    }

    /// Frees what no worker has any more.
    fn sweep(&mut self) {
        self.former.retain(|located| {
            Arc::strong_count(located) > 1
                || Arc::strong_count(&located.networks) > 1
                || Arc::strong_count(&located.core) > 1
                || Arc::strong_count(&located.core.trusted) > 1
        });
    }

    /// The time has come at which somebody is no longer believed. What workers are to be told then.
    pub(super) fn handle_timeout(&mut self, now: Time) -> Option<Arc<Located>> {
        self.sweep();
        (self.places.lingering(now) != self.lingering).then(|| self.exchange(now))
    }

    /// What the hosts of S-CSCFs have to prove over streams, now and later.
    pub(super) fn domains(&self) -> watch::Receiver<Vec<(IpAddr, String)>> {
        self.domains.subscribe()
    }

    /// Each S-CSCF's places, for the admin API.
    pub(super) fn shown(&self, now: Time) -> Value {
        let places = self.places.places().iter().enumerate().filter_map(|(at, place)| {
            let place = (*place)?;
            let standing = self.standing.get(place.given).filter(|_| self.is_sought(place.given));
            let by = match standing {
                None => "configuration",
                Some(standing) if standing.is_stale || standing.why.is_some() => "dns, stale",
                Some(_) => "dns",
            };
            let ttl = standing.map(|standing| standing.until.since(now).as_secs());
            let name = format!("{} {}", self.places.uri(place.given), place.target.address);
            Some(json!({
                "place": at,
                "name": name,
                "transport": place.target.by.name(),
                "is_target": place.turn.is_some(),
                "located_by": by,
                "ttl_s": ttl.filter(|_| place.turn.is_some()),
            }))
        });
        let unlocated = self.places.sought().filter_map(|(given, _)| {
            let has_target = |place: &places::Place| place.given == given && place.turn.is_some();
            let is_located = self.places.places().iter().flatten().any(has_target);
            let why = self.standing.get(given).and_then(|standing| standing.why);
            (!is_located).then(|| {
                json!({
                    "name": self.places.uri(given),
                    "why": why.map_or("not answered yet", Why::name),
                })
            })
        });
        json!({ "places": places.collect::<Vec<_>>(), "unlocated": unlocated.collect::<Vec<_>>() })
    }

    fn is_sought(&self, given: usize) -> bool {
        self.places.sought().any(|(at, _)| at == given)
    }
}

impl Shown for Location {
    fn show(&self, to: &mut dyn Show) {
        to.counts("location", "", &self.counts);
        let unlocated = self.standing.iter().filter(|standing| standing.why.is_some()).count();
        let stale = self.standing.iter().filter(|standing| standing.is_stale).count();
        to.level(
            ("location", "", "names_unlocated", "Names for which DNS gives no target now."),
            unlocated as u64,
            0,
        );
        to.level(("location", "", "names_stale", "Names for which old answers are used."), stale as u64, 0);
    }
}

/// What has become of a name, to be taken in by [`Location::take`].
pub(super) struct Changed(Report);

/// Looks for one S-CSCF, for as long as the process lives.
struct Seeker {
    given: usize,
    sought: Sought,
    ways: Ways,
    seed: u64,
    cache: Cache,
    resolver: Arc<Resolver>,
    reports: mpsc::Sender<Report>,
    began: Instant,
}

impl Seeker {
    fn now(&self) -> Time {
        Time::ZERO + self.began.elapsed()
    }

    async fn run(mut self) {
        loop {
            let (report, refresh) = self.look().await;
            if self.reports.send(report).await.is_err() {
                return;
            }
            tokio::time::sleep(refresh.since(self.now())).await;
        }
    }

    /// One look, with the questions that are open, and when the next is due.
    async fn look(&mut self) -> (Report, Time) {
        let mut counts = LocationCounts { located: 1, ..LocationCounts::default() };
        let mut outcome = Err(Why::Unanswered);
        // An answer that comes during the look is as good as one that was there: the same `now` for all.
        let mut view = View::default();
        for _ in 0..ROUNDS {
            let now = self.now();
            view = View { refresh: now + Duration::from_secs(3_600), ..View::default() };
            let cache = &mut self.cache;
            let mut known = |question: &Question| view.of(cache.get(now, question)?);
            match select::locate(&self.sought, &self.ways, self.seed, &mut known) {
                select::Located::Ask(questions) => {
                    self.ask(questions, &mut counts).await;
                    continue;
                }
                select::Located::Found(targets, _) => outcome = Ok(targets),
                select::Located::Nobody(why) => outcome = Err(why),
            }
            break;
        }
        let now = self.now();
        counts.stale += view.stale;
        match &outcome {
            Ok(_) => {}
            Err(Why::Unanswered) => counts.not_located_unanswered += 1,
            Err(Why::Nothing) => counts.not_located_nothing += 1,
            Err(Why::Refused) => counts.not_located_refused += 1,
            Err(Why::Transports) => counts.not_located_transports += 1,
        }
        let is_answered = outcome != Err(Why::Unanswered);
        let refresh = if is_answered { view.refresh } else { now + AGAIN };
        let report = Report {
            given: self.given,
            outcome,
            is_stale: view.stale > 0,
            life: view.expires.map_or(Duration::ZERO, |expires| expires.since(now)),
            counts,
        };
        (report, refresh)
    }

    /// Asks all of these at the same time.
    async fn ask(&mut self, questions: Vec<Question>, counts: &mut LocationCounts) {
        let mut asked = tokio::task::JoinSet::new();
        for question in questions {
            let resolver = self.resolver.clone();
            counts.questions += 1;
            asked.spawn(async move { (resolver.ask(&question).await, question) });
        }
        while let Some(answered) = asked.join_next().await {
            let Ok((reply, question)) = answered else { continue };
            let now = self.now();
            match reply {
                Ok(reply) => {
                    match reply {
                        cache::Reply::Records(..) => counts.answers += 1,
                        cache::Reply::Nothing(_) => counts.answers_negative += 1,
                    }
                    self.cache.answered(now, question, reply);
                }
                Err(why) => {
                    match why {
                        Unanswered::Silent => counts.unanswered_silent += 1,
                        Unanswered::Refused => counts.unanswered_refused += 1,
                        Unanswered::Malformed => counts.unanswered_malformed += 1,
                    }
                    tracing::debug!(%question, ?why, "DNS does not answer");
                    self.cache.failed(now, question);
                }
            }
        }
    }
}

/// Of the answers that a look used: when the first is asked for again, and ends.
#[derive(Default)]
struct View {
    refresh: Time,
    expires: Option<Time>,
    stale: u64,
}

impl View {
    fn of(&mut self, kept: cache::Kept) -> Option<records::Answer> {
        self.refresh = self.refresh.min(kept.refresh);
        self.expires = Some(self.expires.map_or(kept.expires, |expires| expires.min(kept.expires)));
        self.stale += u64::from(kept.is_stale);
        Some(kept.answer)
    }
}
