//! Questions to servers of DNS that answer, or don't, on this host.

use super::super::cache::Reply;
use super::super::dns::{Resolver, ResolverConfig, Unanswered};
use super::super::records::{Kind, Question, Record};
use domain::base::CharStr;
use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::{A, Cname, Naptr, Soa, Srv};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// How a server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    Well,
    Refuses,
    Garbage,
    /// With another identifier first, as somebody would who guesses.
    Forged,
    /// That it is too long, but by TCP.
    Truncated,
}

fn name(text: &str) -> Name<Vec<u8>> {
    Name::from_str(text).unwrap()
}

/// The answer to `asked`: each name tells which.
fn answer(asked: &[u8], manner: Manner, by_tcp: bool) -> Vec<u8> {
    let message = Message::from_octets(asked.to_vec()).unwrap();
    let question = message.first_question().unwrap();
    let owner: Name<Vec<u8>> = domain::base::ToName::to_name(question.qname());
    let rcode = match (manner, owner.to_string().as_str()) {
        (Manner::Refuses, _) => Rcode::REFUSED,
        (_, "nowhere.example") => Rcode::NXDOMAIN,
        _ => Rcode::NOERROR,
    };
    let mut builder = MessageBuilder::new_vec().start_answer(&message, rcode).unwrap();
    let ttl = Ttl::from_secs;
    let address = |last| A::from_octets(192, 0, 2, last);
    match owner.to_string().as_str() {
        _ if manner == Manner::Refuses => {}
        _ if manner == Manner::Truncated && !by_tcp => builder.header_mut().set_tc(true),
        "host.example" => {
            builder.push((&owner, ttl(300), address(1))).unwrap();
            builder.push((&owner, ttl(200), address(2))).unwrap();
            builder.push((name("other.example"), ttl(1), address(3))).unwrap();
        }
        "alias.example" => {
            builder.push((&owner, ttl(20), Cname::new(name("host.example")))).unwrap();
            builder.push((name("host.example"), ttl(300), address(1))).unwrap();
        }
        "ring.example" => {
            builder.push((&owner, ttl(20), Cname::new(name("gnir.example")))).unwrap();
            builder.push((name("gnir.example"), ttl(20), Cname::new(owner.clone()))).unwrap();
        }
        "_sip._udp.example" => {
            builder.push((&owner, ttl(60), Srv::new(10, 20, 5066, name("Host.Example")))).unwrap();
            builder.push((&owner, ttl(60), Srv::new(20, 0, 0, name(".")))).unwrap();
        }
        "domain.example" => {
            let text = |text: &str| CharStr::<Vec<u8>>::from_octets(text.into()).unwrap();
            let to = name("_sip._udp.example");
            let naptr = Naptr::new(50, 60, text("s"), text("SIP+D2U"), text(""), to);
            builder.push((&owner, ttl(90), naptr)).unwrap();
        }
        _ => {}
    }
    let mut authority = builder.authority();
    if owner.to_string() == "nowhere.example" {
        let soa =
            Soa::new(name("ns.example"), name("root.example"), 1.into(), ttl(9), ttl(9), ttl(9), ttl(40));
        authority.push((name("example"), ttl(70), soa)).unwrap();
    }
    authority.finish()
}

/// A server at a port of this host.
async fn server(manner: Manner) -> SocketAddr {
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut room = [0; 2_048];
        loop {
            let (len, from) = udp.recv_from(&mut room).await.unwrap();
            if manner == Manner::Garbage {
                let mut octets = room[..len].to_vec();
                octets[2] |= 0x80;
                // An answer is announced, and is not there.
                octets[7] = 1;
                octets.truncate(len - 11);
                udp.send_to(&octets, from).await.unwrap();
                continue;
            }
            let whole = answer(&room[..len], manner, false);
            if manner == Manner::Forged {
                let mut forged = whole.clone();
                forged[1] ^= 1;
                let last = forged.len() - 12;
                forged[last] ^= 0xff;
                udp.send_to(&forged, from).await.unwrap();
            }
            udp.send_to(&whole, from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            tokio::spawn(async move {
                while let Ok(len) = stream.read_u16().await {
                    let mut asked = vec![0; len.into()];
                    stream.read_exact(&mut asked).await.unwrap();
                    let whole = answer(&asked, manner, true);
                    stream.write_u16(whole.len() as u16).await.unwrap();
                    stream.write_all(&whole).await.unwrap();
                }
            });
        }
    });
    address
}

/// Somebody who never says anything.
async fn silent() -> (UdpSocket, SocketAddr) {
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = udp.local_addr().unwrap();
    (udp, address)
}

async fn ask(servers: &[SocketAddr], name: &str, kind: Kind) -> Result<Reply, Unanswered> {
    let config = ResolverConfig { servers: servers.into(), timeout: Duration::from_millis(300), attempts: 2 };
    Resolver::new(&config).ask(&Question::new(name, kind)).await
}

fn addresses(lasts: &[u8], ttl: u64) -> Result<Reply, Unanswered> {
    let record = |last: &u8| Record::Address([192, 0, 2, *last].into());
    Ok(Reply::Records(lasts.iter().map(record).collect(), Duration::from_secs(ttl)))
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn records_are_read_with_the_shortest_life() {
    run(async {
        let servers = [server(Manner::Well).await];
        assert_eq!(ask(&servers, "host.example", Kind::A).await, addresses(&[1, 2], 200));
        assert_eq!(ask(&servers, "alias.example", Kind::A).await, addresses(&[1], 20));
        assert_eq!(ask(&servers, "host.example", Kind::Aaaa).await, Ok(Reply::Nothing(None)));
        let nowhere = ask(&servers, "nowhere.example", Kind::A).await;
        assert_eq!(nowhere, Ok(Reply::Nothing(Some(Duration::from_secs(40)))));
        let srv = |priority, weight, port, target: &str| Record::Srv {
            priority,
            weight,
            port,
            target: target.into(),
        };
        let records = vec![srv(10, 20, 5066, "host.example"), srv(20, 0, 0, ".")];
        let expected = Ok(Reply::Records(records, Duration::from_secs(60)));
        assert_eq!(ask(&servers, "_sip._udp.example", Kind::Srv).await, expected);
        let naptr = Record::Naptr {
            order: 50,
            preference: 60,
            flags: "s".into(),
            service: "SIP+D2U".into(),
            has_regexp: false,
            replacement: "_sip._udp.example".into(),
        };
        let expected = Ok(Reply::Records(vec![naptr], Duration::from_secs(90)));
        assert_eq!(ask(&servers, "domain.example", Kind::Naptr).await, expected);
    });
}

#[test]
fn aliases_in_a_ring_are_no_answer() {
    run(async {
        let servers = [server(Manner::Well).await];
        assert_eq!(ask(&servers, "ring.example", Kind::A).await, Err(Unanswered::Malformed));
    });
}

#[test]
fn the_next_server_is_asked_when_one_can_not_answer() {
    run(async {
        let (_open, silent) = silent().await;
        let well = server(Manner::Well).await;
        for first in [silent, server(Manner::Refuses).await, server(Manner::Garbage).await] {
            assert_eq!(ask(&[first, well], "host.example", Kind::A).await, addresses(&[1, 2], 200));
        }
        assert_eq!(ask(&[silent], "host.example", Kind::A).await, Err(Unanswered::Silent));
        let refuses = server(Manner::Refuses).await;
        assert_eq!(ask(&[refuses, silent], "host.example", Kind::A).await, Err(Unanswered::Refused));
    });
}

#[test]
fn what_is_too_long_for_udp_comes_by_tcp() {
    run(async {
        let servers = [server(Manner::Truncated).await];
        assert_eq!(ask(&servers, "host.example", Kind::A).await, addresses(&[1, 2], 200));
    });
}

#[test]
fn who_does_not_know_the_identifier_is_not_believed() {
    run(async {
        let servers = [server(Manner::Forged).await];
        assert_eq!(ask(&servers, "host.example", Kind::A).await, addresses(&[1, 2], 200));
    });
}
