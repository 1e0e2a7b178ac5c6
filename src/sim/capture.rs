//! The last frames of a simulation, as a pcapng file for who has to understand a failing seed.

use crate::base::Time;
use std::io;
use std::path::PathBuf;

/// How many octets of blocks are kept at least, once there are so many; at most twice as many.
const KEPT: usize = 4 << 20;
/// Link type of Ethernet.
const ETHERNET: u16 = 1;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;

/// Blocks of a pcapng file, one interface for each link. What is older than the last megabytes is forgotten.
#[derive(Default)]
pub(super) struct Capture {
    interfaces: Vec<u8>,
    older: Vec<u8>,
    newer: Vec<u8>,
}

impl Capture {
    /// One more interface, the next number.
    pub(super) fn add_interface(&mut self, name: &str) {
        block(&mut self.interfaces, INTERFACE, |body| {
            body.extend(u32::from(ETHERNET).to_le_bytes());
            body.extend(0u32.to_le_bytes()); // frames are whole
            option(body, IF_NAME, name.as_bytes());
            option(body, IF_TSRESOL, &[9]);
            option(body, 0, &[]);
        });
    }

    /// A frame as the node at `interface` sees it.
    pub(super) fn add(&mut self, now: Time, interface: usize, is_sent: bool, bytes: &[u8]) {
        if self.newer.len() >= KEPT {
            core::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
        }
        block(&mut self.newer, ENHANCED_PACKET, |body| {
            let (nanos, length) = (now.as_nanos(), bytes.len() as u32);
            for word in [interface as u32, (nanos >> 32) as u32, nanos as u32, length, length] {
                body.extend(word.to_le_bytes());
            }
            body.extend(bytes);
            pad(body, bytes.len());
            option(body, EPB_FLAGS, &u32::from(if is_sent { 2u8 } else { 1 }).to_le_bytes());
            option(body, 0, &[]);
        });
    }

    /// Writes `target/sim-NAME.pcapng`, beside whatever else the build has put there; where it is.
    pub(super) fn write(&self, name: &str) -> io::Result<PathBuf> {
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let here = std::env::current_dir()?;
        let target = here.ancestors().map(|folder| folder.join("target")).find(|folder| folder.is_dir());
        let path = target.unwrap_or_else(std::env::temp_dir).join(format!("sim-{name}.pcapng"));
        let mut section = Vec::new();
        block(&mut section, SECTION, |body| {
            body.extend(0x1a2b_3c4du32.to_le_bytes());
            body.extend([1, 0, 0, 0]);
            body.extend(u64::MAX.to_le_bytes());
        });
        std::fs::write(&path, [&section[..], &self.interfaces, &self.older, &self.newer].concat())?;
        Ok(path)
    }
}

/// A block: its kind, its length before and after.
fn block(to: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend(kind.to_le_bytes());
    to.extend([0; 4]);
    body(to);
    let length = (to.len() - start + 4) as u32;
    to.extend(length.to_le_bytes());
    to[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    pad(body, value.len());
}

/// To the next multiple of four octets after a field of `length`.
fn pad(body: &mut Vec<u8>, length: usize) {
    body.extend(&[0; 3][..length.next_multiple_of(4) - length]);
}
