//! Asks servers of DNS, one after the other, until one answers. Ports and identifiers of questions are drawn by chance
//! by the library.

use super::cache::Reply;
use super::records::{Kind, Question, Record};
use domain::base::iana::Rcode;
use domain::base::message::Message;
use domain::base::name::{Name, ToName};
use domain::base::{Question as Asked, Rtype};
use domain::rdata::{A, Aaaa, Cname, Naptr, Soa, Srv};
use domain::resolv::StubResolver;
use domain::resolv::stub::conf::{ResolvConf, ServerConf, Transport};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Whom to ask, and how patiently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ResolverConfig {
    /// The servers, the first before the others.
    pub(super) servers: Vec<SocketAddr>,
    /// How long one may take.
    pub(super) timeout: Duration,
    /// How often each is asked.
    pub(super) attempts: u8,
}

/// Why a question was not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unanswered {
    /// No server has said anything in time, or could be reached.
    Silent,
    /// One has said that it can't or won't.
    Refused,
    /// What one has said can't be read.
    Malformed,
}

/// Asks.
pub(super) struct Resolver {
    servers: Vec<StubResolver>,
    attempts: u8,
}

impl Resolver {
    /// Nothing is sent before the first question.
    pub(super) fn new(config: &ResolverConfig) -> Self {
        let server = |address: &SocketAddr| {
            let mut conf = ResolvConf::new();
            conf.servers = vec![ServerConf::new(*address, Transport::UdpTcp)];
            conf.options.timeout = config.timeout;
            conf.finalize();
            StubResolver::from_conf(conf)
        };
        Self { servers: config.servers.iter().map(server).collect(), attempts: config.attempts.max(1) }
    }

    /// What the first server that can says about `question`, over TCP where it is too long for UDP.
    ///
    /// # Errors
    /// None can.
    pub(super) async fn ask(&self, question: &Question) -> Result<Reply, Unanswered> {
        let name = Name::<Vec<u8>>::from_str(&question.name).map_err(|_| Unanswered::Malformed)?;
        let mut why = Unanswered::Silent;
        for _ in 0..self.attempts {
            for server in &self.servers {
                let asked = Asked::new_in(&name, rtype(question.kind));
                let Ok(answer) = server.query(asked).await else { continue };
                let message = answer.into_message();
                match message.header().rcode() {
                    _ if message.header().tc() => why = Unanswered::Malformed,
                    Rcode::NOERROR | Rcode::NXDOMAIN => match read(&message, question.kind) {
                        Some(reply) => return Ok(reply),
                        None => why = Unanswered::Malformed,
                    },
                    _ => why = Unanswered::Refused,
                }
            }
        }
        Err(why)
    }
}

const fn rtype(kind: Kind) -> Rtype {
    match kind {
        Kind::Naptr => Rtype::NAPTR,
        Kind::Srv => Rtype::SRV,
        Kind::A => Rtype::A,
        Kind::Aaaa => Rtype::AAAA,
    }
}

/// What an answer says; nothing if it can't be read.
fn read<Octs: AsRef<[u8]> + domain::dep::octseq::Octets>(
    message: &Message<Octs>,
    kind: Kind,
) -> Option<Reply> {
    let answers = message.answer().ok()?;
    // The library follows 20 aliases: more of them, or a ring of them, is no answer.
    let owner = message.canonical_name()?;
    let mut records = vec![];
    let mut life = u32::MAX;
    for alias in answers.limit_to_in::<Cname<_>>() {
        life = life.min(alias.ok()?.ttl().as_secs());
    }
    let mut take = |name: &dyn Fn() -> bool, ttl: u32, record: Record| {
        if name() {
            life = life.min(ttl);
            records.push(record);
        }
    };
    macro_rules! each {
        ($data:ty, $make:expr) => {
            for record in answers.limit_to_in::<$data>() {
                let record = record.ok()?;
                let made: Record = $make(record.data());
                take(&|| record.owner().name_eq(&owner), record.ttl().as_secs(), made);
            }
        };
    }
    match kind {
        Kind::A => each!(A, |data: &A| Record::Address(IpAddr::V4(data.addr()))),
        Kind::Aaaa => each!(Aaaa, |data: &Aaaa| Record::Address(IpAddr::V6(data.addr()))),
        Kind::Srv => each!(Srv<_>, |data: &Srv<_>| Record::Srv {
            priority: data.priority(),
            weight: data.weight(),
            port: data.port(),
            target: spelt(data.target()),
        }),
        Kind::Naptr => each!(Naptr<_, _>, |data: &Naptr<_, _>| Record::Naptr {
            order: data.order(),
            preference: data.preference(),
            flags: text(data.flags().as_slice()),
            service: text(data.services().as_slice()),
            has_regexp: !data.regexp().is_empty(),
            replacement: spelt(data.replacement()),
        }),
    }
    if records.is_empty() {
        return Some(Reply::Nothing(negative_life(message)));
    }
    Some(Reply::Records(records, Duration::from_secs(life.into())))
}

/// RFC 2308 5: that there is nothing holds for as long as the zone's SOA record says.
fn negative_life<Octs: AsRef<[u8]> + domain::dep::octseq::Octets>(
    message: &Message<Octs>,
) -> Option<Duration> {
    let soa = message.authority().ok()?.limit_to_in::<Soa<_>>().next()?.ok()?;
    Some(Duration::from_secs(soa.ttl().min(soa.data().minimum()).as_secs().into()))
}

/// A name in small letters, without the last dot.
fn spelt(name: &impl ToName) -> String {
    let text = name.fmt_with_dot().to_string().to_ascii_lowercase();
    match text.trim_end_matches('.') {
        "" => ".".into(),
        name => name.into(),
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
