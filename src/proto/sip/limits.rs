//! How much of everything a message may have.

use core::ops::RangeInclusive;

/// One list of the bounds: what each is of, its type, what it is by default, and in what range it may be.
macro_rules! limits {
    ($($(#[$about:meta])* $name:ident: $type:ty = $default:expr, $range:expr;)*) => {
        /// Bounds of what the parser reads. What is beyond them is refused, as [`Why`](super::Why) says.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct Limits {
            $($(#[$about])* pub $name: $type,)*
        }

        impl Limits {
            /// What holds unless something else is said.
            pub const DEFAULT: Self = Self { $($name: $default,)* };

            /// Their names.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Gives the bound of that name a value; `None` if there is no such bound, or it can't have that value.
            #[must_use]
            pub fn set(&mut self, name: &str, value: u64) -> Option<()> {
                match name {
                    $(stringify!($name) => self.$name = value.try_into().ok()?,)*
                    _ => return None,
                }
                Some(())
            }

            /// Shows each by its name, with its value and the range that it must be in.
            pub fn each(&self, visit: &mut dyn FnMut(&'static str, usize, RangeInclusive<usize>)) {
                $(visit(stringify!($name), self.$name.into(), $range);)*
            }
        }
    };
}

limits! {
    /// Octets of a message. Default 65,535.
    message: u16 = u16::MAX, 1500..=65_535;
    /// Header lines; a folded one counts once. Default 128.
    headers: u8 = 128, 16..=super::MAX_HEADERS;
    /// Octets of a header line, folds included. Default 8,192.
    header: u16 = 8192, 256..=65_535;
    /// Octets of a Request-URI. Default 2,048.
    uri: u16 = 2048, 64..=65_535;
    /// Via values, which each response has all of. Default 70, as many as a request has hops.
    vias: u8 = 70, 1..=255;
    /// Values of each header that lists addresses or names, such as Contact, Route and P-Asserted-Identity. Default 16.
    contacts: u8 = 16, 2..=255;
    /// Parameters of one value. Default 64.
    parameters: u8 = 64, 8..=255;
    /// Parts of a multipart body, those of parts of parts included. Default 8.
    parts: u8 = 8, 1..=super::multipart::MAX_PARTS;
    /// How deep multipart bodies stand in each other. Default 2.
    depth: u8 = 2, 1..=super::multipart::MAX_DEPTH;
    /// Octets of a Call-ID. Default 1,024.
    call_id: u16 = 1024, 64..=65_535;
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_name_and_its_range() {
        let mut limits = Limits::DEFAULT;
        let mut seen = vec![];
        Limits::DEFAULT.each(&mut |name, value, range| {
            assert!(range.contains(&value), "{name}");
            assert_eq!(limits.set(name, *range.start() as u64), Some(()), "{name}");
            seen.push(name);
        });
        assert_eq!(seen, Limits::NAMES);
        limits.each(&mut |name, value, range| assert_eq!(value, *range.start(), "{name}"));
        assert_eq!((limits.set("vias", 256), limits.set("via", 1)), (None, None));
    }
}
