//! What a worker and the control thread tell each other.

use crate::ident::{Identity, WorkerId};
use crate::stack::Deferred;
use crate::subscriber::AccessNetworkInfo;
use core::fmt;
use core::net::SocketAddr;

/// From a worker to the control thread.
#[derive(Debug)]
pub enum ToControl {
    /// A registration that changes something, or a de-registration; a plain refresh stays on the worker.
    Register(Box<RegisterRequest>),
}

/// From the control thread to a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ToWorker {
    /// What became of a registration.
    RegisterDone(RegisterOutcome),
    /// Finish what is under way, shut associations down and end.
    Stop,
}

/// A third-party REGISTER (8.7 step 4, 8.8 step 4) as far as the binding depends on it.
#[derive(Clone)]
pub struct RegisterRequest {
    /// The served network whose S-CSCF sent it, by its place in the configuration.
    pub network: u16,
    /// The To header's public user identity.
    pub public_identity: Identity,
    /// The Contact header: the S-CSCF's URI.
    pub contact: Identity,
    /// Where it came from.
    pub remote: SocketAddr,
    /// Our address that it came to.
    pub local: SocketAddr,
    /// How long it asks for, in seconds; 0 de-registers.
    pub expires_s: u32,
    /// The user name of the UE's own REGISTER, if that is embedded.
    pub private_identity: Option<Identity>,
    /// P-Associated-URI: the other identities of the implicitly registered set.
    pub associated: Vec<Identity>,
    /// The body of type application/3gpp-ims+xml, or the text of its service-info; empty if there is none.
    pub service_info: Vec<u8>,
    /// P-Access-Network-Info.
    pub access_network_info: AccessNetworkInfo,
    /// The worker that waits for the outcome.
    pub worker: WorkerId,
    /// The REGISTER that waits for it.
    pub reply_to: Deferred,
    /// A keyed hash of all that the binding depends on but the expiry: the same again is a mere refresh.
    pub fingerprint: u64,
}

/// Without service-info, which may hold anything.
impl fmt::Debug for RegisterRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterRequest")
            .field("network", &self.network)
            .field("public_identity", &self.public_identity)
            .field("expires_s", &self.expires_s)
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// What became of a [`RegisterRequest`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegisterOutcome {
    /// The worker that waits for it.
    pub worker: WorkerId,
    /// The REGISTER that waits for it.
    pub reply_to: Deferred,
    /// The contact that was registered.
    pub contact: Identity,
    /// The answer to give.
    pub answer: RegisterAnswer,
}

/// The answer to a REGISTER.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterAnswer {
    /// 200: registered for so many seconds; 0: de-registered.
    Accepted {
        /// The Contact's expires.
        expires_s: u32,
    },
    /// Refused.
    Refused {
        /// The status code: 403, or 503 when there is no room.
        status: u16,
    },
}
