//! Why bytes were refused: a small value that a parser returns and that indexes a drop counter.

/// The protocol that refused the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Layer {
    /// Ethernet to UDP.
    Link,
    /// SCTP.
    Sctp,
    /// M3UA.
    M3ua,
    /// SCCP.
    Sccp,
    /// TCAP.
    Tcap,
    /// MAP.
    Map,
    /// SIP.
    Sip,
    /// SM-RP.
    Rp,
    /// SM-TL.
    Tpdu,
}

impl Layer {
    /// How many layers there are.
    pub const COUNT: usize = 9;
    /// The layers, by number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Link,
        Self::Sctp,
        Self::M3ua,
        Self::Sccp,
        Self::Tcap,
        Self::Map,
        Self::Sip,
        Self::Rp,
        Self::Tpdu,
    ];
    /// The layers' names, by number.
    pub const NAMES: [&'static str; Self::COUNT] =
        ["link", "sctp", "m3ua", "sccp", "tcap", "map", "sip", "rp", "tpdu"];
}

/// The bytes don't follow the protocol. `why` is a number of that protocol's own `WHY` table of names, below 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Who refused.
    pub layer: Layer,
    /// Index into the protocol's `WHY` table.
    pub why: u8,
    /// Where, in octets from the start of what was parsed; 65535 when further.
    pub offset: u16,
}

impl Malformed {
    /// A refusal by `layer` for `why`, `offset` octets in.
    #[must_use]
    pub const fn new(layer: Layer, why: u8, offset: usize) -> Self {
        Self { layer, why, offset: if offset > 0xffff { 0xffff } else { offset as u16 } }
    }
}

/// A drop counter per layer and reason.
#[derive(Clone, Debug)]
pub struct MalformedCounts(Box<[[u64; 64]; Layer::COUNT]>);

impl Default for MalformedCounts {
    fn default() -> Self {
        Self(Box::new([[0; 64]; Layer::COUNT]))
    }
}

impl MalformedCounts {
    /// Counts one refusal.
    pub fn add(&mut self, malformed: Malformed) {
        self.0[malformed.layer as usize][malformed.why as usize & 63] += 1;
    }

    /// How often `layer` has refused for `why`.
    #[must_use]
    pub fn get(&self, layer: Layer, why: u8) -> u64 {
        self.0[layer as usize][why as usize & 63]
    }

    /// All refusals of all layers.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().sum()
    }
}
