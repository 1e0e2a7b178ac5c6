//! The slow path: configuration, registration, metrics and the admin API.
//!
//! The control thread reaches workers by mailboxes and published numbers only. It sleeps until a mailbox, a client, a
//! signal or the clock wakes it.

pub mod admin;
pub mod authentication;
pub mod config;
pub mod layers;
pub mod location;
pub mod log;
pub mod metrics;
pub mod numbering;
mod numbers;
mod operator;
mod paths;
pub mod registrar;
mod reports;
mod screening;
pub mod start;
pub mod store;
pub mod streams;
pub mod subscribers;
#[cfg(test)]
mod tests;
pub mod try_route;

pub use numbers::Numbers;

use crate::base::publish::{Published, Publisher, Shown, publish};
use crate::base::{Bell, Consumer, Producer, Time};
use crate::gateway::mailbox::{Located, ToControl, ToWorker};
use crate::ident::{Ssn, WorkerId};
use config::{Config, ConfigError};
use location::Location;
use registrar::{Outbox, Registrar};
use std::collections::VecDeque;
use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::engine::Failure;
use store::{Report, Store};
use subscribers::Subscribers;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

/// Why the gateway could not start, or had to stop.
#[derive(Debug)]
pub struct StartError {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl StartError {
    /// `what` is wrong; `remedy` helps.
    #[must_use]
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for StartError {}

/// Reads the configuration and the files that it names.
pub fn read(file: &Path) -> Result<(Config, Subscribers), Vec<ConfigError>> {
    let config = Config::load(file)?;
    config.secret().map_err(|error| vec![error])?;
    config.sip.tls.as_ref().map(streams::tls::Tls::load).transpose().map_err(|error| vec![error])?;
    let subscribers = Subscribers::load(&config)?;
    Ok((config, subscribers))
}

/// What wakes the control thread when a worker has put something into its mailbox.
#[derive(Clone)]
pub struct Doorbell {
    bell: Bell,
    rung: Arc<Notify>,
}

impl Default for Doorbell {
    fn default() -> Self {
        let rung = Arc::new(Notify::new());
        let wake = rung.clone();
        Self { bell: Bell::new(move || wake.notify_one()), rung }
    }
}

impl Doorbell {
    /// The end that a worker rings after each message.
    #[must_use]
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }
}

/// The control thread's ends of the rings from and to one worker.
pub struct Mailbox {
    /// The worker.
    pub worker: WorkerId,
    /// What it asks for.
    pub from: Consumer<ToControl>,
    /// What it is told.
    pub to: Producer<ToWorker>,
}

/// A mailbox with what had no room in its ring yet: at most an answer for each request that the worker has waiting.
struct Post {
    mailbox: Mailbox,
    waiting: VecDeque<ToWorker>,
}

impl Post {
    fn send(&mut self, message: ToWorker) {
        self.waiting.push_back(message);
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            if let Err(message) = self.mailbox.to.push(message) {
                self.waiting.push_front(message);
                return;
            }
        }
    }
}

/// Messages taken from one mailbox before others and clients get their turn.
const BATCH: usize = 64;
/// Reports of the store taken before others get their turn: each may hold as many rows as take a fraction of a millisecond.
const REPORTS: usize = 4;
/// How often bindings are swept and busy shares are taken.
const TICK: Duration = Duration::from_secs(1);
/// How soon a full ring to a worker is tried again.
const RETRY: Duration = Duration::from_millis(1);
/// Clients' questions that wait for the control thread; further clients wait themselves.
const QUESTIONS: usize = 16;
/// How long workers may take to stop.
const STOP: Duration = Duration::from_secs(10);

/// The control thread.
pub struct Control {
    config: Arc<Config>,
    clock: Box<dyn Fn() -> Time>,
    registrar: Registrar,
    publisher: Publisher,
    ports: Box<dyn Shown>,
    ports_publisher: Publisher,
    numbers: Arc<Numbers>,
    posts: Vec<Post>,
    doorbell: Doorbell,
    /// The second since 1970 in which our clock began, as workers know it.
    began: Option<u64>,
    /// How SCTP's associations and paths stood a moment ago.
    watch: paths::Watch,
    /// Connections that registrations came by, and that are gone.
    lost: Option<mpsc::UnboundedReceiver<streams::Lost>>,
    /// Where the S-CSCFs are, and what shows it.
    location: Option<(Location, Publisher)>,
    /// Where registrations are kept.
    store: Option<Store>,
    /// The files of TLS.
    tls: Option<Arc<streams::tls::Files>>,
    /// Operators who wait.
    desk: operator::Desk,
}

/// What has become of a name that DNS was asked for; never, if there is none.
async fn next_located(location: &mut Option<(Location, Publisher)>) -> location::Changed {
    match location {
        Some((location, _)) => location.next().await,
        None => std::future::pending().await,
    }
}

/// What the store says, `None` if that has ended; never, if there is none.
async fn next_report(store: &mut Option<Store>) -> Option<Report> {
    match store {
        Some(store) => store.report().await,
        None => std::future::pending().await,
    }
}

/// What comes out of `lost`; never, if there are no streams.
async fn next_lost(lost: &mut Option<mpsc::UnboundedReceiver<streams::Lost>>) -> Option<streams::Lost> {
    match lost {
        Some(lost) => lost.recv().await,
        None => std::future::pending().await,
    }
}

impl Control {
    /// `ports` shows what the ports count, `published` are the numbers of workers, in their order, and of stream threads; `clock` is
    /// the clock that workers read too; `doorbell` is the one whose bells the workers have.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        registrar: Registrar,
        ports: Box<dyn Shown>,
        mailboxes: Vec<Mailbox>,
        published: Vec<(Option<WorkerId>, Published)>,
        clock: Box<dyn Fn() -> Time>,
        doorbell: Doorbell,
    ) -> Self {
        let (publisher, own) = publish(&registrar);
        let (ports_publisher, of_ports) = publish(&*ports);
        let sources = published.into_iter().chain([(None, own), (None, of_ports)]);
        let numbers = Numbers::new(&config.node.name, sources.collect());
        let post = |mailbox| Post { mailbox, waiting: VecDeque::new() };
        Self {
            config,
            clock,
            registrar,
            publisher,
            ports,
            ports_publisher,
            numbers: Arc::new(numbers),
            posts: mailboxes.into_iter().map(post).collect(),
            doorbell,
            began: None,
            watch: paths::Watch::default(),
            lost: None,
            location: None,
            store: None,
            tls: None,
            desk: operator::Desk::default(),
        }
    }

    /// The same with stream threads, which tell of connections that are gone, and the files that they have of TLS.
    #[must_use]
    pub fn with_streams(
        self,
        lost: mpsc::UnboundedReceiver<streams::Lost>,
        tls: Option<Arc<streams::tls::Files>>,
    ) -> Self {
        Self { lost: Some(lost), tls, ..self }
    }

    /// The same with server location, and what shows its numbers.
    #[must_use]
    pub fn with_location(self, location: Location, publisher: Publisher) -> Self {
        Self { location: Some((location, publisher)), ..self }
    }

    /// The same with a store of registrations.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Serves until SIGTERM or SIGINT, reads certificates again at each SIGHUP, then tells the workers to stop and waits for them.
    ///
    /// # Errors
    /// A socket can't be opened, or a worker has ended by itself.
    pub fn run(self) -> Result<(), StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| StartError::new(format!("no event loop: {error}"), "free file descriptors"))?;
        runtime.block_on(self.serve())
    }

    async fn serve(mut self) -> Result<(), StartError> {
        let (_socket, mut questions) = self.listen().await?;
        let signals = |kind| {
            signal(kind).map_err(|error| StartError::new(format!("no signals: {error}"), "report this"))
        };
        let (mut terminate, mut interrupt) =
            (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
        let mut hang_up = signals(SignalKind::hangup())?;
        let mut tick = tokio::time::interval(TICK);
        let mut stopping = None;
        self.tell_date();
        if let Some((location, _)) = &mut self.location {
            location.start();
        }
        tracing::info!(node = self.config.node.name, "serving");
        loop {
            if self.take_post() {
                tokio::task::yield_now().await;
                continue;
            }
            if let Some(since) = stopping {
                let gone = self.posts.iter().all(|post| post.mailbox.to.is_abandoned());
                if gone || (self.clock)().since(since) >= STOP {
                    tracing::info!(workers_stopped = gone, "stopped");
                    return Ok(());
                }
            } else if let Some(post) = self.posts.iter().find(|post| post.mailbox.to.is_abandoned()) {
                let what = format!("worker {} has ended", post.mailbox.worker.0);
                return Err(StartError::new(what, "see its last words on standard error and report them"));
            }
            self.doorbell.bell.sleep();
            if self.posts.iter().any(|post| !post.mailbox.from.is_empty()) {
                continue;
            }
            let soon = stopping.is_some() || self.posts.iter().any(|post| !post.waiting.is_empty());
            let pause = self.registrar.poll_timeout().since((self.clock)()).min(TICK);
            tokio::select! {
                () = tokio::time::sleep(pause) => self.handle_timeout(),
                () = self.doorbell.rung.notified() => {}
                _ = tick.tick() => self.tick(),
                Some(question) = questions.recv() => self.answer(question),
                Some(lost) = next_lost(&mut self.lost) => self.on_lost(&lost),
                report = next_report(&mut self.store) => self.on_report(report),
                changed = next_located(&mut self.location) => self.on_located(changed),
                () = tokio::time::sleep(RETRY), if soon => {}
                _ = hang_up.recv() => self.read_again(),
                _ = terminate.recv() => stopping = stopping.or_else(|| self.stop("SIGTERM")),
                _ = interrupt.recv() => stopping = stopping.or_else(|| self.stop("SIGINT")),
            }
        }
    }

    /// SIGHUP: the files of TLS may be others now. The rest of the configuration is read at the start alone.
    fn read_again(&self) {
        match self.tls.as_ref().map(|files| files.read_again()) {
            Some(Ok(())) => tracing::info!("certificates read again"),
            Some(Err(ConfigError { file, what, remedy, .. })) => {
                tracing::error!(file = %file.display(), remedy, "{what}; the certificates that were read before stay in use");
            }
            None => tracing::info!("SIGHUP: there is no [sip.tls], whose files would be read again"),
        }
    }

    /// A connection is gone by which somebody had registered.
    fn on_lost(&mut self, lost: &streams::Lost) {
        let mut out = Outbox::new();
        self.registrar.on_connection_lost((self.clock)(), lost.source, lost.connection, &mut out);
        self.post(out);
    }

    /// The store has something to say; nothing more if its thread has ended, which it does not do before us.
    fn on_report(&mut self, first: Option<Report>) {
        let mut out = Outbox::new();
        let mut report = first.unwrap_or_else(|| {
            self.store = None;
            Report::Failed(Failure("its thread has ended".into()))
        });
        for turn in 1..=REPORTS {
            self.registrar.on_report((self.clock)(), report, &mut out);
            match self.store.as_mut().filter(|_| turn < REPORTS).and_then(Store::try_report) {
                Some(next) => report = next,
                None => break,
            }
        }
        self.post(out);
    }

    /// A name has been looked for.
    fn on_located(&mut self, changed: location::Changed) {
        let now = (self.clock)();
        let located = self.location.as_mut().and_then(|(location, _)| location.take(now, changed));
        self.tell_located(located);
    }

    /// The hosts of served networks' cores are others.
    fn tell_located(&mut self, located: Option<Arc<Located>>) {
        if let Some(located) = located {
            self.posts.iter_mut().for_each(|post| post.send(ToWorker::Located(located.clone())));
        }
    }

    /// A client that has gone needs no answer.
    fn answer(&mut self, question: admin::Question) {
        match question {
            admin::Question::Subscribers(answer) => drop(answer.send(self.registrar.summary())),
            admin::Question::Operator(asked, answer) => self.ask_operator(asked, answer),
            admin::Question::Places(answer) => {
                let now = (self.clock)();
                drop(answer.send(self.location.as_ref().map(|(location, _)| location.shown(now))));
            }
            admin::Question::Subsystem { ssn, in_service, answer } => {
                let known = self.config.sccp.subsystems.contains(&ssn);
                if known {
                    tracing::info!(ssn, in_service, "subsystem");
                    for (at, post) in self.posts.iter_mut().enumerate() {
                        post.send(ToWorker::Subsystem { ssn: Ssn(ssn), in_service, tells: at == 0 });
                    }
                }
                let _ = answer.send(known);
            }
        }
    }

    /// Opens the admin API and the metrics. What clients ask about the subscriber table comes out of the receiver.
    async fn listen(&self) -> Result<(admin::Socket, mpsc::Receiver<admin::Question>), StartError> {
        let path = &self.config.admin.socket;
        let (socket, listener) = admin::Socket::bind(path).map_err(|error| {
            let remedy = "set [admin] socket to a path in a directory that the gateway may write to";
            StartError::new(format!("admin socket {}: {error}", path.display()), remedy)
        })?;
        let audit = admin::Audit::new(self.config.admin.audit_file.as_deref()).map_err(|error| {
            let remedy = "set [admin] audit_file to a file that the gateway may write, or leave it out";
            StartError::new(format!("audit file: {error}"), remedy)
        })?;
        let (ask, questions) = mpsc::channel(QUESTIONS);
        tokio::spawn(admin::serve(listener, self.numbers.clone(), ask, audit));
        if let Some(address) = self.config.metrics.listen {
            let listener = TcpListener::bind(address).await.map_err(|error: io::Error| {
                let remedy = "set [metrics] listen to a free port of an address of this host";
                StartError::new(format!("metrics at {address}: {error}"), remedy)
            })?;
            tokio::spawn(axum::serve(listener, metrics::router(self.numbers.clone())).into_future());
            tracing::info!(%address, "metrics");
        }
        tracing::info!(socket = %path.display(), "admin API");
        Ok((socket, questions))
    }

    /// Carries out what workers ask for; whether there was anything.
    fn take_post(&mut self) -> bool {
        let mut any = false;
        let mut out = Outbox::new();
        for post in &mut self.posts {
            post.flush();
            for _ in 0..BATCH {
                let Some(message) = post.mailbox.from.pop() else { break };
                self.registrar.handle((self.clock)(), message, &mut out);
                any = true;
            }
        }
        self.post(out);
        if any {
            self.publisher.publish(&self.registrar);
        }
        any
    }

    /// Hands the workers what the registrar has for them.
    fn post(&mut self, out: Outbox) {
        while let Some(write) = self.registrar.poll_write() {
            // There is room for as many as the journal lets wait. Of a store that has failed a report is on its way.
            let _ = self.store.as_ref().map(|store| store.write(write));
        }
        self.tell_operators();
        for (worker, message) in out {
            if let Some(post) = self.posts.iter_mut().find(|post| post.mailbox.worker == worker) {
                post.send(message);
            }
        }
    }

    /// Deadlines of registrations have passed.
    fn handle_timeout(&mut self) {
        let mut out = Outbox::new();
        self.registrar.handle_timeout((self.clock)(), &mut out);
        self.post(out);
    }

    fn tick(&mut self) {
        let now = (self.clock)();
        self.tell_date();
        self.publisher.publish(&self.registrar);
        self.ports_publisher.publish(&*self.ports);
        let located = self.location.as_mut().and_then(|(location, publisher)| {
            let located = location.handle_timeout(now);
            publisher.publish(location);
            located
        });
        self.tell_located(located);
        self.numbers.sample(now);
        paths::tell(&self.watch.look(now, &self.numbers.sctp()));
    }

    /// The calendar may be set anew at any time, and the date in answers and reports with it.
    #[allow(clippy::disallowed_methods)] // the process's own clock is looked at here
    fn tell_date(&mut self) {
        if let Ok(since_1970) = SystemTime::now().duration_since(UNIX_EPOCH) {
            let now = (self.clock)();
            self.registrar.set_calendar(now, since_1970.as_secs());
            // Of two clocks' whole seconds: it is one more or less now and then.
            let began = since_1970.as_secs().saturating_sub(now.as_secs());
            if self.began.is_none_or(|known| known.abs_diff(began) > 1) {
                self.began = Some(began);
                self.posts.iter_mut().for_each(|post| post.send(ToWorker::Calendar(began)));
            }
        }
    }

    fn stop(&mut self, signal: &str) -> Option<Time> {
        tracing::info!(signal, "stopping");
        for post in &mut self.posts {
            post.send(ToWorker::Stop);
        }
        let mut out = Outbox::new();
        self.registrar.write_behind((self.clock)(), &mut out);
        self.post(out);
        Some((self.clock)())
    }
}
