//! Rust source as the rules look at it: words and signs without comments and texts, and the comments apart.

/// A word or a sign of the program, and its line, from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A file taken apart.
#[derive(Default)]
pub(crate) struct Source {
    pub(crate) tokens: Vec<Token>,
    /// Comments on neighbouring lines are one comment.
    pub(crate) comments: Vec<Token>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        Scanner { text: text.as_bytes(), at: 0, line: 1, last_comment: 0, found: Self::default() }.run()
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.tokens.windows(2).filter(|pair| pair[0].text == "fn").map(|pair| pair[1].text.as_str())
    }

    /// Every path that the file, which is `module`, writes from `crate`, `super` or `self` (or from the crate's name, as
    /// the binary does), grouped imports taken apart; as modules and items from the crate's root.
    pub(crate) fn paths(&self, module: &[String]) -> Vec<(Vec<String>, usize)> {
        let mut paths = Vec::new();
        let mut inside: Vec<(String, usize)> = Vec::new();
        let (mut at, mut depth) = (0, 0);
        while at < self.tokens.len() {
            match self.word(at) {
                "mod" if self.word(at + 2) == "{" => inside.push((self.word(at + 1).into(), depth)),
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    inside.pop_if(|(_, outer)| *outer == depth);
                }
                start @ ("crate" | "super" | "self" | "ipsmgw")
                    if self.word(at + 1) == "::" && (at == 0 || self.word(at - 1) != "::") =>
                {
                    let mut from = Vec::new();
                    if matches!(start, "super" | "self") {
                        from.extend_from_slice(module);
                        from.extend(inside.iter().map(|(name, _)| name.clone()));
                    }
                    at = self.tree(at, from, &mut paths);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        paths
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// The path that starts at a word, or every path of the group there; returns the place behind it.
    fn tree(&self, mut at: usize, mut path: Vec<String>, paths: &mut Vec<(Vec<String>, usize)>) -> usize {
        loop {
            match self.word(at) {
                "crate" | "self" | "ipsmgw" => {}
                "super" => drop(path.pop()),
                word => path.push(word.into()),
            }
            let line = self.tokens[at].line;
            let goes_on = self.word(at + 1) == "::";
            match self.word(at + 2) {
                "{" if goes_on => {
                    at += 3;
                    while !matches!(self.word(at), "}" | "") {
                        at = match self.word(at) {
                            "," => at + 1,
                            "*" => {
                                paths.push((path.clone(), line));
                                at + 1
                            }
                            // An element's other name is none of ours.
                            "as" => at + 2,
                            _ => self.tree(at, path.clone(), paths),
                        };
                    }
                    return at + 1;
                }
                next if goes_on && next.starts_with(|c: char| c.is_alphabetic() || c == '_') => at += 2,
                _ => {
                    paths.push((path, line));
                    return at + 1;
                }
            }
        }
    }
}

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
    last_comment: usize,
    found: Source,
}

impl Scanner<'_> {
    fn run(mut self) -> Source {
        while let Some(octet) = self.peek(0) {
            match octet {
                b'/' if self.peek(1) == Some(b'/') => self.line_comment(),
                b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
                b'"' => self.text_until_quote(),
                b'\'' => self.character_or_lifetime(),
                b'b' | b'c' | b'r' if self.prefixed_text() => {}
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' | 0x80.. => {
                    let end = self.end_of_word();
                    self.token(end);
                }
                b':' if self.peek(1) == Some(b':') => self.token(2),
                b' ' | b'\t' | b'\r' | b'\n' => self.skip(1),
                _ => self.token(1),
            }
        }
        self.found
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn skip(&mut self, octets: usize) {
        for _ in 0..octets {
            self.line += usize::from(self.peek(0) == Some(b'\n'));
            self.at += 1;
        }
    }

    fn end_of_word(&self) -> usize {
        let word = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'_' || *octet >= 0x80;
        self.text[self.at..].iter().take_while(|octet| word(octet)).count()
    }

    fn token(&mut self, octets: usize) {
        let text = String::from_utf8_lossy(&self.text[self.at..self.at + octets]).into_owned();
        self.found.tokens.push(Token { text, line: self.line });
        self.skip(octets);
    }

    fn comment(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let text = text.trim_start_matches(['/', '!', '*']).trim();
        match self.found.comments.last_mut() {
            Some(last) if self.last_comment + 1 == self.line => {
                last.text += " ";
                last.text += text;
            }
            _ => self.found.comments.push(Token { text: text.into(), line: self.line }),
        }
        self.last_comment = self.line;
    }

    fn line_comment(&mut self) {
        let end = self.text[self.at..].iter().take_while(|octet| **octet != b'\n').count();
        let text = self.text[self.at..self.at + end].to_vec();
        self.comment(&text);
        self.skip(end);
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => depth += 1,
                (Some(b'*'), Some(b'/')) => depth -= 1,
                (None, _) => break,
                _ => {
                    self.skip(1);
                    continue;
                }
            }
            self.skip(2);
            if depth == 0 {
                break;
            }
        }
        let text = self.text[start..self.at].to_vec();
        self.comment(&text);
    }

    fn text_until_quote(&mut self) {
        self.skip(1);
        while let Some(octet) = self.peek(0) {
            self.skip(if octet == b'\\' { 2 } else { 1 });
            if octet == b'"' {
                break;
            }
        }
    }

    fn character_or_lifetime(&mut self) {
        self.skip(1);
        if self.peek(0) == Some(b'\\') {
            self.skip(2);
            while self.peek(0).is_some_and(|octet| octet != b'\'') {
                self.skip(1);
            }
            self.skip(1);
            return;
        }
        let word = self.end_of_word().max(1);
        self.skip(word);
        // A lifetime has no closing quote.
        if self.peek(0) == Some(b'\'') {
            self.skip(1);
        }
    }

    /// A text with a prefix: `b"…"`, `c"…"`, `r#"…"#` and their like. Whether there was one.
    fn prefixed_text(&mut self) -> bool {
        let letters = self.end_of_word();
        let prefix = &self.text[self.at..self.at + letters];
        if letters > 2 || !prefix.iter().all(|octet| b"bcr".contains(octet)) {
            return false;
        }
        let raw = prefix.contains(&b'r');
        let signs =
            if raw { self.text[self.at + letters..].iter().take_while(|it| **it == b'#').count() } else { 0 };
        match self.peek(letters + signs) {
            Some(b'"') if raw => {
                self.skip(letters + signs + 1);
                let closed = |rest: &[u8]| {
                    rest[0] == b'"' && rest[1..].iter().take(signs).filter(|it| **it == b'#').count() == signs
                };
                while self.at < self.text.len() && !closed(&self.text[self.at..]) {
                    self.skip(1);
                }
                self.skip((1 + signs).min(self.text.len() - self.at));
                true
            }
            Some(b'"') => {
                self.skip(letters);
                self.text_until_quote();
                true
            }
            Some(b'\'') if prefix == b"b" => {
                self.skip(1);
                self.character_or_lifetime();
                true
            }
            _ => false,
        }
    }
}
