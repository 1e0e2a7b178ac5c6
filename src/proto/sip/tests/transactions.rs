//! Client and server transactions: schedules, outcomes, retransmissions, limits.

use super::*;
use crate::proto::sip::build::{self, Request, reason_phrase};

fn client(capacity: usize) -> ClientTransactions {
    let config = ClientConfig { capacity, worker: WorkerId(2), timers: Timers::default() };
    ClientTransactions::new(config, minter())
}

fn message(w: &mut Writer<'_>, branch: &[u8]) {
    let request = Request {
        method: Method::Message,
        uri: b"tel:+49170",
        transport: b"UDP",
        host: b"192.0.2.1",
        port: 5060,
        branch,
        routes: &[],
        from: b"sip:gw",
        from_tag: b"1",
        to: b"tel:+49170",
        call_id: branch,
        cseq: 1,
    };
    build::request(&request, |_| (), None, w);
}

fn answer_to(request: &[u8], status: u16) -> Vec<u8> {
    parse(request, |request| {
        let mut buffer = [0; 1472];
        let mut w = Writer::new(&mut buffer);
        let tag = minter().to_tag(&request);
        build::response(&request, status, reason_phrase(status), &tag, source(), |_| (), &mut w);
        let len = w.finish().unwrap();
        buffer[..len].to_vec()
    })
}

fn outcome(client: &mut ClientTransactions, response: &[u8]) -> ResponseOutcome {
    let outcome = parse(response, |response| client.handle_response(ms(0), &response));
    client.assert_invariants();
    outcome
}

/// Runs timers from one deadline to the next and gives the milliseconds at which requests were sent.
fn run(client: &mut ClientTransactions, out: &mut Sent, until: u64) -> Vec<u64> {
    let mut times = Vec::new();
    while let Some(due) = client.poll_timeout().filter(|&due| due <= ms(until)) {
        let before = out.datagrams.len();
        client.handle_timeout(due, out);
        client.assert_invariants();
        times.extend((before..out.datagrams.len()).map(|_| due.as_millis()));
    }
    times
}

#[test]
fn timer_e_sends_eleven_times_and_timer_f_ends_it_at_32_s() {
    let (mut client, mut out) = (client(4), Sent::default());
    client.start(ms(0), flow(), 42, &mut out, message).unwrap();
    assert_eq!(out.datagrams.len(), 1);
    let times = run(&mut client, &mut out, 31_999);
    assert_eq!(times, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(out.datagrams.len(), 11);
    assert!(out.datagrams.iter().all(|sent| *sent == out.datagrams[0] && sent.1 == flow()));
    assert_eq!(client.poll_expired(), None);
    assert_eq!(client.poll_timeout(), Some(ms(32_000)));
    client.handle_timeout(ms(32_000), &mut out);
    client.assert_invariants();
    // A response between the end and its telling comes too late.
    let late = answer_to(&out.datagrams[0].0, 200);
    assert_eq!(outcome(&mut client, &late), ResponseOutcome::Absorbed);
    assert_eq!((client.poll_expired(), client.poll_expired()), (Some(42), None));
    assert_eq!((out.datagrams.len(), client.len(), client.poll_timeout()), (11, 0, None));
    assert_eq!((client.counts.retransmitted, client.counts.timed_out), (10, 1));
}

#[test]
fn towards_a_ue_the_timers_of_ts_24_229_hold() {
    let config = ClientConfig { capacity: 1, worker: WorkerId(0), timers: Timers::TOWARDS_UE };
    let (mut client, mut out) = (ClientTransactions::new(config, minter()), Sent::default());
    client.start(ms(0), flow(), 1, &mut out, message).unwrap();
    let times = run(&mut client, &mut out, 128_000);
    assert_eq!(times, [2000, 6000, 14000, 30000, 46000, 62000, 78000, 94000, 110000, 126000]);
    assert_eq!(client.poll_expired(), Some(1));
}

#[test]
fn a_provisional_response_slows_retransmission_to_t2() {
    let (mut client, mut out) = (client(4), Sent::default());
    client.start(ms(0), flow(), 1, &mut out, message).unwrap();
    assert_eq!(run(&mut client, &mut out, 600), [500]);
    let trying = answer_to(&out.datagrams[0].0, 100);
    assert_eq!(outcome(&mut client, &trying), ResponseOutcome::Provisional);
    // The timer that runs fires once more, and then every T2 (17.1.2.2).
    assert_eq!(run(&mut client, &mut out, 31_999), [1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500]);
    client.handle_timeout(ms(32_000), &mut out);
    assert_eq!(client.poll_expired(), Some(1));
}

#[test]
fn a_final_response_ends_it_once() {
    let (mut client, mut out) = (client(1), Sent::default());
    for (turn, status) in [200, 202, 404, 503, 606].into_iter().enumerate() {
        let key = client.start(ms(0), flow(), turn as u64, &mut out, message).unwrap();
        assert_eq!(client.len(), 1);
        let answer = answer_to(&out.datagrams[turn].0, status);
        assert_eq!(outcome(&mut client, &answer), ResponseOutcome::Final { user: turn as u64, key, status });
        assert_eq!(outcome(&mut client, &answer), ResponseOutcome::Absorbed, "its retransmission");
        assert!(client.is_empty());
    }
    // The slot has been used five times, and an old response doesn't meet the newest request.
    client.start(ms(0), flow(), 9, &mut out, message).unwrap();
    let old = answer_to(&out.datagrams[0].0, 200);
    assert_eq!(outcome(&mut client, &old), ResponseOutcome::Absorbed);
    assert_eq!((client.len(), client.counts.finals, client.counts.absorbed), (1, 5, 6));
}

#[test]
fn strangers_and_other_workers_responses_are_told_apart() {
    let (mut client, mut out) = (client(1), Sent::default());
    client.start(ms(0), flow(), 1, &mut out, message).unwrap();
    let answer = String::from_utf8(answer_to(&out.datagrams[0].0, 200)).unwrap();
    let not_ours = |changed: String| parse(changed.as_bytes(), |_| changed.clone().into_bytes());
    for (from, to) in [
        ("bK02", "bK03"),
        ("z9hG4bK", "z9hG4b"),
        ("CSeq: 1 MESSAGE", "CSeq: 1 REGISTER"),
        ("\r\nFrom", "\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bKx\r\nFrom"),
        ("\r\nFrom", ",SIP/2.0/UDP a.example\r\nFrom"),
    ] {
        assert_eq!(outcome(&mut client, &not_ours(answer.replacen(from, to, 1))), ResponseOutcome::NotOurs);
    }
    let elsewhere = ClientConfig { capacity: 1, worker: WorkerId(5), timers: Timers::default() };
    let mut elsewhere = ClientTransactions::new(elsewhere, minter());
    assert_eq!(outcome(&mut elsewhere, answer.as_bytes()), ResponseOutcome::Elsewhere(WorkerId(2)));
    assert_eq!(outcome(&mut client, &out.datagrams[0].0.clone()), ResponseOutcome::NotOurs, "a request");
    assert!(matches!(outcome(&mut client, answer.as_bytes()), ResponseOutcome::Final { user: 1, .. }));
}

#[test]
fn clients_are_bounded_and_refusals_counted() {
    let (mut client, mut out) = (client(2), Sent::default());
    let spoilt = |w: &mut Writer<'_>, branch: &[u8]| {
        message(w, branch);
        w.header(Name::InReplyTo, &[b"\r\n"]);
    };
    assert_eq!(client.start(ms(0), flow(), 0, &mut out, spoilt), Err(Refused::Unwritable));
    assert_eq!(client.start(ms(0), flow(), 0, &mut out, |_, _| ()), Err(Refused::Unwritable));
    out.full = true;
    let first = client.start(ms(0), flow(), 1, &mut out, message).unwrap();
    out.full = false;
    let second = client.start(ms(0), flow(), 2, &mut out, message).unwrap();
    assert_eq!(client.start(ms(0), flow(), 3, &mut out, message), Err(Refused::Full));
    client.assert_invariants();
    assert_eq!(out.datagrams.len(), 1);
    assert_eq!(client.counts.no_buffer, 1);
    client.handle_timeout(ms(500), &mut out);
    assert_eq!(out.datagrams.len(), 3, "Timer E makes up for it");
    assert_eq!((client.cancel(first), client.cancel(first)), (Some(1), None));
    client.assert_invariants();
    client.start(ms(600), flow(), 3, &mut out, message).unwrap();
    assert_eq!(client.cancel(second), Some(2));
    let counts = &client.counts;
    assert_eq!((counts.refused_full, counts.refused_unwritable, counts.cancelled), (1, 2, 2));
}

/// Takes datagrams of any length.
#[derive(Default)]
struct Fragmenting(Sent);

impl Out for Fragmenting {
    fn room(&mut self) -> Option<&mut [u8]> {
        self.0.room()
    }

    fn long_room(&mut self) -> Option<&mut [u8]> {
        self.0.room.resize(MAX_LONG_REQUEST, 0xaa);
        Some(&mut self.0.room[..])
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        self.0.commit(len, flow);
    }
}

#[test]
fn a_request_longer_than_a_frame_has_one_of_few_long_places() {
    let (mut client, mut out) = (client(80), Fragmenting::default());
    let of = |octets: usize| {
        let padding = vec![b'x'; octets];
        move |w: &mut Writer<'_>, branch: &[u8]| {
            message(w, branch);
            w.bytes(&padding);
        }
    };
    let mut alone = [0; 512];
    let mut w = Writer::new(&mut alone);
    message(&mut w, &[b'x'; 41]);
    let plain = w.finish().unwrap();
    for (padding, long) in
        [(MAX_REQUEST - plain, 0), (MAX_REQUEST + 1 - plain, 1), (MAX_LONG_REQUEST - plain, 2)]
    {
        client.start(ms(0), flow(), 1, &mut out, of(padding)).unwrap();
        client.assert_invariants();
        assert_eq!(client.counts.long_requests, long);
        assert_eq!(out.0.datagrams.last().unwrap().0.len(), plain + padding);
    }
    let refused = client.start(ms(0), flow(), 1, &mut out, of(MAX_LONG_REQUEST + 1 - plain));
    assert_eq!(refused, Err(Refused::Unwritable));
    // It is repeated as others are, and its answer ends it.
    assert_eq!(run(&mut client, &mut out.0, 500), [500; 1], "only what fits a frame has room there");
    let answer = answer_to(&out.0.datagrams[1].0, 200);
    assert!(matches!(outcome(&mut client, &answer), ResponseOutcome::Final { user: 1, status: 200, .. }));
    let keys: Vec<_> =
        (0..63).map(|_| client.start(ms(600), flow(), 2, &mut out, of(2_000)).unwrap()).collect();
    assert_eq!(
        client.start(ms(600), flow(), 3, &mut out, of(2_000)),
        Err(Refused::Unwritable),
        "no more of them"
    );
    client.start(ms(600), flow(), 3, &mut out, message).unwrap();
    assert_eq!(client.cancel(keys[0]), Some(2));
    client.assert_invariants();
    client.start(ms(600), flow(), 3, &mut out, of(2_000)).unwrap();
}

/// Has the room of a frame.
#[derive(Default)]
struct OneFrame(Sent);

impl Out for OneFrame {
    fn room(&mut self) -> Option<&mut [u8]> {
        self.0.room.resize(2048 - HEADROOM, 0xaa);
        Some(&mut self.0.room[..])
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        self.0.commit(len, flow);
    }
}

/// By a stream nothing goes in fragments: what a frame has no room for is refused, rather than kept and never sent.
#[test]
fn a_request_by_a_stream_fits_a_frame() {
    let (mut client, mut out) = (client(4), OneFrame::default());
    let by_stream =
        Flow { transport: Transport::StreamTo { destination_port: 5060, secure: false }, ..flow() };
    let of = |octets: usize| {
        let padding = vec![b'x'; octets];
        move |w: &mut Writer<'_>, branch: &[u8]| {
            message(w, branch);
            w.bytes(&padding);
        }
    };
    client.start(ms(0), by_stream, 1, &mut out, message).unwrap();
    let plain = out.0.datagrams[0].0.len();
    let longest = 2048 - HEADROOM;
    client.start(ms(0), by_stream, 2, &mut out, of(longest - plain)).unwrap();
    assert_eq!(out.0.datagrams[1].0.len(), longest);
    let longer = client.start(ms(0), by_stream, 3, &mut out, of(longest + 1 - plain));
    assert_eq!(longer, Err(Refused::Unwritable));
    client.assert_invariants();
    assert_eq!((out.0.datagrams.len(), client.len(), client.counts.no_buffer), (2, 2, 0));
}

fn server(pending: usize, completed: usize) -> ServerTransactions {
    let config = ServerConfig { pending, completed, timers: Timers::default() };
    ServerTransactions::new(config, &SipKey::new([1; 16]))
}

fn receive(server: &mut ServerTransactions, now: Time, request: &[u8]) -> Received {
    let received =
        parse(request, |request| server.receive(now, server.key(&request), &request, source().ip(), false));
    server.assert_invariants();
    received
}

fn new_key(server: &mut ServerTransactions, now: Time, request: &[u8]) -> ServerKey {
    match receive(server, now, request) {
        Received::New(key) => key,
        other => panic!("{other:?}"),
    }
}

fn with_branch(branch: &str) -> Vec<u8> {
    String::from_utf8(third_party_register()).unwrap().replace("z9hG4bK499ffhy", branch).into_bytes()
}

#[test]
fn a_retransmission_gets_the_same_answer_until_timer_j_ends() {
    let mut server = server(1, 8);
    let request = mo_message();
    let key = new_key(&mut server, ms(0), &request);
    let first = answer_to(&request, 202);
    server.complete_now(ms(3), key, 202, source().ip());
    for at in [503, 31_000, 32_002] {
        let again = Received::Completed { status: 202, known: true, at: ms(3) };
        assert_eq!(receive(&mut server, ms(at), &request), again);
        assert_eq!(answer_to(&request, 202), first, "octet for octet");
    }
    assert_eq!(server.completed(), 1);
    assert_eq!(server.poll_timeout(), Some(ms(32_004)));
    server.handle_timeout(ms(32_004), &mut Sent::default());
    server.assert_invariants();
    assert_eq!((server.completed(), server.poll_timeout()), (0, None));
    assert!(matches!(receive(&mut server, ms(32_004), &request), Received::New(_)));
}

#[test]
fn what_tells_transactions_apart_is_branch_sent_by_and_method() {
    let mut server = server(1, 64);
    let whole = String::from_utf8(third_party_register()).unwrap();
    let key = new_key(&mut server, ms(0), whole.as_bytes());
    server.complete_now(ms(0), key, 200, source().ip());
    for (from, to) in [
        ("bK499ffhy", "bK499ffhz"),
        ("scscf1.home1.net;branch", "scscf2.home1.net;branch"),
        ("scscf1.home1.net;branch", "scscf1.home1.net:5061;branch"),
        ("REGISTER", "MESSAGE"),
    ] {
        let other = whole.replace(from, to);
        let other = new_key(&mut server, ms(0), other.as_bytes());
        assert_ne!(other, key);
        server.complete_now(ms(0), other, 200, source().ip());
    }
    // Another Call-ID or a longer body doesn't make it another transaction.
    let same = whole.replace("1asdaddlrfjflslj40a222", "other");
    assert_eq!(
        receive(&mut server, ms(0), same.as_bytes()),
        Received::Completed { status: 200, known: true, at: ms(0) }
    );
    assert_eq!(receive(&mut server, ms(0), &with_branch("499ffhy")), Received::Legacy);
    assert_eq!(receive(&mut server, ms(0), &with_branch("z9hG4bK")), Received::Legacy, "the cookie alone");
}

/// Requests of one From tag, Call-ID and CSeq that are refused one after the other take no place among those whose copies are
/// refused: nobody makes that table slow.
#[test]
fn refused_messages_crowd_no_place() {
    let mut server = server(4, 256);
    let of = |number: usize| {
        let whole = mo_message();
        let at = whole.windows(7).position(|it| it == b"z9hG4bK").unwrap() + 7;
        [&whole[..at], format!("{number}x").as_bytes(), &whole[at..]].concat()
    };
    for number in 0..200 {
        let key = new_key(&mut server, ms(0), &of(number));
        server.complete_now(ms(0), key, 415, source().ip());
    }
    assert_eq!((server.completed(), server.refusing_copies()), (200, 0));
    let key = new_key(&mut server, ms(0), &of(200));
    server.complete_now(ms(0), key, 202, source().ip());
    assert_eq!(server.refusing_copies(), 1);
    assert_eq!(receive(&mut server, ms(0), &of(201)), Received::Merged);
    server.handle_timeout(ms(33_000), &mut Sent::default());
    server.assert_invariants();
    assert_eq!((server.completed(), server.refusing_copies()), (0, 0));
}

fn defer(server: &mut ServerTransactions, now: Time, request: &[u8]) -> Result<ServerKey, Refused> {
    let key = new_key(server, now, request);
    let deferred =
        parse(request, |request| server.defer(now, key, &request, &minter().to_tag(&request), origin()));
    server.assert_invariants();
    deferred.map(|()| key)
}

#[test]
fn a_deferred_answer_is_the_one_that_its_retransmissions_get() {
    let (mut server, mut out) = (server(2, 8), Sent::default());
    let request = mo_message();
    let key = defer(&mut server, ms(0), &request).unwrap();
    assert_eq!(receive(&mut server, ms(500), &request), Received::InProgress { trying: false });
    server.handle_timeout(ms(3_499), &mut out);
    assert!(out.datagrams.is_empty(), "RFC 4320 4.1: not before 3.5 s");
    assert_eq!(server.poll_timeout(), Some(ms(3_500)));
    server.handle_timeout(ms(3_500), &mut out);
    server.assert_invariants();
    assert_eq!(out.datagrams.len(), 1);
    assert_eq!(out.datagrams[0].0, answer_to(&request, 100));
    let back = Transport::Udp { source_port: 5060, destination_port: 5060 };
    assert_eq!(out.datagrams[0].1, Flow { transport: back, ..flow() });
    assert_eq!(receive(&mut server, ms(3_600), &request), Received::InProgress { trying: true });
    assert_eq!(server.answer(ms(9_000), key, 202, false, |_, _| (), &mut out), Ok(()));
    server.assert_invariants();
    assert_eq!(out.datagrams[1].0, answer_to(&request, 202));
    assert_eq!((server.pending(), server.completed()), (0, 1));
    assert_eq!(server.answer(ms(9_001), key, 202, false, |_, _| (), &mut out), Err(Refused::Gone));
    let again = Received::Completed { status: 202, known: true, at: ms(9_000) };
    assert_eq!(receive(&mut server, ms(40_999), &request), again);
    server.handle_timeout(ms(41_001), &mut out);
    assert_eq!(out.datagrams.len(), 2);
    assert!(matches!(receive(&mut server, ms(41_001), &request), Received::New(_)));
}

#[test]
fn nothing_is_sent_after_the_client_has_given_up() {
    let (mut server, mut out) = (server(2, 8), Sent::default());
    let (first, second) = (with_branch("z9hG4bK1"), with_branch("z9hG4bK2"));
    let late = defer(&mut server, ms(0), &first).unwrap();
    let dropped = defer(&mut server, ms(10), &second).unwrap();
    server.handle_timeout(ms(4_000), &mut out);
    assert_eq!(out.datagrams.len(), 2);
    // Asked before the timer was polled, and after.
    assert_eq!(server.answer(ms(32_000), late, 200, false, |_, _| (), &mut out), Err(Refused::Gone));
    server.handle_timeout(ms(32_010), &mut out);
    server.assert_invariants();
    assert_eq!(server.answer(ms(32_020), dropped, 200, false, |_, _| (), &mut out), Err(Refused::Gone));
    assert_eq!(out.datagrams.len(), 2);
    // A request that the network delayed is not taken for a new one.
    assert_eq!(receive(&mut server, ms(33_000), &first), Received::InProgress { trying: false });
    assert_eq!(receive(&mut server, ms(33_000), &second), Received::InProgress { trying: false });
    server.handle_timeout(ms(64_012), &mut out);
    assert_eq!((server.completed(), server.counts.unanswered, server.counts.late_answers), (0, 1, 2));
}

#[test]
fn servers_are_bounded_and_refusals_counted() {
    let (mut server, mut out) = (server(1, 2), Sent::default());
    let first = defer(&mut server, ms(0), &with_branch("z9hG4bK1")).unwrap();
    assert_eq!(defer(&mut server, ms(0), &with_branch("z9hG4bK2")), Err(Refused::Full));
    let second = new_key(&mut server, ms(0), &with_branch("z9hG4bK2"));
    let third = new_key(&mut server, ms(0), &with_branch("z9hG4bK3"));
    server.complete_now(ms(0), second, 200, source().ip());
    server.complete_now(ms(0), second, 200, source().ip());
    server.complete_now(ms(0), third, 200, source().ip());
    server.assert_invariants();
    assert_eq!(receive(&mut server, ms(0), &with_branch("z9hG4bK3")), Received::Full);
    assert_eq!(
        receive(&mut server, ms(0), &with_branch("z9hG4bK2")),
        Received::Completed { status: 200, known: true, at: ms(0) }
    );
    out.full = true;
    assert_eq!(server.answer(ms(1), first, 200, false, |_, _| (), &mut out), Ok(()));
    assert_eq!(server.counts.no_buffer, 1);
    assert_eq!(
        receive(&mut server, ms(2), &with_branch("z9hG4bK1")),
        Received::Completed { status: 200, known: true, at: ms(1) }
    );
    assert_eq!(receive(&mut server, ms(32_000), &with_branch("z9hG4bK3")), Received::Full);
    server.handle_timeout(ms(32_003), &mut out);
    let long = with_branch(&format!("z9hG4bK{}", "x".repeat(MAX_DEFERRED)));
    assert_eq!(defer(&mut server, ms(32_003), &long), Err(Refused::Unwritable));
    assert_eq!((server.counts.refused_full, server.counts.refused_defer), (2, 2));
    assert_eq!((server.counts.completed, server.counts.answered), (1, 1));
}

#[test]
fn a_client_and_a_server_meet_over_a_lossy_network() {
    let mut random = Random(5);
    let (mut client, mut server) = (client(64), server(64, 4096));
    let (mut to_server, mut to_client) = (Sent::default(), Sent::default());
    let (mut started, mut executed, mut finals, mut expired, mut repeated) = (0u64, 0, 0, 0, 0);
    let mut deferred: Vec<(ServerKey, u64)> = Vec::new();
    for step in 0..40_000u64 {
        let now = ms(step * 25);
        if random.below(20) == 0
            && step < 36_000
            && client.start(now, flow(), started, &mut to_server, message).is_ok()
        {
            started += 1;
        }
        client.handle_timeout(now, &mut to_server);
        for (datagram, _) in std::mem::take(&mut to_server.datagrams) {
            for _ in 0..[0, 0, 1, 1, 1, 2][random.below(6)] {
                parse(&datagram, |request| {
                    let tag = minter().to_tag(&request);
                    match server.receive(now, server.key(&request), &request, source().ip(), false) {
                        Received::New(key) if random.below(2) == 0 => {
                            server.complete_now(now, key, 200, source().ip());
                            to_client.datagrams.push((answer_to(&datagram, 200), flow()));
                            executed += 1;
                        }
                        Received::New(key) => {
                            server.defer(now, key, &request, &tag, origin()).unwrap();
                            deferred.push((key, step + random.below(300) as u64));
                            executed += 1;
                        }
                        Received::Completed { status, .. } => {
                            to_client.datagrams.push((answer_to(&datagram, status), flow()));
                        }
                        Received::InProgress { .. } => {}
                        Received::Kept => {
                            repeated += 1;
                            server.repeat(server.key(&request), datagram.len(), &mut to_client);
                        }
                        other => panic!("{other:?}"),
                    }
                });
            }
        }
        deferred.retain(|&(key, due)| {
            if due <= step {
                let whole = random.below(2) == 0;
                server.answer(now, key, 200, whole, |_, _| (), &mut to_client).unwrap();
            }
            due > step
        });
        server.handle_timeout(now, &mut to_client);
        for (datagram, _) in std::mem::take(&mut to_client.datagrams) {
            for _ in 0..[0, 1, 1, 2][random.below(4)] {
                let outcome = parse(&datagram, |response| client.handle_response(now, &response));
                finals += u64::from(matches!(outcome, ResponseOutcome::Final { .. }));
            }
        }
        while client.poll_expired().is_some() {
            expired += 1;
        }
        if step % 64 == 0 {
            client.assert_invariants();
            server.assert_invariants();
        }
    }
    assert!(started > 1_000 && finals + expired == started, "each has one outcome");
    assert!(executed <= started && executed >= finals, "none is executed twice");
    assert!(repeated > 100, "kept answers are sent again: {repeated}");
    assert_eq!((client.len(), server.pending(), server.counts.forgotten_early), (0, 0, 0));
}

#[test]
fn trying_is_due_when_timer_e_reaches_t2() {
    assert_eq!(Timers::RFC_3261.trying(), Duration::from_millis(3500));
    assert_eq!(Timers::TOWARDS_UE.trying(), Duration::from_secs(14));
    assert_eq!(Timers { t1: Duration::ZERO, t2: Duration::from_secs(4) }.trying(), Duration::ZERO);
}
