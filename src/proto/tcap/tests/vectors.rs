//! What pycrate wrote (`vectors.txt`, by `tools/interop/vectors.py`) reads here to what it tells, and is written in the
//! same octets, as far as we write such messages; what we write (`ours.txt`) is for `tools/interop/codec_judge.py`.

use super::super::build;
use super::*;
use crate::codec::ber;

const VECTORS: &str = include_str!("vectors.txt");
const OURS_OF_MAP: &str = include_str!("../../map/tests/ours.txt");

/// Name, form, octets and values of a vector.
fn vectors() -> impl Iterator<Item = (&'static str, &'static str, Vec<u8>, Vec<&'static str>)> {
    VECTORS.lines().skip(1).map(|line| {
        let parts: Vec<_> = line.split('\t').collect();
        let &[_, name, _, form, octets, values] = parts.as_slice() else { panic!("{line}") };
        (name, form, hex(octets), values.split(';').collect())
    })
}

fn in_hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The numbers of an object identifier whose first is 0 or 1.
fn dotted(value: &[u8]) -> String {
    let mut numbers = vec![u32::from(value[0]) / 40, u32::from(value[0]) % 40];
    let mut number = 0;
    for octet in &value[1..] {
        number = number << 7 | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            numbers.push(core::mem::take(&mut number));
        }
    }
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

/// What a message says, in the words of the vectors.
fn told(bytes: &[u8]) -> Vec<String> {
    let message = Message::parse(bytes).unwrap();
    let kind = match message.message_type {
        MessageType::Unidirectional => "unidirectional",
        MessageType::Begin => "begin",
        MessageType::Continue => "continue",
        MessageType::End => "end",
        MessageType::Abort => "abort",
        MessageType::Unrecognised => unreachable!(),
    };
    let mut told = vec![format!("message={kind}")];
    for (name, id) in [("otid", message.otid), ("dtid", message.dtid)] {
        told.extend(id.map(|id| format!("{name}={}", in_hex(id.as_bytes()))));
    }
    told.extend(message.p_abort.map(|cause| format!("p-abortCause={cause}")));
    if let Some(portion) = message.dialogue {
        tell_dialogue(portion, &mut told);
    }
    for (at, component) in message.components.enumerate() {
        tell_component(component, &format!("components[{at}]"), &mut told);
    }
    told
}

fn tell_dialogue(portion: DialoguePortion<'_>, told: &mut Vec<String>) {
    let context = |value: &[u8]| format!("dialogue.application-context-name={}", dotted(value));
    let information = match portion {
        DialoguePortion::Request { version1, application_context, user_information } => {
            assert!(version1);
            told.extend(["dialogue=AARQ".to_string(), context(application_context)]);
            user_information
        }
        DialoguePortion::Response { application_context, accepted, diagnostic, user_information } => {
            let (source, code) = match diagnostic {
                Diagnostic::User(code) => ("user", code),
                Diagnostic::Provider(code) => ("provider", code),
            };
            told.extend(["dialogue=AARE".to_string(), context(application_context)]);
            told.push(format!("dialogue.result={}", u8::from(!accepted)));
            told.push(format!("dialogue.dialogue-service-{source}={code}"));
            user_information
        }
        DialoguePortion::Unidirectional { version1, application_context, user_information } => {
            assert!(version1);
            told.extend(["dialogue=AUDT".to_string(), context(application_context)]);
            user_information
        }
        DialoguePortion::Abort { by_provider, user_information } => {
            told.push("dialogue=ABRT".to_string());
            told.push(format!("dialogue.abort-source={}", u8::from(by_provider)));
            user_information
        }
        DialoguePortion::Abnormal => panic!("a dialogue portion is refused"),
    };
    told.extend(information.map(|octets| format!("dialogue.user-information={}", in_hex(octets))));
}

fn tell_component(component: Component<'_>, path: &str, told: &mut Vec<String>) {
    let code = |name: &str, code: Code<'_>| match code {
        Code::Local(code) => format!("{path}.{name}={code}"),
        Code::Other(octets) => panic!("{octets:?}"),
    };
    let (kind, id, rest) = match component {
        Component::Invoke { id, linked, opcode, argument } => {
            let linked = linked.map(|linked| format!("{path}.linkedId={linked}"));
            let rest =
                linked.into_iter().chain([code("opcode", opcode), element(path, "argument", argument)]);
            ("invoke", Some(id), rest.collect())
        }
        Component::ResultLast { id, opcode, result } | Component::ResultNotLast { id, opcode, result } => {
            let last = matches!(component, Component::ResultLast { .. });
            let opcode = opcode.map(|opcode| code("opcode", opcode));
            let kind = if last { "returnResult" } else { "returnResultNotLast" };
            (kind, Some(id), opcode.into_iter().chain([element(path, "result", result)]).collect())
        }
        Component::Error { id, code: error, parameter } => {
            ("returnError", Some(id), vec![code("errcode", error), element(path, "parameter", parameter)])
        }
        Component::Reject { id, problem } => {
            let (name, code) = match problem {
                Problem::General(code) => ("general", code),
                Problem::Invoke(code) => ("invoke", code),
                Problem::ReturnResult(code) => ("returnResult", code),
                Problem::ReturnError(code) => ("returnError", code),
            };
            ("reject", id, vec![format!("{path}.problem.{name}={code}")])
        }
        Component::Malformed { .. } => panic!("{component:?}"),
    };
    let id = id.map_or("absent".to_string(), |id| id.to_string());
    told.extend([format!("{path}={kind}"), format!("{path}.invokeId={id}")]);
    told.extend(rest.into_iter().filter(|line: &String| !line.is_empty()));
}

/// An argument, result or parameter; nothing if it is empty.
fn element(path: &str, name: &str, octets: &[u8]) -> String {
    if octets.is_empty() { String::new() } else { format!("{path}.{name}={}", in_hex(octets)) }
}

#[test]
fn vectors_are_read_to_their_values() {
    for (name, _, octets, values) in vectors() {
        assert_eq!(told(&octets), values, "{name} {}", in_hex(&octets));
    }
}

/// Writes a component in front; `None` if it is one of those that we never send.
fn write_component(w: &mut Prepend<'_>, component: Component<'_>) -> Option<()> {
    let mark = w.len();
    match component {
        Component::Invoke { id, linked, opcode, argument } => {
            w.bytes(argument);
            build::invoke_linked(w, mark, id, linked, opcode);
        }
        Component::ResultNotLast { id, opcode: Some(opcode), result } => {
            w.bytes(result);
            build::result_not_last(w, mark, id, opcode);
        }
        Component::ResultLast { id, opcode, result } => {
            w.bytes(result);
            let opcode = match opcode {
                Some(Code::Local(opcode)) => Some(opcode),
                Some(Code::Other(_)) => return None,
                None => None,
            };
            build::result_last(w, mark, id, opcode);
        }
        Component::Error { id, code: Code::Local(code), parameter } => {
            w.bytes(parameter);
            build::error(w, mark, id, code);
        }
        Component::Reject { id, problem } => build::reject(w, id, problem),
        _ => return None,
    }
    Some(())
}

/// The same message by our writer; `None` if it is one of those that we never send.
fn written_again(message: &Message<'_>) -> Option<Vec<u8>> {
    if message.message_type == MessageType::Abort {
        let to = message.dtid?;
        let (reason, information) = match (message.p_abort, message.dialogue) {
            (Some(cause), _) => (RefusalReason::Provider(cause), None),
            (None, None) => (RefusalReason::Bare, None),
            (_, Some(DialoguePortion::Abort { by_provider: false, user_information })) => {
                (RefusalReason::User, user_information)
            }
            (_, Some(DialoguePortion::Abort { user_information: None, .. })) => {
                (RefusalReason::DialogueProvider, None)
            }
            (
                _,
                Some(DialoguePortion::Response { application_context, diagnostic, user_information, .. }),
            ) => (RefusalReason::Rejected { application_context, diagnostic }, user_information),
            _ => return None,
        };
        return Some(written(|w| build::refusal(w, &Refusal { to, reason, malformed: None }, information)));
    }
    let mut buffer = [0; 900];
    let mut w = Prepend::new(&mut buffer);
    let components: Vec<_> = message.components.clone().collect();
    for component in components.iter().rev() {
        write_component(&mut w, *component)?;
    }
    if message.message_type == MessageType::Unidirectional {
        let (context, information) = match message.dialogue {
            None => (&[][..], None),
            Some(DialoguePortion::Unidirectional { application_context, user_information, .. }) => {
                (application_context, user_information)
            }
            Some(_) => return None,
        };
        build::unidirectional(&mut w, 0, context, information);
        return w.finish().map(<[u8]>::to_vec);
    }
    if !components.is_empty() {
        ber::wrap(&mut w, 0x6c, 0);
    }
    match message.dialogue {
        Some(DialoguePortion::Request { application_context, user_information, .. }) => {
            build::request(&mut w, application_context, user_information);
        }
        // The only positive answer that we give is user(0).
        Some(DialoguePortion::Response {
            application_context,
            diagnostic: Diagnostic::User(0),
            user_information,
            ..
        }) => {
            build::response(&mut w, application_context, None, user_information);
        }
        None => {}
        Some(_) => return None,
    }
    for (tag, id) in [(0x49, message.dtid), (0x48, message.otid)] {
        if let Some(id) = id {
            build::transaction_id(&mut w, tag, id);
        }
    }
    let tag = match message.message_type {
        MessageType::Begin => 0x62,
        MessageType::Continue => 0x65,
        MessageType::End => 0x64,
        _ => return None,
    };
    ber::wrap(&mut w, tag, 0);
    w.finish().map(<[u8]>::to_vec)
}

/// A vector without the protocol version, which we leave out, has nothing that we would write otherwise.
fn has_version(octets: &[u8]) -> bool {
    octets.windows(4).any(|four| four == [0x80, 0x02, 0x07, 0x80])
}

#[test]
fn what_was_read_is_written_in_the_same_octets() {
    let mut compared = 0;
    for (name, form, octets, values) in vectors() {
        let Some(again) = written_again(&Message::parse(&octets).unwrap()) else { continue };
        if form == "def" && !has_version(&octets) {
            assert_eq!(in_hex(&again), in_hex(&octets), "{name}");
            compared += 1;
        }
        assert_eq!(told(&again), values, "{name}");
    }
    assert!(compared > 50, "only {compared} vectors have nothing that we never send");
}

/// A message around what MAP writes: an argument in a Begin, a result or an error in an End.
fn around(name: &str, kind: &str, octets: &[u8]) -> Option<Vec<u8>> {
    let context = |context, version| [4, 0, 0, 1, 0, context, version];
    let (context, opcode) = match name {
        "mo-ForwardSM" => (context(21, 3), 46),
        "mt-ForwardSM" => (context(25, 3), 44),
        "sendRoutingInfoForSM" => (context(20, 3), 45),
        "reportSM-DeliveryStatus" => (context(20, 3), 47),
        "informServiceCentre" => (context(20, 3), 63),
        "readyForSM" => (context(24, 3), 66),
        "alertServiceCentre" => (context(23, 2), 64),
        "updateLocation" => (context(1, 3), 2),
        "cancelLocation" => (context(2, 3), 3),
        "insertSubscriberData" => (context(16, 3), 7),
        "deleteSubscriberData" => (context(16, 3), 8),
        "updateGprsLocation" => (context(32, 3), 23),
        "reset" => (context(10, 3), 37),
        "sendAuthenticationInfo" => (context(14, 3), 56),
        "anyTimeModification" => (context(43, 3), 65),
        "purgeMS" => (context(27, 3), 67),
        "absentSubscriberSM" => (context(25, 3), 6),
        "sm-DeliveryFailure" => (context(25, 3), 32),
        "systemFailure" => (context(25, 3), 34),
        "unknownSubscriber" => (context(20, 3), 1),
        "callBarred" => (context(20, 3), 13),
        _ => return None,
    };
    let id = |octets: &[u8]| TransactionId::new(octets).unwrap();
    Some(written(|w| {
        w.bytes(octets);
        match kind {
            "arg" => build::invoke(w, 0, 1, opcode),
            "res" => build::result_last(w, 0, 1, Some(opcode)),
            _ => build::error(w, 0, 1, opcode),
        }
        ber::wrap(w, 0x6c, 0);
        match kind {
            "arg" => build::request(w, &context, None),
            _ => build::response(w, &context, None, None),
        }
        match kind {
            "arg" => build::transaction_id(w, 0x48, id(&[0, 0, 0, 1])),
            _ => build::transaction_id(w, 0x49, id(&[1])),
        }
        ber::wrap(w, if kind == "arg" { 0x62 } else { 0x64 }, 0);
    }))
}

fn row(name: &str, octets: &[u8]) -> String {
    format!("-\t{name}\tmessage\tdef\t{}\t{}\n", in_hex(octets), told(octets).join(";"))
}

/// Every vector that we could have sent, by our writer, and what MAP writes of version 3 in messages.
fn ours() -> String {
    let mut ours = String::from(
        "# What we write of the vectors, by the test ours_are_up_to_date (IPSMGW_BLESS=1 renews it); for codec_judge.py.\n",
    );
    // Arguments and user information in other forms would not be ours.
    for (name, _, octets, _) in vectors().filter(|(_, form, _, _)| *form == "def") {
        let again = written_again(&Message::parse(&octets).unwrap());
        ours.extend(again.map(|octets| row(name, &octets)));
    }
    for line in OURS_OF_MAP.lines().skip(1) {
        let parts: Vec<_> = line.split('\t').collect();
        if parts[0] == "3" || parts[1] == "alertServiceCentre" {
            ours.extend(around(parts[1], parts[2], &hex(parts[4])).map(|octets| row(parts[1], &octets)));
        }
    }
    ours
}

#[test]
fn ours_are_up_to_date() {
    let ours = ours();
    if std::env::var_os("IPSMGW_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/proto/tcap/tests/ours.txt");
        std::fs::write(path, &ours).unwrap();
        return;
    }
    assert!(
        ours == include_str!("ours.txt"),
        "src/proto/tcap/tests/ours.txt is not what we write: IPSMGW_BLESS=1"
    );
}
