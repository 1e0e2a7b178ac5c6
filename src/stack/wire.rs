//! The way out of the IP protocols: a frame with room for the headers in front, which the link layer then writes.

use crate::base::{Flow, HEADROOM, Out, Time};
use crate::proto::link::Link;

use super::Outside;

/// [`Out`] over the link layer and the worker's frames.
pub(super) struct Wire<'s> {
    pub(super) now: Time,
    pub(super) link: &'s mut Link,
    pub(super) outside: &'s mut dyn Outside,
}

impl Out for Wire<'_> {
    fn room(&mut self) -> Option<&mut [u8]> {
        self.link.take_long();
        self.outside.buffer()?.get_mut(HEADROOM..)
    }

    fn long_room(&mut self) -> Option<&mut [u8]> {
        self.link.long_room()
    }

    fn commit(&mut self, len: usize, flow: Flow) {
        // What a stream has no room for is counted there; a request's transaction then ends by its timer.
        match (self.link.take_long(), flow.transport.is_stream()) {
            (true, true) => self.outside.send_long_by_stream(&flow, self.link.long(len)),
            (true, false) => self.link.transmit_long(self.now, &flow, len, self.outside),
            (false, true) => self.outside.send_stream(&flow, len),
            (false, false) => self.link.transmit(self.now, &flow, len, self.outside),
        }
    }

    fn no_answer(&mut self, flow: Flow) {
        self.outside.no_answer(&flow);
    }
}
