//! Several queues of the same ports as one: what a peer needs that polls with one worker a node that polls with many.

use core::net::IpAddr;

use super::toeplitz::{queue, toeplitz};
use super::{Batch, Frame, PacketIo};
use crate::base::PortId;

/// Receives from all queues in turn, and sends each frame on the queue that a network card with receive-side scaling
/// at the other end would have put it into, so that every worker there gets traffic.
pub struct Fan<IO> {
    queues: Vec<IO>,
    /// The queue to receive from next.
    next: usize,
    /// Frames on their way to each queue; empty between calls.
    leaving: Vec<Batch>,
}

impl<IO: PacketIo> Fan<IO> {
    /// Over `queues`, which have the same ports and pool.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn new(queues: Vec<IO>) -> Self {
        assert!(!queues.is_empty(), "a fan of no queues");
        let leaving = queues.iter().map(|_| Batch::new()).collect();
        Self { queues, next: 0, leaving }
    }

    /// The queues.
    #[must_use]
    pub fn queues(&self) -> &[IO] {
        &self.queues
    }
}

impl<IO: PacketIo> PacketIo for Fan<IO> {
    fn enter(&mut self) -> Result<(), String> {
        self.queues.iter_mut().try_for_each(PacketIo::enter)
    }

    fn leave(&mut self) {
        self.queues.iter_mut().for_each(PacketIo::leave);
    }

    fn ports(&self) -> usize {
        self.queues[0].ports()
    }

    /// From the first queue in turn that has something.
    fn rx_burst(&mut self, port: PortId, into: &mut Batch) -> usize {
        for _ in 0..self.queues.len() {
            self.next = (self.next + 1) % self.queues.len();
            let received = self.queues[self.next].rx_burst(port, into);
            if received > 0 {
                return received;
            }
        }
        0
    }

    /// What a queue has no room for stays in `batch`; frames of one queue stay in order.
    fn tx_burst(&mut self, port: PortId, batch: &mut Batch) -> usize {
        while let Some(frame) = batch.pop() {
            let to = receive_queue(frame.bytes(), self.queues.len());
            let _ = self.leaving[to].push(frame); // as roomy as `batch`
        }
        let mut sent = 0;
        for (io, leaving) in self.queues.iter_mut().zip(&mut self.leaving) {
            sent += io.tx_burst(port, leaving);
            while let Some(frame) = leaving.pop() {
                let _ = batch.push(frame); // it came from there
            }
        }
        sent
    }

    fn drop_unsent(&mut self, port: PortId, batch: &mut Batch) {
        self.queues[0].drop_unsent(port, batch);
    }

    fn alloc(&mut self) -> Option<Frame> {
        self.queues[0].alloc()
    }

    fn available(&self) -> usize {
        self.queues[0].available()
    }

    fn mac(&self, port: PortId) -> [u8; 6] {
        self.queues[0].mac(port)
    }

    fn mtu(&self, port: PortId) -> usize {
        self.queues[0].mtu(port)
    }
}

/// The queue for a frame: by its IP addresses, and by the ports of a whole UDP datagram; 0 for what isn't IP.
#[must_use]
pub fn receive_queue(frame: &[u8], queues: usize) -> usize {
    flow(frame).map_or(0, |(source, destination, ports)| queue(toeplitz(source, destination, ports), queues))
}

type Flow = (IpAddr, IpAddr, Option<(u16, u16)>);

fn flow(frame: &[u8]) -> Option<Flow> {
    const UDP: u8 = 17;
    let mut at = 12;
    while frame.get(at..at + 2)? == [0x81, 0x00] {
        at += 4;
    }
    let packet = frame.get(at + 2..)?;
    let (source, destination, datagram): (IpAddr, IpAddr, _) = match frame.get(at..at + 2)? {
        [0x08, 0x00] => {
            let header = packet.first_chunk::<20>()?;
            let address =
                |at: usize| IpAddr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let is_whole = header[6] & 0x3f == 0 && header[7] == 0;
            let datagram =
                (header[9] == UDP && is_whole).then(|| packet.get(usize::from(header[0] & 0xf) * 4..));
            (address(12), address(16), datagram.flatten())
        }
        [0x86, 0xdd] => {
            let address =
                |at: usize| packet.get(at..)?.first_chunk::<16>().map(|octets| IpAddr::from(*octets));
            let datagram = (*packet.get(6)? == UDP).then(|| packet.get(40..));
            (address(8)?, address(24)?, datagram.flatten())
        }
        _ => return None,
    };
    let ports = datagram
        .and_then(|datagram| datagram.first_chunk::<4>())
        .map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])));
    Some((source, destination, ports))
}

#[cfg(test)]
mod tests {
    use super::super::memory::{Pool, pair, views};
    use super::*;

    const PORT: PortId = PortId(0);

    /// An Ethernet frame with an IPv4 packet of `protocol`, from 192.0.2.1 to 192.0.2.2.
    fn frame(tags: &[u8], protocol: u8, ports: (u16, u16), fragment: u16) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend(tags);
        frame.extend([0x08, 0x00, 0x45, 0, 0, 28, 0, 0]);
        frame.extend(fragment.to_be_bytes());
        frame.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat());
        frame.extend([0; 8]);
        frame
    }

    #[test]
    fn a_flow_is_addresses_and_the_ports_of_whole_datagrams() {
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert_eq!(flow(&frame(&[], 17, (5060, 5061), 0)), Some((a, b, Some((5060, 5061)))));
        assert_eq!(flow(&frame(&[0x81, 0, 0, 5], 17, (1, 2), 0x4000)), Some((a, b, Some((1, 2)))));
        assert_eq!(flow(&frame(&[], 17, (1, 2), 0x2000)), Some((a, b, None)), "a fragment");
        assert_eq!(flow(&frame(&[], 132, (1, 2), 0)), Some((a, b, None)), "SCTP");
        assert_eq!(flow(&[0xff; 60]), None);
        let whole = frame(&[], 17, (1, 2), 0);
        for cut in 0..whole.len() {
            let _ = flow(&whole[..cut]);
        }
        let mut six = vec![0; 12];
        six.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64]);
        six.extend([0xfd; 16]);
        six.extend([0xfe; 16]);
        six.extend([0, 1, 0, 2, 0, 0, 0, 0]);
        assert_eq!(flow(&six), Some((IpAddr::from([0xfd; 16]), IpAddr::from([0xfe; 16]), Some((1, 2)))));
    }

    #[test]
    fn frames_are_spread_by_flow_and_gathered_from_all_queues() {
        let pool = Pool::new(256);
        let (ours, theirs) = pair(2, 8, &pool);
        let mut fan = Fan::new(views(2, &[ours], &pool));
        let mut batch = Batch::new();
        for port in 0..16 {
            let mut buffer = fan.alloc().unwrap();
            assert!(buffer.copy_from(&frame(&[], 17, (1024 + port, 5060), 0)));
            batch.push(buffer).unwrap();
        }
        let sent = fan.tx_burst(PORT, &mut batch);
        assert_eq!(sent + batch.len(), 16);
        fan.drop_unsent(PORT, &mut batch);
        let mut each = [0; 2];
        for (at, count) in each.iter_mut().enumerate() {
            while let Some(frame) = theirs.receive(at) {
                assert_eq!(receive_queue(frame.bytes(), 2), at);
                *count += 1;
            }
        }
        assert!(each[0] + each[1] == sent && each[0] > 0 && each[1] > 0, "{each:?}");

        assert!(theirs.send(1, b"one") && theirs.send(0, b"zero"));
        let received: usize = (0..3).map(|_| fan.rx_burst(PORT, &mut batch)).sum();
        assert_eq!((received, batch.len()), (2, 2));
        batch.clear();
        assert_eq!(pool.available(), pool.capacity());
    }
}
