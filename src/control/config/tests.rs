//! A test for every kind of error, made by changing one line of the example.

use super::*;
use std::time::Duration;

mod dns;
mod streams;

const EXAMPLE: &str = include_str!("../../../docs/operating/examples/gateway.toml");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating/examples/gateway.toml");

/// The errors of the example with `from` replaced by `to`, as `line: key: what; remedy`.
fn errors(changes: &[(&str, &str)]) -> Vec<String> {
    let text = changes.iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let errors = Config::parse(Path::new("gw.toml"), &text).expect_err("should be refused");
    errors.iter().map(|error| error.to_string().strip_prefix("gw.toml:").unwrap().to_owned()).collect()
}

/// That one change gives an error on the line where `from` begins, with this key and these words.
#[track_caller]
fn refused(from: &str, to: &str, key: &str, words: &[&str]) {
    let line = 1 + EXAMPLE[..EXAMPLE.find(from).expect(from)].matches('\n').count();
    let (found, begin) = (errors(&[(from, to)]), format!("{line}: {key}: "));
    let Some(error) = found.iter().find(|error| error.starts_with(&begin)) else {
        panic!("expected {begin}, got {found:#?}")
    };
    for word in words {
        assert!(error.contains(word), "{error}; expected {word}");
    }
    assert!(error.split_once("; ").is_some_and(|(_, remedy)| !remedy.is_empty()), "no remedy: {error}");
}

#[test]
fn the_example_is_complete_and_read_as_it_says() {
    let config = Config::load(Path::new(FILE)).unwrap();
    assert_eq!((config.node.workers, config.node.tid_prefix, config.node.tid_prefix_bits), (2, 0x15, 6));
    assert_eq!(config.ports[0].addresses[1].vlan, Some(5));
    assert_eq!(config.ports[0].addresses[1].prefix.to_string(), "fd00:5::1/64");
    assert_eq!(config.sip.host, "ipsmgw.home1.net");
    assert_eq!(config.sip.t1, Duration::from_millis(500));
    let [home1, home2] = &config.networks[..] else { panic!() };
    assert_eq!(home1.imsi_prefixes[0].to_string(), "26201");
    assert_eq!(home1.gateway_uri, "sip:ipsmgw.home1.net");
    assert_eq!(home1.subscribers.as_deref(), Some(Path::new(FILE).with_file_name("home1.csv").as_path()));
    assert_eq!(home2.realms, ["ims.mnc015.mcc234.3gppnetwork.org"]);
    assert_eq!(
        (home2.node.ssn().0, home2.report_answer, home2.report_unmatched),
        (149, 202, ReportUnmatched::NotAcceptableHere)
    );
    assert_eq!((home1.report_token, home1.report_in_200), (false, false), "quirks are asked for");
    assert_eq!(config.ss7.point_code.0, 2 << 11 | 100 << 3 | 3);
    assert_eq!(config.associations[1].remote_port, Some(2905));
    assert_eq!(config.associations[0].timers.rto_max, Duration::from_secs(60));
    assert_eq!(config.sizes()[0], ("dialogues", 131_072));
}

#[test]
fn what_must_match_of_a_peer_is_configured() {
    let text = EXAMPLE.replacen(
        "point_code = \"2.100.3\"",
        "point_code = \"2.100.3\"\nmatch_first = [\"title\"]\nmatch_later = []\nrelays = [\"2.1.0\", 7]",
        1,
    );
    let config = Config::parse(Path::new("gw.toml"), &text).unwrap();
    let peer_match = config.ss7.peer_match(&config.titles);
    assert!(peer_match.first.title && !peer_match.first.point_code && !peer_match.first.ssn);
    assert!(!peer_match.later.title && !peer_match.later.point_code && !peer_match.later.ssn);
    assert_eq!(peer_match.relays.iter().map(|code| code.0).collect::<Vec<_>>(), [2 << 11 | 1 << 3, 7]);
    let usual = Config::load(Path::new(FILE)).unwrap();
    assert_eq!(usual.ss7.peer_match(&usual.titles), crate::proto::tcap::PeerMatch::default());
    // Whoever translates the same titles stands in for the other.
    let mut title = usual.titles[0].clone();
    let another = crate::ident::PointCode(9);
    title.targets = vec![Target { point_code: another, ssn: None }];
    let relays = usual.ss7.peer_match(&[title.clone()]).relays;
    assert_eq!(relays, [usual.titles[0].point_code.unwrap(), another]);
    title.route_on = RouteOn::Ssn;
    assert!(usual.ss7.peer_match(&[title]).relays.is_empty());
}

#[test]
fn what_is_agreed_with_operators_is_checked() {
    let config = Config::load(Path::new(FILE)).unwrap();
    let [peer] = &config.map_peers[..] else { panic!() };
    assert_eq!((peer.handshake, peer.highest_version), (Handshake::WhenNeeded, 3));
    let from = "prefix = \"4366\"";
    let with = |lines: &str| Config::parse(Path::new("x"), &EXAMPLE.replacen(from, lines, 1));
    let older = with("prefix = \"43\"\nhandshake = \"never\"\nhighest_version = 1").unwrap();
    assert_eq!((older.map_peers[0].handshake, older.map_peers[0].highest_version), (Handshake::Never, 1));
    for wrong in ["highest_version = 0", "highest_version = 4", "handshake = \"sometimes\""] {
        assert!(with(&format!("{from}\n{wrong}")).is_err(), "{wrong}");
    }
    assert!(with(&format!("{from}\n[[map_peer]]\n{from}")).is_err(), "given twice");
    refused(from, "prefix = \"43x\"", "map_peer[0].prefix", &["decimal digits"]);
}

/// The lines of the example that are commented out are keys with their defaults: putting them in changes nothing.
#[test]
fn the_example_tells_the_true_defaults() {
    let key = |line: &str| line.strip_prefix("# ").is_some_and(|rest| rest.split(' ').nth(1) == Some("="));
    let skipped = [
        "secret_file",
        "audit_file",
        // Another one for each form of R1.
        "audit ",
        "mac ",
        "impairment",
        "source",
        "network_appearance",
        "asp_identifier",
        "translation_type",
        "numbering_plan",
        "nature",
        "credentials",
        "signalling_gateway",
        "registered_contexts_from",
        "targets",
        "rewrite",
        "path",
    ];
    let full: Vec<_> = EXAMPLE
        .lines()
        .map(|line| match key(line) && !skipped.iter().any(|skipped| line[2..].starts_with(skipped)) {
            true => &line[2..],
            false => line,
        })
        .collect();
    let (plain, full) =
        (Config::parse(Path::new("x"), EXAMPLE).unwrap(), Config::parse(Path::new("x"), &full.join("\n")));
    assert_eq!(format!("{plain:?}"), format!("{:?}", full.unwrap()));
}

#[test]
fn unknown_keys_and_sections_are_refused() {
    refused("workers = 2", "wrokers = 2", "node.wrokers", &["unknown field", "workers", "spelling"]);
    refused("[timers]", "[timer]", "timer", &["unknown section", "timers"]);
    refused("vlan = 5", "vlna = 5", "port[0].addresses[1].vlna", &["unknown field", "vlan"]);
}

#[test]
fn wrong_types_and_spellings_are_refused() {
    refused("workers = 2", "workers = \"two\"", "node.workers", &["invalid type", "u8"]);
    refused("workers = 2", "workers = 300", "node.workers", &["300"]);
    refused("\"10.7.0.1/24\"", "\"10.7.0.1\"", "port[1].addresses[0]", &["prefix length"]);
    refused("mcc = \"262\"", "mcc = \"26x\"", "network[0].mcc", &["decimal digits"]);
    refused("point_code = \"2.100.3\"", "point_code = \"9.100.3\"", "ss7.point_code", &["zone.area.point"]);
    refused("role = \"client\"", "role = \"both\"", "association[0].role", &["client", "server"]);
    refused("# mac = \"02:00:00:00:00:01\"", "mac = \"02:00\"", "port[0].mac", &["MAC address"]);
    refused("[sip]\nlisten", "[[sip]]\nlisten", "sip", &["expected one table", "[sip]"]);
    refused("[[title]]\nprefix", "[title]\nprefix", "title", &["list of tables", "[[title]]"]);
}

#[test]
fn missing_keys_and_sections_are_named() {
    refused("[[network]]\nname = \"home2\"", "[[network]]", "network[1].name", &["is missing", "add name"]);
    let section = "[ss7]\npoint_code = \"2.100.3\"";
    let found = errors(&[(section, "")]);
    assert!(found[0].contains("ss7.point_code: is missing"), "{found:?}");
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let found = errors(&[("workers = 2", "workers = = 2")]);
    assert!(found[0].starts_with("6: workers: "), "{found:?}");
}

#[test]
fn several_errors_are_told_at_once() {
    let found = errors(&[
        ("workers = 2", "wrokers = 2"),
        ("backoff = \"yield\"", "backoff = \"sleep\""),
        ("mnc = \"015\"", "mnc = 15"),
        ("[log]", "[logs]"),
    ]);
    let keys: Vec<_> = found.iter().map(|error| error.split(": ").nth(1).unwrap()).collect();
    assert_eq!(keys, ["node.wrokers", "node.backoff", "network[1].mnc", "logs"]);
}

#[test]
fn what_leads_to_the_hlr_is_a_register_or_a_notify() {
    let config = Config::load(Path::new(FILE)).unwrap();
    let network = &config.networks[1];
    assert_eq!((network.r1_trigger, network.reg_event), (R1Trigger::Register, RegEvent::Off));
    assert_eq!(config.timers.reg_event_per_second, 200);
    let of = |from, to| Config::parse(Path::new("gw.toml"), &EXAMPLE.replacen(from, to, 1)).unwrap();
    let by_notify = of("# r1_trigger = \"register\"", "r1_trigger = \"reg_event\"");
    assert_eq!(by_notify.networks[1].r1_trigger, R1Trigger::RegEvent);
    let watched = of("# reg_event = \"off\"", "reg_event = \"watch\"");
    assert_eq!(watched.networks[1].reg_event, RegEvent::Watch);
    let key = "network[1].r1_trigger";
    refused("# r1_trigger = \"register\"", "r1_trigger = \"notify\"", key, &["notify", "reg_event"]);
    refused("# reg_event = \"off\"", "reg_event = \"on\"", "network[1].reg_event", &["on", "watch"]);
    let none = ("scscf = [{ uri = \"sip:scscf1.home2.net\", address = \"10.1.0.6:5060\" }]\n", "");
    let found = errors(&[none, ("# r1_trigger = \"register\"", "r1_trigger = \"reg_event\"")]);
    assert!(found.iter().any(|it| it.contains("network[1].r1_trigger: there is no S-CSCF")), "{found:?}");
    let found = errors(&[none, ("# reg_event = \"off\"", "reg_event = \"watch\"")]);
    assert!(found.iter().any(|it| it.contains("network[1].reg_event: there is no S-CSCF")), "{found:?}");
    let key = "timers.reg_event_per_second";
    refused("# reg_event_per_second = 200", "reg_event_per_second = 0", key, &["0", "1"]);
}

#[test]
fn what_an_hlr_knows_is_found_out_by_what_its_form_of_r1_allows() {
    let of = |from: &str, to: &str| {
        let config = Config::parse(Path::new("gw.toml"), &EXAMPLE.replacen(from, to, 1)).unwrap();
        assert_eq!(config.networks[0].audits(), Audit::Off, "it knows the gateway beforehand");
        (config.networks[1].audits(), config.networks[1].ghosts, config.timers.audit_per_second)
    };
    assert_eq!(of("", ""), (Audit::Register, Ghosts::Deregister, 100));
    let gprs = "r1 = \"update_gprs_location\"";
    assert_eq!(of("# r1 = \"any_time_modification\"", gprs).0, Audit::RoutingInfo, "it takes nobody's SGSN");
    assert_eq!(of("# audit = \"register\"", "audit = \"off\"").0, Audit::Off);
    assert_eq!(of("# ghosts = \"deregister\"", "ghosts = \"count\"").1, Ghosts::Count);
    refused("# audit = \"register\"", "audit = \"ask\"", "network[1].audit", &["ask", "routing_info"]);
    refused("# ghosts = \"deregister\"", "ghosts = \"keep\"", "network[1].ghosts", &["keep", "count"]);
    refused("# audit_per_second = 100", "audit_per_second = 0", "timers.audit_per_second", &["0", "1"]);
    let beforehand = "r1 = \"preconfigured\"";
    let found = errors(&[(beforehand, &format!("audit = \"register\"\n{beforehand}"))]);
    assert!(found.iter().any(|it| it.contains("network[0].audit: the HLR knows")), "{found:?}");
    let off = EXAMPLE.replacen(beforehand, &format!("audit = \"off\"\n{beforehand}"), 1);
    assert!(Config::parse(Path::new("gw.toml"), &off).is_ok());
}

#[test]
fn only_one_form_of_r1_exists_yet() {
    refused("r1 = \"preconfigured\"", "r1 = \"gr\"", "network[0].r1", &["gr", "preconfigured"]);
}

#[test]
fn values_have_ranges() {
    refused("workers = 2", "workers = 0", "node.workers", &["0 is out of range", "1 to 64"]);
    refused("# wait_ms = 2000", "wait_ms = 9", "store.wait_ms", &["9 is out of range", "10 to 30000"]);
    refused("# unacknowledged = 65536", "unacknowledged = 1", "store.unacknowledged", &["16 to 1048576"]);
    refused("name = \"ims\"", "name = \"i ms\"", "port[0].name", &["no name"]);
    refused("# mtu = 1500", "mtu = 9000", "port[0].mtu", &["1280 to 1500"]);
    for (key, share) in [("loss", "1.5"), ("duplicate", "-0.1"), ("loss", "nan")] {
        let (to, place) =
            (format!("impairment = {{ {key} = {share} }}"), format!("port[0].impairment.{key}"));
        refused("# mtu = 1500", &to, &place, &["0 to 1"]);
    }
    refused("vlan = 5", "vlan = 4095", "port[0].addresses[1]", &["4095"]);
    refused("mcc = \"262\"", "mcc = \"26\"", "network[0].mcc", &["2 digits", "give 3"]);
    refused("report_answer = 202", "report_answer = 204", "network[1].report_answer", &["200 or 202"]);
    refused("# mt_queue = 8", "mt_queue = 17", "timers.mt_queue", &["0 to 16"]);
    refused("# mt_report_ms = 40000", "mt_report_ms = 1", "timers.mt_report_ms", &["100 to"]);
    refused("# sack_delay_ms = 200", "sack_delay_ms = 501", "association[0].sack_delay_ms", &["0 to 500"]);
    refused(
        "# rto_initial_ms = 1000",
        "rto_initial_ms = 900",
        "association[0].rto_initial_ms",
        &["1000 to 60000"],
    );
    refused("# network_indicator = 2", "network_indicator = 4", "ss7.network_indicator", &["0 to 3"]);
    refused("worker = 1", "worker = 2", "association[1].worker", &["0 to 1"]);
    refused("uri = \"sip:ipsmgw.home1.net\"", "uri = \"ipsmgw\"", "sip.uri", &["no SIP URI"]);
    refused("# identities = 100000", "identities = 2", "capacity.identities", &["16 to 268435456"]);
    refused("# details = 50000", "details = 300000000", "capacity.details", &["16 to 268435456"]);
    let wide = "subscribers = 134217729";
    refused("# subscribers = 100000", wide, "capacity.subscribers", &["16 to 134217728"]);
    refused(
        "addresses = [\"10.7.0.1/24\", \"10.8.0.1/24\"]",
        "addresses = []",
        "port[1].addresses",
        &["there is none"],
    );
}

#[test]
fn hosts_of_the_core_are_addresses_and_prefixes() {
    let config = Config::parse(Path::new("x"), EXAMPLE).unwrap();
    assert_eq!((config.sip.retry_after_s, config.networks[0].legacy), (5, false));
    let hosts = |text: &str| {
        let text = EXAMPLE.replacen("[\"10.1.0.9\"]", text, 1);
        Config::parse(Path::new("x"), &text).unwrap().networks[0].trusted.clone()
    };
    let [one, net, v6] = hosts("[\"10.1.0.9\", \"10.2.0.0/16\", \"fd00::/8\"]")[..] else { panic!() };
    assert_eq!((one.0.length, net.0.length, v6.0.length), (32, 16, 8));
    assert!(v6.0.contains("fd12::1".parse().unwrap()) && !net.0.contains("10.3.0.0".parse().unwrap()));
    for wrong in ["10.2.0.1/16", "10.1.0", "host.example", "10.0.0.0/33"] {
        refused(
            "trusted = [\"10.1.0.9\"]",
            &format!("trusted = [\"{wrong}\"]"),
            "network[0].trusted",
            &["10.1.0.5"],
        );
    }
    assert_eq!(config.sip.probe, Duration::from_secs(10));
    refused("# probe_s = 10", "probe_s = 0", "sip.probe_s", &["1 to 3600"]);
    refused("# retry_after_s = 5", "retry_after_s = 0", "sip.retry_after_s", &["1 to 3600"]);
}

#[test]
fn m3ua_of_an_association_is_consistent() {
    refused("# t_ack_ms = 2000", "t_ack_ms = 99", "association[0].t_ack_ms", &["100 to 60000"]);
    refused("# t_retry_ms = 10000", "t_retry_ms = 0", "association[0].t_retry_ms", &["100 to"]);
    refused("# leave_attempts = 3", "leave_attempts = 0", "association[0].leave_attempts", &["1 to 100"]);
    refused("# beat_ms = 0", "beat_ms = 50", "association[0].beat_ms", &["100 to"]);
    refused("# audit_ms = 30000", "audit_ms = 1", "association[0].audit_ms", &["1000 to"]);
    refused("# exchange = \"single\"", "exchange = \"double\"", "association[0].exchange", &["IPSPs"]);
    refused("# exchange = \"single\"", "exchange = \"triple\"", "association[0].exchange", &["single"]);
    let peers = "association[0].peer_routing_contexts";
    refused("# peer_routing_contexts = []", "peer_routing_contexts = [7]", peers, &["one exchange"]);
    let twice = "routing_contexts = [100, 200, 100]";
    refused("routing_contexts = [100]", twice, "association[0].routing_contexts[2]", &["already"]);
}

/// A broadcast reaches a process once for each of its associations.
#[test]
fn broadcast_by_two_associations_of_one_server_is_refused() {
    let broadcast = ("traffic_mode = \"loadshare\"", "traffic_mode = \"broadcast\"");
    let found = errors(&[broadcast, broadcast]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("association[1].traffic_mode: every message would come by association[0]"));
    let text = [broadcast, broadcast, ("routing_contexts = [100]", "routing_contexts = [200]")]
        .iter()
        .fold(EXAMPLE.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
    assert!(Config::parse(Path::new("gw.toml"), &text).is_ok(), "two servers");
}

/// Two associations with ASPs of one application server, and what it is.
fn with_server(server: &str) -> Result<Config, Vec<String>> {
    let sgp = EXAMPLE
        .replace("routing_contexts = [100]", "routing_contexts = [100]\nm3ua = \"sgp\"")
        .replacen("m3ua = \"asp\"", "# m3ua", 1)
        .replacen("worker = 1", "worker = 0", 1);
    let text = format!("{sgp}\n{server}\n");
    Config::parse(Path::new("gw.toml"), &text)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn application_servers_are_configured() {
    let config = with_server(
        "[[application_server]]\nrouting_context = 100\npoint_code = \"2.100.4\"\nleast_active = 2\nt_recovery_ms = 500\nheld_kib = 1",
    )
    .unwrap();
    let server = &config.application_servers[0];
    assert_eq!((server.least_active, server.t_recovery, server.held_kib), (2, Duration::from_millis(500), 1));
    let setups =
        super::super::layers::associations(&config.associations, &config.destinations, &config.ports, 2);
    assert_eq!(setups[0].owner, setups[1].owner);
    for (text, key, word) in [
        ("routing_context = 101", "routing_context", "no ASP has it"),
        ("routing_context = 100\nleast_active = 3", "least_active", "there are 2"),
        ("routing_context = 100\nleast_active = 0", "least_active", "1 to 32"),
        ("routing_context = 100\nt_recovery_ms = 5", "t_recovery_ms", "100 to"),
        ("routing_context = 100\nheld_kib = 2000", "held_kib", "0 to 1024"),
        ("routing_context = 100\ntraffic_mode = \"broadcast\"", "traffic_mode", "of its association sg1"),
        ("routing_context = 100\npoint_code = \"2.1.1\"", "point_code", "no [[destination]]"),
        ("routing_context = 100\nservice_indicators = [16]", "service_indicators[0]", "0 to 15"),
    ] {
        let found = with_server(&format!("[[application_server]]\n{text}")).unwrap_err();
        let key = format!(": application_server[0].{key}: ");
        assert!(found.iter().any(|error| error.contains(&key) && error.contains(word)), "{found:?}");
    }
}

/// A worker sees its own ASPs alone: it could neither share a load with others nor tell whether none is left.
#[test]
fn an_application_server_is_one_workers() {
    let sgp = ("m3ua = \"asp\"", "m3ua = \"sgp\"");
    let second = ("worker = 1", "worker = 1\nm3ua = \"sgp\"");
    let found = errors(&[sgp, second]);
    assert!(
        found
            .iter()
            .any(|it| it.contains("association[1].worker: association[0] of the same application server"))
    );
    let identifiers = ("# asp_identifier = 7", "asp_identifier = 7");
    let second = ("worker = 1", "worker = 0\nm3ua = \"sgp\"\nasp_identifier = 7");
    let found = errors(&[sgp, second, identifiers]);
    assert!(found.iter().any(|it| it.contains("association[1].asp_identifier: association[0]")), "{found:?}");
}

#[test]
fn subsystems_are_configured() {
    let from = "# subsystems = [8, 149, 147, 146]";
    let own = |list: &str| format!("subsystems = {list} #");
    let text = EXAMPLE.replacen(from, &own("[8, 149, 147, 200]"), 1);
    let config = Config::parse(Path::new("gw.toml"), &text).unwrap();
    assert_eq!(super::super::layers::subsystems(&config).last().map(|ssn| ssn.0), Some(200));
    refused(from, &own("[8, 149, 147, 8]"), "sccp.subsystems[3]", &["8 is already given"]);
    refused(from, &own("[8, 149, 147, 1]"), "sccp.subsystems[3]", &["2 to 254"]);
    refused(from, &own("[8, 147]"), "sccp.subsystems", &["network[1] needs subsystem 149"]);
}

#[test]
fn routing_keys_are_registered_by_asps() {
    let from = "# register = []";
    let key = "register = [{ point_code = \"2.100.3\" }, { point_code = \"2.100.3\", service_indicators = [5], routing_context = 9 }]\n#";
    let text = EXAMPLE.replacen(from, key, 1);
    let config = Config::parse(Path::new("gw.toml"), &text).unwrap();
    let [first, second] = &config.associations[0].register[..] else { panic!() };
    assert_eq!((services(&first.service_indicators), second.routing_context), (1 << 3, Some(9)));
    let place = "association[0].register";
    let foreign = "register = [{ point_code = \"2.100.4\" }]\n#";
    refused(from, foreign, &format!("{place}[0].point_code"), &["not the gateway's own"]);
    refused(
        "# registration = false",
        "registration = true\n#",
        "association[0].registration",
        &["signalling gateway"],
    );
    let from = "registered_contexts_from = 1000";
    refused(&format!("# {from}"), &format!("{from}\n#"), "ss7.registered_contexts_from", &["no ASP"]);
    let text = EXAMPLE.replacen("m3ua = \"asp\"", "m3ua = \"sgp\"\nregistration = true", 1);
    assert!(Config::parse(Path::new("gw.toml"), &text).is_ok());
}

#[test]
fn transaction_ids_have_32_bits() {
    refused("tid_prefix = 0x15", "tid_prefix = 64", "node.tid_prefix", &["64 does not fit into 6 bits"]);
    refused("# dialogues = 65536", "dialogues = 8388609", "capacity.dialogues", &["at most 8388608"]);
}

#[test]
fn a_port_to_the_kernel_has_no_addresses_and_names_the_other_end() {
    let with = |lines: &str| {
        let port =
            format!("[[port]]\nname = \"kernel\"\ndevice = \"net_tap0\"\n{lines}\n[[port]]\nname = \"ims\"");
        let text = EXAMPLE.replacen("[[port]]\nname = \"ims\"", &port, 1);
        Config::parse(Path::new("gw.toml"), &text)
    };
    let exception = "role = \"exception\"\nkernel_mac = \"02:00:00:00:00:ee\"";
    assert!(with(exception).is_ok());
    for (lines, key) in [
        ("role = \"exception\"", "port[0].kernel_mac"),
        ("role = \"exception\"\nkernel_mac = \"01:00:00:00:00:ee\"", "port[0].kernel_mac"),
        ("kernel_mac = \"02:00:00:00:00:ee\"\naddresses = [\"10.3.0.1/24\"]", "port[0].kernel_mac"),
        (&format!("{exception}\naddresses = [\"10.3.0.1/24\"]"), "port[0].addresses"),
        ("", "port[0].addresses"),
        (
            &format!("{exception}\n[[port]]\nname = \"k2\"\ndevice = \"net_tap1\"\n{exception}"),
            "port[1].role",
        ),
    ] {
        let errors = with(lines).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.key.as_str()).collect::<Vec<_>>(), [key], "{lines}");
    }
}

#[test]
fn fragments_have_their_room_and_time() {
    refused("# datagram = 8192", "datagram = 1471", "sip.limits.datagram", &["1472 to 65527"]);
    refused("# ip_reassemblies = 64", "ip_reassemblies = 0", "capacity.ip_reassemblies", &["1 to 1024"]);
    refused("# reassembly_s = 15", "reassembly_s = 121", "timers.reassembly_s", &["1 to 120"]);
}

#[test]
fn causes_have_rows_that_are_known() {
    refused(
        "# sc-Congestion = 42",
        "scCongestion = 42",
        "causes.rp_of_map.scCongestion",
        &["no row", "sc-Congestion"],
    );
    refused("# timedOut = 38", "timedOut = 0", "causes.rp_of_map.timedOut", &["can't lead to 0", "1 to 127"]);
    refused("# timedOut = 38", "timedOut = 300", "causes.rp_of_map.timedOut", &["300"]);
    refused("# sc-Congestion = 0xc0", "sc-Congestion = 0x40", "causes.fcs_of_map.sc-Congestion", &["0x80"]);
    refused("# 22 = ", "200 = ", "causes.map_of_rp.200", &["no row", "1 to 127"]);
    refused(
        "# 486 = \"subscriberBusyForMT-SMS\"",
        "486 = \"busy\"",
        "causes.map_of_sip.486",
        &["subscriberBusyForMT-SMS"],
    );
    refused("# 603 = \"illegalSubscriber\"", "603 = 9", "causes.map_of_sip.603", &["invalid type"]);
    refused(
        "[causes.map_of_sip]",
        "[causes.map_of_sips]",
        "causes.map_of_sips",
        &["unknown field", "map_of_sip"],
    );
}

#[test]
fn names_and_addresses_refer_to_what_is_there() {
    refused("port = \"ims\"", "port = \"imz\"", "route[0].port", &["imz"]);
    refused("gateway = \"10.0.0.254\"", "gateway = \"10.9.0.254\"", "route[0].gateway", &["on no link"]);
    refused("prefix = \"10.1.0.0/16\"", "prefix = \"10.1.2.0/16\"", "route[0].prefix", &["host bits"]);
    refused("# source = \"10.0.0.1\"", "source = \"10.0.0.2\"", "route[0].source", &["no own address"]);
    refused(
        "listen = [\"10.0.0.1:5060\"]",
        "listen = [\"10.0.0.2:5060\"]",
        "sip.listen[0]",
        &["no own address"],
    );
    refused("\"sg1\", \"sg2\"", "\"sg1\", \"sg2\", \"sg3\"", "destination[0].associations[2]", &["sg3"]);
    refused("name = \"sg2\"", "name = \"sg4\"", "association[1].name", &["no destination"]);
    refused(
        "point_code = \"2.100.4\"\n# translation_type = 0",
        "point_code = 7",
        "title[0].point_code",
        &["0.0.7"],
    );
    refused("# reassemblies = 64 ", "reassemblies = 2000 ", "sccp.reassemblies", &["1024"]);
    refused("# t_status_ms = 10000", "t_status_ms = 1", "sccp.t_status_ms", &["1000"]);
    let without = "# translation_type = 0          # only such titles";
    let with = "point_code = \"2.100.4\"\n# translation_type = 0          # only such titles";
    assert!(errors(&[(with, without)])[0].contains("title[0].point_code: leads nowhere"));
    let targets = |which: &str| format!("targets = [{which}]\n{without}");
    let both = format!("{with}\ntargets = [{{ point_code = \"2.100.4\" }}]");
    assert!(errors(&[(with, &both)])[0].contains("title[0].targets: stands beside point_code"));
    let one = "{ point_code = \"2.100.4\" }, ";
    let errors_of = |which: &str| errors(&[(with, &targets(which))]).remove(0);
    assert!(errors_of(&one.repeat(5)).contains("title[0].targets"));
    assert!(errors_of(&format!("{one}{{ point_code = 7 }}")).contains("title[0].targets[1].point_code: no"));
    let rewrite = format!("rewrite = {{ strip = 1 }}\n{with}");
    assert!(errors(&[(with, &rewrite)])[0].contains("title[0].rewrite.strip"), "the prefix has no digit");
    refused(
        "[\"10.7.0.12\", \"10.8.0.12\"]",
        "[\"10.7.0.12\", \"10.8.0.11\"]",
        "association[1].remote",
        &["association[0]"],
    );
    refused(
        "address = \"10.1.0.6:5060\"",
        "address = \"[fd00::6]:5060\"",
        "network[1].scscf[0].address",
        &["family"],
    );
}

/// A title with everything it may have, and a destination with another form of messages.
#[test]
fn titles_lead_to_several_points_and_are_rewritten() {
    let short = "prefix = \"\"\npoint_code = \"2.100.4\"\n";
    let long = "prefix = \"00\"\nexact = true\nsharing = \"loadshare\"\n\
        targets = [{ point_code = \"2.100.4\", ssn = 6 }, { point_code = \"2.100.4\" }]\n\
        rewrite = { strip = 2, add = \"49\", translation_type = 9, numbering_plan = 7, nature = 3 }\n";
    let text = EXAMPLE.replacen(short, long, 1).replacen("# sccp = \"udt\"", "sccp = \"xudt\"", 1);
    let config = Config::parse(Path::new("gw.toml"), &text).unwrap();
    let own = [config.networks[0].gateway_title];
    let rules = crate::control::layers::rules(config.ss7.point_code, &own, &config.titles);
    let [_, rule] = &rules[..] else { panic!("{rules:?}") };
    let targets: Vec<_> = rule.targets.iter().map(|to| to.ssn.map(|ssn| ssn.0)).collect();
    assert_eq!((rule.exact, rule.targets.sharing), (true, crate::proto::sccp::Sharing::Loadshare));
    assert_eq!(targets, [Some(6), None]);
    let rewrite = rule.rewrite.unwrap();
    assert_eq!((rewrite.strip, rewrite.add.to_string(), rewrite.nature.unwrap().0), (2, "49".to_owned(), 3));
    assert_eq!(crate::control::layers::points(&config.destinations)[0].form, crate::proto::sccp::Kind::Xudt);
}

#[test]
fn what_must_differ_differs() {
    refused("name = \"ss7\"", "name = \"ims\"", "port[1].name", &["already given at port[0].name"]);
    refused("\"10.8.0.1/24\"", "\"10.0.0.1/24\"", "port[1].addresses[1]", &["already"]);
    refused("name = \"home2\"", "name = \"home1\"", "network[1].name", &["already"]);
    refused("name = \"sg2\"", "name = \"sg1\"", "association[1].name", &["already"]);
}

/// Associations to one signalling gateway are one worker's, which is said or follows.
#[test]
fn a_gateway_belongs_to_one_worker() {
    let of = |worker: &str| format!("{worker}signalling_gateway = \"sg\"\n");
    let both = |one: &str, two: &str| {
        let second = EXAMPLE.replacen("worker = 1\n", &of(two), 1);
        let first = second.replacen("worker = 0                      # without it: in turn\n", &of(one), 1);
        Config::parse(Path::new("x"), &first)
    };
    let errors = both("worker = 0\n", "worker = 1\n").expect_err("two workers");
    assert!(errors[0].to_string().contains("association[1].worker: association[0]"), "{errors:?}");
    for (one, two, owner) in [("", "worker = 1\n", 1), ("worker = 1\n", "", 1), ("", "", 0)] {
        let config = both(one, two).unwrap();
        let setups = crate::control::layers::associations(
            &config.associations,
            &config.destinations,
            &config.ports,
            2,
        );
        assert!(setups.iter().all(|setup| setup.owner.0 == owner), "{one:?} {two:?}");
    }
}

#[test]
fn what_is_allowed_and_dangerous_is_warned_of() {
    let warnings = |text: &str| -> Vec<String> {
        let config = Config::parse(Path::new("gw.toml"), text).unwrap();
        config.warnings.iter().map(ToString::to_string).collect()
    };
    assert_eq!(warnings(EXAMPLE), [""; 0]);
    let busy = warnings(&EXAMPLE.replace("# mo_per_second = 250 ", "mo_per_second = 1000 "));
    let [busy] = &busy[..] else { panic!("{busy:#?}") };
    assert!(
        busy.contains("capacity.duplicates: at 1000 submissions a second") && busy.contains("120000"),
        "{busy}"
    );
    let dangerous = EXAMPLE
        .replace(
            "r1 = \"preconfigured\"",
            "r1 = \"update_gprs_location\"\nhlr = [{ title = \"4917100002\" }]",
        )
        .replace("authentication = \"aka\"", "authentication = \"none\"")
        .replace("# mtu = 1500", "impairment = { loss = 0.05 }");
    let at = |text: &str| 1 + dangerous[..dangerous.find(text).expect(text)].matches('\n').count();
    let gprs = format!("gw.toml:{}: network[0].r1: a plain HLR cancels the real SGSN", at("r1 = \"update"));
    let line = at("authentication = \"none\"");
    let none = format!("gw.toml:{line}: network[1].direct.authentication: UEs register here without");
    let line = at("impairment = { loss = 0.05 }");
    let lossy =
        format!("gw.toml:{line}: port[0].impairment: port ims loses 5 % of its frames and doubles 0 %");
    let found = warnings(&dangerous);
    let expected = [lossy, gprs, none];
    assert!(
        found.len() == 3 && found.iter().zip(&expected).all(|(it, begin)| it.starts_with(begin)),
        "{found:#?}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let errors = Config::load(Path::new("/nonexistent/gw.toml")).unwrap_err();
    assert!(errors[0].to_string().starts_with("/nonexistent/gw.toml: cannot be read: "), "{}", errors[0]);
}

#[test]
fn the_secret_is_hexadecimal_and_private() {
    let mut config = Config::parse(Path::new("gw.toml"), EXAMPLE).unwrap();
    assert_eq!(config.secret().unwrap(), None);
    let file = std::env::temp_dir().join(format!("ipsmgw-secret-{}", std::process::id()));
    config.node.secret_file = Some(file.clone());
    assert!(config.secret().unwrap_err().to_string().contains("cannot be read"));
    for (mode, text, expected) in [
        (0o644, "00112233445566778899aabbccddeeff", Err("mode 644")),
        (0o600, "00112233445566778899aabbccddeeff\n", Ok(0xff)),
        (0o600, "+0112233445566778899aabbccddeeff", Err("32 hexadecimal digits")),
        (0o600, "0011", Err("32 hexadecimal digits")),
    ] {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        match expected {
            Ok(last) => assert_eq!(config.secret().unwrap().unwrap()[15], last),
            Err(words) => assert!(config.secret().unwrap_err().to_string().contains(words)),
        }
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn screening_refers_to_what_is_there() {
    let place = "screening.operator[2]";
    refused("titles = [\"33609\"]", "titles = []", &format!("{place}.titles"), &["has 0 prefixes"]);
    refused("titles = [\"33609\"]", "titles = [\"+33\"]", &format!("{place}.titles"), &["decimal digits"]);
    refused(
        "titles = [\"33609\"]",
        "titles = [\"49171\"]",
        &format!("{place}.titles[0]"),
        &["home1", "operator[0]"],
    );
    let gateways = "titles = [\"4917100001\"]";
    refused("titles = [\"33609\"]", gateways, &format!("{place}.titles[0]"), &["network[0].gateway_title"]);
    let imsis = "imsi_prefixes = [\"20801\"]";
    refused(imsis, "imsi_prefixes = [\"26201\"]", &format!("{place}.imsi_prefixes[0]"), &["home1"]);
    refused("name = \"partner\"", "name = \"home1\"", &format!("{place}.name"), &["already given"]);
    let association = "association = \"sg1\"             #";
    refused(association, "association = \"sg9\" #", "screening.peer[0].association", &["no association"]);
    let gateway = "signalling_gateway = \"nobody\" #";
    refused(association, gateway, "screening.peer[0].signalling_gateway", &["no association leads"]);
    let codes = "point_codes = [\"2.100.4\"]";
    refused(codes, "point_codes = []", "screening.peer[0].point_codes", &["has 0"]);
    let both = "point_codes = [5]\nsignalling_gateway = \"sg\"";
    assert!(errors(&[(codes, both)]).iter().any(|error| error.contains("stands beside association")));
    assert!(errors(&[(association, "#")]).iter().any(|error| error.contains("association: is missing")));
}

#[test]
fn rules_for_numbers_have_ranges() {
    let refused = |from: &str, to: &str, key: &str, word: &str| {
        refused(from, to, &format!("network[1].numbers.{key}"), &[word]);
    };
    refused("# country_code = \"44\"", "country_code = \"4444\"", "country_code", "1 to 3");
    refused(
        "# national_prefix = \"\"",
        "national_prefix = \"00\"",
        "national_prefix",
        "international prefix",
    );
    refused("# national_prefix = \"\"", "national_prefix = \"000000\"", "national_prefix", "0 to 5");
    let rule = |keys: &str, key: &str, word: &str| {
        let found =
            errors(&[("# international_prefix = \"00\"", &format!("[[network.numbers.rule]]\n{keys}"))]);
        let begin = format!("network[1].numbers.rule[0].{key}: ");
        assert!(found.iter().any(|error| error.contains(&begin) && error.contains(word)), "{found:#?}");
    };
    rule("prefix = \"7\"\nstrip = 2", "strip", "0 to 1");
    rule("add = \"44\"", "prefix", "is missing");
    rule("prefix = \"7\"\nadd = \"1234567890123456\"", "add", "0 to 15");
    rule("prefix = \"7\"\ntype = \"short\"", "type", "abbreviated");
}

#[test]
fn what_charging_is_told_can_be_written() {
    refused("# ioi = \"\"", "ioi = 'a\"b'", "network[0].ioi", &["quotes"]);
    refused("# mt_more_ms = 10000", "mt_more_ms = 60001", "timers.mt_more_ms", &["0 to 60000"]);
}

#[test]
fn limits_of_sip_messages_have_ranges() {
    let parse = |text: &str| Config::parse(Path::new("x"), text).unwrap();
    let config = parse(EXAMPLE);
    assert_eq!(config.sip.limits, SipLimits::default(), "the example has the defaults");
    assert_eq!(config.sip.limits.messages, crate::proto::sip::Limits::DEFAULT);
    for (from, to, key) in [
        ("message = 65_535", "message = 1_499", "message"),
        ("headers = 128", "headers = 129", "headers"),
        ("headers = 128", "headers = 300", "headers"),
        ("header = 8_192", "header = 255", "header"),
        ("uri = 2_048", "uri = 63", "uri"),
        ("vias = 70", "vias = 0", "vias"),
        ("contacts = 16", "contacts = 1", "contacts"),
        ("parameters = 64", "parameters = 7", "parameters"),
        ("parts = 8 ", "parts = 33 ", "parts"),
        ("depth = 2 ", "depth = 5 ", "depth"),
        ("call_id = 1_024", "call_id = 63", "call_id"),
    ] {
        refused(from, to, &format!("sip.limits.{key}"), &["out of range"]);
    }
    refused("vias = 70", "via = 70", "sip.limits.via", &["unknown field", "vias"]);
    refused("vias = 70", "vias = \"many\"", "sip.limits.vias", &["invalid type"]);
    let changed = parse(&EXAMPLE.replace("vias = 70", "vias = 7").replace("depth = 2 ", "depth = 1 "));
    let limits = changed.sip.limits.messages;
    assert_eq!((limits.vias, limits.depth, limits.parts), (7, 1, 8));
}

#[test]
fn screening_has_ranges_and_its_rules_are_known() {
    for (from, to, key, words) in [
        ("# components = 8 ", "components = 33 ", "components", "out of range"),
        ("# title_digits = [7, 15]", "title_digits = [9, 8]", "title_digits[1]", "out of range"),
        ("# rates = 4096", "rates = 1", "rates", "out of range"),
        ("# translation_types = [0]", "translation_types = []", "translation_types", "has 0 numbers"),
        ("# category_2 = ", "category_9 = \"drop\" #", "rules.category_9", "is no rule"),
        ("# calling_ssn = \"drop\"", "calling_ssn = \"abort\"", "rules.calling_ssn", "no dialogue yet"),
        ("# calling_ssn = \"drop\"", "calling_ssn = \"refuse\"", "rules.calling_ssn", "dry-run"),
        ("# dry_run = false", "dry = true", "dry", "unknown field"),
    ] {
        refused(from, to, &format!("screening.{key}"), &[words]);
    }
}

#[test]
fn screening_that_does_nothing_yet_is_warned_of() {
    let parse = |text: &str| Config::parse(Path::new("gw.toml"), text).unwrap();
    let about = |config: &Config, key: &str| {
        config.warnings.iter().any(|warning| warning.key == key && !warning.remedy.is_empty())
    };
    let example = parse(EXAMPLE);
    assert!(!about(&example, "screening.dry_run") && !about(&example, "screening"));
    assert!(about(&parse(&EXAMPLE.replace("# dry_run = false", "dry_run = true")), "screening.dry_run"));
    let renamed = EXAMPLE.replace("name = \"home2\"\ntitles", "name = \"other\"\ntitles");
    assert!(about(&parse(&renamed), "screening"));
}
