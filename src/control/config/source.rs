//! The configuration file as text with places: which line and key an error is about.

use super::ConfigError;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

const SPELLING: &str = "remove the key or correct its spelling";
const AS_IN_EXAMPLE: &str = "write it as in docs/operating/examples/gateway.toml";

/// A parsed file, taken apart section by section so that one error doesn't hide the next.
pub(super) struct Source<'t> {
    file: PathBuf,
    text: &'t str,
    root: DeTable<'t>,
    taken: BTreeSet<&'static str>,
    /// What has been found wrong.
    pub(super) errors: Vec<ConfigError>,
}

impl<'t> Source<'t> {
    pub(super) fn new(file: &Path, text: &'t str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut source = Self {
            file: file.to_owned(),
            text,
            root: root.into_inner(),
            taken: BTreeSet::new(),
            errors: vec![],
        };
        for error in errors {
            let line = error.span().map_or(0, |span| source.line_at(span.start));
            let written = line.checked_sub(1).and_then(|at| text.lines().nth(at)).unwrap_or("");
            let key = written.split('=').next().unwrap_or("").trim().trim_matches(['[', ']']).to_owned();
            let what = error.message().to_owned();
            source.push(line, key, what, "correct the TOML on this line".into());
        }
        source
    }

    /// Takes the table `name`, or what an empty one would be.
    pub(super) fn section<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        self.taken.insert(name);
        let value = match self.root.get(name) {
            Some(value) if value.get_ref().is_table() => value.clone(),
            None => Spanned::new(0..0, DeValue::Table(DeTable::new())),
            Some(_) => {
                self.error(name, "expected one table", format!("write [{name}], once"));
                return None;
            }
        };
        self.element(name, value)
    }

    /// Takes the table `name`, if there is one.
    pub(super) fn section_if_there<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<Option<T>> {
        if self.root.get(name).is_some() {
            return self.section(name).map(Some);
        }
        self.taken.insert(name);
        Some(None)
    }

    /// Takes every element of the array of tables `name`.
    pub(super) fn sections<T: DeserializeOwned>(&mut self, name: &'static str) -> Vec<T> {
        self.taken.insert(name);
        let Some(value) = self.root.get(name).cloned() else { return vec![] };
        let line = self.line_at(value.span().start);
        let DeValue::Array(elements) = value.into_inner() else {
            let remedy = format!("write [[{name}]], once per {name}");
            self.push(line, name.into(), "expected a list of tables".into(), remedy);
            return vec![];
        };
        let elements = elements.into_iter().enumerate();
        elements.filter_map(|(at, value)| self.element(&format!("{name}[{at}]"), value)).collect()
    }

    /// Reports the sections that nobody has taken.
    pub(super) fn refuse_the_rest(&mut self) {
        let left: Vec<_> =
            self.root.keys().filter(|key| !self.taken.contains(key.get_ref().as_ref())).cloned().collect();
        for key in left {
            let known: Vec<_> = self.taken.iter().copied().collect();
            let what = format!("unknown section, expected one of {}", known.join(", "));
            self.push(self.line_at(key.span().start), key.get_ref().to_string(), what, SPELLING.into());
        }
    }

    /// Deserializes one table. After an error the key it lies in is left out and the rest is tried again.
    fn element<T: DeserializeOwned>(&mut self, place: &str, mut value: Spanned<DeValue<'t>>) -> Option<T> {
        let mut refused: Vec<String> = vec![];
        loop {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(section) if refused.is_empty() => return Some(section),
                Ok(_) => return None,
                Err(error) => error,
            };
            let what = error.message().trim().to_owned();
            let span = error.span().unwrap_or_else(|| value.span());
            let line = self.line_at(span.start);
            let inner = key_around(&value, &span);
            let place = format!("{place}{}", inner.as_deref().unwrap_or(""));
            let missing = what.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
            if let Some(key) = missing {
                // What was refused, and is left out for that, is missing for no other reason.
                if inner.is_some() || !refused.iter().any(|refused| refused == key) {
                    let remedy = format!("add {key} = …, {AS_IN_EXAMPLE}");
                    self.push(line, format!("{place}.{key}"), "is missing".into(), remedy);
                }
            } else {
                let remedy = if what.starts_with("unknown field") { SPELLING } else { AS_IN_EXAMPLE };
                self.push(line, place, what, remedy.into());
            }
            let first =
                inner.and_then(|inner| Some(inner.strip_prefix('.')?.split(['.', '[']).next()?.to_owned()));
            let DeValue::Table(table) = value.get_mut() else { return None };
            let first = first.filter(|first| table.remove(first.as_str()).is_some());
            refused.push(first?);
        }
    }

    /// Reports `what` about the key at `place` (as in `port[1].addresses[0]`).
    pub(super) fn error(&mut self, place: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.errors.push(self.about(place, what, remedy));
    }

    /// `what` about the key at `place`, for the caller to report.
    pub(super) fn about(
        &self,
        place: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ConfigError {
        let (file, line) = (self.file.clone(), self.line_of(place));
        ConfigError { file, line, key: place.into(), what: what.into(), remedy: remedy.into() }
    }

    fn push(&mut self, line: usize, key: String, what: String, remedy: String) {
        self.errors.push(ConfigError { file: self.file.clone(), line, key, what, remedy });
    }

    fn line_at(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|&octet| octet == b'\n').count()
    }

    /// The line of `place`, or of the innermost part of it that is written in the file; 1 if none is.
    fn line_of(&self, place: &str) -> usize {
        let mut parts = place.split(['.', '[']).map(|part| part.trim_end_matches(']'));
        let Some((mut offset, mut value)) = parts.next().and_then(|first| place_in(&self.root, first)) else {
            return 1;
        };
        for part in parts {
            let inner = match value.get_ref() {
                DeValue::Table(table) => place_in(table, part),
                DeValue::Array(list) => part
                    .parse()
                    .ok()
                    .and_then(|at: usize| list.get(at))
                    .map(|value| (value.span().start, value)),
                _ => None,
            };
            let Some((at, inner)) = inner else { break };
            (offset, value) = (at, inner);
        }
        self.line_at(offset)
    }
}

/// Where `key` is written, and its value.
fn place_in<'v, 't>(table: &'v DeTable<'t>, key: &str) -> Option<(usize, &'v Spanned<DeValue<'t>>)> {
    table.get_key_value(key).map(|(key, value)| (key.span().start, value))
}

/// The path below `value` of the key that `span` lies in, as `.key[3].key`.
fn key_around(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    match value.get_ref() {
        DeValue::Table(table) => table.iter().find_map(|(key, value)| {
            let inner = key_around(value, span);
            let here = holds(key.span()) || holds(value.span()) || inner.is_some();
            here.then(|| format!(".{}{}", key.get_ref(), inner.unwrap_or_default()))
        }),
        DeValue::Array(list) => list.iter().enumerate().find_map(|(at, value)| {
            let inner = key_around(value, span);
            (holds(value.span()) || inner.is_some()).then(|| format!("[{at}]{}", inner.unwrap_or_default()))
        }),
        _ => None,
    }
}
