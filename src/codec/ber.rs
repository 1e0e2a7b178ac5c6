//! Basic Encoding Rules (ITU-T X.690) as TCAP and MAP use them: tags of one octet or more, definite and indefinite
//! lengths on reading, definite minimal lengths on writing.

use super::{Prepend, Reader};

/// Nesting deeper than this is refused (an indefinite length has to be walked to find its end).
pub const MAX_DEPTH: usize = 16;

/// More elements inside one of indefinite length than this are refused: it has to be walked to find its end.
pub const MAX_ELEMENTS: usize = 512;

/// Identifier octet of end-of-contents, which closes an indefinite length and is never an element (X.690 8.1.5).
const END_OF_CONTENTS: u8 = 0;

/// How many elements were read, each as often as it was: what a message may cost is bounded by its octets, and tests and
/// fuzz targets count it.
#[cfg(any(test, fuzzing))]
pub mod steps {
    use core::cell::Cell;

    thread_local! {
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        STEPS.with(|steps| steps.set(steps.get() + 1));
    }

    /// What `act` gives, and the elements that it read.
    pub fn of<T>(act: impl FnOnce() -> T) -> (T, u64) {
        let before = STEPS.with(Cell::get);
        let done = act();
        (done, STEPS.with(Cell::get) - before)
    }
}

/// One element: its identifier octet, and its contents without the end-of-contents octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Identifier octet of a low tag number. A tag in the high form (which our protocols never assign) reads as
    /// class and constructed bit with all five number bits set.
    pub tag: u8,
    /// Contents.
    pub value: &'a [u8],
}

/// Reads the next element, or `None` if it is malformed or there is none.
#[inline]
pub fn read<'a>(reader: &mut Reader<'a>) -> Option<Tlv<'a>> {
    #[cfg(any(test, fuzzing))]
    steps::count();
    let octets = reader.rest();
    // Nearly every element has one octet of tag and one of length; those of some size, two.
    let Extent { header, contents, end } = match *octets {
        [tag @ 1..=0xff, length @ ..=0x7f, ..] if tag & 0x1f != 0x1f => Extent::definite(2, length.into()),
        [tag @ 1..=0xff, 0x81, length, ..] if tag & 0x1f != 0x1f => Extent::definite(3, length.into()),
        _ => any_extent(octets)?,
    };
    let mut ahead = *reader;
    let &tag = ahead.take(header.into())?.first()?;
    let value = ahead.take(contents as usize)?;
    ahead.take(end.into())?;
    *reader = ahead;
    Some(Tlv { tag, value })
}

/// The contents of the one element that all of `octets` are, if that has the identifier octet `tag`, a low one, and a
/// length in as few octets as hold it, one or two; `None` of any other spelling too.
#[must_use]
#[inline(always)]
pub fn whole(octets: &[u8], tag: u8) -> Option<&[u8]> {
    // How many octets the length has follows from how many there are: nothing waits for them to be loaded.
    let (length, contents) = match *octets {
        [identifier, length, ref contents @ ..] if contents.len() < 0x80 && identifier == tag => {
            (length, contents)
        }
        [identifier, 0x81, length, ref contents @ ..] if identifier == tag => (length, contents),
        _ => return None,
    };
    if usize::from(length) == contents.len() { Some(contents) } else { None }
}

/// The contents of the first element in `octets` and what follows it, if it has the identifier octet `tag`, a low one, and
/// a length of one octet or two; `None` of any other spelling too.
#[must_use]
#[inline(always)]
pub fn first(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match *octets {
        [identifier, length @ ..=0x7f, ref rest @ ..] if identifier == tag => {
            rest.split_at_checked(length.into())
        }
        [identifier, 0x81, length, ref rest @ ..] if identifier == tag => {
            rest.split_at_checked(length.into())
        }
        _ => None,
    }
}

/// Octets of an element's parts. Small, to be handed on in registers: a reader whose place is known to a function that is
/// not inlined would be kept in memory.
struct Extent {
    /// Tag and length.
    header: u8,
    /// End-of-contents.
    end: u8,
    contents: u32,
}

impl Extent {
    const fn definite(header: u8, contents: u32) -> Self {
        Self { header, end: 0, contents }
    }
}

#[cold]
#[inline(never)]
fn any_extent(octets: &[u8]) -> Option<Extent> {
    extent(&mut Reader::new(octets), 0, &mut { MAX_ELEMENTS })
}

/// Passes over the next element, of any spelling.
fn extent(reader: &mut Reader<'_>, depth: usize, left: &mut usize) -> Option<Extent> {
    let mut ahead = *reader;
    let tag = ahead.u8().filter(|&tag| tag != END_OF_CONTENTS)?;
    if tag & 0x1f == 0x1f {
        // High tag number: at most four octets more.
        let mut octets = 0;
        while ahead.u8()? & 0x80 != 0 {
            octets += 1;
            if octets == 4 {
                return None;
            }
        }
    }
    let length = ahead.u8()?;
    let header = |ahead: &Reader<'_>| (ahead.position() - reader.position()) as u8;
    let extent = match length {
        0x80 => {
            if tag & 0x20 == 0 || depth >= MAX_DEPTH {
                return None;
            }
            let (header, start) = (header(&ahead), ahead.position());
            loop {
                let contents = ahead.position() - start;
                if ahead.peek()? == END_OF_CONTENTS {
                    ahead.u8()?;
                    if ahead.u8()? != 0 {
                        return None;
                    }
                    break Extent { header, end: 2, contents: u32::try_from(contents).ok()? };
                }
                *left = left.checked_sub(1)?;
                #[cfg(any(test, fuzzing))]
                steps::count();
                extent(&mut ahead, depth + 1, left)?;
            }
        }
        short @ 0..0x80 => {
            let extent = Extent::definite(header(&ahead), short.into());
            ahead.take(short.into())?;
            extent
        }
        long => {
            let octets = usize::from(long & 0x7f);
            if octets > 4 {
                return None;
            }
            let length = ahead.take(octets)?.iter().fold(0, |sum, &octet| sum << 8 | u32::from(octet));
            let extent = Extent::definite(header(&ahead), length);
            ahead.take(length as usize)?;
            extent
        }
    };
    *reader = ahead;
    Some(extent)
}

/// Whether no string in `contents` is in pieces, at any depth, and nothing is nested deeper or has more elements than
/// may be: what a decoder for any BER must not be given. What can't be read is left to that decoder.
#[must_use]
pub fn is_plain(contents: &[u8]) -> bool {
    all_plain(Reader::new(contents), 0, &mut { MAX_ELEMENTS })
}

fn all_plain(mut reader: Reader<'_>, depth: usize, left: &mut usize) -> bool {
    while let Some(element) = read(&mut reader) {
        let Some(counted) = left.checked_sub(1).filter(|_| depth <= MAX_DEPTH) else { return false };
        *left = counted;
        let inside = || Reader::new(element.value);
        if !has_its_form(element.tag) || element.tag & 0x20 != 0 && !all_plain(inside(), depth + 1, left) {
            return false;
        }
    }
    true
}

/// Whether an element of this tag is primitive or constructed as its universal type is; true of all other classes. A
/// string may be constructed by X.690 8.7.3, but TCAP and MAP have none so long.
#[must_use]
#[inline]
pub const fn has_its_form(tag: u8) -> bool {
    match tag & 0x1f {
        _ if tag >= 0x40 => true,
        0x08 | 0x0b | 0x10 | 0x11 => tag & 0x20 != 0,
        0x1f => true,
        _ => tag & 0x20 == 0,
    }
}

/// Reads an identifier of one octet and the length after it, however far that goes, and gives the identifier: what
/// follows are contents, perhaps cut off.
pub fn open(reader: &mut Reader<'_>) -> Option<u8> {
    let mut ahead = *reader;
    let tag = ahead.u8()?;
    let length = ahead.u8()?;
    if length > 0x80 {
        ahead.take(usize::from(length & 0x7f))?;
    }
    *reader = ahead;
    Some(tag)
}

/// Reads the next element if its tag is `tag`. An element of another tag stays unread.
#[inline]
pub fn read_tag<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    if reader.peek()? != tag {
        return None;
    }
    read(reader).map(|tlv| tlv.value)
}

/// An INTEGER or ENUMERATED of at most four octets.
#[must_use]
#[inline]
pub fn integer(value: &[u8]) -> Option<i32> {
    if let &[octet] = value {
        return Some(i32::from(octet as i8));
    }
    let first = *value.first()?;
    if value.len() > 4 {
        return None;
    }
    let sign = if first & 0x80 != 0 { -1 } else { 0 };
    Some(value.iter().fold(sign, |sum, &octet| sum << 8 | i32::from(octet)))
}

/// Puts tag and length in front of what was written since `mark` (an earlier [`Prepend::len`]).
#[inline(always)]
pub fn wrap(writer: &mut Prepend<'_>, tag: u8, mark: usize) {
    let length = writer.len() - mark;
    match length {
        0..0x80 => writer.bytes(&[tag, length as u8]),
        0x80..0x100 => writer.bytes(&[tag, 0x81, length as u8]),
        _ => writer.bytes(&[tag, 0x82, (length >> 8) as u8, length as u8]),
    }
}

/// Puts one element in front.
#[inline(always)]
pub fn put(writer: &mut Prepend<'_>, tag: u8, value: &[u8]) {
    let mark = writer.len();
    writer.bytes(value);
    wrap(writer, tag, mark);
}

/// Puts an INTEGER or ENUMERATED in front, in as few octets as hold it.
#[inline]
pub fn put_integer(writer: &mut Prepend<'_>, tag: u8, value: i32) {
    if let 0..0x80 = value {
        return writer.bytes(&[tag, 1, value as u8]);
    }
    let octets = value.to_be_bytes();
    let mut start = 0;
    while start < 3
        && (octets[start] == 0 && octets[start + 1] < 0x80
            || octets[start] == 0xff && octets[start + 1] >= 0x80)
    {
        start += 1;
    }
    put(writer, tag, &octets[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::mutated::mutated;

    fn one(bytes: &[u8]) -> Option<Tlv<'_>> {
        read(&mut Reader::new(bytes))
    }

    #[test]
    fn lengths_of_every_form() {
        assert_eq!(one(&[4, 2, 1, 2, 9]), Some(Tlv { tag: 4, value: &[1, 2] }));
        assert_eq!(one(&[4, 0x81, 2, 1, 2]), Some(Tlv { tag: 4, value: &[1, 2] }));
        assert_eq!(one(&[4, 0x84, 0, 0, 0, 1, 7]), Some(Tlv { tag: 4, value: &[7] }));
        assert_eq!(one(&[4, 0x85, 0, 0, 0, 0, 1, 7]), None);
        assert_eq!(one(&[4, 3, 1, 2]), None);
        assert_eq!(one(&[0x30, 0x80, 4, 1, 7, 0, 0]), Some(Tlv { tag: 0x30, value: &[4, 1, 7] }));
        assert_eq!(one(&[0x30, 0x80, 0x30, 0x80, 4, 1, 7, 0, 0, 0, 0]).unwrap().value.len(), 7);
        assert_eq!(one(&[0x30, 0x80, 4, 1, 7, 0]), None);
        assert_eq!(one(&[4, 0x80, 0, 0]), None, "primitive and indefinite");
        assert_eq!(one(&[0x30, 0x80].repeat(40)), None, "nested too deep");
        assert_eq!(one(&[0x9f, 0x81, 0x01, 1, 7]), Some(Tlv { tag: 0x9f, value: &[7] }));
        assert_eq!(one(&[]), None);
    }

    #[test]
    fn elements_of_usual_lengths_are_read_as_any_other() {
        let (mut wholes, mut firsts) = (0, 0);
        for length in [0, 1, 2, 126, 127, 128, 129, 252, 253, 254, 255] {
            let mut buffer = [0; 300];
            let mut writer = Prepend::new(&mut buffer);
            put(&mut writer, 0x30, &vec![5; length]);
            let element = writer.finish().unwrap().to_vec();
            assert_eq!(whole(&element, 0x30).map(<[u8]>::len), Some(length));
            assert_eq!(whole(&element, 0x31), None);
            mutated(&element, length as u64, &mut |octets| {
                let mut reader = Reader::new(octets);
                let read =
                    read(&mut reader).filter(|element| element.tag == 0x30).map(|element| element.value);
                if let Some((contents, rest)) = first(octets, 0x30) {
                    assert_eq!((read, reader.rest()), (Some(contents), rest), "{octets:02x?}");
                    firsts += 1;
                }
                if let Some(contents) = whole(octets, 0x30) {
                    assert_eq!((read, reader.rest()), (Some(contents), &[][..]), "{octets:02x?}");
                    wholes += 1;
                }
                let by_any = any_extent(octets).map(|it| (it.header, it.contents, it.end));
                let whole = Reader::new(octets);
                let mut usual = whole;
                let usual = super::read(&mut usual).map(|element| (element.value.len(), usual.position()));
                let by_any = by_any.map(|(header, contents, end)| {
                    (contents as usize, usize::from(header) + contents as usize + usize::from(end))
                });
                assert_eq!(usual, by_any, "{octets:02x?}");
            });
        }
        assert!(wholes > 1_000 && firsts > 10_000, "{wholes} {firsts}");
        assert_eq!(
            first(&[0x30, 0x81, 1, 7, 9], 0x30),
            Some((&[7][..], &[9][..])),
            "in more octets than it needs"
        );
    }

    #[test]
    fn end_of_contents_is_no_element() {
        assert_eq!(one(&[0, 0]), None);
        assert_eq!(one(&[0, 0x81, 0]), None);
        assert_eq!(one(&[0, 0x82, 0, 0]), None);
        assert_eq!(one(&[0x30, 0x80, 0, 1, 7, 0, 0]), None, "an end of contents has no contents");
    }

    #[test]
    fn elements_inside_an_indefinite_length_are_counted() {
        let sequence = |elements: usize| [&[0x30, 0x80][..], &[5, 0].repeat(elements), &[0, 0]].concat();
        assert!(one(&sequence(MAX_ELEMENTS)).is_some());
        assert_eq!(one(&sequence(MAX_ELEMENTS + 1)), None);
        // Those of all depths together.
        let nested = [&[0x30, 0x80][..], &sequence(MAX_ELEMENTS - 1), &[0, 0]].concat();
        assert!(one(&nested).is_some());
        let nested = [&[0x30, 0x80][..], &sequence(MAX_ELEMENTS), &[0, 0]].concat();
        assert_eq!(one(&nested), None);
    }

    #[test]
    fn plain_contents_have_strings_in_one_piece_at_every_depth() {
        let plain: [&[u8]; 5] = [
            &[],
            &[0x30, 4, 4, 0, 0x81, 0, 0xa1, 2, 5, 0],
            &[0x30, 0x80, 4, 1, 7, 0, 0],
            &[0xa0, 2, 0, 0],
            &[4, 1],
        ];
        assert!(plain.iter().all(|plain| is_plain(plain)));
        let pieces: [&[u8]; 4] =
            [&[0x24, 3, 4, 1, 7], &[0x30, 5, 0x24, 3, 4, 1, 7], &[0x30, 0x80, 0x24, 0, 0, 0], &[0x10, 0]];
        assert!(pieces.iter().all(|pieces| !is_plain(pieces)));
        let mut deep = vec![];
        for _ in 0..MAX_DEPTH + 2 {
            deep = [&[0xa0, deep.len() as u8][..], &deep].concat();
        }
        assert!(!is_plain(&deep) && is_plain(&deep[2..]));
        assert!(is_plain(&[5, 0].repeat(MAX_ELEMENTS)) && !is_plain(&[5, 0].repeat(MAX_ELEMENTS + 1)));
    }

    #[test]
    fn opens_what_is_cut_off() {
        for bytes in [&[0x62, 9, 1][..], &[0x62, 0x81, 0xff, 1], &[0x62, 0x80, 1]] {
            let mut reader = Reader::new(bytes);
            assert_eq!(open(&mut reader), Some(0x62));
            assert_eq!(reader.rest(), [1]);
        }
        assert_eq!(open(&mut Reader::new(&[0x62, 0x82, 1])), None);
    }

    #[test]
    fn integers_keep_their_sign() {
        for value in [0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, -32768, 65536, i32::MIN, i32::MAX] {
            let mut buffer = [0; 8];
            let mut writer = Prepend::new(&mut buffer);
            put_integer(&mut writer, 2, value);
            let tlv = one(writer.finish().unwrap()).unwrap();
            assert_eq!(integer(tlv.value), Some(value), "{value}");
        }
        assert_eq!(integer(&[]), None);
        assert_eq!(integer(&[0; 5]), None);
    }

    #[test]
    fn wraps_lengths_minimally() {
        for length in [0usize, 1, 127, 128, 255, 256, 300] {
            let mut buffer = [0; 400];
            let mut writer = Prepend::new(&mut buffer);
            writer.bytes(&vec![5; length]);
            wrap(&mut writer, 0x30, 0);
            assert_eq!(one(writer.finish().unwrap()).unwrap().value.len(), length);
        }
    }
}
