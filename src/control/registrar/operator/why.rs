//! Everything that is known about one subscriber, and where nothing was found.

use super::super::r1::{Exchange, Party, Said, Told};
use super::super::{Form, Registrar};
use super::{Access, Sight, Whom};
use crate::base::Time;
use crate::control::config::Network;
use crate::gateway::charging::End;
use crate::ident::{Identity, Imsi};
use crate::subscriber::{AccessKind, Binding, Subscriber};
use serde_json::{Value, json};

/// What fires for a subscriber, and when.
type Timer = (&'static str, Time);

impl Registrar {
    /// What is known about a subscriber: whether it is registered and how, what the HLR knows, its last messages, and what fires
    /// next.
    pub fn why(&mut self, now: Time, whom: Whom, sight: Sight) -> Value {
        self.take_history(now);
        let subscriber = self.of_whom(whom);
        let imsi = subscriber.and_then(|it| it.record().imsi()).or_else(|| self.imsi_of(whom));
        let exchanges: Vec<(Party, &Network, Exchange)> = imsi
            .into_iter()
            .flat_map(|imsi| self.parties_of(imsi))
            .filter_map(|(party, network)| Some((party, network, self.r1.exchange(now, party)?)))
            .collect();
        let last = imsi.and_then(|imsi| self.history.of(imsi));
        let looked = self.looked(whom, imsi, &exchanges);
        let found = looked.iter().any(|it| it["found"] == true);
        let mut timers: Vec<Timer> = vec![];
        let bindings =
            subscriber.map(|it| self.bindings_of(now, &it, sight, &mut timers)).unwrap_or_default();
        exchanges.iter().for_each(|(_, _, exchange)| timers_of(exchange, &mut timers));
        if let Some(subscriber) = &subscriber {
            self.timers_of_watches(subscriber, &mut timers);
        }
        timers.sort_by_key(|(_, at)| *at);
        let record = subscriber.map(|it| it.record());
        let registering = exchanges.iter().any(|(party, ..)| self.r1.is_registering(*party));
        let network = record.and_then(|it| it.binding(0)).map(|binding| self.name(binding.network));
        let ends = |ends: &[Option<(Time, End)>]| -> Vec<Value> {
            ends.iter().flatten().map(|(at, end)| message(now, *at, *end)).collect()
        };
        json!({
            "asked": sight.number(whom.digits()),
            "found": found,
            "looked_in": looked,
            "msisdn": record.and_then(|it| it.msisdn()).map(|number| sight.number(number.digits())),
            "imsi": imsi.map(|number| sight.number(number.digits())),
            "private_identity": record.and_then(|it| it.private_identity()).map(|it| sight.identity(it)),
            "identities": record.map(|it| it.identities().map(|it| sight.identity(it)).collect::<Vec<_>>()),
            "registered": subscriber.is_some_and(|it| it.is_registered(now)),
            "state": subscriber.map(|it| self.state(now, &it).name()),
            "registering": registering,
            "network": network,
            "bindings": bindings,
            "mt_in_progress": subscriber.is_some_and(|it| it.mt_holder().is_some()),
            "hlr": exchanges.iter().map(|(party, network, exchange)| hlr(now, *party, network, exchange, self.calendar)).collect::<Vec<_>>(),
            "messages": {
                "submitted": last.map(|last| ends(&last.submitted)).unwrap_or_default(),
                "delivered": last.map(|last| ends(&last.delivered)).unwrap_or_default(),
            },
            "timers": timers.iter().map(|timer| timer_value(now, timer)).collect::<Vec<_>>(),
            "next_timer": timers.first().map(|timer| timer_value(now, timer)),
        })
    }

    /// Where a subscriber was looked for, in this order, and whether anything was found there.
    fn looked(
        &self,
        whom: Whom,
        imsi: Option<Imsi>,
        exchanges: &[(Party, &Network, Exchange)],
    ) -> Vec<Value> {
        let place = |place: &str, found: bool| json!({ "place": place, "found": found });
        let mut looked = vec![];
        if let Whom::Msisdn(number) = whom {
            let among = self.writer.len();
            let found = self.writer.by_msisdn(number).is_some();
            looked.push(place(&format!("table of subscribers ({among}), by MSISDN"), found));
            for (at, network) in self.config.networks.iter().enumerate() {
                let Some(file) = self.subscribers.of(at as u16).filter(|_| network.subscribers.is_some())
                else {
                    continue;
                };
                let what = format!("subscriber file of {} ({}), by MSISDN", network.name, file.len());
                looked.push(place(&what, file.by_msisdn(number).is_some()));
            }
        }
        let Some(imsi) = imsi else {
            let what =
                "exchanges with HLRs and last messages: not looked in, since no IMSI is known for the number";
            looked.push(place(what, false));
            return looked;
        };
        let among = self.writer.len();
        let found = self.writer.by_imsi(imsi).is_some();
        looked.push(place(&format!("table of subscribers ({among}), by IMSI"), found));
        looked.push(place("exchanges with HLRs, by IMSI", !exchanges.is_empty()));
        let what = format!("last messages of subscribers ({}), by IMSI", self.history.len());
        looked.push(place(&what, self.history.of(imsi).is_some()));
        looked
    }

    fn bindings_of(
        &self,
        now: Time,
        subscriber: &Subscriber<'_>,
        sight: Sight,
        timers: &mut Vec<Timer>,
    ) -> Vec<Value> {
        let bindings = subscriber.record().bindings().enumerate();
        bindings
            .map(|(at, binding)| {
                let ends = subscriber.expiry(at);
                let is_direct = binding.access == AccessKind::Direct;
                timers.push((if is_direct { "guard timer of a binding" } else { "end of a binding" }, ends));
                let guard = self.config.timers.guard;
                let expires = if is_direct { ends.since(now).saturating_sub(guard) } else { ends.since(now) };
                json!({
                    "access": Access::of(binding.access).name(),
                    "network": self.name(binding.network),
                    "priority": binding.priority,
                    "path": path(&binding, sight),
                    "contact": if is_direct { sight.contact(binding.contact) } else { binding.contact.to_string() },
                    "access_network_info": access_network_info(&binding, sight),
                    "expires_in_s": expires.as_secs(),
                    "ends_in_s": ends.since(now).as_secs(),
                })
            })
            .collect()
    }

    fn timers_of_watches(&self, subscriber: &Subscriber<'_>, timers: &mut Vec<Timer>) {
        let record = subscriber.record();
        let Some(network) = record.binding(0).map(|binding| binding.network) else { return };
        for identity in record.identities() {
            let next = self.next_of_watch(network, identity);
            timers.extend(next.map(|at| ("subscription to registration state", at)));
        }
    }

    fn next_of_watch(&self, network: u16, identity: Identity) -> Option<Time> {
        self.reg_event.next_of(super::super::reg_event::Watched { network, identity })
    }
}

/// How requests to a binding leave: by which of our addresses, to which of the S-CSCF's or the UE's, by which transport.
fn path(binding: &Binding, sight: Sight) -> String {
    let transport = if binding.connection.is_some() { "stream" } else { "datagrams" };
    let to = match binding.access {
        AccessKind::Ims => binding.target.to_string(),
        AccessKind::Direct => sight.address(binding.target),
    };
    format!("{} to {to}, {transport}", binding.local)
}

/// The kind of access; which cell or host it is, is told to those alone who may see numbers.
fn access_network_info(binding: &Binding, sight: Sight) -> Option<String> {
    let text = binding.access_network_info.as_str();
    let shown = if sight.unmasked { text } else { text.split(';').next().unwrap_or("") };
    (!shown.is_empty()).then(|| shown.to_owned())
}

fn hlr(
    now: Time,
    party: Party,
    network: &Network,
    exchange: &Exchange,
    calendar: Option<(Time, u64)>,
) -> Value {
    let title = crate::gateway::hlr_of(network.hlr.iter().map(|it| (it.imsi_prefix, it.title)), party.imsi);
    let form = match network.r1 {
        Form::AnyTimeModification => "any_time_modification",
        Form::UpdateGprsLocation => "update_gprs_location",
        Form::Preconfigured => "preconfigured",
    };
    let word = |registered: bool| if registered { "registered" } else { "deregistered" };
    let told = exchange.told.map(|Told { registered, sent, ended, said }| {
        let (answer, error) = match said {
            Said::Nothing => (None, None),
            Said::Agreed => (Some("agreed"), None),
            Said::Error(code) => (Some("error"), Some(code)),
            Said::Aborted => (Some("aborted"), None),
            Said::Unanswered => (Some("unanswered"), None),
            Said::NotSent => (Some("not_sent"), None),
        };
        json!({
            "what": word(registered),
            "s_ago": now.since(sent).as_secs(),
            "answer": answer,
            "map_error": error,
            "answered_s_ago": answer.map(|_| now.since(ended).as_secs()),
        })
    });
    // What a life of the process before this one has heard of it.
    let before = calendar.filter(|_| exchange.told_before > 0).map(|(then, since_1970)| {
        let s_ago = (since_1970 + now.since(then).as_secs()).saturating_sub(exchange.told_before);
        json!({ "what": word(true), "answer": "agreed", "answered_s_ago": s_ago })
    });
    json!({
        "network": network.name,
        "hlr": title.map(|title| title.to_string()),
        "form": form,
        "told": told,
        "told_before_start": before,
        "to_tell": exchange.to_tell.map(word),
        "is_queued": exchange.is_queued,
        "is_underway": exchange.underway.is_some(),
        "failures": exchange.failures,
        "waiting": exchange.waiting,
        "next_try_in_s": exchange.retry.map(|at| at.since(now).as_secs()),
    })
}

fn timers_of(exchange: &Exchange, timers: &mut Vec<Timer>) {
    let all = [
        ("end of an operation of the HLR's", exchange.underway),
        ("answer to a REGISTER without the HLR's", exchange.answered_by),
        ("next try at the HLR", exchange.retry),
        ("what the HLR knows is made certain", exchange.confirm),
    ];
    timers.extend(all.into_iter().filter_map(|(what, at)| Some((what, at?))));
}

fn timer_value(now: Time, (what, at): &Timer) -> Value {
    json!({ "timer": what, "in_s": at.since(now).as_secs() })
}

/// How a message ended; never what it said.
fn message(now: Time, at: Time, end: End) -> Value {
    let s_ago = now.since(at).as_secs();
    match end {
        End::Submitted { cause, is_told } => {
            let outcome = if cause.is_none() { "acknowledged" } else { "refused" };
            json!({ "outcome": outcome, "rp_cause": cause, "report_taken": is_told, "s_ago": s_ago })
        }
        End::Delivered(None) => json!({ "outcome": "delivered", "failure": null, "s_ago": s_ago }),
        End::Delivered(Some(failure)) => {
            json!({ "outcome": "failed", "failure": format!("{failure:?}"), "s_ago": s_ago })
        }
    }
}
