//! Two sockets of dcsctp over a queue of packets. Also compiled against a copy of dcsctp that doesn't format each
//! packet for a log that is off (tools/bench).

use core::hint::black_box;
use core::time::Duration;

use ::dcsctp::api::{DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketTime, StreamId};

use crate::measure::Figures;

const STREAMS: usize = 16;

struct Pair {
    a: Box<dyn DcSctpSocket>,
    b: Box<dyn DcSctpSocket>,
    now: SocketTime,
}

/// Hands to `to` what `from` has sent; whether there was something.
fn carry(from: &mut dyn DcSctpSocket, to: &mut dyn DcSctpSocket) -> bool {
    let mut any = false;
    while let Some(event) = from.poll_event() {
        if let SocketEvent::SendPacket(packet) = event {
            to.handle_input(&packet);
            any = true;
        }
    }
    any
}

impl Pair {
    fn new() -> Self {
        let options = Options { mtu: 1480, max_burst: 10, ..Options::default() };
        let socket = || ::dcsctp::new_socket("", &options);
        let mut pair = Self { a: socket(), b: socket(), now: SocketTime::zero() };
        pair.a.connect();
        pair.exchange(0);
        pair
    }

    fn exchange(&mut self, size: usize) {
        self.pass(Duration::from_micros(50));
        let message =
            |at: usize| Message::new(StreamId((at % STREAMS) as u16), PpId(3), [0x5a; 200].to_vec());
        match size {
            0 => {}
            1 => self.a.send(message(0), &SendOptions::default()).expect("room"),
            _ => self.a.send_many((0..size).map(message).collect(), &SendOptions::default()).expect("room"),
        }
        let mut arrived = 0;
        loop {
            let mut any = carry(&mut *self.a, &mut *self.b);
            while let Some(message) = self.b.get_next_message() {
                black_box(message);
                arrived += 1;
            }
            any |= carry(&mut *self.b, &mut *self.a);
            if !any && arrived == size {
                return;
            }
            if !any {
                self.pass(Duration::from_millis(20));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.a.advance_time(self.now);
        self.b.advance_time(self.now);
    }
}

/// `name` is the peer's, `log` says what it does for its log.
pub fn messages(figures: &mut Figures, name: &str, log: &str) {
    let peer = format!("peer.{name}");
    if figures.wants(&peer) || figures.wants("sctp.") {
        let mut pair = Pair::new();
        let context = format!("dcsctp 0.1, {log}; send_many for 32, max_burst 10");
        let allocations = figures.both_ends(&peer, &context, |size| pair.exchange(size));
        figures.allocations(&peer, allocations);
    }
}
