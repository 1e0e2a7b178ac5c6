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
use support::{
    BATCH, TEN_MILLION, cycle, huge_share, in_a_process, least, order, own, p999, resident, size, sizes,
    tell, under_writes,
};

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

fn single(reader: &mut Reader, numbers: &[Msisdn]) -> f64 {
    least(numbers, |numbers| {
        for numbers in numbers.chunks(BATCH) {
            for &number in numbers {
                black_box(reader.by_msisdn(number).expect("a subscriber").is_registered(Time::ZERO));
            }
            reader.quiescent();
        }
    })
}

fn batched(reader: &mut Reader, numbers: &[Msisdn]) -> f64 {
    least(numbers, |numbers| {
        for numbers in numbers.chunks(BATCH) {
            let (mut keys, mut found) = ([Key::Msisdn(numbers[0]); BATCH], [None; BATCH]);
            keys.iter_mut().zip(numbers).for_each(|(key, &number)| *key = Key::Msisdn(number));
            reader.find_many(&keys[..numbers.len()], &mut found);
            for found in found.iter().take(numbers.len()) {
                black_box(found.expect("a subscriber").is_registered(Time::ZERO));
            }
            reader.quiescent();
        }
    })
}

/// The nanoseconds that 999 of 1,000 look-ups take at most.
fn p999_single(reader: &mut Reader, numbers: &[Msisdn]) -> f64 {
    p999(numbers.len(), |at| {
        black_box(reader.by_msisdn(numbers[at]).expect("a subscriber").is_registered(Time::ZERO));
        if at % BATCH == 0 {
            reader.quiescent();
        }
    })
}

fn looked_up(count: usize, context: &str, mut writer: Writer, mut reader: Reader) {
    let (order, size) = (order(count), size(count));
    let numbers: Vec<Msisdn> = order.iter().map(|&n| msisdn(n)).collect();
    tell(
        &format!("table.lookup_b32_{size}_ns"),
        batched(&mut reader, &numbers),
        "ns",
        &format!("batches of 32: {context}"),
    );
    tell(&format!("table.lookup_single_{size}_ns"), single(&mut reader, &numbers), "ns", context);
    // Whatever it takes to write a record is the writer's alone; the records are new ones.
    let updates: Vec<Record> = order.iter().rev().take(50_000).map(|&n| record(n, 2)).collect();
    let mut update = |made: usize| {
        writer.register(updates[made % updates.len()].clone(), &[None]).expect("room");
    };
    let told = |(value, rate): (f64, f64), figure: &str, how: &str| {
        let context = format!("{how}, a second thread replaces {rate:.0} records a second: {context}");
        tell(&format!("table.{figure}"), value, "ns", &context);
    };
    let taken = under_writes(&mut update, || batched(&mut reader, &numbers));
    told(taken, &format!("lookup_b32_{size}_under_writes_ns"), "batches of 32");
    let taken = under_writes(&mut update, || single(&mut reader, &numbers));
    told(taken, &format!("lookup_single_{size}_under_writes_ns"), "one by one");
    if count == TEN_MILLION {
        let taken = under_writes(&mut update, || p999_single(&mut reader, &numbers));
        told(taken, "p999_under_writes_ns", "one by one");
    }
}

fn ours(count: usize) {
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
    if count == TEN_MILLION {
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
        tell("table.resident_per_subscriber", grown, "octets", "what the process has grown by");
    }
    let context = format!(
        "{count} subscribers, by MSISDN, whole key compared, expiry read; pages of {}, {}",
        reader.page_size(),
        huge_share()
    );
    looked_up(count, &context, writer, reader);
}

/// What the memory takes for a line in one of as many as there are subscribers, whatever is done with it: one after the
/// other, each where the one before says, and by batches that are asked for ahead; and by batches for two lines, as a look-up
/// needs, the first in a tenth as many.
fn limit(pages: &str, count: usize) {
    let (order, mut lines) = (order(count), vec![0u64; 8 * count]);
    cycle(count).into_iter().zip(lines.chunks_mut(8)).for_each(|(next, line)| line[0] = next.into());
    let mut buckets = vec![0u64; 8 * count.div_ceil(10)];
    buckets.chunks_mut(8).zip(&order).for_each(|(bucket, &at)| bucket[0] = at as u64);
    let context = format!("a line of {count}, 64 octets each, {pages} pages: {}", huge_share());
    let size = size(count);
    let of = |figure: &str| match pages {
        "huge" => format!("limit.random_line_{figure}_{size}_ns"),
        _ => format!("limit.random_line_{figure}_small_{size}_ns"),
    };
    let mut at = 0;
    let dependent = least(&order, |order| {
        at = order.iter().fold(at, |at, _| lines[8 * at as usize]);
    });
    black_box(at);
    tell(&format!("limit.random_line_dependent_{pages}_{size}_ns"), dependent, "ns", &context);
    let batched = least(&order, |order| {
        for batch in order.chunks(BATCH) {
            batch.iter().for_each(|&at| measure::prefetch_word(&lines[8 * at]));
            black_box(batch.iter().map(|&at| lines[8 * at]).sum::<u64>());
        }
    });
    tell(&of("b32"), batched, "ns", &format!("batches of 32, asked for ahead: {context}"));
    let two = least(&order, |order| {
        for batch in order.chunks(BATCH) {
            let mut second = [0; BATCH];
            batch.iter().for_each(|&at| measure::prefetch_word(&buckets[8 * (at / 10)]));
            for (second, &at) in second.iter_mut().zip(batch) {
                let next = at + buckets[8 * (at / 10)] as usize;
                *second = if next < count { next } else { next - count };
                measure::prefetch_word(&lines[8 * *second]);
            }
            black_box(second.iter().map(|&at| lines[8 * at]).sum::<u64>());
        }
    });
    tell(
        &of("two_b32"),
        two,
        "ns",
        &format!("and one of a tenth as many before it, batches of 32: {context}"),
    );
}

fn main() {
    match own() {
        Some((pages, count)) if matches!(&*pages, "huge" | "small") => return limit(&pages, count),
        Some((_, count)) => return ours(count),
        None => (),
    }
    let mut figures = Figures::from_arguments();
    for &count in sizes() {
        let size = size(count);
        let mut wanted: Vec<_> = ["b32", "single"].map(|how| format!("table.lookup_{how}_{size}_")).into();
        if count == TEN_MILLION {
            wanted.extend(["bytes_", "resident_", "p999_"].map(|figure| format!("table.{figure}")));
        }
        if wanted.iter().any(|figure| figures.wants(figure)) {
            in_a_process(&mut figures, "ours", count);
        }
    }
    if figures.wants("limit.random_line") {
        in_a_process(&mut figures, "small", TEN_MILLION);
        sizes().iter().for_each(|&count| in_a_process(&mut figures, "huge", count));
    }
    figures.finish();
}
