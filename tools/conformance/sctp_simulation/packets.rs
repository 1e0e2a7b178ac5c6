//! Real packets for the fuzz targets to begin with: one of each composition.

use super::script;
use ipsmgw::proto::sctp::view::Packet;
use std::collections::BTreeMap;
use std::path::Path;

/// Octets before the chunks.
const HEADER: usize = 12;

/// What a packet consists of: its chunk types, each no more than twice in a row, and the roughness of their lengths.
fn composition(packet: &[u8]) -> Vec<(u8, u32)> {
    let parsed = Packet::parse(packet).expect("what an endpoint sends is well-formed");
    let mut kinds: Vec<_> = parsed
        .chunks()
        .flatten()
        .map(|chunk| (chunk.kind, (chunk.whole.len() / 32).checked_ilog2().unwrap_or(0)))
        .collect();
    let mut last = vec![];
    kinds.retain(|&kind| {
        last.push(kind);
        !last.ends_with(&[kind, kind, kind])
    });
    kinds
}

/// Writes what the targets `sctp_packet` and `sctp_association` take into folders of these names.
pub(crate) fn write(folder: &Path) {
    let mut kept = vec![];
    for seed in 1..=60 {
        script::run(seed, Some(&mut kept));
    }
    let mut least = BTreeMap::<_, Vec<u8>>::new();
    for packet in kept {
        let known = least.entry(composition(&packet)).or_insert_with(|| packet.clone());
        if packet.len() < known.len() {
            *known = packet;
        }
    }
    for target in ["sctp_packet", "sctp_association"] {
        std::fs::create_dir_all(folder.join(target)).expect("a folder");
    }
    for (number, packet) in least.values().enumerate() {
        let name = format!("packet-{number}");
        // The options: ports and checksum as they are.
        let whole = [&[0], packet.as_slice()].concat();
        std::fs::write(folder.join("sctp_packet").join(&name), whole).expect("a file");
        let Ok(length) = u8::try_from(packet.len() - HEADER) else { continue };
        // A server, its state, raw octets on the first path behind its own tag and a right checksum.
        let event = [&[1, number as u8 % 10, 9, 0, 0, 1, length], &packet[HEADER..]].concat();
        std::fs::write(folder.join("sctp_association").join(&name), event).expect("a file");
    }
}
