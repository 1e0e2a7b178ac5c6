//! Packet input and output: the `PacketIo` trait, the DPDK ports and the in-memory ports.
