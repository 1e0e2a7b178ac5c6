//! Streams in any pieces (RFC 3261 18.3, RFC 5626 3.5.1).

use super::super::framing::{Framed, Framer, FramingLimits, PING, PONG, is_between};
use super::*;

const LIMITS: FramingLimits = FramingLimits { head: 2048, message: 4096 };

/// What a stream held, in its order.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Ping,
    Message(Vec<u8>),
    Refused(Why, Vec<u8>),
}

/// A stream's reader, as a connection is one.
struct Reader {
    framer: Framer,
    octets: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Reader {
    fn new() -> Self {
        Self { framer: Framer::new(LIMITS), octets: vec![], pieces: vec![] }
    }

    fn take(&mut self, octets: &[u8]) {
        self.octets.extend(octets);
        while !matches!(self.pieces.last(), Some(Piece::Refused(..))) {
            let taken = match self.framer.next(&self.octets) {
                Framed::NeedMore => return,
                Framed::Ping(len) => {
                    self.pieces.push(Piece::Ping);
                    len
                }
                Framed::Message(range) => {
                    self.pieces.push(Piece::Message(self.octets[range.clone()].to_vec()));
                    range.end
                }
                Framed::Refuse { why, head } => {
                    self.pieces.push(Piece::Refused(why, self.octets[head].to_vec()));
                    return;
                }
            };
            self.octets.drain(..taken);
        }
    }

    fn read(parts: &[&[u8]]) -> Vec<Piece> {
        let mut reader = Self::new();
        parts.iter().for_each(|part| reader.take(part));
        reader.pieces
    }
}

fn options(length: &str) -> Vec<u8> {
    // `text` trims lines: a fold is put in behind it.
    let head = text(&format!("OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\n{length}"));
    String::from_utf8(head).unwrap().replace('|', "\r\n ").into_bytes()
}

/// Messages with every form of Content-Length, binary bodies, and line ends before and between.
fn mixture() -> (Vec<u8>, Vec<Piece>) {
    let messages = [
        mo_message(),
        third_party_register(),
        options("l: 0"),
        options("CONTENT-LENGTH \t:\t 0000 "),
        [options("Content-Length:|4|\nX: y"), b"\r\n\r\n".to_vec()].concat(),
        [options("Content-Length: 3\nl: 3"), b"l: ".to_vec()].concat(),
    ];
    let (mut octets, mut pieces) = (vec![], vec![]);
    for (at, message) in messages.into_iter().enumerate() {
        match at % 3 {
            0 => octets.extend(PONG),
            1 => {
                octets.extend(PING);
                pieces.push(Piece::Ping);
            }
            _ => {}
        }
        octets.extend(&message);
        pieces.push(Piece::Message(message));
    }
    octets.extend(PING);
    pieces.push(Piece::Ping);
    (octets, pieces)
}

#[test]
fn any_cut_gives_the_same_messages() {
    let (octets, pieces) = mixture();
    assert_eq!(Reader::read(&[&octets]), pieces);
    for at in 0..=octets.len() {
        let (first, second) = octets.split_at(at);
        assert_eq!(Reader::read(&[first, second]), pieces, "cut at {at}");
    }
    let single: Vec<&[u8]> = octets.chunks(1).collect();
    assert_eq!(Reader::read(&single), pieces);
    let mut random = Random(7);
    for _ in 0..200 {
        let mut rest = &octets[..];
        let mut parts = vec![];
        while !rest.is_empty() {
            let (part, after) = rest.split_at(1 + random.below(rest.len().min(97)));
            parts.push(part);
            rest = after;
        }
        assert_eq!(Reader::read(&parts), pieces);
    }
}

#[test]
fn a_stream_without_a_length_is_over_wherever_it_is_cut() {
    for length in
        ["", "Content-Length:", "Content-Length: -1", "l: 4294967296", "l: 1\nContent-Length: 2", "l: 1, 1"]
    {
        let head = options(length);
        let octets = [&options("l: 0")[..], &head, b"more of it"].concat();
        let expected = vec![Piece::Message(options("l: 0")), Piece::Refused(Why::ContentLength, head)];
        for at in 0..=octets.len() {
            let (first, second) = octets.split_at(at);
            assert_eq!(Reader::read(&[first, second]), expected, "{length:?} cut at {at}");
        }
    }
}

#[test]
fn a_length_beyond_the_limit() {
    let head = options("Content-Length: 9999");
    assert_eq!(
        Reader::read(&[&head]),
        [Piece::Refused(Why::TooLarge, head.clone())],
        "no body is waited for"
    );
    let most = LIMITS.message - options("Content-Length: 9999").len();
    let whole = [options(&format!("Content-Length: {most}")), vec![b'x'; most]].concat();
    assert_eq!(whole.len(), LIMITS.message);
    assert_eq!(Reader::read(&[&whole]), [Piece::Message(whole)]);
    let one_more = options(&format!("Content-Length: {}", most + 1));
    assert_eq!(Reader::read(&[&one_more]), [Piece::Refused(Why::TooLarge, one_more)]);
    // Headers that don't end can't be answered.
    let endless = [b"OPTIONS sip:a@b SIP/2.0\r\nX: ".to_vec(), vec![b'y'; LIMITS.head]].concat();
    assert_eq!(Reader::read(&[&endless]), [Piece::Refused(Why::TooLong, vec![])]);
    let mut reader = Reader::new();
    reader.take(&endless[..LIMITS.head - 1]);
    assert_eq!((reader.pieces.len(), reader.octets.len()), (0, LIMITS.head - 1));
}

#[test]
fn ping_and_pong() {
    assert_eq!(Reader::read(&[b"\r\n\r\n\r\n\r\n"]), [Piece::Ping, Piece::Ping]);
    for waits in [&b""[..], b"\r", b"\r\n", b"\r\n\r"] {
        assert!(is_between(waits));
        assert_eq!(Reader::read(&[waits]), []);
    }
    for begun in [&b"\n"[..], b"\r\r", b"O", b"\r\nO", b"\r\n\r\n"] {
        assert!(!is_between(begun), "{begun:?}");
    }
    // A lone line end is passed over, be it a pong or stray.
    let message = options("l: 0");
    assert_eq!(Reader::read(&[b"\r", b"\n", &message]), [Piece::Message(message)]);
}

#[test]
fn what_is_no_sip_ends_the_stream_at_its_first_octet() {
    for other in [&b"\x16\x03\x01\x02"[..], b"\0", b"\n", b" x", b"\r\n\r\r", b"\xff"] {
        assert_eq!(Reader::read(&[other]), [Piece::Refused(Why::StartLine, vec![])], "{other:?}");
    }
}
