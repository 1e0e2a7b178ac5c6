//! Ending an association: gracefully (RFC 9260 9.2) or at once (9.1).

use super::super::DownReason;
use super::super::view::{Chunk, cause, chunk};
use super::super::{Why, malformed};
use super::{Association, State, Step, Turn};
use crate::base::{Malformed, Time};
use crate::codec::Reader;

impl Association {
    /// Our user wants to end when all is delivered. Nothing is accepted from now on, and nothing connected.
    pub(in super::super) fn shutdown(&mut self, turn: &mut Turn<'_>) {
        self.wanted = false;
        self.deadlines.retry = Time::NEVER;
        match self.state {
            State::Established => {
                self.state = State::ShutdownPending;
                self.all_acknowledged(turn);
            }
            State::CookieWait => self.close(turn, DownReason::Local),
            State::CookieEchoed => self.abort_with(turn, cause::USER_ABORT, &[], DownReason::Local),
            _ => {}
        }
    }

    /// Our user wants to end at once.
    pub(in super::super) fn abort(&mut self, turn: &mut Turn<'_>, reason: &[u8]) {
        self.wanted = false;
        self.deadlines.retry = Time::NEVER;
        match self.state {
            State::Closed => {}
            State::CookieWait => self.close(turn, DownReason::Local),
            _ => self.abort_with(turn, cause::USER_ABORT, reason, DownReason::Local),
        }
    }

    /// If everything is acknowledged, an association that is ending takes its next step.
    pub(super) fn all_acknowledged(&mut self, turn: &mut Turn<'_>) {
        if !self.is_drained() {
            return;
        }
        match self.state {
            State::ShutdownPending => {
                self.state = State::ShutdownSent;
                self.deadlines.t5 = self.wake_at(turn.now + self.config.timers.rto_max * 5);
                self.shutdown_path = self.data_path();
                self.send_shutdown(turn);
            }
            State::ShutdownReceived => self.enter_shutdown_ack_sent(turn),
            _ => {}
        }
    }

    fn enter_shutdown_ack_sent(&mut self, turn: &mut Turn<'_>) {
        self.state = State::ShutdownAckSent;
        self.shutdown_owed = false;
        self.shutdown_path = self.data_path();
        self.send_shutdown_ack(turn);
        self.restart_t2(turn.now);
    }

    pub(super) fn restart_t2(&mut self, now: Time) {
        let rto = self.paths.at(self.shutdown_path).rto;
        self.deadlines.t2 = self.wake_at(now + rto);
    }

    fn send_shutdown(&mut self, turn: &mut Turn<'_>) {
        let cumulative = self.cumulative_in();
        turn.emit(self.route(self.shutdown_path), self.peer_tag, |w| {
            w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(cumulative));
        });
        self.restart_t2(turn.now);
    }

    pub(in super::super) fn send_shutdown_ack(&self, turn: &mut Turn<'_>) {
        turn.emit(self.route(self.shutdown_path), self.peer_tag, |w| w.chunk(chunk::SHUTDOWN_ACK, 0, |_| {}));
    }

    pub(super) fn on_t2(&mut self, turn: &mut Turn<'_>) {
        self.deadlines.t2 = Time::NEVER;
        let path = self.shutdown_path;
        self.paths.at_mut(path).back_off(&self.config.timers);
        if self.count_error(turn, path, true) {
            return;
        }
        // The next try takes another address (6.4).
        self.shutdown_path = self.alternate_path(path);
        match self.state {
            State::ShutdownSent => self.send_shutdown(turn),
            State::ShutdownAckSent => {
                self.send_shutdown_ack(turn);
                self.restart_t2(turn.now);
            }
            _ => {}
        }
    }

    pub(super) fn on_shutdown(
        &mut self,
        turn: &mut Turn<'_>,
        chunk: &Chunk<'_>,
    ) -> Result<Step<'static>, Malformed> {
        let cumulative = Reader::new(chunk.value).u32().ok_or(malformed(Why::ShortChunk, 0))?;
        match self.state {
            State::Established | State::ShutdownPending | State::ShutdownReceived => {
                if !self.acknowledge_upto(turn.now, cumulative) {
                    return Err(malformed(Why::AheadOfSent, 4));
                }
                if self.state != State::ShutdownReceived {
                    self.state = State::ShutdownReceived;
                    self.deadlines.t5 = Time::NEVER;
                }
                self.dirty = true;
                self.all_acknowledged(turn);
            }
            State::ShutdownSent => self.enter_shutdown_ack_sent(turn),
            State::ShutdownAckSent => self.send_shutdown_ack(turn),
            State::Closed | State::CookieWait | State::CookieEchoed => turn.counts.unexpected_chunks += 1,
        }
        Ok(Step::Next)
    }

    pub(super) fn on_shutdown_ack(&mut self, turn: &mut Turn<'_>) -> Step<'static> {
        if !matches!(self.state, State::ShutdownSent | State::ShutdownAckSent) {
            turn.counts.unexpected_chunks += 1;
            return Step::Next;
        }
        let route = self.reply_route();
        turn.emit(route, self.peer_tag, |w| w.chunk(chunk::SHUTDOWN_COMPLETE, 0, |_| {}));
        self.close(turn, DownReason::Shutdown);
        Step::Stop
    }

    /// SHUTDOWN COMPLETE, alone in its packet, with a T bit and a tag that go together (8.5.1 C).
    pub(in super::super) fn on_shutdown_complete(&mut self, turn: &mut Turn<'_>) {
        if self.state == State::ShutdownAckSent {
            self.close(turn, DownReason::Shutdown);
        } else {
            turn.counts.unexpected_chunks += 1;
        }
    }
}
