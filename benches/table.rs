//! The subscriber table at the size of a country, and what the memory of the machine allows: `table.*`, `limit.random_line_*`.

#[path = "support/measure.rs"]
mod measure;
#[path = "support/table.rs"]
mod support;

use core::hint::black_box;
use core::net::SocketAddr;

use ipsmgw::base::{SipKey, Time};
use ipsmgw::ident::{Identity, Imsi, Msisdn};
use ipsmgw::subscriber::{
    AccessKind, AccessNetworkInfo, Binding, Key, Reader, Record, TableConfig, Writer, table,
};
use measure::Figures;
use support::{BATCH, in_a_process, least, order, own, resident, sizes, tell, under_writes};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

fn msisdn(n: usize) -> Msisdn {
    support::number(n).to_string().parse().expect("a number")
}

/// Subscriber `n` as an S-CSCF registers him: all that he is called follows from his numbers.
fn record(n: usize, version: u64) -> Record {
    let text = |text: String| Identity::new(text.as_bytes()).expect("an identity");
    let imsi: Imsi = format!("26201{n:010}").parse().expect("an IMSI");
    let (msisdn, address) = (msisdn(n), SocketAddr::from(([10, 0, 0, (n % 16) as u8], 5060)));
    let cell = format!("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201{:011x}", n % 100_000);
    let binding = Binding {
        access: AccessKind::Ims,
        priority: 0,
        contact: text(format!("sip:scscf{}.home1.net:5060;lr", n % 16)),
        remote: address,
        target: address,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        connection: None,
        network: 0,
        access_network_info: AccessNetworkInfo::new(cell.as_bytes()),
        fingerprint: version,
        registration: n as u64,
        device: 0,
        call: n as u64,
        sequence: 1,
    };
    let identities = [
        text(format!("sip:+{msisdn}@ims.mnc001.mcc262.3gppnetwork.org")),
        text(format!("tel:+{msisdn}")),
        text(format!("sip:{imsi}@ims.mnc001.mcc262.3gppnetwork.org")),
    ];
    let private = text(format!("{imsi}@ims.mnc001.mcc262.3gppnetwork.org"));
    Record::new(Some(imsi), Some(msisdn), Some(private), &identities, &[binding]).expect("a record")
}

fn single(reader: &Reader, keys: &[Msisdn]) -> f64 {
    least(keys.len(), || {
        for &key in keys {
            black_box(reader.by_msisdn(key).expect("a subscriber").is_registered(Time::ZERO));
        }
    })
}

fn batched(reader: &Reader, keys: &[Key<'_>]) -> f64 {
    least(keys.len(), || {
        for keys in keys.chunks(BATCH) {
            let mut found = [None; BATCH];
            reader.find_many(keys, &mut found);
            for found in found.iter().take(keys.len()) {
                black_box(found.expect("a subscriber").is_registered(Time::ZERO));
            }
        }
    })
}

fn under_load(name: &str, mut writer: Writer, mut reader: Reader, count: usize) {
    let order = order(count);
    let numbers: Vec<Msisdn> = order.iter().map(|&n| msisdn(n)).collect();
    // Whatever it takes to write a record is the writer's alone; the records are new ones.
    let updates: Vec<Record> = order.iter().rev().take(50_000).map(|&n| record(n, 2)).collect();
    let mut at = 0;
    let p999 = under_writes(
        &order,
        |_| {
            black_box(reader.by_msisdn(numbers[at]).expect("a subscriber").is_registered(Time::ZERO));
            at += 1;
            if at % BATCH == 0 {
                reader.quiescent();
            }
        },
        |made| {
            let _ = writer.register(updates[made % updates.len()].clone(), &[None]);
        },
    );
    let context = "one by one by MSISDN, a second thread replaces 100,000 records a second";
    tell(name, p999, "ns", &format!("{count} subscribers, {context}"));
}

fn ours(size: &str, count: usize) {
    let before = resident();
    let (mut writer, mut readers) = table(&TableConfig {
        subscribers: count,
        identities: count,
        details: count / 8,
        addresses: count,
        readers: 1,
        key: SipKey::new([5; 16]),
    });
    for n in 0..count {
        writer.register(record(n, 1), &[Some(Time::NEVER)]).expect("room");
    }
    let reader = readers.remove(0);
    let numbers: Vec<Msisdn> = order(count).into_iter().map(msisdn).collect();
    let keys: Vec<Key<'_>> = numbers.iter().map(|&number| Key::Msisdn(number)).collect();
    let pages = reader.page_size();
    let context =
        format!("{count} subscribers, by MSISDN, whole key compared, expiry read; pages of {pages}");
    tell(
        &format!("table.lookup_b32_{size}_ns"),
        batched(&reader, &keys),
        "ns",
        &format!("batches of 32: {context}"),
    );
    tell(&format!("table.lookup_single_{size}_ns"), single(&reader, &numbers), "ns", &context);
    if size == "10m" {
        let of_entries = reader.parts().into_iter().filter(|(part, _)| matches!(*part, "lines" | "msisdns"));
        tell(
            "table.bytes_per_entry",
            of_entries.map(|(_, octets)| octets as f64).sum::<f64>() / count as f64,
            "octets",
            "memory of the index by MSISDN and of the lines of the records that it leads to",
        );
        let each = reader.memory() as f64 / count as f64;
        tell(
            "table.bytes_per_subscriber",
            each,
            "octets",
            "all indexes, records, cells and words, sized for so many subscribers",
        );
        let grown = (resident() - before) as f64 / count as f64;
        tell(
            "table.resident_per_subscriber",
            grown,
            "octets",
            "what the process has grown by, the benchmark's keys included",
        );
        under_load("table.p999_under_writes_ns", writer, reader, count);
    }
}

/// What the memory takes for a line in one of as many as there are subscribers, whatever is done with it: one after the
/// other, each where the one before says, and by batches that are asked for ahead.
fn limit(pages: &str, count: usize) {
    let mut lines = vec![0u64; 8 * count];
    let order = order(count);
    // Each of those in the order names the next.
    let next = order.iter().cycle().skip(1);
    order.iter().zip(next).for_each(|(&at, &next)| lines[8 * at] = next as u64);
    let context = format!("a line of {count}, 64 octets each, {pages} pages");
    let dependent = least(order.len(), || {
        let last = order.iter().fold(order[0] as u64, |at, _| lines[8 * at as usize]);
        black_box(last);
    });
    tell(&format!("limit.random_line_dependent_{pages}_10m_ns"), dependent, "ns", &context);
    let batched = least(order.len(), || {
        for batch in order.chunks(BATCH) {
            batch.iter().for_each(|&at| measure::prefetch_word(&lines[8 * at]));
            black_box(batch.iter().map(|&at| lines[8 * at]).sum::<u64>());
        }
    });
    let name =
        if pages == "huge" { "limit.random_line_b32_10m_ns" } else { "limit.random_line_b32_small_10m_ns" };
    tell(name, batched, "ns", &format!("batches of 32, asked for ahead: {context}"));
}

fn main() {
    match own() {
        Some((pages, count)) if matches!(&*pages, "huge" | "small") => return limit(&pages, count),
        Some((size, count)) => return ours(&size, count),
        None => (),
    }
    let mut figures = Figures::from_arguments();
    if figures.wants("table.") {
        sizes().into_iter().for_each(|(size, count)| in_a_process(&mut figures, size, count));
    }
    if figures.wants("limit.random_line") {
        ["huge", "small"].into_iter().for_each(|pages| in_a_process(&mut figures, pages, 10_000_000));
    }
    figures.finish();
}
