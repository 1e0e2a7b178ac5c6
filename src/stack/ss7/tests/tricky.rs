//! Spellings of BER and of MAP's strings in arguments: what is legal is executed, and what is not gets a Reject (TS
//! 29.002 17.1.2, Q.774 3.2.2.2).

use super::*;

const MISTYPED: [u8; 2] = [0x81, 2];

/// What a Begin with this component makes of it: an operation for the application, or a Reject in an End.
fn asks(component: &[u8]) -> Result<Told, Vec<u8>> {
    let mut gateway = gateway();
    let told = gateway.hear_tcap(&begin(context::MT_RELAY_V3, &[component]));
    let said = gateway.said();
    match told {
        Some(told) => Ok(told),
        None => {
            assert_eq!((said.len(), said[0][0], gateway.open()), (1, 0x64, 0));
            Err(parts(&said[0]))
        }
    }
}

/// mt-forwardSM with these elements.
fn forward(elements: &str) -> Result<Told, Vec<u8>> {
    asks(&invoke(1, operation::MT_FORWARD_SM, &element(0x30, &[&hex(elements)])))
}

const IMSI: &str = "800862021132547698f0";
const CENTRE: &str = "840791947101670000";

#[test]
fn spellings_of_arguments() {
    let plain = forward(&format!("{IMSI} {CENTRE} 0404 00010203"));
    assert!(plain.is_ok());
    for legal in [
        "3080 800862021132547698f0 840791947101670000 0404 00010203 0000",
        "30840000001a 80810862021132547698f0 840791947101670000 0404 00010203",
        "301d 800862021132547698f0 840791947101670000 0404 00010203 bf8101 00",
        "301d 800862021132547698f0 840791947101670000 0404 00010203 3080 0000",
    ] {
        let legal = asks(&invoke(1, operation::MT_FORWARD_SM, &hex(legal)));
        match (legal, &plain) {
            (Ok(Told::Invoke { argument, .. }), Ok(Told::Invoke { argument: expected, .. })) => {
                assert_eq!(argument, *expected);
            }
            other => panic!("{other:?}"),
        }
    }
    for (bad, what) in [
        ("0480 0001 0000", "primitive and indefinite"),
        ("0404 00010203 0000", "end of contents without a beginning"),
        ("0404 00010203 04850000000000", "a length of five octets"),
        ("0404 00010203 0409", "a length beyond the argument"),
        ("0404 00010203 bf8181818101 00", "a tag of seven octets"),
        ("2406 0404 00010203", "a string in pieces"),
        ("0404 00010203 2406 0404 00010203", "an optional string in pieces"),
        ("0404 00010203 a200", "another in pieces"),
    ] {
        assert_eq!(forward(&format!("{IMSI} {CENTRE} {bad}")), Err(reject(1, MISTYPED)), "{what}");
    }
}

#[test]
fn operations_with_global_codes() {
    for code in ["06022a03", "02020100", "0201ff", "020480000000"] {
        let component = element(0xa1, &[&[2, 1, 5], &hex(code), &[0x30, 0]]);
        assert_eq!(asks(&component), Err(reject(5, [0x81, 1])), "{code}");
    }
}

/// An odd number of digits ends with a filler; a filler inside, or a letter in an IMSI, is none.
#[test]
fn digits_that_are_none() {
    for (imsi, is_good) in [
        ("800862021132547698f0", true),
        ("8007620211325476f8", true),
        ("80086202113254769810", false),
        ("80086202f132547698f0", false),
        ("800862021132547698fa", false),
        ("800862021132547a98f0", false),
        ("800862021132547c98f0", false),
        ("8000", false),
        ("800162", false),
        ("8009620211325476981011", false),
    ] {
        let answer = forward(&format!("{imsi} {CENTRE} 0404 00010203"));
        assert_eq!(answer.is_ok(), is_good, "{imsi}");
        assert!(is_good || answer == Err(reject(1, MISTYPED)), "{imsi}");
    }
}

/// An AddressString has a first octet and digits: TS 29.002 lets it have 20 octets, we have room for 30 digits.
#[test]
fn addresses_of_0_to_20_octets_and_fillers_inside() {
    for octets in 0..=20usize {
        let address: String = ["91"].into_iter().chain(core::iter::repeat("21")).take(octets).collect();
        let answer = forward(&format!("{IMSI} 84{octets:02x}{address} 0404 00010203"));
        match (1..=16).contains(&octets) {
            true => assert!(answer.is_ok(), "{octets}"),
            false => assert_eq!(answer, Err(reject(1, MISTYPED)), "{octets}"),
        }
    }
    for (address, is_good) in [
        ("91947110325476", true),
        ("919471103254f6", true),
        ("9194f110325476", false),
        ("91947f10325476", false),
        ("91ff7110325476", false),
        ("9194711032546f", false),
        ("919471103254ff", false),
        ("11947110325476", false),
    ] {
        let answer = forward(&format!("{IMSI} 8407{address} 0404 00010203"));
        assert_eq!(answer.is_ok(), is_good, "{address}");
        assert!(is_good || answer == Err(reject(1, MISTYPED)), "{address}");
        // And the number of the subscriber whom a service centre asks for.
        let argument =
            element(0x30, &[&hex(&format!("8007{address} 8101ff")), &hex(&CENTRE.replacen("84", "82", 1))]);
        let read = crate::proto::map::SendRoutingInfoForSm::parse(&argument, None);
        assert_eq!(read.is_ok(), is_good, "{address}");
    }
}

/// Whatever stands in an extension container, the message is taken as without it.
#[test]
fn unknown_extension_containers_are_ignored() {
    let ui = |told: Result<Told, Vec<u8>>| match told {
        Ok(Told::Invoke { argument, .. }) => argument,
        other => panic!("{other:?}"),
    };
    let plain = ui(forward(&format!("{IMSI} {CENTRE} 0404 00010203")));
    for container in [
        "3000",
        "3080 0000",
        "300c a00a 3008 06032a0304 020105",
        "3004 a102 a500",
        "3006 bf811f 02 0500",
        "3003 ffffff",
        "3002 a080",
    ] {
        assert_eq!(ui(forward(&format!("{IMSI} {CENTRE} 0404 00010203 {container}"))), plain, "{container}");
    }
}

/// A Begin of version 1 has no dialogue portion that would name what it is for; without a component it asks for nothing.
#[test]
fn begins_of_version_1_without_components() {
    for message in ["6206 4804 00000009", "6208 4804 00000009 6c00"] {
        let mut gateway = gateway();
        assert_eq!(gateway.hear_tcap(&hex(message)), None, "{message}");
        let said = gateway.said();
        assert_eq!((said.len(), gateway.open()), (1, 0), "{message}");
        assert_eq!(said[0][0], 0x67, "{message}");
    }
}

#[test]
fn user_data_of_every_length() {
    for (length, is_good) in
        [(0u8, false), (1, true), (100, true), (127, true), (128, true), (200, true), (201, false)]
    {
        let ui = match length {
            0..0x80 => vec![4, length],
            _ => vec![4, 0x81, length],
        };
        let elements = [&hex(IMSI)[..], &hex("8500"), &ui, &vec![7; length.into()]].concat();
        let argument = match elements.len() {
            short @ 0..0x80 => [&[0x30, short as u8][..], &elements].concat(),
            long => [&[0x30, 0x81, long as u8][..], &elements].concat(),
        };
        let read = crate::proto::map::MtForwardSm::parse(&argument).map(|forward| forward.ui.len());
        assert_eq!(read.ok(), is_good.then_some(length.into()), "{length}");
        // The longest fit no UDT with a dialogue portion beside them.
        if length <= 100 {
            match asks(&invoke(1, operation::MT_FORWARD_SM, &argument)) {
                Ok(Told::Invoke { argument, .. }) => {
                    assert_eq!((argument.len(), is_good), (length.into(), true))
                }
                rejected => assert_eq!((rejected, is_good), (Err(reject(1, MISTYPED)), false)),
            }
        }
    }
}

/// What a TPDU claims of itself is not MAP's to judge.
#[test]
fn headers_that_lie_pass_through_map() {
    for (what, tpdu) in [
        ("a header longer than the user data", "44 0491 1032 00 00 11911011325400 05 ff00"),
        ("part 5 of 3, and part 0", "44 0491 1032 00 04 11911011325400 06 0500030a0305"),
        ("more septets than octets", "04 0491 1032 00 00 11911011325400 a0 c834"),
    ] {
        let tpdu = hex(tpdu);
        let ui = [&[4, tpdu.len() as u8][..], &tpdu].concat();
        let argument = element(0x30, &[&hex(IMSI), &hex(CENTRE), &ui]);
        match asks(&invoke(1, operation::MT_FORWARD_SM, &argument)) {
            Ok(Told::Invoke { argument, .. }) => assert_eq!(argument, tpdu, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// The whole ladder of Q.774: an id is refused while its invocation lives, and good again when that is answered.
#[test]
fn duplicate_invoke_id() {
    let context = context::SUBSCRIBER_DATA_MANAGEMENT_V3;
    let insert = invoke(1, 7, &[0x30, 0]);
    let mut gateway = gateway();
    let told = gateway.hear_tcap(&begin(context, &[&insert, &insert])).unwrap();
    assert_eq!(gateway.poll(), []);
    let said = gateway.said();
    assert_eq!(said.iter().map(|said| parts(said)).collect::<Vec<_>>(), [reject(1, [0x81, 0])]);
    let id = our_id(&said[0]);
    let second = gateway.hear_tcap(&going_on(&id, None, &[&invoke(2, 7, &[0x30, 0])])).unwrap();
    gateway.returned(&told.asked(), 7, None);
    let again = gateway.hear_tcap(&going_on(&id, None, &[&insert])).unwrap();
    gateway.returned(&again.asked(), 7, None);
    gateway.returned(&second.asked(), 7, None);
    let tags: Vec<u8> = gateway.said().iter().map(|message| message[0]).collect();
    assert_eq!((tags, gateway.open()), (vec![0x65, 0x65, 0x64], 0));
}
