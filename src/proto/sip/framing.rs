//! Finds the messages in the octets of a stream (RFC 3261 7.5, 18.3), and the line ends between them that keep it open
//! (RFC 5626 3.5.1).
//!
//! ```text
//!   [CR LF]  start line and headers … CR LF CR LF  Content-Length octets   a message
//!   CR LF CR LF                                                           a ping, to be answered by CR LF
//! ```

use super::view::Why;
use core::ops::Range;

/// The line ends that ask for an answer (RFC 5626 3.5.1).
pub const PING: &[u8] = b"\r\n\r\n";
/// Their answer.
pub const PONG: &[u8] = b"\r\n";

/// How long what arrives by a stream may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FramingLimits {
    /// Octets of the start line and the headers, with the empty line.
    pub head: usize,
    /// Octets of the whole message.
    pub message: usize,
}

/// What stands at the front of a stream's octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Framed {
    /// So many octets that ask for [`PONG`].
    Ping(usize),
    /// A whole message, and where it is.
    Message(Range<usize>),
    /// Not everything is there yet.
    NeedMore,
    /// Nobody can say where the next message begins: the stream is over (RFC 3261 18.3). If the headers are whole, they
    /// can be answered.
    Refuse {
        /// What is wrong.
        why: Why,
        /// Where the start line and the headers are; empty if they don't end.
        head: Range<usize>,
    },
}

/// Walks through one stream. Octets may come in any pieces, and each is looked at once: the state is how far it has looked
/// at those that are not taken yet.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: FramingLimits,
    /// Where the message begins, once its first octet is there.
    start: Option<usize>,
    /// Up to here no empty line begins.
    looked: usize,
    /// Where the message ends, once its headers are there.
    end: Option<usize>,
}

impl Framer {
    /// At the beginning of a stream.
    #[must_use]
    pub const fn new(limits: FramingLimits) -> Self {
        Self { limits, start: None, looked: 0, end: None }
    }

    /// What `octets` begin with: all that came and was not taken yet. A ping or a message is to be taken away, with what
    /// stands before it, before the next call.
    pub fn next(&mut self, octets: &[u8]) -> Framed {
        let framed = self.frame(octets);
        if matches!(framed, Framed::Ping(_) | Framed::Message(_)) {
            *self = Self::new(self.limits);
        }
        framed
    }

    fn frame(&mut self, octets: &[u8]) -> Framed {
        let start = match self.start {
            Some(start) => start,
            None if octets.starts_with(PING) => return Framed::Ping(PING.len()),
            None if is_between(octets) => return Framed::NeedMore,
            None => {
                let start = if octets.starts_with(PONG) { PONG.len() } else { 0 };
                // Neither a method nor a version begins like that, but for example TLS does.
                if !octets.get(start).is_some_and(u8::is_ascii_graphic) {
                    return Framed::Refuse { why: Why::StartLine, head: 0..0 };
                }
                (self.start, self.looked) = (Some(start), start);
                start
            }
        };
        let end = match self.end {
            Some(end) => end,
            None => match self.find_end(octets, start) {
                Ok(Some(end)) => end,
                Ok(None) => return Framed::NeedMore,
                Err(refused) => return refused,
            },
        };
        self.end = Some(end);
        if octets.len() < end { Framed::NeedMore } else { Framed::Message(start..end) }
    }

    /// Where the message ends, once its headers do.
    fn find_end(&mut self, octets: &[u8], start: usize) -> Result<Option<usize>, Framed> {
        let new = octets.get(self.looked..).unwrap_or(&[]);
        let empty_line = new.windows(4).position(|four| four == b"\r\n\r\n").map(|at| self.looked + at);
        let Some(empty_line) = empty_line else {
            self.looked = self.looked.max(octets.len().saturating_sub(3));
            let is_long = octets.len() - start >= self.limits.head;
            return if is_long { Err(Framed::Refuse { why: Why::TooLong, head: 0..0 }) } else { Ok(None) };
        };
        let body = empty_line + 4;
        if body - start > self.limits.head {
            return Err(Framed::Refuse { why: Why::TooLong, head: 0..0 });
        }
        let refuse = |why| Framed::Refuse { why, head: start..body };
        let length = content_length(octets.get(start..empty_line).unwrap_or(&[]));
        let length = length.ok_or(refuse(Why::ContentLength))? as usize;
        match body.checked_add(length).filter(|end| end - start <= self.limits.message) {
            Some(end) => Ok(Some(end)),
            None => Err(refuse(Why::TooLarge)),
        }
    }
}

/// Whether `octets`, which are all that came after a message, may still become a ping: no message has begun.
#[must_use]
pub fn is_between(octets: &[u8]) -> bool {
    octets.len() < PING.len() && PING.starts_with(octets)
}

/// What Content-Length says; nothing if there is none, if one is no number, or if two differ.
fn content_length(head: &[u8]) -> Option<u32> {
    let mut found = None;
    let mut lines = Lines(head);
    // The start line is no header.
    lines.next();
    for line in lines {
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { continue };
        let (name, value) = line.split_at_checked(colon)?;
        let name = trim(name);
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let octets = number(trim(value.get(1..)?))?;
        if found.is_some_and(|other| other != octets) {
            return None;
        }
        found = Some(octets);
    }
    found
}

/// The lines of headers, each with those that continue it.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let ends = |three: &[u8]| three.starts_with(b"\r\n") && !matches!(three.get(2), Some(b' ' | b'\t'));
        let end = self.0.windows(3).position(ends).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(2..).unwrap_or(&[]);
        Some(line)
    }
}

/// Without white space and line ends around it.
fn trim(text: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    let start = text.iter().position(|octet| !is_space(octet)).unwrap_or(text.len());
    let end = text.iter().rposition(|octet| !is_space(octet)).map_or(start, |at| at + 1);
    text.get(start..end).unwrap_or(&[])
}

/// A number of decimal digits alone, if it fits.
fn number(text: &[u8]) -> Option<u32> {
    let digit = |number: u32, octet: &u8| {
        let digit = octet.is_ascii_digit().then(|| u32::from(octet - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if text.is_empty() { None } else { text.iter().try_fold(0, digit) }
}
