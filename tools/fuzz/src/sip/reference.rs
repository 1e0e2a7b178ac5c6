//! The header lines of a message as slow and plain code finds them: what is asked of the parser is asked of this too.

/// Header lines: the name in lower case, and the value without any white space.
pub struct Lines(Vec<(Vec<u8>, Vec<u8>)>);

/// Without white space and line ends, so that folds don't matter.
pub fn bare(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n')).collect()
}

impl Lines {
    /// Of a message that is well-formed up to its empty line.
    pub fn of(message: &[u8]) -> Self {
        let mut rest = message;
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        let mut lines: Vec<Vec<u8>> = vec![];
        while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
            let line = &rest[..end];
            rest = &rest[end + 2..];
            match (line.first(), lines.last_mut()) {
                (None, _) => break,
                (Some(b' ' | b'\t'), Some(last)) => last.extend(line),
                _ => lines.push(line.to_vec()),
            }
        }
        let lines = lines.iter().skip(1).map(|line| {
            let colon = line.iter().position(|&octet| octet == b':').unwrap_or(line.len());
            let name = line[..colon].to_ascii_lowercase();
            (bare(&name), bare(line.get(colon + 1..).unwrap_or(&[])))
        });
        Self(lines.collect())
    }

    /// The values of the header of this name, or of its compact form.
    pub fn values<'a>(&'a self, name: &'a str, compact: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let is_it = move |found: &[u8]| {
            found == name.as_bytes() || (!compact.is_empty() && found == compact.as_bytes())
        };
        self.0.iter().filter(move |(found, _)| is_it(found)).map(|(_, value)| &value[..])
    }
}
