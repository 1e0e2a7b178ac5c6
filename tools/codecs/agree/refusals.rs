//! What is wrong on the wire, and what ours and theirs make of it: where they differ, the line says by which clause who is
//! right. Each line is tried on random messages otherwise valid.

use gsm_map::operations::mo_forward_sm::MoForwardSmArg;
use ipsmgw::proto::map::MoForwardSm;
use ipsmgw::proto::{m3ua as our_m3ua, sccp as our_sccp, tcap as our_tcap};

use crate::random::{Random, each};

/// One element, its length in the fewest octets.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let header = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [header, contents.to_vec()].concat()
}

/// What is wrong with a message.
struct Wrong<P> {
    what: &'static str,
    /// Whether ours take it, and whether theirs do.
    taken: (bool, bool),
    /// From the parts of a valid message.
    make: fn(&P) -> Vec<u8>,
}

/// Tries each on random messages: `judge` says who takes what was made.
fn check<P>(wrongs: &[Wrong<P>], parts: impl Fn(&mut Random) -> P, judge: impl Fn(&[u8]) -> (bool, bool)) {
    each(|case, random| {
        let parts = parts(random);
        for wrong in wrongs {
            let octets = (wrong.make)(&parts);
            let taken = judge(&octets);
            assert_eq!(taken, wrong.taken, "case {case}: {}: {octets:02x?}", wrong.what);
        }
    });
}

/// The elements of an argument of mo-forwardSM: service centre, originator, message, IMSI.
type Argument = [Vec<u8>; 4];

fn argument(random: &mut Random) -> Argument {
    let (_, centre) = random.address();
    let (_, originator) = random.address();
    let ui = random.octets(1, 100);
    let (_, imsi) = random.imsi();
    [element(0x84, &centre), element(0x82, &originator), element(0x04, &ui), element(0x04, &imsi)]
}

fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    element(0x30, &elements.concat())
}

#[test]
fn arguments() {
    let wrongs: &[Wrong<Argument>] = &[
        Wrong { what: "nothing", taken: (true, true), make: |[a, b, c, d]| sequence(&[a, b, c, d]) },
        Wrong {
            what: "of indefinite length: nothing wrong either (X.690 8.1.3.6)",
            taken: (true, true),
            make: |it| [&[0x30, 0x80], &it.concat()[..], &[0, 0]].concat(),
        },
        Wrong {
            what: "lengths in more octets than needed: nothing wrong in BER (X.690 8.1.3.5)",
            taken: (true, true),
            make: |it| {
                let contents = it.concat();
                [&[0x30, 0x83, 0, (contents.len() >> 8) as u8, contents.len() as u8], &contents[..]].concat()
            },
        },
        Wrong {
            what: "an element that a later version adds: to be passed over (TS 29.002 17.1.4)",
            taken: (true, true),
            make: |[a, b, c, d]| sequence(&[a, b, c, d, &[0x9e, 1, 7]]),
        },
        Wrong {
            what: "the last octet is missing",
            taken: (false, false),
            make: |it| {
                let mut whole = element(0x30, &it.concat());
                whole.pop();
                whole
            },
        },
        Wrong {
            what: "an octet too many",
            taken: (false, false),
            make: |it| [element(0x30, &it.concat()), vec![0]].concat(),
        },
        Wrong { what: "another tag", taken: (false, false), make: |it| element(0x31, &it.concat()) },
        Wrong { what: "nothing inside", taken: (false, false), make: |_| element(0x30, &[]) },
        Wrong { what: "no service centre", taken: (false, false), make: |[_, b, c, d]| sequence(&[b, c, d]) },
        Wrong {
            what: "no message, and so the IMSI in its place: nobody can tell",
            taken: (true, true),
            make: |[a, b, _, d]| sequence(&[a, b, d]),
        },
        Wrong { what: "no message at all", taken: (false, false), make: |[a, b, ..]| sequence(&[a, b]) },
        Wrong {
            what: "an element that ends outside",
            taken: (false, false),
            make: |[a, b, c, d]| {
                let mut d = d.clone();
                d[1] += 1;
                sequence(&[a, b, c, &d])
            },
        },
        Wrong {
            what: "a message in pieces: theirs are right by X.690 8.7.3; ours refuse on purpose what no version needs",
            taken: (false, true),
            make: |[a, b, c, d]| sequence(&[a, b, &element(0x24, c), d]),
        },
        Wrong {
            what: "a number of a form that has no digits: ours are right, who read it (TS 29.002 17.7.8)",
            taken: (false, true),
            make: |[_, b, c, d]| sequence(&[&element(0x84, &[]), b, c, d]),
        },
        Wrong {
            what: "digits behind a filler: ours are right, who read them (TS 29.002 17.7.8, TBCD-STRING)",
            taken: (false, true),
            make: |[_, b, c, d]| sequence(&[&element(0x84, &[0x91, 0xf1, 0x32]), b, c, d]),
        },
        Wrong {
            what: "an IMSI of 2 octets: ours are right, who know its size (TS 29.002 17.7.8, 3 to 8)",
            taken: (false, true),
            make: |[a, b, c, _]| sequence(&[a, b, c, &element(0x04, &[0x21, 0x43])]),
        },
        Wrong {
            what: "a message of 201 octets: ours are right, who know its size (TS 29.002, maxSignalInfoLength)",
            taken: (false, true),
            make: |[a, b, _, d]| sequence(&[a, b, &element(0x04, &[7; 201]), d]),
        },
    ];
    check(wrongs, argument, |octets| {
        (MoForwardSm::parse(octets).is_ok(), gsm_map::decode::<MoForwardSmArg>(octets).is_ok())
    });
}

/// A Begin's OTID, dialogue portion and component portion.
type Begin = [Vec<u8>; 3];

fn begin(random: &mut Random) -> Begin {
    let context = element(0xa1, &element(0x06, &[4, 0, 0, 1, 0, 21, 3]));
    let syntax = element(0x06, &[0x00, 0x11, 0x86, 0x05, 1, 1, 1]);
    let external = element(0x28, &[syntax, element(0xa0, &element(0x60, &context))].concat());
    let invoke = [vec![2, 1, random.octet()], vec![2, 1, 46], element(0x30, &[])];
    [
        element(0x48, &random.octets(1, 4)),
        element(0x6b, &external),
        element(0x6c, &element(0xa1, &invoke.concat())),
    ]
}

#[test]
fn messages() {
    let wrongs: &[Wrong<Begin>] = &[
        Wrong { what: "nothing", taken: (true, true), make: |it| element(0x62, &it.concat()) },
        Wrong {
            what: "of indefinite length: nothing wrong either",
            taken: (true, true),
            make: |it| [&[0x62, 0x80], &it.concat()[..], &[0, 0]].concat(),
        },
        Wrong {
            what: "no dialogue portion: nothing wrong",
            taken: (true, true),
            make: |[a, _, c]| element(0x62, &[&a[..], c].concat()),
        },
        Wrong {
            what: "no components: nothing wrong",
            taken: (true, true),
            make: |[a, b, _]| element(0x62, &[&a[..], b].concat()),
        },
        Wrong {
            what: "an octet is missing",
            taken: (false, false),
            make: |it| {
                let mut whole = element(0x62, &it.concat());
                whole.pop();
                whole
            },
        },
        Wrong {
            what: "an octet too many",
            taken: (false, false),
            make: |it| [element(0x62, &it.concat()), vec![0]].concat(),
        },
        Wrong {
            what: "a type of message that there is not",
            taken: (false, false),
            make: |it| element(0x63, &it.concat()),
        },
        Wrong {
            what: "no OTID",
            taken: (false, false),
            make: |[_, b, c]| element(0x62, &[&b[..], c].concat()),
        },
        Wrong {
            what: "an OTID of five octets",
            taken: (false, false),
            make: |[_, b, c]| element(0x62, &[&element(0x48, &[1; 5])[..], b, c].concat()),
        },
        Wrong {
            what: "an OTID without octets",
            taken: (false, false),
            make: |[_, b, c]| element(0x62, &[&[0x48, 0][..], b, c].concat()),
        },
        Wrong {
            what: "components before the dialogue portion",
            taken: (false, false),
            make: |[a, b, c]| element(0x62, &[&a[..], c, b].concat()),
        },
        Wrong {
            what: "two dialogue portions",
            taken: (false, false),
            make: |[a, b, c]| element(0x62, &[&a[..], b, b, c].concat()),
        },
        Wrong {
            what: "a dialogue portion that is no EXTERNAL: of ours a matter of the dialogue, Q.774 3.2.2, not the message",
            taken: (true, false),
            make: |[a, _, c]| element(0x62, &[&a[..], &element(0x6b, &[5, 0]), c].concat()),
        },
        Wrong {
            what: "a component that there is not: of ours that component's Reject, Q.774 3.2.2.2, not the message's end",
            taken: (true, false),
            make: |[a, b, _]| {
                element(0x62, &[&a[..], b, &element(0x6c, &element(0xa9, &[2, 1, 1]))].concat())
            },
        },
    ];
    check(wrongs, begin, |octets| (our_tcap::Message::parse(octets).is_ok(), tcap::decode(octets).is_ok()));
}

/// UDT and DATA, whole.
fn lower(random: &mut Random) -> Vec<u8> {
    let data = random.octets(1, 100);
    let mut udt = vec![9, 0x81, 3, 14, 25];
    udt.extend([0x0b, 0x12, 8, 0, 0x12, 4, 0x94, 0x71, 1, 0x67, 0, 0]);
    udt.extend([0x0b, 0x12, 8, 0, 0x12, 4, 0x94, 0x71, 1, 0x99, 9, 0x10]);
    udt.push(data.len() as u8);
    udt.extend(data);
    udt
}

#[test]
fn unitdata() {
    let wrongs: &[Wrong<Vec<u8>>] = &[
        Wrong { what: "nothing", taken: (true, true), make: Clone::clone },
        Wrong {
            what: "an octet is missing",
            taken: (false, false),
            make: |udt| udt[..udt.len() - 1].to_vec(),
        },
        Wrong {
            what: "a pointer that leads outside",
            taken: (false, false),
            make: |udt| {
                let mut udt = udt.clone();
                udt[4] = 0xff;
                udt
            },
        },
        Wrong {
            what: "a type of message that there is not",
            taken: (false, false),
            make: |udt| {
                let mut udt = udt.clone();
                udt[0] = 0x40;
                udt
            },
        },
        Wrong {
            what: "both addresses in the same octets: ours are right, since a parameter has its own (Q.713 2.3)",
            taken: (false, true),
            make: |udt| {
                let mut udt = udt.clone();
                udt[3] = 2;
                udt
            },
        },
        Wrong {
            what: "a class of connections: ours are right, since a UDT has 0 or 1 (Q.713 3.6)",
            taken: (false, true),
            make: |udt| {
                let mut udt = udt.clone();
                udt[1] = 2;
                udt
            },
        },
    ];
    check(wrongs, lower, |octets| {
        (our_sccp::parse(octets).is_ok(), sccp::SccpMessage::decode(octets).is_ok())
    });
}

#[test]
fn data() {
    let wrongs: &[Wrong<Vec<u8>>] = &[
        Wrong { what: "nothing", taken: (true, true), make: |payload| with_header(1, 0, payload) },
        Wrong { what: "version 2", taken: (false, false), make: |payload| with_header(2, 0, payload) },
        Wrong {
            what: "a parameter that ends outside",
            taken: (false, false),
            make: |payload| with_header(1, 100, payload),
        },
        Wrong {
            what: "an octet is missing",
            taken: (false, false),
            make: |payload| {
                let message = with_header(1, 0, payload);
                message[..message.len() - 4].to_vec()
            },
        },
    ];
    check(wrongs, lower, |octets| {
        let ours =
            our_m3ua::Message::parse(octets).and_then(|message| our_m3ua::Data::parse(&message).map(|_| ()));
        let theirs = m3ua::M3uaMessage::decode(octets).and_then(|message| message.protocol_data());
        (ours.is_ok(), theirs.is_ok())
    });
}

/// A DATA whose parameter is longer than it says by so much.
fn with_header(version: u8, lie: u16, payload: &[u8]) -> Vec<u8> {
    let padding = payload.len().wrapping_neg() & 3;
    let length = 8 + 16 + payload.len() + padding;
    let mut message = vec![version, 0, 1, 1, 0, 0, (length >> 8) as u8, length as u8, 2, 0x10];
    message.extend((16 + payload.len() as u16 + lie).to_be_bytes());
    message.extend([0, 0, 0, 100, 0, 0, 0, 200, 3, 2, 0, 5]);
    message.extend(payload);
    message.extend(&[0; 3][..padding]);
    message
}
