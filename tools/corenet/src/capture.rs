//! What goes over the ports, as a pcapng file: an interface for each port, nanoseconds, and the direction.

use ipsmgw::base::PortId;
use ipsmgw::io::{Batch, Frame, PacketIo};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Link type of Ethernet.
const ETHERNET: u32 = 1;
/// The longest frame that is written.
const SNAP_LENGTH: u32 = 2048;

/// A capture file, shared by the queues of one process, which take turns on one thread.
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

    fn packet(&self, port: PortId, is_sent: bool, nanos: u64, bytes: &[u8]) {
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

/// One queue of the ports, whose packets go to a capture file, if there is one.
pub struct Capture<IO> {
    io: IO,
    file: Option<(CaptureFile, WallClock)>,
    /// Copies of what is about to be sent, until it is known how much was.
    leaving: Vec<Vec<u8>>,
}

impl<IO: PacketIo> Capture<IO> {
    /// Over `io`.
    #[must_use]
    pub fn new(io: IO, file: Option<(CaptureFile, WallClock)>) -> Self {
        Self { io, file, leaving: Vec::new() }
    }
}

impl<IO: PacketIo> PacketIo for Capture<IO> {
    fn enter(&mut self) -> Result<(), String> {
        self.io.enter()
    }

    fn leave(&mut self) {
        self.io.leave();
    }

    fn ports(&self) -> usize {
        self.io.ports()
    }

    fn rx_burst(&mut self, port: PortId, into: &mut Batch) -> usize {
        let before = into.len();
        let received = self.io.rx_burst(port, into);
        if received > 0
            && let Some((file, clock)) = &mut self.file
        {
            let nanos = clock();
            into.iter().skip(before).for_each(|frame| file.packet(port, false, nanos, frame.bytes()));
        }
        received
    }

    fn tx_burst(&mut self, port: PortId, batch: &mut Batch) -> usize {
        let Some((file, clock)) = &mut self.file else { return self.io.tx_burst(port, batch) };
        if batch.is_empty() {
            return 0;
        }
        self.leaving.extend(batch.iter().map(|frame| frame.bytes().to_vec()));
        let nanos = clock();
        let sent = self.io.tx_burst(port, batch);
        self.leaving.drain(..).take(sent).for_each(|bytes| file.packet(port, true, nanos, &bytes));
        sent
    }

    fn drop_unsent(&mut self, port: PortId, batch: &mut Batch) {
        self.io.drop_unsent(port, batch);
    }

    fn alloc(&mut self) -> Option<Frame> {
        self.io.alloc()
    }

    fn available(&self) -> usize {
        self.io.available()
    }

    fn mac(&self, port: PortId) -> [u8; 6] {
        self.io.mac(port)
    }

    fn mtu(&self, port: PortId) -> usize {
        self.io.mtu(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipsmgw::io::memory::{Pool, pair, views};

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

    #[test]
    fn what_is_sent_and_received_is_written_once() {
        let pool = Pool::new(16);
        let (ours, theirs) = pair(1, 2, &pool);
        let path = std::env::temp_dir().join(format!("corenet-capture-{}.pcapng", std::process::id()));
        let file = CaptureFile::create(&path, ["port"]).unwrap();
        let io = views(1, &[ours], &pool).pop().unwrap();
        let mut io = Capture::new(io, Some((file.clone(), Box::new(|| 1))));
        let mut batch = Batch::new();
        for octet in [0xa1, 0xa2, 0xa3] {
            let mut frame = io.alloc().unwrap();
            assert!(frame.copy_from(&[octet; 16]));
            batch.push(frame).unwrap();
        }
        assert_eq!(io.tx_burst(PortId(0), &mut batch), 2, "the cable is full");
        assert_eq!(io.tx_burst(PortId(0), &mut batch), 0);
        assert!(theirs.send(0, &[0xb1; 16]));
        let mut received = Batch::new();
        assert_eq!(io.rx_burst(PortId(0), &mut received), 1);
        file.flush().unwrap();
        let written = std::fs::read(&path).unwrap();
        let times = |octet: u8| written.windows(16).filter(|window| **window == [octet; 16]).count();
        assert_eq!([0xa1, 0xa2, 0xa3, 0xb1].map(times), [1, 1, 0, 1]);
        std::fs::remove_file(path).unwrap();
    }
}
