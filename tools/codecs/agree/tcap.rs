//! TCAP's messages with their dialogue portions and components. Both readers' views are told in one notation of ours.

use core::fmt::Write as _;
use core::time::Duration;

use ipsmgw::base::{SipKey, Time};
use ipsmgw::codec::Prepend;
use ipsmgw::ident::{PointCode, SccpAddress, Ssn, WorkerId};
use ipsmgw::proto::tcap as our_tcap;
use our_tcap::{
    Code, Diagnostic, DialoguePortion, MessageType, Refusal, RefusalReason, TransactionId, build,
};
use rasn::types::{Any, ObjectIdentifier};

use crate::random::{Random, each};
use crate::written;

const CONTEXT: [u8; 7] = [4, 0, 0, 1, 0, 21, 3];

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// What ours read.
fn ours_told(message: &our_tcap::Message<'_>) -> String {
    let id = |id: Option<TransactionId>| id.map_or("-".into(), |id| hex(id.as_bytes()));
    let information = |octets: Option<&[u8]>| octets.map_or("-".into(), hex);
    let mut told = format!("{:?} {} {}", message.message_type, id(message.otid), id(message.dtid));
    if let Some(cause) = message.p_abort {
        let _ = write!(told, " p-abort {cause}");
    }
    let _ = match message.dialogue {
        None => Ok(()),
        Some(DialoguePortion::Request { version1, application_context, user_information }) => {
            write!(told, " AARQ {version1} {} {}", hex(application_context), information(user_information))
        }
        Some(DialoguePortion::Response { application_context, accepted, diagnostic, user_information }) => {
            let context = hex(application_context);
            write!(told, " AARE {context} {accepted} {diagnostic:?} {}", information(user_information))
        }
        Some(DialoguePortion::Abort { by_provider, user_information }) => {
            write!(told, " ABRT {by_provider} {}", information(user_information))
        }
        Some(DialoguePortion::Unidirectional { version1, application_context, user_information }) => {
            write!(told, " AUDT {version1} {} {}", hex(application_context), information(user_information))
        }
        Some(DialoguePortion::Abnormal) => write!(told, " abnormal"),
    };
    for component in message.components.clone() {
        let code = |code: Code<'_>| match code {
            Code::Local(code) => code.to_string(),
            Code::Other(element) => hex(element),
        };
        let _ = match component {
            our_tcap::Component::Invoke { id, linked, opcode, argument } => {
                write!(told, " invoke {id} {linked:?} {} {}", code(opcode), hex(argument))
            }
            our_tcap::Component::ResultLast { id, opcode, result } => {
                write!(told, " result {id} {} {}", opcode.map_or("-".into(), code), hex(result))
            }
            our_tcap::Component::ResultNotLast { id, opcode, result } => {
                write!(told, " part {id} {} {}", opcode.map_or("-".into(), code), hex(result))
            }
            our_tcap::Component::Error { id, code: of, parameter } => {
                write!(told, " error {id} {} {}", code(of), hex(parameter))
            }
            our_tcap::Component::Reject { id, problem } => write!(told, " reject {id:?} {problem:?}"),
            our_tcap::Component::Malformed { .. } => write!(told, " malformed"),
        };
    }
    told
}

/// An object identifier whose numbers are small, as octets.
fn context(identifier: &[u32]) -> String {
    let [first, second, rest @ ..] = identifier else { return String::new() };
    let rest = rest.iter().map(|&number| number as u8);
    hex(&core::iter::once((first * 40 + second) as u8).chain(rest).collect::<Vec<_>>())
}

/// What theirs read.
fn theirs_told(message: &tcap::TcapMessage) -> String {
    let kind = match message {
        tcap::TcapMessage::Unidirectional(_) => "Unidirectional",
        tcap::TcapMessage::Begin(_) => "Begin",
        tcap::TcapMessage::End(_) => "End",
        tcap::TcapMessage::Continue(_) => "Continue",
        tcap::TcapMessage::Abort(_) => "Abort",
    };
    let id = |id: Option<&tcap::TransactionId>| id.map_or("-".into(), |id| hex(id));
    let mut told = format!("{kind} {} {}", id(message.otid()), id(message.dtid()));
    if let tcap::TcapMessage::Abort(abort) = message
        && let Some(cause) = abort.p_abort_cause()
    {
        let _ = write!(told, " p-abort {}", cause.value());
    }
    let portion = message.dialogue_portion().cloned().or_else(|| match message {
        tcap::TcapMessage::Abort(tcap::Abort {
            reason: Some(tcap::AbortReason::UAbort(portion)), ..
        }) => Some(portion.clone()),
        _ => None,
    });
    if let Some(portion) = portion {
        told += &dialogue_told(&portion.dialogue_pdu().expect("a portion").expect("a dialogue PDU"));
    }
    for component in message.components() {
        told += &component_told(component);
    }
    told
}

fn dialogue_told(pdu: &tcap::DialoguePdu) -> String {
    let information = |externals: &Option<Vec<tcap::External>>| {
        let encoded =
            |all: &Vec<tcap::External>| hex(&all.iter().flat_map(tcap::External::encode).collect::<Vec<_>>());
        externals.as_ref().map_or("-".into(), encoded)
    };
    match pdu {
        tcap::DialoguePdu::Aarq { protocol_version, application_context_name, user_information } => {
            let version1 = *protocol_version == tcap::ProtocolVersion::Version1;
            let context = context(application_context_name);
            format!(" AARQ {version1} {context} {}", information(user_information))
        }
        tcap::DialoguePdu::Audt { protocol_version, application_context_name, user_information } => {
            let version1 = *protocol_version == tcap::ProtocolVersion::Version1;
            let context = context(application_context_name);
            format!(" AUDT {version1} {context} {}", information(user_information))
        }
        tcap::DialoguePdu::Aare {
            application_context_name,
            result,
            result_source_diagnostic,
            user_information,
            ..
        } => {
            let accepted = *result == tcap::AssociateResult::Accepted;
            let diagnostic = match result_source_diagnostic {
                tcap::AssociateSourceDiagnostic::DialogueServiceUser(code) => format!("User({code})"),
                tcap::AssociateSourceDiagnostic::DialogueServiceProvider(code) => format!("Provider({code})"),
            };
            let context = context(application_context_name);
            format!(" AARE {context} {accepted} {diagnostic} {}", information(user_information))
        }
        tcap::DialoguePdu::Abrt { abort_source, user_information } => {
            let by_provider = *abort_source == tcap::AbortSource::DialogueServiceProvider;
            format!(" ABRT {by_provider} {}", information(user_information))
        }
    }
}

fn component_told(component: &tcap::Component) -> String {
    let parameter = |it: &Option<Any>| it.as_ref().map_or(String::new(), |it| hex(it.as_bytes()));
    let operation = |code: &tcap::OperationCode| match code {
        tcap::OperationCode::Local(code) => code.to_string(),
        tcap::OperationCode::Global(_) => "global".into(),
    };
    let result = |kind: &str, it: &tcap::ReturnResult| {
        let code = it.result.as_ref().map_or("-".into(), |value| operation(&value.operation_code));
        let value = it.result.as_ref().map_or(String::new(), |value| parameter(&value.parameter));
        format!(" {kind} {} {code} {value}", it.invoke_id)
    };
    match component {
        tcap::Component::Invoke(it) => {
            let code = operation(&it.operation_code);
            format!(" invoke {} {:?} {code} {}", it.invoke_id, it.linked_id, parameter(&it.parameter))
        }
        tcap::Component::ReturnResultLast(it) => result("result", it),
        tcap::Component::ReturnResultNotLast(it) => result("part", it),
        tcap::Component::ReturnError(it) => {
            let code = match &it.error_code {
                tcap::ErrorCode::Local(code) => code.to_string(),
                tcap::ErrorCode::Global(_) => "global".into(),
            };
            format!(" error {} {code} {}", it.invoke_id, parameter(&it.parameter))
        }
        tcap::Component::Reject(it) => {
            let problem = match it.problem {
                tcap::Problem::General(code) => format!("General({})", code.value()),
                tcap::Problem::Invoke(code) => format!("Invoke({})", code.value()),
                tcap::Problem::ReturnResult(code) => format!("ReturnResult({})", code.value()),
                tcap::Problem::ReturnError(code) => format!("ReturnError({})", code.value()),
            };
            format!(" reject {:?} {problem}", it.invoke_id)
        }
    }
}

/// Their message, read by ours: both views.
fn check_theirs(case: u64, message: &tcap::TcapMessage) -> Vec<u8> {
    let octets = tcap::encode(message).expect("theirs write");
    let read = our_tcap::Message::parse(&octets).expect("ours read theirs");
    assert_eq!(ours_told(&read), theirs_told(message), "case {case}");
    octets
}

/// Our message, read by theirs: both views.
fn check_ours(case: u64, octets: &[u8]) -> tcap::TcapMessage {
    let read = our_tcap::Message::parse(octets).expect("ours read ours");
    let theirs = tcap::decode(octets).unwrap_or_else(|why| panic!("case {case}: {why} {octets:02x?}"));
    assert_eq!(theirs_told(&theirs), ours_told(&read), "case {case}");
    theirs
}

fn element(random: &mut Random) -> Vec<u8> {
    let contents = random.octets(0, 40);
    [&[0x04, contents.len() as u8], &contents[..]].concat()
}

/// A row of EXTERNALs, as octets: user information of a syntax of one's own.
fn information(random: &mut Random) -> tcap::External {
    let syntax = ObjectIdentifier::new(vec![0, 4, 0, 0, 1, 1, 1, 1]).expect("an identifier");
    tcap::External::single_asn1_type(&syntax, Any::new(element(random)))
}

fn component(random: &mut Random) -> tcap::Component {
    let id = random.octet() as i8;
    let operation_code = tcap::OperationCode::Local(random.below(256) as i64);
    let parameter = random.perhaps(|it| Any::new(element(it)));
    let result = |random: &mut Random| tcap::ReturnResult {
        invoke_id: id,
        result: random.perhaps(|it| tcap::ReturnResultValue {
            operation_code: tcap::OperationCode::Local(it.below(256) as i64),
            parameter: Some(Any::new(element(it))),
        }),
    };
    match random.below(6) {
        0 | 1 => tcap::Component::Invoke(tcap::Invoke {
            invoke_id: id,
            linked_id: random.perhaps(|it| it.octet() as i8),
            operation_code,
            parameter,
        }),
        2 => tcap::Component::ReturnResultLast(result(random)),
        3 => tcap::Component::ReturnResultNotLast(result(random)),
        4 => tcap::Component::ReturnError(tcap::ReturnError {
            invoke_id: id,
            error_code: tcap::ErrorCode::Local(random.below(256) as i64),
            parameter,
        }),
        _ => tcap::Component::Reject(tcap::Reject {
            invoke_id: random.perhaps(|it| it.octet() as i8),
            problem: match random.below(4) {
                0 => tcap::Problem::General((random.below(3) as i64).into()),
                1 => tcap::Problem::Invoke((random.below(8) as i64).into()),
                2 => tcap::Problem::ReturnResult((random.below(3) as i64).into()),
                _ => tcap::Problem::ReturnError((random.below(5) as i64).into()),
            },
        }),
    }
}

fn components(random: &mut Random) -> Vec<tcap::Component> {
    (0..1 + random.below(3)).map(|_| component(random)).collect()
}

/// The same components, written by ours, last first.
fn write_components(w: &mut Prepend<'_>, components: &[tcap::Component]) {
    let parameter = |w: &mut Prepend<'_>, it: &Option<Any>| {
        if let Some(it) = it {
            w.bytes(it.as_bytes());
        }
    };
    let operation = |code: &tcap::OperationCode| match code {
        tcap::OperationCode::Local(code) => *code as u8,
        tcap::OperationCode::Global(_) => panic!("none is made here"),
    };
    for component in components.iter().rev() {
        let mark = w.len();
        match component {
            tcap::Component::Invoke(it) => {
                parameter(w, &it.parameter);
                let code = Code::Local(operation(&it.operation_code));
                build::invoke_linked(w, mark, it.invoke_id, it.linked_id, code);
            }
            tcap::Component::ReturnResultLast(it) => {
                if let Some(value) = &it.result {
                    parameter(w, &value.parameter);
                }
                let code = it.result.as_ref().map(|value| operation(&value.operation_code));
                build::result_last(w, mark, it.invoke_id, code);
            }
            tcap::Component::ReturnResultNotLast(it) => {
                // Ours send no empty part: this one says so itself.
                let (code, value) = it
                    .result
                    .as_ref()
                    .map_or((1, None), |value| (operation(&value.operation_code), value.parameter.clone()));
                parameter(w, &value.or_else(|| Some(Any::new(vec![5, 0]))));
                build::result_not_last(w, mark, it.invoke_id, Code::Local(code));
            }
            tcap::Component::ReturnError(it) => {
                parameter(w, &it.parameter);
                let tcap::ErrorCode::Local(code) = it.error_code else { panic!("none is made here") };
                build::error(w, mark, it.invoke_id, code as u8);
            }
            tcap::Component::Reject(it) => {
                let problem = match it.problem {
                    tcap::Problem::General(code) => our_tcap::Problem::General(code.value() as u8),
                    tcap::Problem::Invoke(code) => our_tcap::Problem::Invoke(code.value() as u8),
                    tcap::Problem::ReturnResult(code) => our_tcap::Problem::ReturnResult(code.value() as u8),
                    tcap::Problem::ReturnError(code) => our_tcap::Problem::ReturnError(code.value() as u8),
                };
                build::reject(w, it.invoke_id, problem);
            }
        }
    }
}

fn otid(random: &mut Random) -> tcap::TransactionId {
    random.octets(1, 4).into()
}

fn name() -> ObjectIdentifier {
    ObjectIdentifier::new(vec![0, 4, 0, 0, 1, 0, 21, 3]).expect("an identifier")
}

fn request(random: &mut Random) -> tcap::DialoguePortion {
    tcap::DialoguePortion::from_pdu(&tcap::DialoguePdu::Aarq {
        protocol_version: tcap::ProtocolVersion::Version1,
        application_context_name: name(),
        user_information: random.perhaps(|it| vec![information(it)]),
    })
}

fn response(random: &mut Random) -> tcap::DialoguePortion {
    let code = random.below(3) as i64;
    tcap::DialoguePortion::from_pdu(&tcap::DialoguePdu::Aare {
        protocol_version: tcap::ProtocolVersion::Version1,
        application_context_name: name(),
        result: match random.flag() {
            true => tcap::AssociateResult::Accepted,
            false => tcap::AssociateResult::RejectedPermanent,
        },
        result_source_diagnostic: match random.flag() {
            true => tcap::AssociateSourceDiagnostic::DialogueServiceUser(code),
            false => tcap::AssociateSourceDiagnostic::DialogueServiceProvider(code),
        },
        user_information: random.perhaps(|it| vec![information(it)]),
    })
}

fn abort(random: &mut Random) -> tcap::DialoguePortion {
    tcap::DialoguePortion::from_pdu(&tcap::DialoguePdu::Abrt {
        abort_source: match random.flag() {
            true => tcap::AbortSource::DialogueServiceUser,
            false => tcap::AbortSource::DialogueServiceProvider,
        },
        user_information: random.perhaps(|it| vec![information(it)]),
    })
}

#[test]
fn ours_read_theirs() {
    each(|case, random| {
        let dialogue_portion = random.perhaps(response);
        let some = random.perhaps(components);
        check_theirs(
            case,
            &match random.below(5) {
                0 => tcap::TcapMessage::Begin(tcap::Begin {
                    otid: otid(random),
                    dialogue_portion: random.perhaps(request),
                    components: some,
                }),
                1 => tcap::TcapMessage::Continue(tcap::Continue {
                    otid: otid(random),
                    dtid: otid(random),
                    dialogue_portion,
                    components: some,
                }),
                2 => tcap::TcapMessage::End(tcap::End {
                    dtid: otid(random),
                    dialogue_portion,
                    components: some,
                }),
                3 => tcap::TcapMessage::Unidirectional(tcap::Unidirectional {
                    dialogue_portion: random.perhaps(|_| tcap::DialoguePortion::audt(&name())),
                    components: components(random),
                }),
                _ => tcap::TcapMessage::Abort(match random.below(3) {
                    0 => tcap::Abort::p_abort(otid(random), (random.below(5) as i64).into()),
                    1 => tcap::Abort::u_abort(otid(random), Some(abort(random))),
                    _ => tcap::Abort::u_abort(otid(random), dialogue_portion),
                }),
            },
        );
    });
}

/// Dialogues of ours, with their first identifiers.
fn dialogues() -> our_tcap::Dialogues {
    our_tcap::Dialogues::new(our_tcap::DialoguesConfig {
        worker: WorkerId(0),
        workers: 1,
        capacity: 64,
        identifiers: 1 << 16,
        prefix: 0,
        prefix_bits: 0,
        key: SipKey::new([3; 16]),
        rest: Duration::ZERO,
        guard: Duration::from_secs(60),
        peer_match: our_tcap::PeerMatch::default(),
        limits: our_tcap::Limits::default(),
    })
    .expect("a table")
}

/// A Begin of ours; a peer's Begin answered by a Continue and an End, or aborted: what the table of dialogues writes.
#[test]
fn theirs_read_our_dialogues() {
    let (mut table, now) = (dialogues(), Time::from_millis(1));
    let peer = SccpAddress::on_ssn(Some(PointCode(1)), Some(Ssn::MSC));
    each(|case, random| {
        let all = components(random);
        let id = table.open(now, &peer, 1, Duration::from_secs(60)).expect("room");
        let octets = written(|w| {
            write_components(w, &all);
            table.write_begin(w, 0, id, &CONTEXT, None).expect("a Begin");
        });
        table.close(now, id);
        let read = check_ours(case, &octets);
        let told: Vec<_> = read.components().iter().map(component_told).collect();
        assert_eq!(told.len(), all.len());
        for (read, given) in told.iter().zip(&all) {
            let is_empty_part =
                matches!(given, tcap::Component::ReturnResultNotLast(it) if it.result.is_none());
            assert!(is_empty_part || *read == component_told(given), "case {case}: {read}");
        }
        let begin = tcap::TcapMessage::Begin(tcap::Begin {
            otid: otid(random),
            dialogue_portion: random.perhaps(request),
            components: None,
        });
        let begin = check_theirs(case, &begin);
        let Ok(our_tcap::Indication::Begin { dialogue, .. }) = table.handle_input(now, &peer, &begin) else {
            panic!("case {case}: a Begin opens a dialogue")
        };
        if random.flag() {
            let octets = written(|w| {
                write_components(w, &all);
                table.write_continue(w, 0, dialogue, None).expect("a Continue");
            });
            check_ours(case, &octets);
        }
        let ended = random.flag();
        let octets = written(|w| {
            if ended {
                write_components(w, &all);
                table.write_end(now, w, 0, dialogue, None).expect("an End");
            } else {
                let reason = match random.below(3) {
                    0 => our_tcap::AbortReason::ContextNotSupported,
                    1 => our_tcap::AbortReason::Refused,
                    _ => our_tcap::AbortReason::User,
                };
                table.write_abort(now, w, dialogue, reason, None).expect("an Abort");
            }
        });
        check_ours(case, &octets);
    });
    assert!(table.is_empty());
}

/// Aborts for messages that got no dialogue, and Unidirectionals.
#[test]
fn theirs_read_our_refusals() {
    each(|case, random| {
        let to = TransactionId::new(&random.octets(1, 4)).expect("an identifier");
        let code = random.below(3) as u8;
        let diagnostic = if random.flag() { Diagnostic::User(code) } else { Diagnostic::Provider(code) };
        let reason = match random.below(5) {
            0 => RefusalReason::Provider(random.below(5) as u8),
            1 => RefusalReason::Rejected { application_context: &CONTEXT, diagnostic },
            2 => RefusalReason::User,
            3 => RefusalReason::DialogueProvider,
            _ => RefusalReason::Bare,
        };
        let refusal = Refusal { to, reason, malformed: None };
        check_ours(case, &written(|w| build::refusal(w, &refusal, None)));
        let (all, context) = (components(random), if random.flag() { &CONTEXT[..] } else { &[] });
        let octets = written(|w| {
            write_components(w, &all);
            build::unidirectional(w, 0, context, None);
        });
        let read = check_ours(case, &octets);
        assert_eq!(read.components().len(), all.len());
        assert_eq!(
            our_tcap::Message::parse(&octets).expect("ours").message_type,
            MessageType::Unidirectional
        );
    });
}

/// Messages that a third codec has read: whole ones of the short message service.
const GOLDEN: &[&str] = &[
    "62634804000000016b1e281c060700118605010101a011600f80020780a1090607040000010015036c3ba13902010102012e3031840791947101670000820791947110325476041311050c919471907856340000a705c8329bfd06040862021132547698f0",
    "62264804000000016b1e281c060700118605010101a011600f80020780a109060704000001001503",
    "65384804000000a14904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001503a203020100a305a103020100",
    "624b4804000000016b1e281c060700118605010101a011600f80020780a1090607040000010014036c23a12102010102012d30198007919471103254768101ff82079194710167000087008b00",
    "645d4904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001403a203020100a305a1030201006c29a227020101302202012d301d040862021132547698f0a009810791947101990910a50602011e020178",
    "624c4804000000016b1e281c060700118605010101a011600f80020780a109060704000001002b036c24a122020101020141301aa00a800862021132547698f0810791947101990910a803800101",
    "62414804000000016b1e281c060700118605010101a011600f80020780a1090607040000010018036c19a117020101020142300f800862021132547698f00a01008100",
    "624c4804000000016b1e281c060700118605010101a011600f80020780a1090607040000010014036c24a12202010102012f301a0407919471103254760407919471016700000a010180010c8600",
    "64414904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001903a203020100a305a1030201006c0da30b020101020106300302010c",
];

#[test]
fn golden_messages_read_alike() {
    for (number, golden) in (0..).zip(GOLDEN) {
        let octets: Vec<u8> = (0..golden.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&golden[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        // Theirs write all of them as they came, protocol version included.
        assert_eq!(hex(&tcap::encode(&check_ours(number, &octets)).expect("theirs write")), *golden);
    }
}
