//! The octets of a stream, whole and cut by chance: the same messages come out of both, and each ends where the parser
//! says too. The first two octets are the seed of the cuts.

use crate::octets::Octets;
use ipsmgw::proto::sip::framing::{Framed, Framer, FramingLimits};
use ipsmgw::proto::sip::{Message, Name, Slots};

const LIMITS: FramingLimits = FramingLimits { head: 700, message: 1_200 };

/// Messages and pings, and what the stream ended with.
type Seen = (Vec<Vec<u8>>, bool);

fn feed<'a>(pieces: impl Iterator<Item = &'a [u8]>, total: usize) -> Seen {
    let (mut framer, mut held, mut seen) = (Framer::new(LIMITS), vec![], vec![]);
    let mut taken = 0;
    for piece in pieces {
        held.extend(piece);
        loop {
            let gone = match framer.next(&held) {
                Framed::Ping(octets) => {
                    assert_eq!(&held[..octets], b"\r\n\r\n");
                    seen.push(vec![]);
                    octets
                }
                Framed::Message(place) => {
                    assert!(place.len() <= LIMITS.message && place.start <= 2);
                    seen.push(held[place.clone()].to_vec());
                    place.end
                }
                Framed::NeedMore => {
                    assert!(held.len() < LIMITS.message + 4, "more is asked for than a message may have");
                    break;
                }
                Framed::Refuse { head, .. } => {
                    assert!(head.end <= held.len() && head.len() <= LIMITS.head);
                    seen.push(held[head].to_vec());
                    return (seen, false);
                }
            };
            taken += gone;
            assert!(gone > 0 && taken <= total);
            held.drain(..gone);
        }
    }
    (seen, true)
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut seed = u32::from(octets.u16()) | 1;
    let text = octets.0;
    let whole = feed(core::iter::once(text), text.len());
    let mut rest = text;
    let pieces = core::iter::from_fn(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Mostly a few octets, at times many.
        let most = if seed >> 28 == 0 { 400 } else { 9 };
        let (piece, after) = rest.split_at((1 + (seed >> 8) as usize % most).min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(feed(pieces, text.len()), whole);
    for message in &whole.0 {
        let mut slots = Slots::new();
        if let Ok(read) = Message::parse(message, &mut slots)
            && read.header(Name::ContentLength).is_some()
            && whole.1
        {
            assert!(message.ends_with(read.body()), "one end for both");
            assert_eq!(read.body().as_ptr_range().end, message.as_ptr_range().end, "one end for both");
        }
    }
}
