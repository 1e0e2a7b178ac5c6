//! What operators ask about subscribers: who is registered, why somebody is reached or not, and that somebody's
//! registration ends (8.2.2, without a timer). Numbers and identities are masked unless they are asked for.

mod why;

use super::r1::{Party, Settled};
use super::{Form, Registrar, Waiter};
use crate::base::Time;
use crate::control::config::Network;
use crate::ident::{Digits, Identity, Imsi, Masked, Msisdn};
use crate::subscriber::{AccessKind, Subscriber, SubscriberId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Places of the table that are looked at for one question: workers wait for the control thread meanwhile.
const PLACES: u32 = 16_384;

/// Whom a question is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// The subscriber with this number.
    Msisdn(Msisdn),
    /// The subscriber with this IMSI.
    Imsi(Imsi),
}

impl Whom {
    /// The number as the question names it.
    #[must_use]
    pub fn digits(self) -> Digits {
        match self {
            Self::Msisdn(number) => number.digits(),
            Self::Imsi(number) => number.digits(),
        }
    }
}

/// Whether numbers and identities are shown whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sight {
    /// They are.
    pub unmasked: bool,
}

impl Sight {
    /// A number.
    #[must_use]
    pub fn number(self, digits: Digits) -> String {
        if self.unmasked { digits.to_string() } else { Masked(digits).to_string() }
    }

    fn identity(self, identity: Identity) -> String {
        if self.unmasked {
            identity.to_string()
        } else {
            format!("{identity:?}").trim_start_matches(':').into()
        }
    }

    /// Where a UE says that it is: its host is in that, too.
    fn contact(self, contact: Identity) -> String {
        let scheme = contact.as_str().split(':').next().unwrap_or("");
        if self.unmasked { contact.to_string() } else { format!("{scheme}:*") }
    }

    /// Where a user is.
    fn address(self, address: SocketAddr) -> String {
        if self.unmasked { address.to_string() } else { "*".into() }
    }
}

/// How somebody stands whom the table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A binding lives, and the HLR knows.
    Registered,
    /// A binding lives, and the HLR has not said yet that it knows.
    HlrPending,
    /// The time of all bindings has passed; they are about to be removed.
    Ended,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::HlrPending => "hlr_pending",
            Self::Ended => "ended",
        }
    }
}

/// By which access somebody is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Through an S-CSCF.
    Ims,
    /// Directly.
    Direct,
}

impl Access {
    const fn of(access: AccessKind) -> Self {
        match access {
            AccessKind::Ims => Self::Ims,
            AccessKind::Direct => Self::Direct,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ims => "ims",
            Self::Direct => "direct",
        }
    }
}

/// Which subscribers are listed: those to whom all apply that is given.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only those in this state.
    #[arg(long, value_enum)]
    pub state: Option<State>,
    /// Only those who have a binding by this access.
    #[arg(long, value_enum)]
    pub access: Option<Access>,
    /// Only those whom the S-CSCF with this URI has registered.
    #[arg(long, value_name = "URI")]
    pub scscf: Option<String>,
    /// Only those of this network.
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
}

/// A part of the list.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// One object for each subscriber.
    pub subscribers: Vec<Value>,
    /// The place to go on from; none: the table has no more.
    pub next: Option<u32>,
}

/// What has become of a de-registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deregistered {
    /// So many bindings have ended, and the HLR knows, or need not be told.
    Done {
        /// How many.
        bindings: usize,
        /// Whether the HLR was told.
        told: bool,
    },
    /// They have ended, and the HLR has not answered yet: it goes on being told.
    Late {
        /// How many.
        bindings: usize,
    },
    /// They have ended here, and the HLR refuses to take that, with this MAP error.
    Refused {
        /// How many.
        bindings: usize,
        /// The error.
        error: u8,
    },
    /// The subscriber has registered again meanwhile.
    Superseded {
        /// How many.
        bindings: usize,
    },
    /// Nobody is registered under that number.
    Unknown,
    /// Whether somebody is registered under that number is not known yet: registrations are being restored.
    NotLoaded,
    /// The store of registrations does not write: what has ended would come back with the next start.
    NotKept {
        /// How many bindings have ended all the same.
        bindings: usize,
    },
}

impl Deregistered {
    fn bindings(self) -> usize {
        match self {
            Self::Done { bindings, .. }
            | Self::Late { bindings }
            | Self::Refused { bindings, .. }
            | Self::Superseded { bindings }
            | Self::NotKept { bindings } => bindings,
            Self::Unknown | Self::NotLoaded => 0,
        }
    }
}

impl Registrar {
    /// Subscribers in places from `from` on that `filter` lets through, at most so many. A part of the table is looked at: the
    /// list goes on at [`Listed::next`] even where it is empty.
    #[must_use]
    pub fn list(&self, now: Time, filter: &Filter, from: u32, most: usize, sight: Sight) -> Listed {
        let end = from.saturating_add(PLACES).min(self.writer.places());
        let mut subscribers = vec![];
        for subscriber in self.writer.within(from..end) {
            if subscribers.len() == most {
                return Listed { subscribers, next: Some(subscriber.id().slot) };
            }
            if self.is_listed(now, filter, &subscriber) {
                subscribers.push(self.line(now, &subscriber, sight));
            }
        }
        Listed { subscribers, next: (end < self.writer.places()).then_some(end) }
    }

    fn is_listed(&self, now: Time, filter: &Filter, subscriber: &Subscriber<'_>) -> bool {
        let Filter { state, access, scscf, network } = filter;
        let record = subscriber.record();
        let is_of_network = |name: &String| record.bindings().any(|it| self.name(it.network) == name);
        let is_of_access = |access: &Access| record.bindings().any(|it| Access::of(it.access) == *access);
        let is_of_scscf = |uri: &String| {
            record.bindings().any(|it| it.access == AccessKind::Ims && it.contact.as_str() == uri)
        };
        network.as_ref().is_none_or(is_of_network)
            && access.as_ref().is_none_or(is_of_access)
            && scscf.as_ref().is_none_or(is_of_scscf)
            && state.is_none_or(|state| self.state(now, subscriber) == state)
    }

    fn line(&self, now: Time, subscriber: &Subscriber<'_>, sight: Sight) -> Value {
        let record = subscriber.record();
        let network = record.binding(0).map(|binding| self.name(binding.network));
        let mut accesses: Vec<&str> = vec![];
        for binding in record.bindings() {
            if !accesses.contains(&Access::of(binding.access).name()) {
                accesses.push(Access::of(binding.access).name());
            }
        }
        let scscf = record.bindings().find(|it| it.access == AccessKind::Ims);
        let ends = (0..record.bindings().len()).map(|at| subscriber.expiry(at)).max();
        json!({
            "msisdn": record.msisdn().map(|number| sight.number(number.digits())),
            "imsi": record.imsi().map(|number| sight.number(number.digits())),
            "state": self.state(now, subscriber).name(),
            "network": network,
            "access": accesses,
            "scscf": scscf.map(|binding| binding.contact.to_string()),
            "bindings": record.bindings().len(),
            "ends_in_s": ends.map(|ends| ends.since(now).as_secs()),
        })
    }

    fn state(&self, now: Time, subscriber: &Subscriber<'_>) -> State {
        let Some((_, binding)) = subscriber.registered(now).next() else { return State::Ended };
        let party = self.party(binding.network, subscriber.record().imsi());
        match party.is_none_or(|party| self.r1.is_told(party)) {
            true => State::Registered,
            false => State::HlrPending,
        }
    }

    fn name(&self, network: u16) -> &str {
        self.config.networks.get(usize::from(network)).map_or("", |network| &network.name)
    }

    /// The subscriber whom the table has under a number, or whose IMSI a file tells.
    fn of_whom(&self, whom: Whom) -> Option<Subscriber<'_>> {
        let by_number = match whom {
            Whom::Msisdn(number) => self.writer.by_msisdn(number),
            Whom::Imsi(_) => None,
        };
        by_number.or_else(|| self.writer.by_imsi(self.imsi_of(whom)?))
    }

    /// The IMSI of whom a question is about, as the table or a subscriber file has it.
    fn imsi_of(&self, whom: Whom) -> Option<Imsi> {
        match whom {
            Whom::Imsi(imsi) => Some(imsi),
            Whom::Msisdn(number) => {
                let of_table = self.writer.by_msisdn(number).and_then(|it| it.record().imsi());
                let mut files =
                    (0..self.config.networks.len() as u16).filter_map(|at| self.subscribers.of(at));
                of_table.or_else(|| files.find_map(|file| file.by_msisdn(number)?.imsi))
            }
        }
    }

    /// The networks whose HLR may have something to do with an IMSI.
    fn parties_of(&self, imsi: Imsi) -> impl Iterator<Item = (Party, &Network)> {
        let networks = self.config.networks.iter().enumerate();
        networks
            .filter(|(_, network)| network.r1 != Form::Preconfigured)
            .map(move |(at, network)| (Party { network: at as u16, imsi }, network))
    }

    /// 8.2.2 steps 1 to 4 because an operator says so: every binding of a subscriber ends, and a registration that is under way
    /// with it. What becomes of it comes out of [`Registrar::poll_deregistered`] under `number`.
    pub fn deregister(&mut self, now: Time, whom: Whom, number: u64, out: &mut super::Outbox) {
        self.writer.now = now;
        match self.of_whom(whom).map(|subscriber| subscriber.id()) {
            _ if self.refuses_to_end(now) => {
                self.deregistered.push_back((number, Deregistered::NotKept { bindings: 0 }));
            }
            Some(id) => self.end_of_operator(now, id, number),
            None if !self.is_loaded(self.imsi_of(whom)) => {
                self.deregistered.push_back((number, Deregistered::NotLoaded));
            }
            None => self.stop_joining(now, whom, number),
        }
        self.finish(now, out);
    }

    fn end_of_operator(&mut self, now: Time, id: SubscriberId, number: u64) {
        let Some(subscriber) = self.writer.get(id) else { return };
        let record = subscriber.record();
        let (imsi, network) = (record.imsi(), record.binding(0).map(|binding| binding.network));
        let (identities, bindings): (Vec<Identity>, _) =
            (record.identities().collect(), record.bindings().len());
        let party = network.and_then(|network| self.party(network, imsi));
        if let Some(party) = party {
            self.withdraw_those(now, party, |waiter| matches!(waiter, Waiter::Join(_)));
        }
        if let Some(network) = network {
            self.unwatch(now, network, &identities);
        }
        // From behind: one that can't be removed for want of room has ended all the same, and stays where it is.
        (0..bindings).rev().for_each(|at| self.end(now, id, at, Some("deactivated")));
        self.counts.ended_by_operator += bindings as u64;
        tracing::info!(?imsi, bindings, "de-registered by an operator");
        self.tell_for_operator(now, party, number, bindings);
    }

    /// Nobody is registered yet; somebody who is about to be is refused.
    fn stop_joining(&mut self, now: Time, whom: Whom, number: u64) {
        let imsi = self.imsi_of(whom);
        let registering = |imsi| self.parties_of(imsi).find(|(party, _)| self.r1.is_registering(*party));
        let Some(party) = imsi.and_then(registering).map(|(party, _)| party) else {
            return self.deregistered.push_back((number, Deregistered::Unknown));
        };
        self.withdraw_those(now, party, |waiter| matches!(waiter, Waiter::Join(_)));
        self.tell_for_operator(now, Some(party), number, 0);
    }

    /// The operator waits until the HLR knows.
    fn tell_for_operator(&mut self, now: Time, party: Option<Party>, number: u64, bindings: usize) {
        let waits = Waiter::Operator(number, bindings);
        let is_told = party.is_some();
        // Given back: it knows already, or there is nobody to be told.
        let given = match party {
            Some(party) => self.r1.wish(now, party, false, Some(waits)),
            None => Some(waits),
        };
        if given.is_some() {
            self.deregistered.push_back((number, Deregistered::Done { bindings, told: is_told }));
        }
    }

    /// 8.2.2 step 3 for an operator: the HLR has answered, or takes too long.
    pub(super) fn on_told_for_operator(&mut self, number: u64, bindings: usize, how: Settled) {
        let ended = match how {
            Settled::Agreed => Deregistered::Done { bindings, told: true },
            Settled::Late => Deregistered::Late { bindings },
            Settled::Refused(error) => Deregistered::Refused { bindings, error },
            Settled::Superseded => Deregistered::Superseded { bindings },
        };
        self.deregistered.push_back((number, ended));
    }

    /// What has become of a de-registration that an operator asked for, under its number, once that is durable.
    pub fn poll_deregistered(&mut self) -> Option<(u64, Deregistered)> {
        let journal = &self.writer.journal;
        let is_kept = journal.is_kept(self.settling.operators.front()?.0)?;
        let (_, number, ended) = self.settling.operators.pop_front()?;
        let not_kept = Deregistered::NotKept { bindings: ended.bindings() };
        Some((number, if is_kept { ended } else { not_kept }))
    }
}
