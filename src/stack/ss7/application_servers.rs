//! The application servers whose ASPs are at the other end of our associations, where we are their signalling gateway.

use super::transport::{PPID_M3UA, Transport};
use crate::base::Time;
use crate::proto::m3ua::{Role, Servers, Told};

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
        let told = &mut self.told;
        self.servers.handle_timeout(now, &mut |it| told.push(it));
        self.tell(now);
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
