//! The application servers whose ASPs are at the other end of our associations, where we are their signalling gateway.

use super::Refusal;
use super::transport::{PPID_M3UA, Transport, write_data};
use crate::base::Time;
use crate::codec::Prepend;
use crate::proto::m3ua::{Choice, Role, Server, Servers, Told};
use crate::stack::Label;

/// How many NTFYs one event can bring about without an allocation: three for each of 32 ASPs.
pub(super) const TOLD: usize = 96;

impl Transport {
    /// Looks what the last event of an association means for its application servers, and tells their ASPs. `failed`:
    /// the association was lost.
    pub(super) fn tend(&mut self, now: Time, association: u16, failed: bool) {
        let Some(Some(link)) = self.links.get(usize::from(association)) else { return };
        if link.asp.role() != Role::Sgp {
            return;
        }
        let told = &mut self.told;
        self.servers.observe(now, association, &link.asp, failed, &mut |it| told.push(it));
        self.tell(now);
    }

    /// Runs T(r) of the application servers.
    pub(super) fn tend_recovery(&mut self, now: Time) {
        if self.servers.poll_timeout() > now {
            return;
        }
        let Self { told, left, servers, .. } = self;
        servers.handle_timeout(now, &mut |it| told.push(it), &mut |message| left.keep_unsent(message));
        self.tell(now);
    }

    /// What was held for application servers that are active again is to be sent next.
    pub(super) fn release(&mut self) {
        let Self { left, servers, .. } = self;
        servers.release(&mut |message| left.keep_unsent(message));
    }

    /// Sends a message to the application server behind an association, by those of its ASPs whose turn it is.
    pub(super) fn send_to_server(&mut self, label: &Label, message: &[u8]) -> Result<(), Refusal> {
        let by = label.association;
        let context = self.servers.context_to(by, label.destination).ok_or(Refusal::NoRoute)?;
        let mut chosen = [(0, None); Server::MAX_MEMBERS];
        let mut count = 0;
        let ways = &self.ways;
        let choice = self.servers.choose(by, context, label.selection, &mut |association, correlation| {
            // A routing context is one destination's; where it is not, each of its ASPs gets what is for its own.
            let leads = ways.bit(label.destination, association) != 0;
            let association = if leads { association } else { by };
            let is_new = chosen.iter().take(count).all(|(other, _)| *other != association);
            if let Some(place) = chosen.get_mut(count).filter(|_| is_new) {
                *place = (association, correlation);
                count += 1;
            }
        });
        let chosen = chosen.get(..count).unwrap_or(&[]);
        match choice {
            None | Some(Choice::Nobody) => Err(Refusal::NoRoute),
            Some(Choice::Hold) => self.hold(label, context, message),
            Some(Choice::One(_)) => {
                let Some(&(association, _)) = chosen.first() else { return Err(Refusal::NoRoute) };
                let sent = self.send_data(&Label { association, ..*label }, context, None, message);
                // Another may have room that is active too.
                if sent == Err(Refusal::Full) && association != by {
                    return self.send_data(label, context, None, message);
                }
                sent
            }
            Some(Choice::All(..)) => {
                let mut result = Err(Refusal::NoRoute);
                for &(association, correlation) in chosen {
                    let sent =
                        self.send_data(&Label { association, ..*label }, context, correlation, message);
                    self.counts.broadcast += u64::from(sent.is_ok() && result.is_ok());
                    result = result.or(sent);
                }
                result
            }
        }
    }

    /// Holds a message until its application server is active again.
    fn hold(&mut self, label: &Label, context: Option<u32>, message: &[u8]) -> Result<(), Refusal> {
        let header = self.data_header(label, context);
        let Self { room, servers, .. } = self;
        let mut w = Prepend::new(room);
        let data = write_data(&mut w, message, &header, None).ok_or(Refusal::TooLong)?;
        let server = servers.server_mut(label.association, context);
        server.is_some_and(|server| server.hold(data)).then_some(()).ok_or(Refusal::Full)
    }

    fn tell(&mut self, now: Time) {
        for Told { association, context, status, asp_identifier } in self.told.drain(..) {
            let Some(Some(link)) = self.links.get_mut(usize::from(association)) else { continue };
            let (endpoint, local) = (&mut self.endpoint, link.local);
            let mut send = |stream: u16, message: &[u8]| {
                let _ = endpoint.send(now, local, stream, PPID_M3UA, message);
            };
            link.asp.tell(status, context, asp_identifier, &mut send);
        }
        for (at, link) in self.links.iter_mut().enumerate() {
            if let Some(link) = link {
                self.servers.govern(at as u16, &mut link.asp);
            }
        }
    }

    /// The application servers of this worker's associations with ASPs.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }
}
