//! Bodies of several parts (RFC 2046 5.1), as an S-CSCF sends with a copy of the handset's REGISTER and of its answer.

use super::headers::{MediaType, unquoted};
use super::scan::{split_once, trim};
use super::view::Why;
use crate::base::Malformed;

/// The most parts of a body.
pub const MAX_PARTS: usize = 8;

/// One part. A `message/sip` part is itself a whole message, for [`super::Message::parse`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part<'a> {
    /// Its Content-Type, `None` if it has none that can be read (which means `text/plain`).
    pub content_type: Option<MediaType<'a>>,
    /// Its octets.
    pub body: &'a [u8],
}

/// The parts of a body.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    parts: [Option<Part<'a>>; MAX_PARTS],
}

impl<'a> Parts<'a> {
    /// The parts in order.
    pub fn iter(&self) -> impl Iterator<Item = &Part<'a>> {
        self.parts.iter().flatten()
    }

    /// The first part of that type, as in `message/sip`.
    #[must_use]
    pub fn find(&self, media_type: &str) -> Option<Part<'a>> {
        self.iter().find(|part| part.content_type.is_some_and(|found| found.is(media_type))).copied()
    }
}

/// The parts of `body`: if its type is a multipart one those between its boundaries, otherwise itself alone. Refuses a
/// body without a boundary, with more than [`MAX_PARTS`] parts, or whose last boundary is missing.
pub fn parts<'a>(content_type: MediaType<'a>, body: &'a [u8]) -> Result<Parts<'a>, Malformed> {
    let mut parts = [None; MAX_PARTS];
    if !content_type.kind.eq_ignore_ascii_case(b"multipart") {
        parts = [None; MAX_PARTS];
        if let Some(first) = parts.first_mut() {
            *first = Some(Part { content_type: Some(content_type), body });
        }
        return Ok(Parts { parts });
    }
    let boundary = content_type.params.get(b"boundary").and_then(|param| param.value).map(unquoted);
    let boundary = boundary.filter(|text| !text.is_empty()).ok_or(Why::Multipart.at(0))?;
    let offset_of = |rest: &[u8]| body.len() - rest.len();
    // What stands before the first boundary is not a part.
    let (_, mut rest, mut last) = next_boundary(body, boundary, true).ok_or(Why::Multipart.at(0))?;
    let mut places = parts.iter_mut();
    while !last {
        let refused = Why::Multipart.at(offset_of(rest));
        let (text, after, is_last) = next_boundary(rest, boundary, false).ok_or(refused)?;
        *places.next().ok_or(refused)? = Some(read_part(text).ok_or(refused)?);
        (rest, last) = (after, is_last);
    }
    Ok(Parts { parts })
}

/// Finds the next boundary line: what is before it, what is after it, and whether it is the closing one. At the start of
/// a body it need not follow a line end.
fn next_boundary<'a>(text: &'a [u8], boundary: &[u8], at_start: bool) -> Option<(&'a [u8], &'a [u8], bool)> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let delimiter = match rest.strip_prefix(b"\r\n--") {
            Some(rest) => Some(rest),
            None if at == 0 && at_start => rest.strip_prefix(b"--"),
            None => None,
        };
        if let Some(after) = delimiter.and_then(|rest| rest.strip_prefix(boundary)) {
            let before = text.get(..at)?;
            if after.starts_with(b"--") {
                return Some((before, &[], true));
            }
            // White space may follow the boundary on its line.
            let padding = after.iter().position(|&c| c != b' ' && c != b'\t')?;
            if after.get(padding..)?.starts_with(b"\r\n") {
                // The line end also begins the line of a boundary that follows at once.
                return Some((before, after.get(padding..)?, false));
            }
        }
        at += 1 + rest.get(1..)?.iter().position(|&c| c == b'\r')?;
    }
}

/// A part: the line end of its boundary, header lines, an empty line, octets.
fn read_part(text: &[u8]) -> Option<Part<'_>> {
    let mut rest = text.strip_prefix(b"\r\n")?;
    let mut content_type = None;
    loop {
        if let Some(body) = rest.strip_prefix(b"\r\n") {
            return Some(Part { content_type, body });
        }
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, after) = rest.split_at_checked(end)?;
        let (name, value) = split_once(line, b':')?;
        if trim(name).eq_ignore_ascii_case(b"Content-Type") || trim(name).eq_ignore_ascii_case(b"c") {
            content_type = MediaType::parse(trim(value));
        }
        rest = after.get(2..)?;
    }
}
