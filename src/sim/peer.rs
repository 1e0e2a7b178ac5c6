//! What stands at the other end of the network: nodes with a stack of their own, or mere functions of frames.

use crate::base::{PortId, Time};
use crate::dataplane::Worker;
use crate::io::memory::MemoryIo;
use crate::io::{Batch, PacketIo};
use crate::stack::Application;
use core::any::Any;

/// A node of the network that is no gateway.
pub trait Peer: Any {
    /// Receives, acts and sends; whether there was anything to do.
    fn turn(&mut self, now: Time) -> bool;

    /// When the next turn has something to do, if no frame comes until then.
    fn poll_timeout(&self) -> Time;
}

impl<IO: PacketIo + 'static, A: Application + 'static> Peer for Worker<IO, A> {
    fn turn(&mut self, now: Time) -> bool {
        Worker::turn(self, now)
    }

    fn poll_timeout(&self) -> Time {
        Worker::poll_timeout(self)
    }
}

/// A peer that is one function: it is called with each frame, and without one when its time has come.
pub struct Scripted<F> {
    ports: Ports,
    script: F,
    batch: Batch,
}

/// What a script may do.
pub struct Ports {
    io: MemoryIo,
    leaving: Batch,
    wake: Time,
}

impl Ports {
    /// Sends a frame, or drops it if the pool or the port's queue has no room.
    pub fn send(&mut self, port: PortId, bytes: &[u8]) {
        let Some(mut frame) = self.io.alloc() else { return };
        if frame.copy_from(bytes) && self.leaving.push(frame).is_ok() {
            self.io.tx_burst(port, &mut self.leaving);
        }
        self.leaving.clear();
    }

    /// The address of a port.
    #[must_use]
    pub fn mac(&self, port: PortId) -> [u8; 6] {
        self.io.mac(port)
    }

    /// Asks for a call without a frame, at this time or at the earlier one that was asked for.
    pub fn wake_at(&mut self, time: Time) {
        self.wake = self.wake.min(time);
    }
}

impl<F: FnMut(Time, Option<(PortId, &[u8])>, &mut Ports) + 'static> Scripted<F> {
    /// At first it is called without a frame.
    #[must_use]
    pub fn new(io: MemoryIo, script: F) -> Self {
        let ports = Ports { io, leaving: Batch::new(), wake: Time::ZERO };
        Self { ports, script, batch: Batch::new() }
    }

    /// The address of its first port.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.ports.mac(PortId(0))
    }

    /// Has it called without a frame.
    pub fn wake(&mut self) {
        self.ports.wake = Time::ZERO;
    }
}

impl<F: FnMut(Time, Option<(PortId, &[u8])>, &mut Ports) + 'static> Peer for Scripted<F> {
    fn turn(&mut self, now: Time) -> bool {
        let mut any = false;
        if self.ports.wake <= now {
            any = true;
            self.ports.wake = Time::NEVER;
            (self.script)(now, None, &mut self.ports);
        }
        for port in 0..self.ports.io.ports() {
            let port = PortId(port as u8);
            self.ports.io.rx_burst(port, &mut self.batch);
            while let Some(frame) = self.batch.pop() {
                any = true;
                (self.script)(now, Some((port, frame.bytes())), &mut self.ports);
            }
        }
        any
    }

    fn poll_timeout(&self) -> Time {
        self.ports.wake
    }
}
