//! Twins of the archives' requests by rule: the same octets as a MESSAGE of a registered UE and as an S-CSCF's REGISTER,
//! with what belongs to these methods and without anything else changed, so that the same fault meets the same code.

#![allow(dead_code)] // two tests include it, and each uses its part

use super::cases::Case;

/// What a twin is given: the body, its type, and headers.
pub(crate) struct Dress<'a> {
    pub(crate) method: &'a str,
    pub(crate) media_type: &'a str,
    pub(crate) body: &'a [u8],
    /// Lines without their ends.
    pub(crate) headers: &'a [String],
}

/// Files whose fault is in what a rule would make right: Content-Length, Content-Type, the branch.
const LENGTH: [&str; 3] = ["clerr.dat", "ncl.dat", "mcl01.dat"];
const MEDIA: [&str; 1] = ["invut.dat"];
const BRANCH: [&str; 2] = ["badbranch.dat", "inv2543.dat"];

/// The twin of a request; `None` of a response, and of what has no method.
pub(crate) fn twin(case: &Case, dress: &Dress<'_>) -> Option<Vec<u8>> {
    let wire = case.wire();
    if wire.starts_with(b"SIP/") || case.section == "none" {
        return None;
    }
    let (head, rest) = match wire.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (&wire[..at + 2], &wire[at + 4..]),
        None => (&wire[..], &[][..]),
    };
    let mut lines = lines(head);
    let old = lines[0].iter().take_while(|octet| **octet != b' ').copied().collect::<Vec<_>>();
    lines[0] = [dress.method.as_bytes(), &lines[0][old.len()..]].concat();
    let is_name = |line: &[u8], names: [&str; 2]| {
        let name: Vec<u8> = line.iter().take_while(|octet| **octet != b':').copied().collect();
        names.iter().any(|known| name.trim_ascii().eq_ignore_ascii_case(known.as_bytes()))
    };
    for line in &mut lines[1..] {
        if is_name(line, ["Call-ID", "i"]) {
            line.extend(case.file.bytes().filter(u8::is_ascii_alphanumeric));
        }
        if is_name(line, ["CSeq", "CSeq"]) && line.ends_with(&old) {
            line.truncate(line.len() - old.len());
            line.extend(dress.method.as_bytes());
        }
    }
    let (old_media, own_media) = (MEDIA.contains(&case.file), LENGTH.contains(&case.file));
    if !old_media {
        lines.retain(|line| !is_name(line, ["Content-Type", "c"]));
        lines.push(format!("Content-Type: {}", dress.media_type).into_bytes());
    }
    // What follows the body stays behind it.
    let noise = if case.file == "dblreq.dat" { rest } else { &[] };
    let body = if old_media { rest } else { dress.body };
    if !own_media {
        lines.retain(|line| !is_name(line, ["Content-Length", "l"]));
        lines.push(format!("Content-Length: {}", body.len()).into_bytes());
    }
    if !BRANCH.contains(&case.file)
        && let Some(via) = lines.iter_mut().find(|line| is_name(line, ["Via", "v"]))
    {
        own_branch(via, &format!("{}-{}", case.file, dress.method));
    }
    lines.extend(dress.headers.iter().map(|line| line.clone().into_bytes()));
    let mut wire = lines.join(&b"\r\n"[..]);
    wire.extend(b"\r\n\r\n");
    Some([&wire, body, noise].concat())
}

/// Header lines with their folds.
fn lines(head: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = vec![];
    let mut rest = head;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let line = &rest[..end];
        match lines.last_mut() {
            Some(last) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                last.extend(b"\r\n");
                last.extend(line);
            }
            _ => lines.push(line.to_vec()),
        }
        rest = &rest[end + 2..];
    }
    lines
}

/// A branch of RFC 3261 that no other twin has; many of the archives' messages share one.
fn own_branch(via: &mut Vec<u8>, name: &str) {
    let cookie = "z9hG4bK";
    let own: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if let Some(at) = via.windows(7).position(|seven| seven == cookie.as_bytes()) {
        via.splice(at + 7..at + 7, own.bytes());
    } else if let Some(at) = via.windows(7).position(|seven| seven == b"branch=") {
        via.splice(at + 7..at + 7, [cookie, &own].concat().bytes());
    } else if via.last() != Some(&b',') {
        via.extend([";branch=", cookie, &own].concat().bytes());
    }
}
