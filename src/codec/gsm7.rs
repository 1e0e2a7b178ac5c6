//! The GSM 7 bit default alphabet and its extension table, and how septets are packed into octets (TS 23.038 6.1, 6.2).

/// The septet that announces a character of the extension table.
pub const ESCAPE: u8 = 0x1b;

/// The default alphabet by septet; the escape stands as a space, as which it is shown when nothing follows.
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: the septet after the escape, and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The septets of one character: one, or the escape and another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spelling {
    /// A character of the default alphabet.
    One(u8),
    /// A character of the extension table, by the septet after the escape.
    Escaped(u8),
}

/// How a character is spelt; `None` if neither table has it.
#[must_use]
pub fn spelling(character: char) -> Option<Spelling> {
    if character.is_ascii_lowercase() {
        return Some(Spelling::One(character as u8));
    }
    let escaped =
        EXTENSION.iter().find(|(_, other)| *other == character).map(|(at, _)| Spelling::Escaped(*at));
    // The space proper comes after the escape's, which is not one to write.
    escaped
        .or_else(|| DEFAULT.iter().rposition(|other| *other == character).map(|at| Spelling::One(at as u8)))
}

/// How many septets a text takes; `None` if a character is in neither table.
#[must_use]
pub fn septets_of(text: &str) -> Option<usize> {
    text.chars().try_fold(0usize, |sum, character| Some(sum + spelling(character)?.len()))
}

/// How much of a text fits `room` septets, in bytes of the text; an escape is never parted from what it announces.
/// It ends before the first character that is in neither table.
#[must_use]
pub fn fitting(text: &str, room: usize) -> usize {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += spelling(character).map_or(room + 1, Spelling::len);
        if used > room {
            return at;
        }
    }
    text.len()
}

impl Spelling {
    const fn len(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Escaped(_) => 2,
        }
    }
}

/// The bits between a header of so many octets (its length octet included) and the next border of septets.
#[must_use]
pub const fn fill_bits(header_octets: usize) -> usize {
    (7 - header_octets * 8 % 7) % 7
}

/// How many octets hold so many septets.
#[must_use]
pub const fn octets_of(septets: usize) -> usize {
    (septets * 7).div_ceil(8)
}

/// Packs septets into `room` from bit `first_bit` on; the bits before are left as they are. Returns how many septets
/// those were, or `None` if they didn't fit.
pub fn pack(septets: impl IntoIterator<Item = u8>, first_bit: usize, room: &mut [u8]) -> Option<usize> {
    let mut bit = first_bit;
    let mut count = 0;
    for septet in septets {
        let spread = u16::from(septet & 0x7f) << (bit % 8);
        let low = room.get_mut(bit / 8)?;
        // Whatever stood above the bits written so far gives way.
        *low = *low & ((1 << (bit % 8)) - 1) | spread as u8;
        if bit % 8 > 1 {
            *room.get_mut(bit / 8 + 1)? = (spread >> 8) as u8;
        }
        bit += 7;
        count += 1;
    }
    Some(count)
}

/// Packs a text; as [`pack`], and `None` too if a character is in neither table.
pub fn pack_text(text: &str, first_bit: usize, room: &mut [u8]) -> Option<usize> {
    septets_of(text)?;
    let septets = text.chars().filter_map(spelling).flat_map(|spelling| match spelling {
        Spelling::One(septet) => [Some(septet), None],
        Spelling::Escaped(septet) => [Some(ESCAPE), Some(septet)],
    });
    pack(septets.flatten(), first_bit, room)
}

/// At most `count` septets that are packed into `octets` from bit `first_bit` on; fewer if the octets end.
pub fn unpack(octets: &[u8], first_bit: usize, count: usize) -> impl Iterator<Item = u8> + Clone + '_ {
    (0..count).map_while(move |at| {
        let bit = first_bit + 7 * at;
        let low = *octets.get(bit / 8)?;
        let high = if bit % 8 > 1 { *octets.get(bit / 8 + 1)? } else { 0 };
        Some(((u16::from(high) << 8 | u16::from(low)) >> (bit % 8)) as u8 & 0x7f)
    })
}

/// The characters of septets. After an escape, what the extension table lacks reads as in the default alphabet, and
/// another escape as a space (TS 23.038 6.2.1.1).
pub fn characters(septets: impl Iterator<Item = u8>) -> impl Iterator<Item = char> {
    let mut septets = septets;
    let default = |septet: u8| DEFAULT.get(usize::from(septet & 0x7f)).copied().unwrap_or(' ');
    core::iter::from_fn(move || match septets.next()? {
        ESCAPE => Some(septets.next().map_or(' ', |after| {
            EXTENSION
                .iter()
                .find(|(at, _)| *at == after)
                .map_or_else(|| default(after), |&(_, character)| character)
        })),
        septet => Some(default(septet)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8], first_bit: usize, count: usize) -> String {
        characters(unpack(octets, first_bit, count)).collect()
    }

    #[test]
    fn every_septet_has_its_character_and_every_character_its_septet() {
        let rows = [
            "@£$¥èéùìòÇ\nØø\rÅå",
            "Δ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ",
            " !\"#¤%&'()*+,-./",
            "0123456789:;<=>?",
            "¡ABCDEFGHIJKLMNO",
            "PQRSTUVWXYZÄÖÑÜ§",
            "¿abcdefghijklmno",
            "pqrstuvwxyzäöñüà",
        ];
        let table: Vec<char> = rows.iter().flat_map(|row| row.chars()).collect();
        assert_eq!(table.len(), 128);
        for (septet, &character) in (0u8..).zip(&table) {
            if septet != ESCAPE {
                assert_eq!(spelling(character), Some(Spelling::One(septet)), "{character}");
                assert_eq!(characters([septet].into_iter()).collect::<Vec<_>>(), [character]);
            }
        }
        let escaped: Vec<(u8, char)> = (0..128)
            .map(|septet| (septet, characters([ESCAPE, septet].into_iter()).next().unwrap()))
            .filter(|&(septet, character)| septet != ESCAPE && character != table[usize::from(septet)])
            .collect();
        let expected = "\u{c}^{}\\[~]|€".chars();
        assert_eq!(
            escaped.iter().map(|(_, character)| *character).collect::<String>(),
            expected.collect::<String>()
        );
        for (septet, character) in escaped {
            assert_eq!(spelling(character), Some(Spelling::Escaped(septet)));
        }
        assert_eq!(characters([ESCAPE, ESCAPE, ESCAPE].into_iter()).collect::<String>(), "  ");
        for character in ['ç', '\u{1b}', 'ą', '😀', '`'] {
            assert_eq!(spelling(character), None);
        }
    }

    #[test]
    fn packing_as_published() {
        let mut room = [0xff; 10];
        assert_eq!(pack_text("Hello", 0, &mut room), Some(5));
        assert_eq!(room[..5], [0xc8, 0x32, 0x9b, 0xfd, 0x06]);
        assert_eq!(pack_text("hellohello", 0, &mut room), Some(10));
        assert_eq!(room[..9], [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37]);
        assert_eq!(pack_text("hellohellohe", 0, &mut room), None, "eleven octets");
        assert_eq!(pack_text("a\u{142}", 0, &mut room), None);
    }

    #[test]
    fn every_length_and_every_header_round_trips() {
        let text: String =
            "Grüße, {für} 12€ an Ñandú@~".chars().cycle().filter(|c| *c != 'ú').take(120).collect();
        for header in 0..30 {
            let first_bit = header * 8 + fill_bits(header);
            assert_eq!(first_bit % 7, 0);
            for end in text.char_indices().map(|(at, _)| at) {
                let part = &text[..end];
                let mut room = [0; 170];
                room[..header].fill(0xaa);
                let count = pack_text(part, first_bit, &mut room).unwrap();
                assert_eq!(Some(count), septets_of(part));
                assert_eq!(room[..header], vec![0xaa; header]);
                let total = octets_of(first_bit / 7 + count);
                assert!(room[total..].iter().all(|octet| *octet == 0));
                assert_eq!(read(&room[..total], first_bit, count), part);
            }
        }
        assert_eq!([6, 7, 8, 0, 1].map(fill_bits), [1, 0, 6, 0, 6]);
        assert_eq!([0, 1, 7, 8, 160].map(octets_of), [0, 1, 7, 7, 140]);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(fitting("ab€", 4), 5);
        assert_eq!(fitting("ab€", 3), 2, "an escape is not parted");
        assert_eq!(fitting("aüb", 2), 3);
        assert_eq!(fitting("abł", 9), 2);
        assert_eq!(fitting("", 0), 0);
        assert_eq!(septets_of("ab€ł"), None);
    }

    #[test]
    fn octets_that_end_early_end_the_text() {
        assert_eq!(read(&[0xc8, 0x32], 0, 5), "He");
        assert_eq!(read(&[], 0, 5), "");
        assert_eq!(read(&[0x1b], 0, 1), " ", "an escape before nothing");
    }
}
