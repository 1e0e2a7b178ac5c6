use super::*;

/// RFC 3680's own form, with what a UE of today adds.
fn document(version: u32, state: &str, registrations: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\"\n \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" version=\"{version}\" state=\"{state}\">\n\
         {registrations}</reginfo>\n"
    )
}

fn one(state: &str, contact: &str) -> String {
    let contact = format!(
        "<registration aor=\"sip:alice@home1.net\" id=\"a7\" state=\"{state}\">{contact}</registration>"
    );
    document(0, "full", &contact)
}

fn contact_of(text: &str) -> Contact {
    let found = read(text.as_bytes()).unwrap_or_else(|why| panic!("{why:?}: {text}"));
    found.registrations[0].contacts[0].clone()
}

#[test]
fn a_document_says_who_is_registered_where_and_takes_messages() {
    let text = document(
        3,
        "partial",
        "<registration aor=\"sip:alice@home1.net\" id=\"a7\" state=\"active\">\n\
           <contact id=\"76\" state=\"active\" event=\"registered\" duration-registered=\"7322\" expires=\"600\" q=\"0.8\">\n\
             <uri>sip:alice@[2001:db8::7]:5060</uri><display-name xml:lang=\"en\">A &lt;1&gt;</display-name>\n\
             <unknown-param name=\"+g.3gpp.icsi-ref\">&quot;urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel&quot;</unknown-param>\n\
             <unknown-param name=\"+g.3gpp.smsip\"/>\n\
             <x:pub-gruu xmlns:x=\"urn:ietf:params:xml:ns:gruuinfo\" uri=\"sip:a@b\"/>\n\
           </contact>\n\
           <contact id=\"77\" state=\"terminated\" event=\"expired\"><uri>sip:alice@192.0.2.1</uri></contact>\n\
         </registration>\n\
         <registration aor=\"tel:+491710000001\" id=\"a8\" state=\"init\"/>",
    );
    let contact = |id: &str, is_active, takes_messages, expires| Contact {
        id: id.into(),
        is_active,
        takes_messages,
        expires,
    };
    let expected = Reginfo {
        version: 3,
        is_full: false,
        registrations: vec![
            Registration {
                id: "a7".into(),
                is_terminated: false,
                contacts: vec![contact("76", true, true, Some(600)), contact("77", false, false, None)],
            },
            Registration { id: "a8".into(), is_terminated: false, contacts: vec![] },
        ],
    };
    assert_eq!(read(text.as_bytes()), Ok(expected.clone()));
    let bare = text.replace(" xmlns=\"urn:ietf:params:xml:ns:reginfo\"", "");
    assert_eq!(read(bare.as_bytes()), Ok(expected), "some write no namespace");
}

#[test]
fn shortened_expired_probation_and_the_other_events_by_state() {
    let table = [
        ("active", "registered", true),
        ("active", "created", true),
        ("active", "refreshed", true),
        ("active", "shortened", true),
        ("active", "expired", false),
        ("active", "deactivated", false),
        ("active", "probation", false),
        ("active", "unregistered", false),
        ("active", "rejected", false),
        ("active", "of-tomorrow", true),
        ("terminated", "registered", false),
        ("terminated", "created", false),
        ("terminated", "refreshed", false),
        ("terminated", "shortened", false),
        ("terminated", "expired", false),
        ("terminated", "deactivated", false),
        ("terminated", "probation", false),
        ("terminated", "unregistered", false),
        ("terminated", "rejected", false),
        ("terminated", "of-tomorrow", false),
    ];
    for (state, event, is_active) in table {
        let text = one("active", &format!("<contact id=\"1\" state=\"{state}\" event=\"{event}\"/>"));
        assert_eq!(contact_of(&text).is_active, is_active, "{state} {event}");
    }
    for (state, terminated) in [("init", false), ("active", false), ("terminated", true)] {
        let found = read(one(state, "").as_bytes()).unwrap();
        assert_eq!(found.registrations[0].is_terminated, terminated, "{state}");
    }
}

#[test]
fn the_feature_tag_counts_unless_it_says_no() {
    let all = [
        ("<unknown-param name=\"+g.3gpp.smsip\"/>", true),
        ("<unknown-param name=\"+g.3gpp.smsip\"></unknown-param>", true),
        ("<unknown-param name=\"+G.3GPP.SMSIP\">TRUE</unknown-param>", true),
        ("<unknown-param name=\"+g.3gpp.smsip\">&quot;TRUE&quot;</unknown-param>", true),
        ("<unknown-param name=\"+g.3gpp.smsip\">FALSE</unknown-param>", false),
        ("<unknown-param name=\"+g.3gpp.smsip\">&quot;!TRUE&quot;</unknown-param>", false),
        ("<unknown-param name=\"+g.3gpp.smsip-msisdn-less\"/>", false),
        ("<unknown-param/>", false),
        ("<x:unknown-param xmlns:x=\"urn:x\" name=\"+g.3gpp.smsip\"/>", false),
        ("", false),
    ];
    for (param, takes_messages) in all {
        let contact = format!(
            "<contact id=\"1\" state=\"active\" event=\"created\"><uri>sip:a@b</uri>{param}</contact>"
        );
        assert_eq!(contact_of(&one("active", &contact)).takes_messages, takes_messages, "{param}");
    }
}

#[test]
fn what_is_no_registration_information_is_refused() {
    let whole = one("active", "<contact id=\"1\" state=\"active\" event=\"created\"/>");
    let wrong = [
        ("<reginfo ", "<presence ", "</reginfo>", "</presence>"),
        ("version=\"0\"", "version=\"-1\"", "", ""),
        ("version=\"0\"", "version=\"4294967296\"", "", ""),
        (" version=\"0\"", "", "", ""),
        ("state=\"full\"", "state=\"whole\"", "", ""),
        (" state=\"full\"", "", "", ""),
        (" id=\"a7\"", "", "", ""),
        ("id=\"a7\"", "id=\"\"", "", ""),
        (" aor=\"sip:alice@home1.net\"", "", "", ""),
        (" event=\"created\"", "", "", ""),
        ("id=\"1\"", "", "", ""),
        ("state=\"active\" event", "state=\"init\" event", "", ""),
        ("ns:reginfo", "ns:else", "", ""),
    ];
    for (from, to, end, end_to) in wrong {
        let text = whole.replace(from, to).replace(end, end_to);
        assert_ne!(text, whole, "{from}");
        assert_eq!(read(text.as_bytes()), Err(Unreadable::NotReginfo), "{text}");
    }
    for text in ["", "hello", "<", "<reginfo", "\u{fffe}", "<a></b>"] {
        assert_eq!(read(text.as_bytes()), Err(Unreadable::NotXml), "{text}");
    }
    assert_eq!(read(&[0xff, 0xfe]), Err(Unreadable::NotXml));
}

#[test]
fn a_document_is_bounded_in_every_way() {
    let entities = format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{}", one("active", ""));
    assert_eq!(read(entities.as_bytes()), Err(Unreadable::NotXml), "nothing is declared");
    let whole = one("active", "");
    let long = format!("{whole}{}", " ".repeat(MAX + 1 - whole.len()));
    assert_eq!(read(long.as_bytes()), Err(Unreadable::TooMuch));
    assert!(read(&long.as_bytes()[..MAX]).is_ok());
    let nested = |tag: &str, count: usize| {
        let inner = format!("{}{}", tag.repeat(count), "</e>".repeat(count));
        document(0, "full", &inner)
    };
    assert!(read(nested("<e>", DEPTH - 1).as_bytes()).is_ok());
    // None of these makes an element look closed.
    for tag in
        ["<e>", "<e a='/>'>", "<e a=\"/>\">", "<e a=\"'/>\">", "<e><!-- </e> --><?x </e>?><![CDATA[</e>]]>"]
    {
        assert_eq!(read(nested(tag, DEPTH).as_bytes()), Err(Unreadable::TooMuch), "{tag}");
        let most = (MAX - 400) / (tag.len() + 4);
        assert_eq!(read(nested(tag, most).as_bytes()), Err(Unreadable::TooMuch), "{tag}");
    }
    assert!(read(document(0, "full", &"<e a='/>'/>".repeat(100)).as_bytes()).is_ok(), "beside one another");
    let registrations = |count| {
        let one = "<registration aor=\"sip:a@b\" id=\"1\" state=\"active\"/>";
        read(document(0, "full", &one.repeat(count)).as_bytes())
    };
    assert!(registrations(REGISTRATIONS).is_ok());
    assert_eq!(registrations(REGISTRATIONS + 1), Err(Unreadable::TooMuch));
    let contacts = |count| {
        let contact = "<contact id=\"1\" state=\"active\" event=\"created\"/>";
        read(one("active", &contact.repeat(count)).as_bytes())
    };
    assert!(contacts(CONTACTS).is_ok());
    assert_eq!(contacts(CONTACTS + 1), Err(Unreadable::TooMuch));
    let name = |len| read(one("active", "").replace("a7", &"a".repeat(len)).as_bytes());
    assert!(name(TEXT).is_ok());
    assert_eq!(name(TEXT + 1), Err(Unreadable::TooMuch));
    let elements = "<e/>".repeat(NODES as usize);
    assert_eq!(read(document(0, "full", &elements).as_bytes()), Err(Unreadable::TooMuch));
}

#[test]
fn no_octet_at_any_place_and_no_cut_is_too_much_for_the_reader() {
    let contact = "<contact id=\"1\" state=\"active\" event=\"created\"><unknown-param name=\"+g.3gpp.smsip\"/></contact>";
    let whole = one("active", contact).into_bytes();
    for cut in 0..whole.len() - 1 {
        assert!(read(&whole[..cut]).is_err(), "{cut}");
    }
    for at in 0..whole.len() {
        for octet in [0, b'\t', b' ', b'"', b'&', b'\'', b'/', b'<', b'>', b'?', b'!', b'a', 0x7f, 0x80, 0xff]
        {
            let mut changed = whole.clone();
            changed[at] = octet;
            let _ = read(&changed);
        }
    }
}
