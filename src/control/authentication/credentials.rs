//! The file of a network's users with SIP digest: `user:realm:H(A1)` a line, as `htdigest` makes it.
//!
//! Lines that begin with `#` and empty lines don't count.

use super::digest::from_hex;
use crate::control::config::ConfigError;
use ahash::AHashMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// H(A1) of each user of one network.
#[derive(Default)]
pub struct Credentials(AHashMap<Box<str>, [u8; 16]>);

/// Masked: it is secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} users)", self.0.len())
    }
}

/// More errors than this in one file are not told.
const ERRORS: usize = 20;

impl Credentials {
    /// Reads the file of the network whose users authenticate in `realm`.
    ///
    /// # Errors
    /// It can't be read, others than its owner may use it, or lines are wrong.
    pub fn load(file: &Path, realm: &str) -> Result<Self, Vec<ConfigError>> {
        let one = |what: String, remedy: &str| vec![ConfigError::of_file(file, what, remedy)];
        let unreadable = |error: std::io::Error| {
            one(format!("cannot be read: {error}"), "correct the path, or make it with htdigest")
        };
        let mode = std::fs::metadata(file).map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            let what = format!("holds secrets, but others may use it (mode {:03o})", mode & 0o777);
            return Err(one(what, "make it the gateway's alone: chmod 600"));
        }
        Self::parse(file, realm, &std::fs::read_to_string(file).map_err(unreadable)?)
    }

    pub(super) fn parse(file: &Path, realm: &str, text: &str) -> Result<Self, Vec<ConfigError>> {
        let (mut users, mut errors) = (Self::default(), vec![]);
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err((key, what, remedy)) = users.add(realm, line) {
                let (key, what) = (key.into(), what.into());
                errors.push(ConfigError { file: file.into(), line: at + 1, key, what, remedy });
            }
            if errors.len() == ERRORS {
                errors.push(ConfigError::of_file(file, "has more errors", "correct these first"));
                break;
            }
        }
        if errors.is_empty() { Ok(users) } else { Err(errors) }
    }

    fn add(&mut self, realm: &str, line: &str) -> Result<(), (&'static str, &'static str, String)> {
        let mut fields = line.splitn(3, ':');
        let (Some(user), Some(of), Some(ha1)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(("line", "has fewer than three fields", "write user:realm:H(A1)".into()));
        };
        if user.is_empty() {
            return Err(("user", "is empty", "write user:realm:H(A1)".into()));
        }
        if of != realm {
            return Err(("realm", "is not the network's", format!("make the line again for {realm:?}")));
        }
        let Some(ha1) = from_hex(ha1.as_bytes()) else {
            let remedy = "write MD5(user:realm:password) in hexadecimal".into();
            return Err(("ha1", "is not 32 hexadecimal digits", remedy));
        };
        match self.0.insert(user.into(), ha1) {
            None => Ok(()),
            Some(_) => Err(("user", "is given on an earlier line", "give each once".into())),
        }
    }

    /// H(A1) of a user.
    pub(super) fn ha1(&self, user: &str) -> Option<&[u8; 16]> {
        self.0.get(user)
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
