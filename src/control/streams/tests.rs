//! Names in certificates.

use super::tls::{is_of, is_within};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

fn certificate(name: &str) -> CertificateDer<'static> {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/conformance/certificates");
    CertificateDer::from_pem_file(format!("{place}/{name}.pem")).unwrap()
}

#[test]
fn a_certificate_is_of_the_domain_that_its_names_say() {
    let by_dns = certificate("gateway");
    assert!(is_of(&by_dns, "ipsmgw.home1.net") && is_of(&by_dns, "IPSMGW.home1.NET"));
    assert!(!is_of(&by_dns, "home1.net") && !is_of(&by_dns, "x.ipsmgw.home1.net"));
    // A URI of SIP goes before a DNS name (RFC 5922 7.1).
    let by_uri = certificate("scscf");
    assert!(is_of(&by_uri, "scscf1.home1.net"));
    assert!(!is_of(&by_uri, "dns.home1.net"), "its DNS name is not asked");
    let wildcard = certificate("wildcard");
    assert!(!is_of(&wildcard, "scscf1.home1.net"), "no wildcards (RFC 5922 7.2)");
    assert!(!is_of(&CertificateDer::from(vec![1, 2, 3]), "scscf1.home1.net"));
    // A host of a network's core is within its home domain.
    for (certificate, domain, within) in [
        (&by_dns, "home1.net", true),
        (&by_dns, "HOME1.net", true),
        (&by_dns, "ipsmgw.home1.net", true),
        (&by_dns, "ome1.net", false),
        (&by_dns, "x.ipsmgw.home1.net", false),
        (&by_dns, "home2.net", false),
        (&by_uri, "home1.net", true),
        (&by_uri, "dns.home1.net", false),
        (&wildcard, "home1.net", false),
    ] {
        assert_eq!(is_within(certificate, domain), within, "{domain}");
    }
}
