//! What goes over the networks, as a pcapng file: an interface for each, nanoseconds, and the direction.

use ipsmgw::base::PortId;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Link type of Ethernet.
const ETHERNET: u32 = 1;
/// The longest frame that is written.
const SNAP_LENGTH: u32 = 2048;

/// A capture file, shared by who writes it and who flushes it, on one thread.
#[derive(Clone)]
#[allow(clippy::disallowed_types)] // a tool's queues share one file; nobody waits for anybody
pub struct CaptureFile(Arc<std::sync::Mutex<BufWriter<File>>>);

#[allow(clippy::disallowed_types)]
impl CaptureFile {
    /// Creates `path` with an interface for each of `ports`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn create<'p>(path: &Path, ports: impl IntoIterator<Item = &'p str>) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        header(&mut file, ports)?;
        Ok(Self(Arc::new(std::sync::Mutex::new(file))))
    }

    /// Puts everything into the file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn flush(&self) -> io::Result<()> {
        self.0.lock().map_err(|_| io::Error::other("the writer has failed"))?.flush()
    }

    /// Writes a packet on the network of a port, which one of our nodes has sent or somebody outside.
    pub(crate) fn packet(&self, port: PortId, is_sent: bool, nanos: u64, bytes: &[u8]) {
        if let Ok(mut file) = self.0.lock() {
            // A full disk shows when the file is flushed at the end.
            let _ = packet(&mut *file, port, is_sent, nanos, bytes);
        }
    }
}

fn header<'p>(file: &mut impl Write, ports: impl IntoIterator<Item = &'p str>) -> io::Result<()> {
    const SECTION: u32 = 0x0a0d_0d0a;
    const BYTE_ORDER: u32 = 0x1a2b_3c4d;
    const INTERFACE: u32 = 1;
    const IF_NAME: u16 = 2;
    const IF_TSRESOL: u16 = 9;
    let mut body = BYTE_ORDER.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend(u64::MAX.to_le_bytes());
    block(file, SECTION, &body)?;
    for name in ports {
        let mut body = [ETHERNET.to_le_bytes(), SNAP_LENGTH.to_le_bytes()].concat();
        option(&mut body, IF_NAME, name.as_bytes());
        option(&mut body, IF_TSRESOL, &[9]);
        option(&mut body, 0, &[]);
        block(file, INTERFACE, &body)?;
    }
    Ok(())
}

fn packet(file: &mut impl Write, port: PortId, is_sent: bool, nanos: u64, bytes: &[u8]) -> io::Result<()> {
    const ENHANCED_PACKET: u32 = 6;
    const EPB_FLAGS: u16 = 2;
    let direction: u32 = if is_sent { 2 } else { 1 };
    let length = bytes.len() as u32;
    let words = [u32::from(port.0), (nanos >> 32) as u32, nanos as u32, length, length];
    let mut body: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
    option(&mut body, EPB_FLAGS, &direction.to_le_bytes());
    option(&mut body, 0, &[]);
    block(file, ENHANCED_PACKET, &body)
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn block(file: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = (body.len() as u32 + 12).to_le_bytes();
    file.write_all(&kind.to_le_bytes())?;
    file.write_all(&length)?;
    file.write_all(body)?;
    file.write_all(&length)
}

/// Nanoseconds since 1970 for a captured packet.
pub type WallClock = Box<dyn FnMut() -> u64 + Send>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_and_say_how_long_they_are() {
        let mut file = vec![];
        header(&mut file, ["ims", "ss7"]).unwrap();
        packet(&mut file, PortId(1), true, 0x1_0000_0002, b"abcde").unwrap();
        let mut kinds = vec![];
        let mut rest = &file[..];
        while !rest.is_empty() {
            let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let length = word(4) as usize;
            assert_eq!((length % 4, word(length - 4) as usize), (0, length));
            kinds.push(word(0));
            rest = &rest[length..];
        }
        assert_eq!(kinds, [0x0a0d_0d0a, 1, 1, 6]);
        let words: Vec<u32> = file[file.len() - 52..]
            .chunks(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(words[2..7], [1, 1, 2, 5, 5]);
    }
}
