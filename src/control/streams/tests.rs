//! Names in certificates; which requests a connection is asked for when it is lost.

use super::channel::Channel;
use super::tls::{is_of, is_within};
use crate::ident::WorkerId;
use crate::proto::sip::Token;
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

/// Some requests have their answer by another way, and are never taken off: the newest are remembered, for they still wait.
#[test]
fn the_newest_requests_fail_with_their_connection() {
    let address = "127.0.0.1:5060".parse().unwrap();
    let channel = Channel::new(false, address, address, true);
    let token = |slot| Token { worker: WorkerId(0), slot, generation: 1 };
    (0..5_000).for_each(|slot| channel.await_answer(token(slot)));
    channel.answered(token(4_000));
    let remembered = channel.unanswered.take();
    assert_eq!(remembered.len(), 1023);
    assert_eq!((remembered[0], remembered[1022]), (token(5_000 - 1024), token(4_999)));
    assert!(!remembered.contains(&token(4_000)));
}
