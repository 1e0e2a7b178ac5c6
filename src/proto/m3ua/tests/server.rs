//! Application servers of a signalling gateway with several ASPs.

use super::contexts::named;
use super::*;

/// A signalling gateway of several associations, whose ASPs are the test.
pub(super) struct Gateway {
    pub(super) nodes: Vec<Node>,
    pub(super) servers: Servers,
}

impl Gateway {
    pub(super) fn new(count: usize, contexts: &[u32], config: ServerConfig) -> Self {
        Self::of(vec![AspConfig::new(Role::Sgp, contexts.to_vec()); count], config)
    }

    pub(super) fn of(configs: Vec<AspConfig>, config: ServerConfig) -> Self {
        let numbered = configs.iter().enumerate().map(|(at, config)| (at as u16, config));
        let servers = Servers::new(numbered, &[config]);
        let mut nodes: Vec<Node> = configs.into_iter().map(Node::new).collect();
        for node in &mut nodes {
            node.servers = Servers::default();
            node.is_one_of_several = true;
            node.up(Time::ZERO);
        }
        Self { nodes, servers }
    }

    pub(super) fn tend(&mut self, now: Time, at: usize, failed: bool) {
        let mut told = Vec::new();
        self.servers.observe(now, at as u16, &self.nodes[at].asp, failed, &mut |it| told.push(it));
        self.tell(&told);
    }

    fn tell(&mut self, told: &[Told]) {
        for told in told {
            self.nodes[usize::from(told.association)].tell(told.status, told.context, told.asp_identifier);
        }
        for (at, node) in self.nodes.iter_mut().enumerate() {
            self.servers.govern(at as u16, &mut node.asp);
            node.asp.assert_invariants();
        }
        self.servers.assert_invariants();
    }

    pub(super) fn input(&mut self, now: Time, at: usize, bytes: &[u8]) {
        let _ = self.nodes[at].input(now, 0, bytes);
        self.nodes[at].answer_keys(at as u16, &mut self.servers);
        self.tend(now, at, false);
    }

    pub(super) fn lose(&mut self, now: Time, at: usize) {
        self.nodes[at].down(now);
        self.tend(now, at, true);
    }

    pub(super) fn timeout(&mut self, now: Time) {
        let mut told = Vec::new();
        self.servers.handle_timeout(now, &mut |it| told.push(it), &mut |_| ());
        self.tell(&told);
    }

    pub(super) fn aspup(&mut self, now: Time, at: usize) {
        self.input(now, at, &message(Kind::Aspup, &[(tag::ASP_IDENTIFIER, &[0, 0, 0, 50 + at as u8])]));
    }

    pub(super) fn aspac(&mut self, now: Time, at: usize, mode: Option<TrafficMode>) {
        let octets = mode.map_or(0, |mode| mode as u32).to_be_bytes();
        let mode = [(tag::TRAFFIC_MODE, &octets[..])];
        self.input(now, at, &message(Kind::Aspac, if octets == [0; 4] { &[] } else { &mode }));
    }

    pub(super) fn send(&mut self, now: Time, at: usize, kind: Kind) {
        self.input(now, at, &message(kind, &[]));
    }

    /// The NTFYs that an ASP got since last asked, each with its contexts; other messages are dropped.
    pub(super) fn told(&mut self, at: usize) -> Vec<Status> {
        let sent = self.nodes[at].sent.drain(..).filter(|(_, bytes)| kind(bytes) == Kind::Ntfy);
        sent.map(|(_, bytes)| Status::from_wire(word(&bytes, tag::STATUS).unwrap()).unwrap()).collect()
    }

    pub(super) fn choose(&mut self, selection: u8) -> (Option<Choice>, Vec<(u16, Option<u32>)>) {
        let mut to = Vec::new();
        let choice =
            self.servers.choose(0, Some(100), selection, &mut |at, correlation| to.push((at, correlation)));
        (choice, to)
    }

    pub(super) fn state(&self) -> ServerState {
        self.servers.each().next().unwrap().0.state()
    }

    fn server(&mut self) -> &mut Server {
        self.servers.server_mut(0, Some(100)).unwrap()
    }
}

const OVERRIDE: Option<TrafficMode> = Some(TrafficMode::Override);
const LOADSHARE: Option<TrafficMode> = Some(TrafficMode::Loadshare);
const BROADCAST: Option<TrafficMode> = Some(TrafficMode::Broadcast);
const NOTHING: [Status; 0] = [];

fn usual() -> ServerConfig {
    ServerConfig::new(Some(100))
}

/// `count` ASPs, all inactive, told nothing yet.
pub(super) fn inactive(count: usize, config: ServerConfig) -> Gateway {
    let mut gateway = Gateway::new(count, &[100], config);
    for at in 0..count {
        gateway.aspup(Time::ZERO, at);
    }
    for at in 0..count {
        gateway.told(at);
    }
    gateway
}

/// An identifier names one ASP of an application server (RFC 4666 3.8.1): who comes with another's is refused until that is gone.
#[test]
fn identifiers_are_unique() {
    let mut gateway = inactive(2, usual());
    gateway.send(Time::ZERO, 1, Kind::Aspdn);
    gateway.nodes[1].sent.clear();
    let aspup = message(Kind::Aspup, &[(tag::ASP_IDENTIFIER, &[0, 0, 0, 50])]);
    gateway.input(Time::ZERO, 1, &aspup);
    let refused = gateway.nodes[1].pop();
    let code = ErrorCode::InvalidAspIdentifier as u32;
    assert_eq!((kind(&refused), word(&refused, tag::ERROR_CODE)), (Kind::Err, Some(code)));
    // The other may come again itself.
    gateway.input(Time::ZERO, 0, &aspup);
    assert_eq!(gateway.nodes[0].asp.state(), AspState::Inactive);
    gateway.lose(Time::ZERO, 0);
    gateway.input(Time::ZERO, 1, &aspup);
    assert_eq!(gateway.nodes[1].asp.state(), AspState::Inactive);
}

fn active(count: usize, mode: Option<TrafficMode>, config: ServerConfig) -> Gateway {
    let mut gateway = inactive(count, config);
    for at in 0..count {
        gateway.aspac(Time::ZERO, at, mode);
    }
    for at in 0..count {
        gateway.told(at);
    }
    gateway
}

#[test]
fn who_comes_up_is_told_how_its_server_stands() {
    let mut gateway = Gateway::new(2, &[100], usual());
    gateway.aspup(Time::ZERO, 0);
    assert_eq!((gateway.told(0), gateway.told(1).len()), (vec![Status::AsInactive], 0));
    gateway.aspac(Time::ZERO, 0, None);
    assert_eq!((gateway.told(0), gateway.told(1).len()), (vec![Status::AsActive], 0), "1 is down");
    gateway.aspup(Time::ZERO, 1);
    assert_eq!((gateway.told(0), gateway.told(1)), (vec![], vec![Status::AsActive]), "not inactive");
    // One leaves, the other carries on: nothing pends.
    gateway.aspac(seconds(1), 1, None);
    gateway.send(seconds(1), 0, Kind::Aspia);
    assert_eq!((gateway.told(0), gateway.told(1)), (vec![], vec![]));
    assert_eq!((gateway.state(), gateway.servers.poll_timeout()), (ServerState::Active, Time::NEVER));
    gateway.lose(seconds(2), 1);
    assert_eq!(gateway.told(0), [Status::AspFailure, Status::AsPending]);
    assert_eq!(gateway.servers.poll_timeout(), seconds(4), "though its association is gone");
    gateway.timeout(seconds(4));
    assert_eq!(gateway.told(0), [Status::AsInactive]);
}

#[test]
fn an_asp_that_has_failed_is_named() {
    let mut gateway = active(3, LOADSHARE, usual());
    gateway.lose(seconds(1), 1);
    for at in [0, 2] {
        let ntfy = gateway.nodes[at].pop();
        assert_eq!(word(&ntfy, tag::STATUS), Some(Status::AspFailure as u32));
        assert_eq!((word(&ntfy, tag::ASP_IDENTIFIER), named(&ntfy)), (Some(51), vec![100]));
    }
    gateway.send(seconds(2), 0, Kind::Aspdn);
    assert_eq!(gateway.told(2), NOTHING, "who leaves in order has not failed");
}

#[test]
fn each_context_has_its_own_t_r() {
    let mut gateway = Gateway::new(1, &[100, 200], usual());
    gateway.aspup(Time::ZERO, 0);
    gateway.aspac(Time::ZERO, 0, None);
    gateway.told(0);
    let leave = |context: u32| message(Kind::Aspia, &[(tag::ROUTING_CONTEXT, &context.to_be_bytes())]);
    gateway.input(Time::ZERO, 0, &leave(100));
    let later = Time::ZERO + Duration::from_millis(1900);
    gateway.input(later, 0, &leave(200));
    assert_eq!(gateway.told(0), [Status::AsPending, Status::AsPending]);
    gateway.timeout(seconds(2));
    let ntfy = gateway.nodes[0].pop();
    assert_eq!((word(&ntfy, tag::STATUS), named(&ntfy)), (Some(Status::AsInactive as u32), vec![100]));
    assert!(gateway.nodes[0].sent.is_empty());
    assert_eq!(gateway.servers.poll_timeout(), later + Duration::from_secs(2));
}

#[test]
fn with_override_the_newest_has_all() {
    let mut gateway = inactive(2, usual());
    gateway.aspac(Time::ZERO, 0, OVERRIDE);
    assert_eq!(gateway.choose(7).1, [(0, None)]);
    gateway.told(0);
    gateway.told(1);
    gateway.aspac(seconds(1), 1, OVERRIDE);
    let ntfy = gateway.nodes[0].pop();
    assert_eq!(word(&ntfy, tag::STATUS), Some(Status::AlternateAspActive as u32));
    assert_eq!(word(&ntfy, tag::ASP_IDENTIFIER), Some(51));
    assert_eq!((gateway.nodes[0].asp.state(), gateway.told(1)), (AspState::Inactive, vec![]));
    for selection in 0..=255 {
        assert_eq!(gateway.choose(selection).1, [(1, None)]);
    }
    gateway.send(seconds(2), 1, Kind::Aspia);
    assert_eq!(gateway.told(0), [Status::AsPending], "it may come back");
    gateway.aspac(seconds(2), 0, OVERRIDE);
    assert_eq!(
        (gateway.told(1), gateway.choose(0).1),
        (vec![Status::AsPending, Status::AsActive], vec![(0, None)])
    );
}

#[test]
fn with_loadshare_each_selection_keeps_its_asp() {
    let mut gateway = active(3, LOADSHARE, usual());
    let mut shares = [0; 3];
    for selection in 0..=255 {
        let (_, to) = gateway.choose(selection);
        assert_eq!(to, gateway.choose(selection).1);
        shares[usize::from(to[0].0)] += 1;
    }
    assert!(shares.iter().all(|&share| (85..=86).contains(&share)), "{shares:?}");
    gateway.send(seconds(1), 1, Kind::Aspia);
    assert!((0..=255).all(|selection| gateway.choose(selection).1[0].0 != 1));
}

#[test]
fn with_broadcast_all_have_all_and_a_flow_begins_with_a_correlation() {
    let mut gateway = active(2, BROADCAST, usual());
    let (_, first) = gateway.choose(3);
    let correlation = first[0].1;
    assert!(correlation.is_some());
    assert_eq!(first, [(0, correlation), (1, correlation)]);
    assert_eq!(gateway.choose(3).1, [(0, None), (1, None)], "the flow goes on");
    assert_eq!(gateway.choose(4).1[0].1, correlation, "another flow begins");
    gateway.send(seconds(1), 1, Kind::Aspia);
    gateway.aspac(seconds(1), 1, BROADCAST);
    let (_, again) = gateway.choose(3);
    assert!(again[1].1.is_some() && again[1].1 != correlation, "an ASP has joined: {again:?}");
}

#[test]
fn asps_of_one_server_share_one_mode() {
    let mut gateway = inactive(2, usual());
    gateway.aspac(Time::ZERO, 0, LOADSHARE);
    gateway.told(0);
    gateway.nodes[1].sent.clear();
    gateway.aspac(Time::ZERO, 1, OVERRIDE);
    let err = gateway.nodes[1].pop();
    assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::UnsupportedTrafficMode as u32));
    gateway.aspac(Time::ZERO, 1, LOADSHARE);
    assert_eq!(gateway.nodes[1].asp.state(), AspState::Active);
    // When all have gone, who comes next decides.
    for at in [0, 1] {
        gateway.send(seconds(1), at, Kind::Aspdn);
    }
    gateway.timeout(seconds(3));
    gateway.aspup(seconds(4), 1);
    gateway.aspac(seconds(4), 1, OVERRIDE);
    assert_eq!(gateway.nodes[1].asp.state(), AspState::Active);
    // One that has not asked for a mode shares the load.
    let mut gateway = inactive(2, usual());
    gateway.aspac(Time::ZERO, 0, None);
    gateway.aspac(Time::ZERO, 1, BROADCAST);
    assert_eq!(gateway.nodes[1].asp.state(), AspState::Inactive);
    gateway.aspac(Time::ZERO, 1, LOADSHARE);
    assert_eq!(gateway.nodes[1].asp.state(), AspState::Active);
}

#[test]
fn n_of_n_and_k() {
    let config = ServerConfig { least_active: 2, mode: LOADSHARE, ..usual() };
    let mut gateway = inactive(3, config);
    gateway.aspac(Time::ZERO, 0, LOADSHARE);
    assert_eq!((gateway.state(), gateway.choose(0).0), (ServerState::Inactive, Some(Choice::Nobody)));
    gateway.aspac(Time::ZERO, 1, LOADSHARE);
    assert_eq!(gateway.state(), ServerState::Active);
    for at in 0..3 {
        assert_eq!(gateway.told(at), [Status::AsActive]);
    }
    gateway.send(seconds(1), 0, Kind::Aspia);
    assert_eq!(gateway.state(), ServerState::Active, "one is left, which is too few and better than none");
    assert_eq!(gateway.told(2), [Status::InsufficientAspResources]);
    assert_eq!((gateway.told(0), gateway.told(1)), (vec![Status::InsufficientAspResources], vec![]));
    gateway.send(seconds(1), 1, Kind::Aspia);
    assert_eq!(gateway.state(), ServerState::Pending);
    gateway.aspac(seconds(2), 2, LOADSHARE);
    assert_eq!(gateway.state(), ServerState::Active, "one is enough to end T(r)");
}

#[test]
fn messages_are_held_while_pending_and_no_longer() {
    let mut gateway = active(1, LOADSHARE, ServerConfig { held: 24, ..usual() });
    assert!(!gateway.server().hold(b"active"), "it is not pending");
    gateway.send(seconds(1), 0, Kind::Aspia);
    assert_eq!(gateway.choose(0), (Some(Choice::Hold), vec![]));
    assert!(gateway.server().hold(b"first") && gateway.server().hold(b"second"));
    assert!(!gateway.server().hold(b"sixth"), "24 octets with their lengths");
    let released = |gateway: &mut Gateway| {
        let mut each = Vec::new();
        gateway.server().release(&mut |message| each.push(message.to_vec()));
        each
    };
    assert!(released(&mut gateway).is_empty(), "not yet");
    gateway.aspac(seconds(2), 0, LOADSHARE);
    assert_eq!(released(&mut gateway), [&b"first"[..], b"second"]);
    assert!(released(&mut gateway).is_empty(), "once");
    gateway.send(seconds(3), 0, Kind::Aspia);
    assert!(gateway.server().hold(b"third"));
    gateway.timeout(seconds(5));
    gateway.aspac(seconds(6), 0, LOADSHARE);
    assert!(released(&mut gateway).is_empty());
    let counts = &gateway.server().counts;
    assert_eq!((counts.held, counts.released, counts.discarded, counts.held_full), (3, 2, 1, 2));
}

#[test]
fn servers_are_apart_by_context_and_network() {
    let of = |contexts: &[u32], appearance| AspConfig {
        network_appearance: appearance,
        ..AspConfig::new(Role::Sgp, contexts.to_vec())
    };
    let configs =
        vec![of(&[100, 200], None), of(&[200], None), of(&[200], Some(3)), of(&[], None), of(&[], None)];
    let gateway = Gateway::of(configs, usual());
    let members: Vec<_> = gateway
        .servers
        .each()
        .map(|(server, associations)| (server.config().routing_context, associations.to_vec()))
        .collect();
    let expected: [(_, &[u16]); 5] =
        [(Some(100), &[0]), (Some(200), &[0, 1]), (Some(200), &[2]), (None, &[3]), (None, &[4])];
    assert!(members.iter().map(|(context, list)| (*context, &list[..])).eq(expected), "{members:?}");
}
