//! A body by its media type: parts, and in them SM-RP messages and TPDUs. The first line is the Content-Type.

use super::{is_within, split_line};
use ipsmgw::codec::Prepend;
use ipsmgw::proto::rp::{self, Direction, Rpdu};
use ipsmgw::proto::sip::{MediaType, Message, Slots, multipart};
use ipsmgw::proto::tpdu::{Carrier, Tpdu};

pub fn run(octets: &[u8]) {
    let (line, body) = split_line(octets);
    if let Some(media) = MediaType::parse(line) {
        assert!(is_within(media.kind, line) && is_within(media.subtype, line));
        parts(media, body);
    }
    relay(body);
    transfer(body);
}

fn parts(media: MediaType<'_>, body: &[u8]) {
    let Ok(parts) = multipart::parts(media, body) else { return };
    let mut at = body.as_ptr();
    let mut written = vec![];
    for part in parts.iter() {
        assert!(is_within(part.body, body));
        assert!(part.body.is_empty() || at <= part.body.as_ptr(), "parts are in order and apart");
        at = part.body.as_ptr_range().end;
        relay(part.body);
        if part.content_type.is_some_and(|found| found.is("message/sip")) {
            let mut slots = Slots::new();
            let _ = Message::parse(part.body, &mut slots);
        }
        let kind = part
            .content_type
            .map_or(vec![], |found| [b"Content-Type: ", found.kind, b"/", found.subtype, b"\r\n"].concat());
        written.extend([b"--0=border of ours=0\r\n", &kind[..], b"\r\n", part.body, b"\r\n"].concat());
    }
    written.extend(b"--0=border of ours=0--\r\n");
    // Put together again, the same parts come out; what has our boundary inside is another matter.
    let media = MediaType::parse(b"multipart/mixed;boundary=\"0=border of ours=0\"").expect("a media type");
    if body.windows(10).any(|part| part == b"0=border o") || parts.iter().count() == 0 {
        return;
    }
    let again = multipart::parts(media, &written).expect("what we write is well-formed");
    let bodies =
        |parts: &multipart::Parts<'_>| parts.iter().map(|part| part.body.to_vec()).collect::<Vec<_>>();
    assert_eq!(bodies(&again), bodies(&parts));
}

/// An RPDU, either way: what it says is written, and read again.
fn relay(octets: &[u8]) {
    for direction in [Direction::MsToNetwork, Direction::NetworkToMs] {
        match Rpdu::parse(octets, direction) {
            Ok(rpdu) => {
                assert_eq!(rpdu.reference(), octets[1]);
                if let Some(tpdu) = rpdu.user_data() {
                    assert!(is_within(tpdu, octets));
                    transfer(tpdu);
                }
                let mut room = [0; 300];
                let mut w = Prepend::new(&mut room);
                rpdu.write(direction, &mut w);
                let written = w.finish().expect("what was read can be written");
                assert_eq!(Rpdu::parse(written, direction), Ok(rpdu));
            }
            Err(why) => {
                assert!(usize::from(why.why) < rp::WHY.len());
                if let Some((reference, cause)) = rp::answer(octets, why) {
                    assert!(reference == octets[1] && cause.0 < 128);
                }
            }
        }
    }
}

/// A TPDU by each way that it may have come.
fn transfer(octets: &[u8]) {
    use Carrier::{AckFromMs, AckToMs, DataFromMs, DataToMs, ErrorFromMs, ErrorToMs};
    for carrier in [DataFromMs, DataToMs, AckFromMs, AckToMs, ErrorFromMs, ErrorToMs] {
        let Ok(tpdu) = Tpdu::parse(octets, carrier) else { continue };
        let mut room = [0; 300];
        let mut w = Prepend::new(&mut room);
        match &tpdu {
            Tpdu::Deliver(it) => it.write(&mut w),
            Tpdu::DeliverReport(it) => it.write(&mut w),
            Tpdu::Submit(it) => it.write(&mut w),
            Tpdu::SubmitReport(it) => it.write(&mut w),
            Tpdu::StatusReport(it) => it.write(&mut w),
            Tpdu::Command(it) => it.write(&mut w),
        }
        let written = w.finish().expect("what was read can be written");
        assert_eq!(Tpdu::parse(written, carrier), Ok(tpdu), "{carrier:?}");
        for part in [Tpdu::parse(written, carrier)] {
            if let Ok(Tpdu::Deliver(it)) = part {
                let _ = (it.user_data.characters().count(), it.user_data.elements().count());
                let _ = (it.originator.characters().count(), it.timestamp.parts());
            }
            if let Ok(Tpdu::Submit(it)) = part {
                let _ = (it.user_data.characters().count(), it.validity.period());
            }
        }
    }
}
