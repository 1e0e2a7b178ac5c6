//! `[sip.streams]`, `[sip.tls]` and the transports of S-CSCFs.

use super::*;

const LISTEN: &str = "listen = []";
const LISTEN_TLS: &str = "listen_tls = []";
const TCP: &str = "listen = [\"10.0.0.1:5060\"]";

/// The example with TCP, one of whose commented keys says something else.
fn with_key(key: &str, value: &str) -> Vec<String> {
    let commented = EXAMPLE.lines().find(|line| line.starts_with(&format!("# {key} = "))).expect(key);
    errors(&[(LISTEN, TCP), (commented, &format!("{key} = {value}"))])
}

fn room_of_connections(config: &Config) -> Option<u64> {
    config.sizes().into_iter().find_map(|(name, room)| (name == "connections").then_some(room))
}

#[test]
fn there_are_no_streams_unless_they_are_listened_for() {
    let config = Config::load(Path::new(FILE)).unwrap();
    assert!(!config.has_streams() && config.sip.tls.is_none());
    assert_eq!(room_of_connections(&config), Some(0));
    let config = Config::parse(Path::new("gw.toml"), &EXAMPLE.replacen(LISTEN, TCP, 1)).unwrap();
    let Streams {
        threads,
        connections,
        connections_per_source,
        idle_s,
        message_s,
        message,
        write_buffer,
        ..
    } = config.sip.streams;
    assert_eq!((threads, connections, connections_per_source), (1, 10_000, 1_000));
    assert_eq!((idle_s, message_s, message, write_buffer), (300, 10, 16_384, 65_536));
    assert_eq!(room_of_connections(&config), Some(10_000));
    assert_eq!(config.networks[0].scscf[0].transport, Some(ScscfTransport::Udp));
}

#[test]
fn streams_have_bounds() {
    for (key, value) in [
        ("threads", "0"),
        ("threads", "17"),
        ("connections", "0"),
        ("connections_per_source", "0"),
        ("idle_s", "0"),
        ("message_s", "301"),
        ("message", "1499"),
        ("message", "65536"),
        ("write_buffer", "100"),
    ] {
        let found = with_key(key, value);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains(&format!(": sip.streams.{key}: {value} is out of range; ")), "{found:#?}");
    }
}

#[test]
fn streams_listen_at_addresses_that_a_via_can_tell() {
    refused(LISTEN, "listen = [\"0.0.0.0:5060\"]", "sip.streams.listen[0]", &["no host's address", "Via"]);
    refused(LISTEN, "listen = [\"10.0.0.1:0\"]", "sip.streams.listen[0]", &["out of range"]);
    let twice = "listen = [\"10.0.0.1:5060\", \"10.0.0.1:5060\"]";
    refused(LISTEN, twice, "sip.streams.listen[1]", &["already given"]);
    refused(LISTEN_TLS, "listen_tls = [\"10.0.0.1:5061\"]", "sip.streams.listen_tls", &["[sip.tls]"]);
}

#[test]
fn tls_has_files_beside_the_configuration_and_somebody_to_believe() {
    let section = |more: &str| {
        let tls = format!("[sip.tls]\ncertificate = \"a.pem\"\nkey = \"/etc/b.key\"\n{more}\n");
        EXAMPLE.replacen(LISTEN_TLS, "listen_tls = [\"10.0.0.1:5061\"]", 1).replacen(
            "# [sip.tls]",
            &(tls + "#"),
            1,
        )
    };
    let parse = |text: &str| Config::parse(Path::new("/place/gw.toml"), text);
    let config = parse(&section("ca = \"c.pem\"")).unwrap();
    let tls = config.sip.tls.unwrap();
    assert_eq!((tls.certificate.to_str(), tls.key.to_str()), (Some("/place/a.pem"), Some("/etc/b.key")));
    assert!(tls.verify_peers && tls.ca.as_deref() == Some(Path::new("/place/c.pem")));
    let refused = parse(&section("")).unwrap_err();
    assert!(
        refused[0].key == "sip.tls" && refused[0].remedy.contains("verify_peers = false"),
        "{refused:#?}"
    );
    let anybody = parse(&section("verify_peers = false")).unwrap();
    assert!(anybody.warnings.iter().any(|warning| warning.key == "sip.tls.verify_peers"));
}

#[test]
fn the_transport_of_an_s_cscf_needs_an_address_to_send_from() {
    let scscf = "address = \"10.1.0.5:5060\" }";
    for (transport, key) in [("tcp", "listen"), ("tls", "listen_tls")] {
        let to = format!("address = \"10.1.0.5:5060\", transport = \"{transport}\" }}");
        refused(scscf, &to, "network[0].scscf[0].transport", &["[sip.streams]", key]);
    }
    let found = errors(&[(scscf, "address = \"10.1.0.5:5060\", transport = \"sctp\" }")]);
    assert!(found[0].contains("udp"), "{found:#?}");
}
