//! Whose a message is, where its answer goes, and what becomes of it when it can't be handed on.

use super::*;

/// What crosses, and to whom; with `full` rings nothing does.
#[derive(Default)]
pub(super) struct Crossing {
    pub(super) crossed: Vec<(WorkerId, Label, Vec<u8>)>,
    pub(super) full: bool,
    pub(super) news: Vec<sccp::SubsystemNews>,
}

impl Frames for Crossing {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        None
    }
    fn send(&mut self, _: PortId, _: Range<usize>) {}
}

impl Outside for Crossing {
    fn hand_off(&mut self, to: WorkerId, label: Label, message: &[u8]) -> bool {
        let taken = !self.full || label.direction == Direction::Out;
        if taken {
            self.crossed.push((to, label, message.to_vec()));
        }
        taken
    }
    fn hand_off_part(&mut self, _: WorkerId, _: crate::stack::Part, _: &[u8]) -> bool {
        false
    }
    fn tell_all(&mut self, news: News) {
        if let News::Subsystem(news) = news {
            self.news.push(news);
        }
    }
    fn drain(&mut self) {}
}

/// One of `workers` of the gateway, whose associations to points 200 and 300 are a further worker's.
pub(super) fn worker(number: u8, workers: u8) -> Ss7 {
    worker_with(number, workers, |_| {})
}

/// The same, with SCCP as `change` leaves it.
pub(super) fn worker_with(worker: u8, workers: u8, change: impl FnOnce(&mut sccp::SccpConfig)) -> Ss7 {
    let key = SipKey::new([7; 16]);
    let address = |last| core::net::IpAddr::from([10, 7, 0, last]);
    let setup = |at: u8| AssociationSetup {
        name: at.to_string(),
        owner: WorkerId(9),
        gateway: None,
        sctp: sctp::AssociationConfig::new(sctp::Role::Server, address(1), address(2 + at)),
        m3ua: AspConfig::new(Role::Sgp, vec![1]),
    };
    let leads = |point_code, at| Destination::new(PointCode(point_code), vec![at]);
    let mut transport = Transport::new(
        WorkerId(worker),
        PointCode(100),
        2,
        vec![setup(0), setup(1)],
        vec![leads(200, 0), leads(300, 1)],
        [1; 32],
        key.derive("transport"),
    );
    transport.learn(0, PointCode(200), Some(m3ua::Availability::default()));
    transport.learn(1, PointCode(300), Some(m3ua::Availability::default()));
    let own = SccpAddress::titled(digits(GATEWAY), Ssn::SGSN);
    let rule = sccp::Rule::new(digits("491710999"), sccp::Destination::titled(PointCode(100)));
    let mut configured = sccp::SccpConfig::new(vec![PointCode(100)], vec![Ssn::SGSN], vec![rule]);
    change(&mut configured);
    let ss7 = Ss7::new(Ss7Config {
        worker: WorkerId(worker),
        workers,
        transport,
        own: vec![own],
        sccp: configured,
        dialogues: DialoguesConfig {
            worker: WorkerId(worker),
            workers,
            capacity: 64,
            identifiers: 4096,
            prefix: 0,
            prefix_bits: 0,
            key: key.derive("dialogues"),
            rest: Duration::from_secs(1),
            guard: Duration::from_secs(600),
            peer_match: PeerMatch::default(),
            limits: LIMITS,
        },
        forward_timeout: Duration::from_secs(90),
        offers: vec![Offer::only(
            context::SUBSCRIBER_DATA_MANAGEMENT,
            Version::V3,
            operation::INSERT_SUBSCRIBER_DATA,
        )],
        peers: Peers::default(),
        screening: ScreeningConfig::default(),
    });
    ss7.unwrap()
}

/// What MTP says of a message from `opc`.
pub(super) fn label(opc: u32) -> Label {
    Label {
        direction: Direction::In,
        association: 0,
        originating: PointCode(opc),
        destination: PointCode(100),
        selection: 5,
        tried: 0,
    }
}

/// Gives a message from point 200 to a worker.
pub(super) fn hear(ss7: &mut Ss7, message: &[u8], outside: &mut Crossing) -> Option<Told> {
    let mut malformed = MalformedCounts::default();
    ss7.handle_sccp(Time::from_millis(1), &label(200), message, &mut malformed, outside).map(Told::of)
}

/// A UDT message with the return option.
pub(super) fn unitdata(called: &SccpAddress, calling: &SccpAddress, data: &[u8]) -> Vec<u8> {
    let header = sccp::build::UnitdataHeader { class: 1, return_on_error: true, called, calling };
    let mut room = [0; 4000];
    let mut w = Prepend::new(&mut room);
    w.bytes(data);
    let kind = if data.len() > 255 { sccp::Kind::Ludt } else { sccp::Kind::Udt };
    sccp::build::unitdata(&mut w, 0, kind, &header, 4000).expect("it fits");
    w.finish().unwrap().to_vec()
}

pub(super) fn gateway_address() -> SccpAddress {
    SccpAddress::titled(digits(GATEWAY), Ssn::SGSN)
}

/// The point codes that what was sent is for.
fn destinations(outside: &Crossing) -> Vec<u32> {
    outside.crossed.iter().map(|(_, label, _)| label.destination.0).collect()
}

#[test]
fn an_answer_goes_to_the_peers_own_point_code() {
    let (mut ss7, mut outside) = (worker(0, 1), Crossing::default());
    let opening = begin(context::SUBSCRIBER_DATA_MANAGEMENT_V3, &[]);
    for (told, expected) in [(None, 200), (Some(300), 300), (Some(301), 200)] {
        let peer = SccpAddress::on_ssn(told.map(PointCode), Some(Ssn::HLR));
        assert_eq!(hear(&mut ss7, &unitdata(&gateway_address(), &peer, &opening), &mut outside), None);
        assert_eq!(destinations(&outside), [expected], "behind a relay, if it leads anywhere");
        outside.crossed.clear();
    }
}

/// A Begin that belongs to the other of two workers than the one that is asked first.
fn crossing_begin() -> (usize, Vec<u8>) {
    let message = carried(&begin(context::SUBSCRIBER_DATA_MANAGEMENT_V3, &[]), true);
    let taker = (0..2).find(|at| {
        let mut outside = Crossing::default();
        hear(&mut worker(*at, 2), &message, &mut outside);
        outside.crossed.iter().any(|(_, label, _)| label.direction == Direction::In)
    });
    (usize::from(taker.expect("one of the two is not its owner")), message)
}

#[test]
fn a_message_that_crosses_is_counted_once() {
    let (at, message) = crossing_begin();
    let mut workers = [worker(0, 2), worker(1, 2)];
    let mut outside = Crossing::default();
    hear(&mut workers[at], &message, &mut outside);
    let (to, label, crossed) = outside.crossed.remove(0);
    assert_eq!((usize::from(to.0), &crossed), (1 - at, &message));
    let owner = &mut workers[1 - at];
    let mut malformed = MalformedCounts::default();
    owner.handle_message(Time::from_millis(1), &label, &crossed, &mut malformed, &mut outside);
    assert_eq!(outside.crossed.len(), 1, "the handshake is answered there");
    let delivered: u64 = workers.iter().map(|worker| worker.sccp_counts().delivered).sum();
    assert_eq!(delivered, 1);
}

#[test]
fn what_cannot_be_handed_on_is_returned() {
    let (at, message) = crossing_begin();
    let mut ss7 = worker(at as u8, 2);
    let mut outside = Crossing { full: true, ..Crossing::default() };
    let mut refused = |data: &[u8], expected: sccp::Cause| {
        let hlr = SccpAddress::titled(digits(HLR), Ssn::HLR);
        hear(&mut ss7, &unitdata(&gateway_address(), &hlr, data), &mut outside);
        let (_, label, answer) = outside.crossed.pop().expect("a service message");
        let Ok(sccp::Input::Service(service)) = sccp::parse(&answer) else { panic!("{answer:02x?}") };
        assert_eq!((service.cause, service.data), (expected, data));
        assert_eq!(label.destination, PointCode(200));
    };
    let Ok(sccp::Input::Unitdata(begin)) = sccp::parse(&message) else { panic!() };
    refused(begin.data, sccp::Cause::SUBSYSTEM_CONGESTION);
    let length = (PEERS_ID.len() + 2048) as u16;
    let long = [&[0x62, 0x82][..], &length.to_be_bytes(), &PEERS_ID, &[0; 2048]].concat();
    refused(&long, sccp::Cause::LOCAL_PROCESSING);
    assert_eq!(ss7.counts.not_handed_on, 2);
}

/// A message in segments of `size` octets, from one of our segments' makers.
fn segments(data: &[u8], size: usize, reference: u32) -> Vec<Vec<u8>> {
    let (called, calling) = (gateway_address(), SccpAddress::titled(digits(HLR), Ssn::HLR));
    let parts: Vec<&[u8]> = data.chunks(size).collect();
    let written = parts.iter().enumerate().map(|(at, part)| {
        let (first, remaining) = (at == 0, (parts.len() - 1 - at) as u8);
        let segmentation =
            sccp::Segmentation { first, in_sequence: true, remaining, local_reference: reference };
        let (called, calling) = (&called, &calling);
        let header = sccp::build::UnitdataHeader { class: 1, return_on_error: first, called, calling };
        let mut room = [0; 400];
        let mut w = Prepend::new(&mut room);
        sccp::build::segment(&mut w, &header, part, segmentation, 268).expect("a short part");
        w.finish().unwrap().to_vec()
    });
    written.collect()
}

/// Gives each message to the worker that it crosses to, as long as one crosses; what is told, and what leaves.
fn run(workers: &mut [Ss7], outside: &mut Crossing) -> (Vec<Told>, Vec<Vec<u8>>) {
    let (mut told, mut left) = (vec![], vec![]);
    let mut malformed = MalformedCounts::default();
    let now = Time::from_millis(2);
    loop {
        for worker in workers.iter_mut().filter(|worker| worker.has_whole()) {
            let mut room = Whole::EMPTY;
            told.extend(worker.next_whole(now, &mut room, &mut malformed, outside).map(Told::of));
        }
        let Some((to, label, message)) = outside.crossed.pop() else { break };
        match label.direction {
            Direction::Out => left.push(message),
            Direction::In => {
                let worker = &mut workers[usize::from(to.0)];
                let heard = worker.handle_message(now, &label, &message, &mut malformed, outside);
                told.extend(heard.map(Told::of));
            }
        }
    }
    assert_eq!(malformed.total(), 0);
    (told, left)
}

/// Two associations, two workers: whoever takes a segment, the message arrives, and once.
#[test]
fn segments_meet_at_one_worker() {
    let argument = element(0x30, &[&element(4, &[&[7; 110]])]);
    let opening = begin(
        context::SUBSCRIBER_DATA_MANAGEMENT_V3,
        &[&invoke(1, operation::INSERT_SUBSCRIBER_DATA, &argument)],
    );
    let mut places = [0; 2];
    for reference in 0..40 {
        let mut workers = [worker(0, 2), worker(1, 2)];
        let mut outside = Crossing::default();
        let mut told = vec![];
        for (at, segment) in segments(&opening, 60, reference).iter().enumerate() {
            hear(&mut workers[(at + reference as usize) % 2], segment, &mut outside);
            told.extend(run(&mut workers, &mut outside).0);
        }
        let [Told::Invoke { opcode: operation::INSERT_SUBSCRIBER_DATA, argument: heard, .. }] = &told[..]
        else {
            panic!("{told:?}")
        };
        assert_eq!(*heard, argument);
        for (at, worker) in workers.iter().enumerate() {
            worker.assert_invariants();
            places[at] += worker.reassembly_counts().reassembled;
        }
        let delivered: u64 = workers.iter().map(|worker| worker.sccp_counts().delivered).sum();
        assert_eq!(delivered, 1);
    }
    assert!(places[0] > 0 && places[1] > 0 && places[0] + places[1] == 40, "{places:?}");
}

/// The first segment comes back when the others don't come.
#[test]
fn segments_that_stay_alone_are_returned() {
    let mut ss7 = worker(0, 1);
    let mut outside = Crossing::default();
    let alone = &segments(&[1; 200], 100, 5)[0];
    assert_eq!(hear(&mut ss7, alone, &mut outside), None);
    let (mut room, mut malformed) = (Octets::EMPTY, MalformedCounts::default());
    let due = ss7.reassembly.poll_timeout();
    assert_eq!(due, Time::from_millis(15_001));
    assert!(ss7.poll(due, &mut room, &mut malformed, &mut outside).is_none());
    let (_, label, answer) = outside.crossed.pop().expect("a service message");
    let Ok(sccp::Input::Service(service)) = sccp::parse(&answer) else { panic!("{answer:02x?}") };
    assert_eq!((service.kind, service.cause), (sccp::Kind::Xudt, sccp::Cause::NO_REASSEMBLY));
    assert_eq!((service.data, label.destination), (&[1; 100][..], PointCode(200)));
    let segmentation = service.segmentation.expect("as it came");
    assert_eq!((segmentation.first, segmentation.remaining), (true, 1));
    assert_eq!((ss7.reassembly_counts().timed_out, outside.crossed.len()), (1, 0));
}

/// A gateway between others translates what they send to its own point code, and what it can't it returns.
#[test]
fn a_gateway_between_others_translates_titles() {
    let mut between = Node::new(150, 200, vec![], vec![]);
    between.ss7.transport.become_gateway();
    let begin = begin(context::SUBSCRIBER_DATA_MANAGEMENT_V3, &[]);
    let hlr = SccpAddress::titled(digits(HLR), Ssn::HLR);
    assert_eq!(between.hear(&unitdata(&hlr, &gateway_address(), &begin)), None);
    assert_eq!(between.sent(), [(hlr, gateway_address(), begin.clone())]);
    // No association leads to the point of the gateway's titles, and nowhere from other titles.
    let nowhere = SccpAddress::titled(digits("33612345678"), Ssn::HLR);
    for (called, cause) in
        [(gateway_address(), sccp::Cause::MTP_FAILURE), (nowhere, sccp::Cause::NO_TRANSLATION_ADDRESS)]
    {
        assert_eq!(between.hear(&unitdata(&called, &hlr, &begin)), None);
        let sent = core::mem::take(&mut between.sent.0);
        match sccp::parse(&sent[0]) {
            Ok(sccp::Input::Service(service)) => {
                assert_eq!((service.cause, service.called, service.calling), (cause, hlr, called));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(sent.len(), 1);
    }
    let counts = between.ss7.sccp_counts();
    assert_eq!((counts.relayed, counts.returned), (1, 2));
}

/// What comes back for a dialogue of another worker reaches that one, whichever association it came by: transaction ids say
/// whose they are.
#[test]
fn tcap_loadshare_m3ua_udts() {
    let to_hlr = || sccp::Rule::new(digits("491710888"), sccp::Destination::titled(PointCode(200)));
    let mut workers = [0, 1].map(|at| worker_with(at, 2, |sccp| sccp.rules.push(to_hlr())));
    let now = Time::from_millis(1);
    for owner in [0, 1] {
        let mut outside = Crossing::default();
        workers[owner].invoke(now, &update(), 7, &mut outside).unwrap();
        let (.., begin) = outside.crossed.pop().expect("its association is another's");
        let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(&begin) else { panic!() };
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        sccp::build::service(&mut w, &unitdata, sccp::Cause::MTP_FAILURE).unwrap();
        let back = w.finish().unwrap().to_vec();
        hear(&mut workers[1 - owner], &back, &mut outside);
        let (to, label, crossed) = outside.crossed.pop().expect("it is not this worker's");
        assert_eq!((usize::from(to.0), &crossed), (owner, &back));
        let mut malformed = MalformedCounts::default();
        let told = workers[owner].handle_message(now, &label, &crossed, &mut malformed, &mut outside);
        assert_eq!(told.map(Told::of), Some(Told::NotDelivered(7, 5)));
    }
}

/// A message whose title was rewritten on its way comes back with the title that it had then.
#[test]
fn what_went_to_a_rewritten_title_is_known_when_it_comes_back() {
    let rewrite = sccp::Rewrite {
        strip: 2,
        add: digits("99"),
        translation_type: None,
        numbering_plan: None,
        nature: None,
    };
    let to = sccp::Destination { ssn: Some(Ssn(200)), ..sccp::Destination::titled(PointCode(200)) };
    let rule = sccp::Rule { rewrite: Some(rewrite), ..sccp::Rule::new(digits("491710888"), to) };
    let mut worker = worker_with(0, 2, |sccp| sccp.rules.push(rule));
    let (mut outside, mut malformed) = (Crossing::default(), MalformedCounts::default());
    let now = Time::from_millis(1);
    worker.invoke(now, &update(), 7, &mut outside).unwrap();
    let (.., sent) = outside.crossed.pop().unwrap();
    let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(&sent) else { panic!() };
    assert_eq!(unitdata.called.title.map(|title| title.digits.to_string()), Some(format!("99{}", &HLR[2..])));
    let mut room = [0; 600];
    let mut w = Prepend::new(&mut room);
    sccp::build::service(&mut w, &unitdata, sccp::Cause::SUBSYSTEM_FAILURE).unwrap();
    let back = w.finish().unwrap().to_vec();
    // Not from a point where it never went.
    let told = worker.handle_message(now, &label(300), &back, &mut malformed, &mut outside);
    assert_eq!((told.map(Told::of), worker.tcap_counts().wrong_peer), (None, 1));
    let told = worker.handle_message(now, &label(200), &back, &mut malformed, &mut outside);
    assert_eq!(told.map(Told::of), Some(Told::NotDelivered(7, 3)));
}
