//! Libraries of others on the messages that our layers are timed with. What each does differs: the contexts say it.

#[path = "../../support/measure.rs"]
mod measure;
#[path = "../../support/messages.rs"]
mod messages;
#[path = "../../support/sip.rs"]
mod requests;
mod sctp;
mod sip;
mod ss7;
mod table;

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use measure::Figures;
use messages::{MIX, mix};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

fn ss7_parse(figures: &mut Figures) {
    let datas = mix(messages::m3ua_data);
    let payload = |data: &[u8]| {
        let message = m3ua::M3uaMessage::decode(data).expect("M3UA");
        message.protocol_data().expect("protocol data").user_data
    };
    let user_data = |udt: &[u8]| sccp::UnitData::decode(udt).expect("UDT").data;
    let argument = |begin: &[u8]| match tcap::decode(begin).expect("TCAP") {
        tcap::TcapMessage::Begin(begin) => match begin.components.expect("components").swap_remove(0) {
            tcap::Component::Invoke(invoke) => invoke.parameter.expect("an argument"),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let map = |argument: &[u8]| {
        black_box(
            gsm_map::decode::<gsm_map::operations::mo_forward_sm::MoForwardSmArg>(argument).expect("MAP"),
        );
    };
    let udts: Vec<_> = datas.iter().map(|data| payload(data)).collect();
    let begins: Vec<_> = udts.iter().map(|udt| user_data(udt)).collect();
    let arguments: Vec<_> = begins.iter().map(|begin| argument(begin)).collect();
    figures.time("m3ua.parse", "m3ua", MIX, "m3ua 1: into values of its own", || {
        for data in &datas {
            black_box(payload(data));
        }
    });
    figures.time("sccp.parse", "sccp", MIX, "sccp 1: into values of its own, digits as text", || {
        for udt in &udts {
            black_box(user_data(udt));
        }
    });
    figures.time("tcap.parse", "tcap", MIX, "tcap 3: strict, into values of its own", || {
        for begin in &begins {
            black_box(argument(begin));
        }
    });
    figures.time("map.parse", "gsm_map", MIX, "gsm_map 4: strict, into values of its own", || {
        for argument in &arguments {
            map(argument.as_bytes());
        }
    });
}

fn ss7_build(figures: &mut Figures) {
    let begins: Vec<_> = mix(messages::begin);
    let messages: Vec<_> = begins.iter().map(|begin| tcap::decode(begin).expect("TCAP")).collect();
    let arguments: Vec<_> = mix(messages::mo_forward_sm)
        .iter()
        .map(|it| gsm_map::decode::<gsm_map::operations::mo_forward_sm::MoForwardSmArg>(it).expect("MAP"))
        .collect();
    figures.time("map.build", "gsm_map", MIX, "gsm_map 4", || {
        for argument in &arguments {
            black_box(gsm_map::encode(argument).expect("MAP"));
        }
    });
    figures.time(
        "tcap.build",
        "tcap",
        MIX,
        "tcap 3: the Begin alone, without a dialogue or the MAP argument",
        || {
            for message in &messages {
                black_box(tcap::encode(message).expect("TCAP"));
            }
        },
    );
    let title = |digits: &str| {
        let title = sccp::GlobalTitle::Gt0100 {
            translation_type: 0,
            numbering_plan: 1,
            encoding_scheme: 2,
            nature_of_address: 4,
            digits: digits.to_string(),
        };
        sccp::SccpAddress::with_gt(title, Some(sccp::SubsystemNumber::Msc))
    };
    let udt = |data: Vec<u8>| sccp::UnitData::new(title("491710760000"), title("491710999001"), data);
    let whole = udt(vec![0x5a; 200]);
    figures.time("sccp.build", "sccp", 1, "sccp 1", || {
        black_box(whole.encode().expect("SCCP"));
    });
    let data = |user_data: Vec<u8>| {
        let protocol_data = m3ua::ProtocolData::new(100, 200, 3, 2, 0, 5, user_data);
        m3ua::M3uaMessage::data(None, Some(100), protocol_data, None).encode()
    };
    let payload = vec![0x5a; 230];
    figures.time(
        "m3ua.build",
        "m3ua",
        1,
        "m3ua 1: a copy of the payload included, since the message owns it",
        || {
            black_box(data(payload.clone()));
        },
    );
}

fn tables(figures: &mut Figures) {
    const SUBSCRIBERS: usize = 200_000;
    if figures.wants("subscriber.") {
        let digits = |user| messages::imsi(user).parse::<u64>().expect("digits");
        let map: dashmap::DashMap<u64, [u64; 8]> =
            (0..SUBSCRIBERS).map(|user| (digits(user), [user as u64; 8])).collect();
        let order: Vec<u64> = (0..1024).map(|step| digits(step * 104_729 % SUBSCRIBERS)).collect();
        figures.time(
            "subscriber.lookup",
            "dashmap",
            order.len(),
            "dashmap 6: by a number, 64 octets each",
            || {
                for key in &order {
                    black_box(map.get(key).expect("a subscriber")[0]);
                }
            },
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let mut queue = tokio_util::time::DelayQueue::with_capacity(100_001);
    let life = Duration::from_secs(32);
    let mut armed: VecDeque<_> = (0..100_000u32).map(|item| queue.insert(item, life)).collect();
    figures.time("wheel.insert_cancel", "tokio", 1000, "tokio-util 0.7, DelayQueue", || {
        for item in 0..1000 {
            armed.push_back(queue.insert(item, life));
            black_box(queue.remove(&armed.pop_front().expect("a timer")));
        }
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u64; 2]>::new(4096);
    figures.time("ring.item", "rtrb", 32, "rtrb 0.3, 32 pushed and 32 popped by one thread", || {
        for item in 0..32 {
            producer.push([item, item]).expect("room");
        }
        while let Ok(item) = consumer.pop() {
            black_box(item);
        }
    });
    let octets: Vec<u8> = (0..1500).map(|at| at as u8).collect();
    for size in [100, 300, 1500] {
        figures.time(&format!("crc32c.{size}"), "crc32c", 1, "crc32c 0.6", || {
            black_box(crc32c::crc32c(black_box(&octets[..size])));
        });
    }
}

fn main() {
    if table::is_own() {
        return;
    }
    let mut figures = Figures::from_arguments();
    sip::parse(&mut figures);
    sctp::messages(&mut figures);
    ss7_parse(&mut figures);
    ss7_build(&mut figures);
    ss7::whole(&mut figures);
    tables(&mut figures);
    table::lookups(&mut figures);
    figures.finish();
}
