//! Which server is asked (RFC 3263 4): from what DNS has answered to the targets of one URI, in the order in which they are
//! tried. It asks nobody: what it does not know yet it names.

use super::records::{Answer, Kind, Question, Record};
use crate::base::Random;
use std::net::SocketAddr;

/// Targets of one URI, at most.
pub(in crate::control) const TARGETS: usize = 8;
/// Servers of one service that are looked at, at most: the first by priority.
const SERVERS: usize = 16;

/// By what a target is reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum By {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl By {
    /// Its port where nothing else is said (RFC 3261 19.1.2).
    pub(super) const fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// What stands before the domain in the name of its SRV records.
    const fn service(self) -> &'static str {
        match self {
            Self::Udp => "_sip._udp.",
            Self::Tcp => "_sip._tcp.",
            Self::Tls => "_sips._tcp.",
        }
    }

    /// The transport of a NAPTR record's service; nothing if it is none that we know.
    fn of_service(service: &str) -> Option<Self> {
        let all = [("SIP+D2U", Self::Udp), ("SIP+D2T", Self::Tcp), ("SIPS+D2T", Self::Tls)];
        all.into_iter().find(|(name, _)| service.eq_ignore_ascii_case(name)).map(|(_, by)| by)
    }
}

/// The families of addresses that we have one of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Families {
    /// IPv4.
    pub(super) v4: bool,
    /// IPv6.
    pub(super) v6: bool,
}

impl Families {
    /// Whether there is any.
    pub(super) const fn any(self) -> bool {
        self.v4 || self.v6
    }
}

/// What we can send by, and to which families.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Ways {
    /// By UDP.
    pub(super) udp: Families,
    /// By TCP.
    pub(super) tcp: Families,
    /// By TLS.
    pub(super) tls: Families,
}

impl Ways {
    /// The families by that transport.
    pub(super) const fn by(&self, by: By) -> Families {
        match by {
            By::Udp => self.udp,
            By::Tcp => self.tcp,
            By::Tls => self.tls,
        }
    }
}

/// Who is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sought {
    /// The name of the URI's host.
    pub(super) name: String,
    /// The URI's port.
    pub(super) port: Option<u16>,
    /// The transport, if it is given.
    pub(super) by: Option<By>,
    /// Whether the URI is a SIPS URI: then TLS alone will do.
    pub(super) secure: bool,
}

/// A place that requests can be sent to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Target {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// By what it is reached.
    pub(super) by: By,
}

/// Why nobody was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// DNS did not answer something without which nothing can be said.
    Unanswered,
    /// DNS says that there is neither a server nor an address.
    Nothing,
    /// DNS says that the service is decidedly not to be had (RFC 2782: a target of ".").
    Refused,
    /// The domain has transports, but none of ours.
    Transports,
}

impl Why {
    /// In words.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unanswered => "DNS does not answer",
            Self::Nothing => "no server and no address",
            Self::Refused => "the service is not to be had",
            Self::Transports => "no transport of ours",
        }
    }
}

/// What came of a look at what is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Located {
    /// These have to be asked first.
    Ask(Vec<Question>),
    /// The targets, at least one, in the order in which they are tried; whether all that DNS was asked for was answered.
    Found(Vec<Target>, bool),
    /// There is none.
    Nobody(Why),
}

/// Either what was found out, or the reason why nothing more can be said now.
type Step<T> = Result<T, Located>;

/// Finds the targets of `sought`. `known` says what is known about a question, if anything. Of equal records the same `seed`
/// chooses the same order.
pub(super) fn locate(
    sought: &Sought,
    ways: &Ways,
    seed: u64,
    known: &mut dyn FnMut(&Question) -> Option<Answer>,
) -> Located {
    let mut search = Search { sought, ways, seed, known };
    search.run().unwrap_or_else(|stopped| stopped)
}

struct Search<'a> {
    sought: &'a Sought,
    ways: &'a Ways,
    seed: u64,
    known: &'a mut dyn FnMut(&Question) -> Option<Answer>,
}

impl Search<'_> {
    fn run(&mut self) -> Step<Located> {
        let sought = self.sought;
        // RFC 3263 4.1: a port, or a transport, that the URI has is not asked for.
        let by_default = if sought.secure { By::Tls } else { By::Udp };
        if let Some(port) = sought.port {
            return self.hosts(sought.by.unwrap_or(by_default), &[(sought.name.clone(), port)]);
        }
        if let Some(by) = sought.by {
            return self.services(&[(by, format!("{}{}", by.service(), sought.name))], by);
        }
        if let Some(services) = self.pointers()? {
            return self.services(&services, by_default);
        }
        let services = self.usable().map(|by| (by, format!("{}{}", by.service(), sought.name)));
        self.services(&services.collect::<Vec<_>>(), by_default)
    }

    /// The transports that may be chosen, ours first that need no connection.
    fn usable(&self) -> impl Iterator<Item = By> + use<> {
        let (ways, secure) = (*self.ways, self.sought.secure);
        let allowed = move |by: &By| (!secure || *by == By::Tls) && ways.by(*by).any();
        [By::Udp, By::Tcp, By::Tls].into_iter().filter(allowed)
    }

    /// What is known about all of these, in their order.
    fn all(&mut self, questions: Vec<Question>) -> Step<Vec<Answer>> {
        let answers: Vec<_> = questions.iter().map(|question| (self.known)(question)).collect();
        if answers.iter().all(Option::is_some) {
            return Ok(answers.into_iter().flatten().collect());
        }
        let open = questions.into_iter().zip(&answers).filter(|(_, answer)| answer.is_none());
        let mut open: Vec<_> = open.map(|(question, _)| question).collect();
        for at in (1..open.len()).rev() {
            if open[..at].contains(&open[at]) {
                open.remove(at);
            }
        }
        Err(Located::Ask(open))
    }

    /// RFC 3263 4.1: the services that the domain's pointers lead to, of the transports that we have, in the domain's order;
    /// nothing if it has no pointers to SIP.
    fn pointers(&mut self) -> Step<Option<Vec<(By, String)>>> {
        let mut answers = self.all(vec![Question::new(&self.sought.name, Kind::Naptr)])?;
        let mut records = match answers.pop() {
            Some(Answer::Records(records)) => records,
            Some(Answer::Nothing) => return Ok(None),
            // The domain may prefer another transport than what would be guessed, or have nothing but TLS.
            _ => return Err(Located::Nobody(Why::Unanswered)),
        };
        records.sort_unstable();
        let of_sip = records.into_iter().filter_map(|record| match record {
            Record::Naptr { flags, service, has_regexp: false, replacement, .. }
                if flags.eq_ignore_ascii_case("s") && is_sip(&service) =>
            {
                Some((By::of_service(&service), replacement))
            }
            _ => None,
        });
        let of_sip: Vec<_> = of_sip.collect();
        if of_sip.is_empty() {
            return Ok(None);
        }
        let usable: Vec<_> = self.usable().collect();
        let ours =
            of_sip.into_iter().filter_map(|(by, name)| Some((by.filter(|by| usable.contains(by))?, name)));
        let mut services: Vec<(By, String)> = vec![];
        for service in ours {
            if !services.contains(&service) && services.len() < SERVERS {
                services.push(service);
            }
        }
        match services.is_empty() {
            true => Err(Located::Nobody(Why::Transports)),
            false => Ok(Some(services)),
        }
    }

    /// RFC 3263 4.2: the servers of the first of these services that has any; if none has, the domain's own addresses, by
    /// `otherwise`.
    fn services(&mut self, services: &[(By, String)], otherwise: By) -> Step<Located> {
        let answers = self.all(services.iter().map(|(_, name)| Question::new(name, Kind::Srv)).collect())?;
        let mut refused = false;
        for ((by, _), answer) in services.iter().zip(answers) {
            let records = match answer {
                Answer::Records(records) => records,
                Answer::Nothing => continue,
                // What is preferred is not passed over because somebody has swallowed the answer.
                Answer::Failed => return Err(Located::Nobody(Why::Unanswered)),
            };
            let servers = in_turn(records, self.seed);
            if servers.is_empty() {
                refused = true;
                continue;
            }
            return self.hosts(*by, &servers);
        }
        if refused {
            return Err(Located::Nobody(Why::Refused));
        }
        self.hosts(otherwise, &[(self.sought.name.clone(), otherwise.port())])
    }

    /// The addresses of these hosts, in their order.
    fn hosts(&mut self, by: By, hosts: &[(String, u16)]) -> Step<Located> {
        let Families { v4, v6 } = self.ways.by(by);
        if !(v4 || v6) {
            return Err(Located::Nobody(Why::Transports));
        }
        let kinds = [(v6, Kind::Aaaa), (v4, Kind::A)].into_iter().filter(|(has, _)| *has);
        let kinds: Vec<_> = kinds.map(|(_, kind)| kind).collect();
        let each = hosts.iter().flat_map(|(name, _)| kinds.iter().map(|kind| Question::new(name, *kind)));
        let answers = self.all(each.collect())?;
        let mut targets: Vec<Target> = vec![];
        let mut is_whole = true;
        for ((_, port), answers) in hosts.iter().zip(answers.chunks(kinds.len())) {
            for answer in answers {
                let Answer::Records(records) = answer else {
                    is_whole &= *answer == Answer::Nothing;
                    continue;
                };
                let mut addresses: Vec<_> = records.iter().filter_map(address).collect();
                // Servers of DNS answer in another order each time.
                addresses.sort_unstable();
                shuffle(&mut addresses, self.seed);
                for address in addresses {
                    let target = Target { address: SocketAddr::new(address, *port), by };
                    if !targets.contains(&target) && targets.len() < TARGETS {
                        targets.push(target);
                    }
                }
            }
        }
        match (targets.is_empty(), is_whole) {
            (false, _) => Ok(Located::Found(targets, is_whole)),
            (true, true) => Err(Located::Nobody(Why::Nothing)),
            (true, false) => Err(Located::Nobody(Why::Unanswered)),
        }
    }
}

fn is_sip(service: &str) -> bool {
    let scheme = service.split('+').next().unwrap_or("");
    scheme.eq_ignore_ascii_case("SIP") || scheme.eq_ignore_ascii_case("SIPS")
}

fn address(record: &Record) -> Option<std::net::IpAddr> {
    match record {
        Record::Address(address) if !address.is_unspecified() && !address.is_multicast() => Some(*address),
        _ => None,
    }
}

fn shuffle<T>(list: &mut [T], seed: u64) {
    let mut random = Random::new(seed);
    for at in (1..list.len()).rev() {
        list.swap(at, random.below(at as u64 + 1) as usize);
    }
}

/// RFC 2782: the servers in the order in which they are tried, by priority, and within one by chance, each as often first as
/// its weight says. Those without a host or a port are left out.
fn in_turn(mut records: Vec<Record>, seed: u64) -> Vec<(String, u16)> {
    records.sort_unstable();
    records.dedup();
    let servers = records.into_iter().filter_map(|record| match record {
        Record::Srv { priority, weight, port, target } if !target.is_empty() && target != "." && port > 0 => {
            Some((priority, weight, (target, port)))
        }
        _ => None,
    });
    // Sorted by priority, and those of weight 0 first, as the algorithm wants them.
    let mut left: Vec<_> = servers.take(SERVERS).collect();
    let mut random = Random::new(seed);
    let mut turns = vec![];
    while let Some(&(priority, ..)) = left.first() {
        let same = left.iter().take_while(|(other, ..)| *other == priority);
        let sum = same.clone().map(|(_, weight, _)| u64::from(*weight)).sum::<u64>();
        let drawn = random.below(sum + 1);
        let mut running = 0;
        let at = same
            .map(|(_, weight, _)| {
                running += u64::from(*weight);
                running
            })
            .position(|running| running >= drawn);
        turns.push(left.remove(at.unwrap_or(0)).2);
    }
    turns
}
