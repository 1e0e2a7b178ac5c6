//! What an association and its paths are like, for whoever watches (RFC 9260 11.1.8).

use super::association::{Association, PathState, State};
use super::{AssociationId, Endpoint};
use crate::base::Time;
use core::net::IpAddr;
use core::time::Duration;

/// An association as it is now.
#[derive(Clone, Copy, Debug)]
pub struct AssociationStatus {
    /// Its state.
    pub state: State,
    /// Outbound streams agreed on.
    pub streams: u16,
    /// Octets that the peer has room for beyond what is under way.
    pub peer_window: u32,
    /// DATA chunks that are not acknowledged, sent or not.
    pub waiting: u32,
    /// Transmissions in a row that the peer has not answered.
    pub errors: u16,
}

/// A path of an association as it is now.
#[derive(Clone, Copy, Debug)]
pub struct PathStatus {
    /// Our address.
    pub local: IpAddr,
    /// The peer's.
    pub remote: IpAddr,
    /// How it stands.
    pub state: PathState,
    /// Whether it is the primary one.
    pub is_primary: bool,
    /// Retransmission time-out.
    pub rto: Duration,
    /// Smoothed round-trip time, once measured.
    pub srtt: Option<Duration>,
    /// Congestion window, in octets.
    pub cwnd: u32,
    /// Octets of DATA chunks under way.
    pub flight: u32,
    /// The largest SCTP packet that it carries, in octets.
    pub limit: usize,
    /// Transmissions in a row that were not answered.
    pub errors: u16,
    /// DATA chunks that were sent here again.
    pub again: u64,
    /// When its last HEARTBEAT was answered.
    pub heard: Option<Time>,
}

impl Endpoint {
    /// An association as it is now; none that is not configured.
    #[must_use]
    pub fn status(&self, id: AssociationId) -> Option<AssociationStatus> {
        self.associations.get(usize::from(id.0)).map(Association::status)
    }

    /// The paths of an association; none while it is closed.
    pub fn paths(&self, id: AssociationId) -> impl Iterator<Item = PathStatus> + '_ {
        let association = self.associations.get(usize::from(id.0));
        association.filter(|it| it.state != State::Closed).into_iter().flat_map(Association::path_statuses)
    }
}
