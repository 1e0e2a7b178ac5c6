//! `[sip.dns]`, and S-CSCFs by name.

use super::*;

const SCSCF: &str = "scscf = [{ uri = \"sip:scscf1.home1.net\", address = \"10.1.0.5:5060\" }]";
const BY_NAME: &str = "scscf = [{ uri = \"sip:scscf1.home1.net\" }]";
const SERVERS: &str = "servers = []";
const ASKED: &str = "servers = [\"10.1.0.53\", \"[fd00::53]:5353\"]";

fn line_of(text: &str) -> usize {
    1 + EXAMPLE[..EXAMPLE.find(text).expect(text)].matches('\n').count()
}

#[test]
fn a_name_needs_somebody_to_ask() {
    refused(SCSCF, BY_NAME, "network[0].scscf[0].address", &["scscf1.home1.net", "[sip.dns]"]);
    let text = EXAMPLE.replacen(SCSCF, BY_NAME, 1).replacen(SERVERS, ASKED, 1);
    let config = Config::parse(Path::new("gw.toml"), &text).unwrap();
    let scscf = &config.networks[0].scscf[0];
    assert_eq!((scscf.address, scscf.transport), (None, None), "DNS says both");
    assert_eq!(scscf.sought(), Some(("scscf1.home1.net", None)));
    let dns = &config.sip.dns;
    let servers: Vec<_> = dns.servers.iter().map(|server| server.0.to_string()).collect();
    assert_eq!(servers, ["10.1.0.53:53", "[fd00::53]:5353"]);
    assert_eq!((dns.timeout, dns.attempts), (Duration::from_secs(2), 2));
    assert_eq!([dns.ttl_min, dns.ttl_max, dns.negative_max].map(|it| it.as_secs()), [5, 3_600, 60]);
    assert_eq!(dns.entries, 64);
}

#[test]
fn dns_has_bounds() {
    for (key, value) in [
        ("timeout_ms", "99"),
        ("attempts", "0"),
        ("ttl_min_s", "0"),
        ("ttl_max_s", "4"),
        ("negative_max_s", "0"),
        ("entries", "63"),
    ] {
        let commented = EXAMPLE.lines().find(|line| line.starts_with(&format!("# {key} = "))).expect(key);
        let found = errors(&[(commented, &format!("{key} = {value}"))]);
        let expected = format!("{}: sip.dns.{key}: {value} is out of range; ", line_of(commented));
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:#?}");
    }
    refused(SERVERS, "servers = [\"dns.home1.net\"]", "sip.dns.servers", &["10.0.0.53"]);
    refused(SERVERS, "servers = [\"0.0.0.0\"]", "sip.dns.servers[0]", &["host"]);
    refused(SERVERS, "servers = [\"10.1.0.53\", \"10.1.0.53:53\"]", "sip.dns.servers[1]", &["already"]);
    refused(SERVERS, "server = []", "sip.dns.server", &["unknown field"]);
}

#[test]
fn a_name_is_one_that_dns_can_have() {
    let with = |uri: &str| errors(&[(SCSCF, &format!("scscf = [{{ uri = \"{uri}\" }}]")), (SERVERS, ASKED)]);
    for uri in
        ["sip:a..home1.net", "sip:a_very_long_label_of_a_name_that_is_longer_than_sixty_three_octets_is.net"]
    {
        let found = with(uri);
        assert!(
            found[0].contains("network[0].scscf[0].uri: ") && found[0].contains("no name that DNS"),
            "{found:#?}"
        );
    }
    let found = with("sip:scscf1.home1.net:0");
    assert!(found[0].contains("network[0].scscf[0].uri: 0 is out of range"), "{found:#?}");
    let scscf = "scscf = [{ uri = \"sips:scscf1.home1.net\", transport = \"udp\" }]";
    let found = errors(&[(SCSCF, scscf), (SERVERS, ASKED)]);
    assert!(found[0].contains("network[0].scscf[0].transport: "), "{found:#?}");
    let scscf = "scscf = [{ uri = \"sip:scscf1.home1.net\", transport = \"tcp\" }]";
    let found = errors(&[(SCSCF, scscf), (SERVERS, ASKED)]);
    assert!(found[0].contains("network[0].scscf[0].transport: there is no address"), "{found:#?}");
}

#[test]
fn names_count_for_as_many_as_they_may_be() {
    let names = |count: usize| {
        let each = |at: usize| format!("{{ uri = \"sip:scscf{at}.home1.net\" }}");
        format!("scscf = [{}]", (0..count).map(each).collect::<Vec<_>>().join(", "))
    };
    let text = |count| EXAMPLE.replacen(SCSCF, &names(count), 1).replacen(SERVERS, ASKED, 1);
    assert!(Config::parse(Path::new("gw.toml"), &text(7)).is_ok());
    let found = errors(&[(SCSCF, &names(8)), (SERVERS, ASKED)]);
    assert!(found[0].contains("65 S-CSCFs in all"), "{found:#?}");
}
