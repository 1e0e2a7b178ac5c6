//! What streams change: nothing is repeated or remembered, responses go back by the connection, and what is too large for
//! UDP goes by TCP (RFC 3261 17.1.2.2, 17.2.2, 18).

use super::*;
use crate::base::{Connection, ConnectionId};
use crate::stack::{Owner, StreamFailure, StreamMessage};

const CONNECTION: Connection =
    Connection { id: ConnectionId { thread: 1, slot: 7, generation: 3 }, secure: false };
const TCP_AND_TLS: [(&str, bool); 2] = [(LOCAL, false), ("192.0.2.1:5061", true)];

fn bench(peers: &[(&str, bool)]) -> Bench {
    let mut bench = Bench::new();
    let spelt = |all: &[(&str, bool)]| all.iter().map(|(it, secure)| (address(it), *secure)).collect();
    let config = ImsConfig {
        streams: ImsStreams { listen: spelt(&TCP_AND_TLS), peers: spelt(peers) },
        ..bench.ims.config.clone()
    };
    bench.ims = Ims::new(config, &SipKey::new([3; 16]));
    bench
}

impl Bench {
    /// A message by a stream from `source`.
    fn by_stream<T>(
        &mut self,
        source: &str,
        connection: Connection,
        octets: &[u8],
        see: impl FnOnce(&mut Self, Next<'_>) -> T,
    ) -> T {
        self.by_stream_of(source, connection, true, octets, see)
    }

    /// The same of a peer that has proved who it is, or has not.
    fn by_stream_of<T>(
        &mut self,
        source: &str,
        connection: Connection,
        proved: bool,
        octets: &[u8],
        see: impl FnOnce(&mut Self, Next<'_>) -> T,
    ) -> T {
        let (source, local) = (address(source), address(LOCAL));
        let octets = octets.to_vec();
        let message = StreamMessage { connection, source, local, octets, proved, refused: None };
        let (mut slots, mut embedded) = (Slots::new(), Slots::new());
        let Self { ims, sent, now, malformed } = self;
        let next = ims.handle_stream(*now, &message, &mut slots, &mut embedded, malformed, sent);
        ims.assert_invariants();
        see(self, next)
    }
}

fn by(connection: Connection, port: u16) -> Transport {
    Transport::Stream { connection, destination_port: port }
}

fn options(sent_by: &str, branch: &str) -> Vec<u8> {
    text(&format!(
        "
        OPTIONS sip:gw.example SIP/2.0
        Via: SIP/2.0/TCP {sent_by};branch=z9hG4bK{branch};rport
        From: <sip:a@b>;tag=1
        To: <sip:gw.example>
        Call-ID: c{branch}
        CSeq: 1 OPTIONS
        Max-Forwards: 70
        Content-Length: 0
        "
    ))
}

fn inform<'a>(body: &'a [u8], connection: Option<Connection>) -> InformRequest<'a> {
    InformRequest {
        local: address(LOCAL),
        remote: address(SCSCF),
        connection,
        request_uri: "sip:a@ue.example",
        to: "sip:a@home1.net",
        from: "sip:gw.home1.net",
        key: Key { slot: 3, generation: 4 },
        content_type: "text/plain",
        body,
    }
}

#[test]
fn a_response_goes_by_the_connection_or_to_sent_by() {
    let mut bench = bench(&[]);
    let secure = Connection { secure: true, ..CONNECTION };
    let cases = [
        ("198.51.100.9:7000", CONNECTION, 7000),
        ("198.51.100.9", CONNECTION, 5060),
        ("198.51.100.9", secure, 5061),
    ];
    for (at, (sent_by, connection, port)) in cases.into_iter().enumerate() {
        // Whoever it is, the response is longer than nobody's request, and goes out.
        bench.by_stream(UE, connection, &options(sent_by, &at.to_string()), |_, next| {
            assert!(matches!(next, Next::Done));
        });
        let (response, flow) = bench.one();
        assert!(response.starts_with("SIP/2.0 200 OK\r\n"), "{response}");
        assert_eq!(flow.transport, by(connection, port), "port of sent-by, not of the source (18.2.2)");
        assert_eq!((flow.source, flow.destination), (address(LOCAL).ip(), address(UE).ip()));
    }
}

#[test]
fn over_a_stream_nothing_is_remembered() {
    let mut bench = bench(&[]);
    bench.by_stream(SCSCF, CONNECTION, &options("192.0.2.10", "1"), |_, _| ());
    assert_eq!(bench.ims.servers.completed(), 0, "Timer J is zero");
    let now = bench.now;
    for whole in [false, true] {
        let deferred = bench.by_stream(SCSCF, CONNECTION, &ue_register("x"), |bench, next| match next {
            Next::Indication(Indication::Register(register)) => {
                bench.ims.defer(now, &register.request).expect("room for it")
            }
            _ => panic!("no REGISTER"),
        });
        let contacts = [("sip:a@b", 60)];
        let answer = Answer { contacts: if whole { &contacts } else { &[] }, ..Answer::default() };
        bench.taken();
        bench.answer_deferred(deferred, 200, &answer);
        assert_eq!(bench.one().1.transport, by(CONNECTION, 5070));
        assert_eq!((bench.ims.servers.completed(), bench.ims.servers.kept()), (0, 0));
    }
}

#[test]
fn over_a_stream_nothing_is_repeated() {
    let mut bench = bench(&[(SCSCF, true)]);
    // To a peer by TLS; and to a UE by its own connection, as it is.
    for (connection, transport, via) in [
        (
            None,
            Transport::StreamTo { destination_port: 5060, secure: true },
            "Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK",
        ),
        (Some(CONNECTION), by(CONNECTION, 0), "Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK"),
    ] {
        bench.ims.inform(bench.now, &inform(b"hello", connection), 5, &mut bench.sent).unwrap();
        let (request, flow) = bench.one();
        assert_eq!(flow.transport, transport);
        assert_eq!(request.lines().nth(1).map(|line| line.starts_with(via)), Some(true), "{request}");
        bench.pass(Duration::from_secs(31));
        assert_eq!(bench.taken(), [], "Timer E is off");
        assert_eq!(bench.ims.poll_expired(bench.now, &mut bench.sent), None);
        bench.pass(Duration::from_secs(2));
        assert_eq!(bench.ims.poll_expired(bench.now, &mut bench.sent), Some(5), "Timer F is not");
    }
}

#[test]
fn a_request_whose_stream_is_lost_has_failed() {
    let mut bench = bench(&[(SCSCF, false)]);
    bench.ims.inform(bench.now, &inform(b"hello", None), 5, &mut bench.sent).unwrap();
    let (request, _) = bench.one();
    let owner = Owner::new(&SipKey::new([3; 16]), 1);
    let token = owner.sent(request.as_bytes()).expect("one of ours");
    for sent in [true, false] {
        let failure = StreamFailure { token, sent };
        let told = bench.ims.handle_stream_failure(bench.now, &failure, &mut bench.sent);
        match told {
            Some(Indication::Unreachable { user: 5, remote }) if sent => assert_eq!(remote, address(SCSCF)),
            None if !sent => {}
            _ => panic!("told once"),
        }
    }
    assert_eq!(bench.taken(), []);
    bench.ims.assert_invariants();
}

#[test]
fn too_large_goes_by_tcp_and_back() {
    let mut bench = bench(&[]);
    bench.ims.inform(bench.now, &inform(b"small", None), 4, &mut bench.sent).unwrap();
    let (small, flow) = bench.one();
    assert!(!flow.transport.is_stream() && small.contains("\r\nVia: SIP/2.0/UDP "));
    // The length of the body is spelt with two digits more than that of "small".
    let longest = 1300 - (small.len() - "small".len() + 2);
    for (octets, by_tcp) in [(longest, false), (longest + 1, true)] {
        let body = vec![b'x'; octets];
        bench.ims.inform(bench.now, &inform(&body, None), 5, &mut bench.sent).unwrap();
        let (request, flow) = bench.one();
        assert_eq!((request.len() > 1300, flow.transport.is_stream()), (by_tcp, by_tcp), "{}", request.len());
    }
    // The peer takes no TCP: the same request by UDP, repeated as UDP is (RFC 3261 18.1.1).
    let body = vec![b'x'; 1000];
    bench.pass(Duration::from_secs(40));
    bench.taken();
    bench.ims.inform(bench.now, &inform(&body, None), 6, &mut bench.sent).unwrap();
    let (large, flow) = bench.one();
    assert_eq!(flow.transport, Transport::StreamTo { destination_port: 5060, secure: false });
    assert!(large.contains("\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch="), "{large}");
    let token = Owner::new(&SipKey::new([3; 16]), 1).sent(large.as_bytes()).expect("one of ours");
    let refused = StreamFailure { token, sent: false };
    assert!(bench.ims.handle_stream_failure(bench.now, &refused, &mut bench.sent).is_none());
    let (again, flow) = bench.one();
    assert_eq!(again, large.replace("SIP/2.0/TCP", "SIP/2.0/UDP"));
    assert_eq!(flow.transport, Transport::Udp { source_port: 5060, destination_port: 5060 });
    bench.pass(Duration::from_millis(500));
    assert_eq!(bench.one().0, again);
}

/// Behind a UE's address and port may be somebody else's, where nobody has connected from.
#[test]
fn too_large_for_a_ue_stays_with_udp() {
    let mut bench = bench(&[]);
    let body = vec![b'x'; 1000];
    for (remote, by_tcp) in [(SCSCF, true), (UE, false)] {
        let request = InformRequest { remote: address(remote), ..inform(&body, None) };
        bench.ims.inform(bench.now, &request, 5, &mut bench.sent).unwrap();
        let (sent, flow) = bench.one();
        assert!(sent.len() > 1300, "{}", sent.len());
        assert_eq!(
            (flow.transport.is_stream(), sent.contains("Via: SIP/2.0/TCP ")),
            (by_tcp, by_tcp),
            "{remote}"
        );
    }
}

/// A NOTIFY comes the way that its SUBSCRIBE has gone (RFC 3261 8.1.1.8, 12.1.1).
#[test]
fn a_subscribe_says_by_which_transport_its_notify_comes() {
    for (peers, contact) in [
        (&[][..], "<sip:192.0.2.1:5060>"),
        (&[(SCSCF, false)][..], "<sip:192.0.2.1:5060;transport=tcp>"),
        (&[(SCSCF, true)][..], "<sip:192.0.2.1:5061;transport=tls>"),
    ] {
        let mut bench = bench(peers);
        let request = super::subscriptions::first();
        bench.ims.subscribe(bench.now, &request, 42, &mut bench.sent).unwrap();
        let (sent, _) = bench.one();
        assert!(sent.contains(&format!("\r\nContact: {contact}\r\n")), "{sent}");
    }
}

#[test]
fn stream_threads_and_workers_agree_on_the_owner() {
    let owner = Owner::new(&SipKey::new([3; 16]), 3);
    let mut seen = [0; 3];
    for number in 0..60 {
        let octets = options("198.51.100.9", &number.to_string());
        let glance = owner.look(&octets, false, &mut Slots::new());
        for worker in 0..3 {
            let mut bench = Bench::of_worker(worker, 3, 4);
            let taken = bench.by_stream(UE, CONNECTION, &octets, |_, next| match next {
                Next::Done => worker,
                Next::HandOff(other) => other.0,
                _ => panic!("an OPTIONS"),
            });
            assert_eq!(taken, glance.worker.0);
        }
        seen[usize::from(glance.worker.0)] += 1;
    }
    assert!(seen.iter().all(|&count| count > 5), "{seen:?}");
    // A response belongs to whoever has sent its request.
    let mut bench = Bench::of_worker(2, 3, 4);
    bench.ims.inform(bench.now, &inform(b"hello", Some(CONNECTION)), 5, &mut bench.sent).unwrap();
    let (request, _) = bench.one();
    let via = request.lines().nth(1).unwrap();
    let response = text(&format!(
        "
        SIP/2.0 200 OK
        {via}
        From: <sip:a@b>;tag=1
        To: <sip:c@d>;tag=2
        Call-ID: c
        CSeq: 1 MESSAGE
        Content-Length: 0
        "
    ));
    let glance = owner.look(&response, false, &mut Slots::new());
    assert_eq!((glance.worker, glance.answers), (WorkerId(2), owner.sent(request.as_bytes())));
    assert!(glance.answers.is_some() && !glance.registers);
    let register = owner.look(&ue_register("y"), false, &mut Slots::new());
    assert!(register.registers && register.alias.is_none());
    let aliased = options("198.51.100.9;alias", "1");
    assert_eq!(owner.look(&aliased, true, &mut Slots::new()).alias, Some(5061));
}
