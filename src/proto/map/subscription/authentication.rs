//! sendAuthenticationInfo of version 3 (TS 29.002 8.5.2): vectors from the authentication centre.

use core::fmt;

use super::{VALUE, exactly, imsi, imsi_octets, wire};
use crate::base::Malformed;
use crate::ident::Imsi;
use rasn::types::OctetString;

/// A challenge that the card did not take, and what it answered: its own sequence number, concealed (TS 33.102 6.3.5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReSynchronisation {
    /// The challenge.
    pub rand: [u8; 16],
    /// AUTS.
    pub auts: [u8; 14],
}

/// Without its octets.
impl fmt::Debug for ReSynchronisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReSynchronisation")
    }
}

/// SendAuthenticationInfoArg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendAuthenticationInfo {
    /// The subscriber.
    pub imsi: Imsi,
    /// How many vectors, 1 to 5.
    pub vectors: u8,
    /// The vectors must fit one message.
    pub segmentation_prohibited: bool,
    /// Better few at once than more later.
    pub immediate_response_preferred: bool,
    /// After a failed challenge: the card's sequence number.
    pub re_synchronisation: Option<ReSynchronisation>,
    /// requestingNodeType: 0 VLR, 1 SGSN, 2 S-CSCF.
    pub requesting_node_type: Option<u8>,
}

impl SendAuthenticationInfo {
    /// The argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let info = |info: ReSynchronisation| wire::ReSynchronisationInfo {
            rand: OctetString::from_slice(&info.rand),
            auts: OctetString::from_slice(&info.auts),
            later: None,
        };
        wire::encode(&wire::SendAuthenticationInfoArg {
            imsi: imsi_octets(self.imsi),
            number_of_requested_vectors: self.vectors,
            segmentation_prohibited: self.segmentation_prohibited.then_some(()),
            immediate_response_preferred: self.immediate_response_preferred.then_some(()),
            re_synchronisation_info: self.re_synchronisation.map(info),
            extension_container: None,
            requesting_node_type: self.requesting_node_type,
            later: None,
        })
    }

    /// Reads the argument.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let argument: wire::SendAuthenticationInfoArg = wire::decode(argument)?;
        let vectors = argument.number_of_requested_vectors;
        let re_synchronisation = match argument.re_synchronisation_info {
            Some(info) => Some(ReSynchronisation { rand: exactly(&info.rand)?, auts: exactly(&info.auts)? }),
            None => None,
        };
        Ok(Self {
            imsi: imsi(&argument.imsi)?,
            vectors: (1..=5).contains(&vectors).then_some(vectors).ok_or(VALUE)?,
            segmentation_prohibited: argument.segmentation_prohibited.is_some(),
            immediate_response_preferred: argument.immediate_response_preferred.is_some(),
            re_synchronisation,
            requesting_node_type: argument.requesting_node_type,
        })
    }
}

/// AuthenticationQuintuplet: one vector of UMTS AKA (TS 33.102 6.3.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Quintuplet {
    /// The challenge.
    pub rand: [u8; 16],
    /// What the card must answer: 4 to 16 octets.
    pub xres: Vec<u8>,
    /// The cipher key.
    pub ck: [u8; 16],
    /// The integrity key.
    pub ik: [u8; 16],
    /// What proves the network to the card.
    pub autn: [u8; 16],
}

/// Without keys.
impl fmt::Debug for Quintuplet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quintuplet")
    }
}

/// SendAuthenticationInfoRes, or a part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendAuthenticationInfoResult {
    /// The vectors; none if the authentication centre has none now, or has triplets alone, for a card without AKA.
    pub quintuplets: Vec<Quintuplet>,
}

impl SendAuthenticationInfoResult {
    /// The result.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let vector = |vector: &Quintuplet| wire::AuthenticationQuintuplet {
            rand: OctetString::from_slice(&vector.rand),
            xres: OctetString::from_slice(&vector.xres),
            ck: OctetString::from_slice(&vector.ck),
            ik: OctetString::from_slice(&vector.ik),
            autn: OctetString::from_slice(&vector.autn),
            later: None,
        };
        let list: Vec<_> = self.quintuplets.iter().map(vector).collect();
        wire::encode(&wire::SendAuthenticationInfoRes {
            triplets: None,
            quintuplets: (!list.is_empty()).then_some(list),
            later: None,
        })
    }

    /// Reads the result, or none.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(result: &[u8]) -> Result<Self, Malformed> {
        if result.is_empty() {
            return Ok(Self { quintuplets: Vec::new() });
        }
        let result: wire::SendAuthenticationInfoRes = wire::decode(result)?;
        let vector = |vector: &wire::AuthenticationQuintuplet| {
            Ok(Quintuplet {
                rand: exactly(&vector.rand)?,
                xres: (4..=16).contains(&vector.xres.len()).then(|| vector.xres.to_vec()).ok_or(VALUE)?,
                ck: exactly(&vector.ck)?,
                ik: exactly(&vector.ik)?,
                autn: exactly(&vector.autn)?,
            })
        };
        let quintuplets = result.quintuplets.iter().flatten().map(vector).collect::<Result<_, _>>()?;
        Ok(Self { quintuplets })
    }
}
