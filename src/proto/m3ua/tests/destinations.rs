use super::super::destinations::Destinations;
use super::*;

const DUNA: Change = Change::Reach(Reach::Unavailable);
const DAVA: Change = Change::Reach(Reach::Available);
const DRST: Change = Change::Reach(Reach::Restricted);

fn pair(change: impl FnOnce(&mut AspConfig)) -> (Node, Node) {
    let mut config =
        AspConfig { t_audit: Some(Duration::from_secs(30)), ..AspConfig::new(Role::Asp, vec![100]) };
    config.network_appearance = Some(2);
    let mut b = AspConfig { role: Role::Sgp, t_audit: None, ..config.clone() };
    change(&mut b);
    let (mut a, mut b) = (Node::new(config), Node::new(b));
    a.up(Time::ZERO);
    b.up(Time::ZERO);
    exchange(Time::ZERO, &mut a, &mut b);
    (a, b)
}

fn report(node: &mut Node, point_code: u32, mask: u8, change: Change) {
    let sent = &mut node.sent;
    node.asp.report(PointCode(point_code), mask, change, &mut |stream, bytes| {
        sent.push_back((stream, bytes.to_vec()));
    });
}

fn reach(node: &Node, point_code: u32) -> Reach {
    node.asp.availability(PointCode(point_code)).reach
}

#[test]
fn what_a_gateway_reports_its_asp_knows() {
    let (mut a, mut b) = pair(|_| ());
    let mut tell = |change, kind| {
        report(&mut b, 9, 0, change);
        assert_eq!(exchange(Time::ZERO, &mut a, &mut b), [(1, kind)]);
        a.asp.availability(PointCode(9))
    };
    assert!(!tell(DUNA, Kind::Duna).is_usable());
    assert_eq!(tell(DRST, Kind::Drst).reach, Reach::Restricted);
    assert_eq!(tell(Change::Congestion(2), Kind::Scon).congestion, 2);
    assert_eq!(tell(Change::Congestion(0), Kind::Scon).congestion, 0);
    assert!(tell(Change::NoSccp(1), Kind::Dupu).no_sccp);
    assert_eq!(tell(DAVA, Kind::Dava), Availability::default());
    assert!(tell(Change::NoSccp(2), Kind::Dupu).no_sccp);
    a.asp.sccp_back(PointCode(9));
    assert!(!a.asp.availability(PointCode(9)).no_sccp);
    assert_eq!(reach(&a, 10), Reach::Available);
    a.asp.association_down(Time::ZERO);
    b.asp.association_down(Time::ZERO);
    assert_eq!(reach(&a, 9), Reach::Available, "nothing is known, and nothing is active");
}

#[test]
fn an_input_names_what_is_concerned() {
    let (mut a, _) = pair(|_| ());
    let duna = message(Kind::Duna, &[(tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9, 3, 0, 1, 0])]);
    match a.asp.handle_input(Time::ZERO, 0, &duna, &mut |_, _| panic!()).unwrap() {
        Input::Destination { affected, change } => {
            assert_eq!(affected.collect::<Vec<_>>(), [(PointCode(9), 0), (PointCode(256), 3)]);
            assert_eq!(change, DUNA);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(reach(&a, 9), Reach::Unavailable);
    assert_eq!((reach(&a, 263), reach(&a, 264)), (Reach::Unavailable, Reach::Available));
}

#[test]
fn an_audit_is_answered_in_full() {
    let (mut a, mut b) = pair(|config| config.reachable = (1..=100).map(PointCode).collect());
    report(&mut b, 2, 0, DUNA);
    report(&mut b, 3, 0, DRST);
    report(&mut b, 4, 0, Change::Congestion(3));
    b.sent.clear();
    let points: Vec<u8> = [1, 2, 3, 4, 200].iter().flat_map(|&point| [0, 0, 0, point]).collect();
    let daud =
        message(Kind::Daud, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 100]), (tag::AFFECTED_POINT_CODE, &points)]);
    b.input(Time::ZERO, 0, &daud).unwrap();
    use Kind::*;
    assert_eq!(exchange(Time::ZERO, &mut a, &mut b), [(1, Scon), (1, Dava), (1, Drst), (1, Duna)]);
    assert_eq!(
        (reach(&a, 1), reach(&a, 2), reach(&a, 3)),
        (Reach::Available, Reach::Unavailable, Reach::Restricted)
    );
    assert_eq!((a.asp.availability(PointCode(4)).congestion, reach(&a, 200)), (3, Reach::Unavailable));
    // Ended congestion that nobody told of goes with the next audit.
    report(&mut b, 4, 0, Change::Congestion(0));
    b.sent.clear();
    assert_eq!(a.asp.poll_timeout(), seconds(30));
    a.timeout(seconds(30));
    assert_eq!(exchange(seconds(30), &mut a, &mut b), [(0, Daud), (1, Dava), (1, Drst), (1, Duna)]);
    assert_eq!(a.asp.availability(PointCode(4)), Availability::default());
    assert_eq!(reach(&a, 2), Reach::Unavailable);
}

#[test]
fn a_long_audit_is_answered_in_part() {
    let (mut a, mut b) = pair(|_| ());
    let points: Vec<u8> = (0..200u8).flat_map(|point| [0, 0, 0, point]).collect();
    b.input(Time::ZERO, 0, &message(Kind::Daud, &[(tag::AFFECTED_POINT_CODE, &points)])).unwrap();
    assert_eq!(exchange(Time::ZERO, &mut a, &mut b), [(1, Kind::Dava)]);
    assert_eq!(b.asp.counts.audit_refused, 72);
}

#[test]
fn nothing_is_asked_while_nothing_is_wrong_or_nobody_active() {
    let (mut a, mut b) = pair(|_| ());
    a.timeout(seconds(30));
    assert!(a.sent.is_empty());
    a.stop(seconds(31));
    exchange(seconds(31), &mut a, &mut b);
    assert_eq!(a.asp.poll_timeout(), Time::NEVER);
    report(&mut b, 9, 0, DUNA);
    assert!(b.sent.is_empty(), "an ASP that isn't active is told nothing");
}

#[test]
fn news_while_inactive_or_out_of_scope_get_an_err() {
    let affected = (tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9][..]);
    let code = |node: &mut Node, bytes: &[u8]| {
        node.sent.clear();
        node.input(Time::ZERO, 0, bytes).unwrap();
        word(&node.pop(), tag::ERROR_CODE)
    };
    let mut idle = Node::new(AspConfig::new(Role::Asp, vec![100]));
    idle.up(Time::ZERO);
    let unexpected = Some(ErrorCode::UnexpectedMessage as u32);
    assert_eq!(code(&mut idle, &message(Kind::Duna, &[affected])), unexpected);
    assert_eq!(reach(&idle, 9), Reach::Available);
    let (mut a, mut b) = pair(|_| ());
    let context = message(Kind::Duna, &[(tag::ROUTING_CONTEXT, &[0, 0, 0, 9]), affected]);
    assert_eq!(code(&mut a, &context), Some(ErrorCode::InvalidRoutingContext as u32));
    let appearance = message(Kind::Duna, &[(tag::NETWORK_APPEARANCE, &[0, 0, 0, 9]), affected]);
    assert_eq!(code(&mut a, &appearance), Some(ErrorCode::InvalidNetworkAppearance as u32));
    assert_eq!(reach(&a, 9), Reach::Available);
    // SCON may come from an ASP too; without a level it is congestion all the same.
    b.input(Time::ZERO, 0, &message(Kind::Scon, &[affected])).unwrap();
    assert_eq!(b.asp.availability(PointCode(9)).congestion, 1);
    // The absence of another user than SCCP is none of ours.
    a.input(Time::ZERO, 0, &message(Kind::Dupu, &[affected, (tag::USER_CAUSE, &[0, 1, 0, 5])])).unwrap();
    assert!(a.asp.availability(PointCode(9)).is_usable());
    assert!(a.input(Time::ZERO, 0, &message(Kind::Dupu, &[affected])).is_err());
}

#[test]
fn ranges_and_their_members_are_kept_apart() {
    let mut table = Destinations::new(4);
    let get = |table: &Destinations, point_code| table.get(PointCode(point_code)).reach;
    assert!(table.update(PointCode(8), 3, DUNA));
    assert!(table.update(PointCode(9), 0, DAVA));
    assert_eq!(
        (get(&table, 8), get(&table, 9), get(&table, 15)),
        (Reach::Unavailable, Reach::Available, Reach::Unavailable)
    );
    assert_eq!(get(&table, 16), Reach::Available);
    assert_eq!(table.iter().count(), 2);
    assert!(table.update(PointCode(15), 3, DAVA), "the same range, by another member");
    assert_eq!(table.iter().count(), 0);
    for point_code in 0..4 {
        assert!(table.update(PointCode(point_code), 0, DRST));
    }
    assert!(!table.update(PointCode(4), 0, DUNA), "full");
    assert_eq!(get(&table, 4), Reach::Available);
    assert!(table.update(PointCode(3), 0, DUNA), "what is known can change");
    assert!(table.update(PointCode(0), 24, DAVA));
    assert_eq!(table.iter().count(), 0);
    assert!(table.update(PointCode(0), 24, DUNA));
    assert_eq!(get(&table, 0xff_ffff), Reach::Unavailable);
}

#[test]
fn news_count_if_one_of_their_contexts_is_ours() {
    for list in [[100, 999], [999, 100]] {
        let (mut a, _) = pair(|_| ());
        let contexts = super::contexts::contexts(&list);
        let affected = (tag::AFFECTED_POINT_CODE, &[0, 0, 0, 9][..]);
        a.input(Time::ZERO, 0, &message(Kind::Duna, &[(tag::ROUTING_CONTEXT, &contexts), affected])).unwrap();
        assert_eq!(reach(&a, 9), Reach::Unavailable);
        let err = a.pop();
        assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::InvalidRoutingContext as u32));
        assert_eq!(super::contexts::named(&err), [999]);
    }
}

#[test]
fn an_audit_of_a_range_tells_of_those_inside_it() {
    let (mut a, mut b) = pair(|_| ());
    for node in [&mut a, &mut b] {
        node.asp.report(PointCode(9), 0, DUNA, &mut |_, _| ());
    }
    report(&mut b, 8, 2, Change::Congestion(2));
    report(&mut b, 10, 0, Change::Congestion(0));
    b.sent.clear();
    let daud = message(Kind::Daud, &[(tag::AFFECTED_POINT_CODE, &[3, 0, 0, 8])]);
    b.input(Time::ZERO, 0, &daud).unwrap();
    use Kind::*;
    let passed = exchange(Time::ZERO, &mut a, &mut b);
    assert_eq!(passed, [(1, Dava), (1, Scon), (1, Dava), (1, Scon), (1, Dava), (1, Duna)]);
    for point_code in 7..=16 {
        let told = a.asp.availability(PointCode(point_code));
        assert_eq!(told.reach, b.asp.availability(PointCode(point_code)).reach, "{point_code}");
        let level = if matches!(point_code, 8 | 11) { 2 } else { 0 };
        assert!(told.congestion == level || told.reach == Reach::Unavailable, "{point_code}: {told:?}");
    }
    // Of a range that can't be reached as a whole, those that can.
    let (mut a, mut b) = pair(|config| config.reachable = vec![PointCode(10), PointCode(100)]);
    b.input(Time::ZERO, 0, &daud).unwrap();
    assert_eq!(exchange(Time::ZERO, &mut a, &mut b), [(1, Duna), (1, Dava)]);
    assert_eq!((reach(&a, 10), reach(&a, 11)), (Reach::Available, Reach::Unavailable));
}

#[test]
fn what_is_not_told_gets_an_err_that_names_it() {
    let (_, mut b) = pair(|config| config.reportable = vec![PointCode(9)]);
    let asked = [0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 8];
    b.input(Time::ZERO, 0, &message(Kind::Daud, &[(tag::AFFECTED_POINT_CODE, &asked)])).unwrap();
    let dava = b.pop();
    assert_eq!((kind(&dava), word(&dava, tag::AFFECTED_POINT_CODE)), (Kind::Dava, Some(9)));
    let err = b.pop();
    assert_eq!(word(&err, tag::ERROR_CODE), Some(ErrorCode::DestinationStatusUnknown as u32));
    let points = Message::parse(&err).unwrap().parameters.find(tag::AFFECTED_POINT_CODE).unwrap();
    assert_eq!(points, [0, 0, 0, 8, 0, 0, 0, 7]);
    assert!(b.sent.is_empty());
}

#[test]
fn an_asp_asks_when_it_is_active_and_then_by_timer() {
    let (mut a, mut b) = pair(|config| config.reachable = vec![PointCode(9)]);
    let mut config = AspConfig::new(Role::Asp, vec![100]);
    config.audited = vec![PointCode(9), PointCode(10)];
    config.t_audit = Some(Duration::from_secs(30));
    for round in 0..2 {
        let now = seconds(100 * round);
        a = Node::new(config.clone());
        b.up(now);
        a.up(now);
        let passed = exchange(now, &mut a, &mut b);
        use Kind::*;
        let tail = [(0, Daud), (1, Dava), (1, Duna)];
        assert_eq!(
            passed
                .iter()
                .copied()
                .filter(|(_, kind)| tail.iter().any(|it| it.1 == *kind))
                .collect::<Vec<_>>(),
            tail
        );
        assert_eq!((reach(&a, 9), reach(&a, 10)), (Reach::Available, Reach::Unavailable));
        a.timeout(now + Duration::from_secs(30));
        let daud = a.pop();
        assert_eq!((kind(&daud), word(&daud, tag::AFFECTED_POINT_CODE)), (Daud, Some(10)), "what is gone");
    }
    // Another state and back again: what was said is asked anew.
    a.input(seconds(200), 0, &message(Kind::AspiaAck, &[])).unwrap();
    a.input(seconds(200), 0, &message(Kind::AspacAck, &[])).unwrap();
    assert_eq!(a.kinds(), [Kind::Aspac, Kind::Daud]);
    config.t_audit = None;
    let mut quiet = Node::new(config);
    quiet.up(Time::ZERO);
    quiet.input(Time::ZERO, 0, &message(Kind::AspupAck, &[])).unwrap();
    quiet.input(Time::ZERO, 0, &message(Kind::AspacAck, &[])).unwrap();
    assert_eq!(quiet.kinds(), [Kind::Aspup, Kind::Aspac]);
}
