//! Bodies of several parts (RFC 2046 5.1), as an S-CSCF sends with a copy of the handset's REGISTER and of its answer.

use super::headers::{MediaType, unquoted};
use super::limits::Limits;
use super::scan::{split_once, trim};
use super::view::Why;
use crate::base::Malformed;

/// The most parts that a body may be allowed to have, those of multipart parts counted in their stead.
pub const MAX_PARTS: usize = 32;
/// The deepest that multipart bodies may be allowed to stand in each other.
pub const MAX_DEPTH: usize = 4;

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
    /// No parts.
    pub(super) const NONE: Self = Self { parts: [None; MAX_PARTS] };

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

/// The parts of `body`: if its type is a multipart one those between its boundaries, otherwise itself alone. A part that is
/// itself of several parts gives those. Refuses a body without a boundary, with more parts than may be or deeper than may be,
/// or whose last boundary is missing.
pub fn parts<'a>(content_type: MediaType<'a>, body: &'a [u8]) -> Result<Parts<'a>, Malformed> {
    parts_within(content_type, body, &Limits::DEFAULT)
}

/// [`parts`], with other limits.
pub fn parts_within<'a>(
    content_type: MediaType<'a>,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Parts<'a>, Malformed> {
    let mut found = Parts::NONE;
    let mut places = found.parts.iter_mut().take(usize::from(limits.parts));
    let part = Part { content_type: Some(content_type), body };
    take_apart(part, usize::from(limits.depth).min(MAX_DEPTH), limits, &mut places)
        .map_err(|rest| Why::Multipart.at(body.len().saturating_sub(rest)))?;
    Ok(found)
}

/// Puts a part, or the parts in it, into `places`. An error is how many octets are left where something is wrong.
fn take_apart<'a>(
    part: Part<'a>,
    depth: usize,
    limits: &Limits,
    places: &mut dyn Iterator<Item = &mut Option<Part<'a>>>,
) -> Result<(), usize> {
    let body = part.body;
    let multipart = part.content_type.filter(|it| it.kind.eq_ignore_ascii_case(b"multipart"));
    let Some(content_type) = multipart else {
        *places.next().ok_or(body.len())? = Some(part);
        return Ok(());
    };
    let boundary = content_type.params.get(b"boundary").and_then(|param| param.value).map(unquoted);
    let boundary = boundary.filter(|text| !text.is_empty() && depth > 0).ok_or(body.len())?;
    // What stands before the first boundary is not a part.
    let (_, mut rest, mut last) = next_boundary(body, boundary, true).ok_or(body.len())?;
    while !last {
        let (text, after, is_last) = next_boundary(rest, boundary, false).ok_or(rest.len())?;
        let part = read_part(text, limits.parameters).ok_or(rest.len())?;
        take_apart(part, depth - 1, limits, places)?;
        (rest, last) = (after, is_last);
    }
    Ok(())
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
fn read_part(text: &[u8], parameters: u8) -> Option<Part<'_>> {
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
            content_type = MediaType::read(trim(value), parameters);
        }
        rest = after.get(2..)?;
    }
}
