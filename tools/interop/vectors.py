"""Vectors of MAP and TCAP by pycrate: what every operation's argument and result, every error's parameter, every dialogue PDU and every kind of
TCAP message look like, with their values; and what strangers say in dialogues that are not theirs, in SCCP. Deterministic: vectors.py writes the
files, vectors.py --check compares them.

A vector a line, in parts between tabs: version, name, kind (arg, res, err, dialogue or message), form of the lengths (def, indef or long: X.690
8.1.3), octets in hexadecimal, and the values, `path=value` with `;` between them (`-` if there are none)."""
import sys
from pathlib import Path
from random import Random

from pycrate_asn1dir import MAP, MAPv2
from pycrate_asn1dir.TCAP_MAPv2v3 import DialoguePDUs, TCAP_MAP_Messages, UnidialoguePDUs
from pycrate_asn1rt.codecs import ASN1CodecBER
from pycrate_mobile.SCCP import SCCPUnitData, SCCPUnitDataService

import tshark_judge
from asn1_values import Maker, tbcd, told
from sms import bcd

ROOT = Path(__file__).resolve().parents[2]
FILES = {"map": ROOT / "src/proto/map/tests/vectors.txt", "tcap": ROOT / "src/proto/tcap/tests/vectors.txt", "strangers": ROOT / "src/stack/ss7/tests/strangers.txt"}
LIMIT = 250_000
TCAP = TCAP_MAP_Messages.TCAP_MAP_Message

SHORT_MESSAGE = ["mo-ForwardSM", "mt-ForwardSM", "sendRoutingInfoForSM", "reportSM-DeliveryStatus", "readyForSM", "alertServiceCentre", "informServiceCentre"]
MOBILE = ["updateLocation", "cancelLocation", "noteSubscriberDataModified", "insertSubscriberData", "deleteSubscriberData", "updateGprsLocation", "reset", "sendAuthenticationInfo", "restoreData", "anyTimeModification", "purgeMS"]
# Of a version's operations: pycrate knows versions 1 and 2 as one, so what only one of them has is left out here; + is what it always has.
OF_VERSION_2 = {
    "forwardSM": [], "sendRoutingInfoForSM": ["teleservice", "mwd-Set"], "reportSM-DeliveryStatus": ["+sm-DeliveryOutcome"], "alertServiceCentre": [], "readyForSM": [], "informServiceCentre": [],
    "updateLocation": [], "cancelLocation": [], "insertSubscriberData": [], "deleteSubscriberData": [], "sendAuthenticationInfo": [], "purgeMS": [], "restoreData": [], "reset": ["networkResource"],
}
OF_VERSION_1 = {
    "forwardSM": [], "sendRoutingInfoForSM": [], "reportSM-DeliveryStatus": ["sm-DeliveryOutcome"], "alertServiceCentreWithoutResult": [], "noteSubscriberPresent": [],
    "updateLocation": [], "cancelLocation": [], "sendParameters": [], "reset": [],
}
# The errors of PROTOCOLS.md 7.4 in the names of TS 29.002.
ERRORS = [
    "unknownSubscriber", "unidentifiedSubscriber", "absentSubscriberSM", "roamingNotAllowed", "illegalSubscriber", "teleserviceNotProvisioned", "illegalEquipment", "callBarred",
    "facilityNotSupported", "absentSubscriber", "subscriberBusyForMT-SMS", "sm-DeliveryFailure", "messageWaitingListFull", "systemFailure", "dataMissing", "unexpectedDataValue",
    "resourceLimitation", "atm-NotAllowed", "informationNotAvailable",
]
# Parameters of errors that a version has not, or elements of them.
NOT_OF_VERSION_3 = {}
NOT_OF_VERSION_2 = {"absentSubscriber": ["value"], "sm-DeliveryFailure": ["sm-EnumeratedDeliveryFailureCause"]}
NOT_OF_VERSION_1 = {"sm-DeliveryFailure": ["sm-DeliveryFailureCauseWithDiagnostic"]}


def of_name(module, name):
    return getattr(module, name.replace("-", "_"))._val


def subjects():
    """Version, name, kind, type, elements to leave out, and how many random vectors: all that there is to encode in MAP."""
    for module, names, count in ((MAP.MAP_ShortMessageServiceOperations, SHORT_MESSAGE, 9), (MAP.MAP_MobileServiceOperations, MOBILE, 5)):
        for name in names:
            for kind, key in (("arg", "ArgumentType"), ("res", "ResultType")):
                if key in of_name(module, name):
                    yield 3, name, kind, of_name(module, name)[key], [], count
    for version, operations in ((2, OF_VERSION_2), (1, OF_VERSION_1)):
        for name, without in operations.items():
            modules = (MAPv2.MAPv2_ShortMessageServiceOperations, MAPv2.MAPv2_MobileServiceOperations)
            module = next(module for module in modules if hasattr(module, name.replace("-", "_")))
            for kind, key in (("arg", "ArgumentType"), ("res", "ResultType")):
                if key in of_name(module, name):
                    yield version, name, kind, of_name(module, name)[key], without, 4
    for version, module, without in ((3, MAP.MAP_Errors, NOT_OF_VERSION_3), (2, MAPv2.MAPv2_Errors, NOT_OF_VERSION_2), (1, MAPv2.MAPv2_Errors, NOT_OF_VERSION_1)):
        for name in ERRORS:
            known = hasattr(module, name.replace("-", "_")) and "ParameterType" in of_name(module, name)
            if known and without.get(name) != ["value"]:
                yield version, name, "err", of_name(module, name)["ParameterType"], without.get(name, []), 4
    yield 3, "MAP-DialoguePDU", "dialogue", MAP.MAP_DialogueInformation.MAP_DialoguePDU, [], 16


class Form:
    """The lengths that pycrate writes meanwhile."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        ASN1CodecBER.ENC_LUNDEF = self.name == "indef"
        ASN1CodecBER.ENC_LLONG = 2 if self.name == "long" else 0

    def __exit__(self, *_):
        ASN1CodecBER.ENC_LUNDEF, ASN1CodecBER.ENC_LLONG = False, 0


def encode(asn1, value, form):
    """BER in a form; decoded again, it must be the same value."""
    with Form(form):
        asn1.set_val(value)
        octets = asn1.to_ber()
    asn1.from_ber(octets)
    again = told(asn1, asn1.get_val())
    if again != told(asn1, value):
        raise SystemExit(f"vectors: pycrate reads {octets.hex()} as {again}, not as {told(asn1, value)}")
    return octets


def line(version, name, kind, form, octets, values):
    return "\t".join([str(version), name, kind, form, octets.hex(), ";".join(values) or "-"])


def wrap(tag, *contents):
    contents = b"".join(contents)
    length = bytes([len(contents)]) if len(contents) < 0x80 else bytes([0x82]) + len(contents).to_bytes(2, "big")
    return bytes([tag]) + length + contents


def external(pdu):
    """The EXTERNAL in which a MAP dialogue PDU stands (TS 29.002 17.4)."""
    return wrap(0x28, bytes.fromhex("060704000001010101"), wrap(0xA0, pdu))


def map_vectors():
    for version, name, kind, asn1, without, count in subjects():
        random = Random(f"{version} {name} {kind}")
        likely = [lambda depth: 0, lambda depth: 1 if depth < 2 else 0] + [lambda depth: 0.45 / (1 + depth)] * count
        seen = set()
        for at, optional in enumerate(likely):
            form = "def" if at < 2 else random.choice(["def"] * 5 + ["indef", "indef", "long"])
            value = Maker(random, optional, without).value(asn1)
            octets = encode(asn1, value, form)
            if octets in seen or len(octets) > 900:
                continue
            seen.add(octets)
            yield line(version, name, kind, form, external(octets) if kind == "dialogue" else octets, told(asn1, value))


# TCAP.

AS_ID, UNIDIALOGUE_AS_ID = (0, 0, 17, 773, 1, 1, 1), (0, 0, 17, 773, 1, 2, 1)
MAP_AS_ID = (0, 4, 0, 0, 1, 1, 1, 1)
# Operations by application context.
OPERATIONS = {20: ["sendRoutingInfoForSM", "reportSM-DeliveryStatus"], 21: ["mo-ForwardSM"], 24: ["readyForSM"], 25: ["mt-ForwardSM"]}
KINDS = {"unidirectional": (), "begin": ("otid",), "continue": ("otid", "dtid"), "end": ("dtid",), "abort": ("dtid",)}


def contents(octets):
    """Contents of the one element in `octets`."""
    at = 2 + (octets[1] & 0x7F if octets[1] > 0x80 else 0)
    return octets[at:-2] if octets[1] == 0x80 else octets[at:]


def user_information(random):
    reference = tbcd("".join(random.choice("0123456789") for _ in range(11)))
    pdu = random.choice([("map-open", {"destinationReference": b"\x91" + reference}), ("map-accept", {}), ("map-close", {}), ("map-refuse", {"reason": "noReasonGiven"})])
    return [{"direct-reference": MAP_AS_ID, "encoding": ("single-ASN1-type", ("MAP-DialoguePDU", pdu))}]


def dialogue(random, kind, context, form):
    """A dialogue portion for a kind of message, and what it says."""
    pdus = {"begin": ["AARQ"], "unidirectional": ["AUDT"], "abort": ["AARE", "ABRT"]}.get(kind, ["AARE"])
    pdu = random.choice(pdus)
    asn1 = {"AARQ": DialoguePDUs.AARQ_apdu, "AARE": DialoguePDUs.AARE_apdu, "ABRT": DialoguePDUs.ABRT_apdu, "AUDT": UnidialoguePDUs.AUDT_apdu}[pdu]
    value, says = {}, [f"dialogue={pdu}"]
    if pdu == "ABRT":
        value["abort-source"] = random.choice([0, 1])
        says.append(f"dialogue.abort-source={value['abort-source']}")
    else:
        context = (0, 4, 0, 0, 1, 0, context, random.choice([1, 2, 3, 3]))
        value["application-context-name"] = context
        says.append(f"dialogue.application-context-name={'.'.join(map(str, context))}")
        if random.random() < 0.5:
            value["protocol-version"] = (1, 1)
        if pdu == "AARE":
            result = 1 if kind == "abort" else 0
            source, code = random.choice([("dialogue-service-user", random.choice([0, 1, 2])), ("dialogue-service-provider", random.choice([0, 1, 2]))])
            value |= {"result": result, "result-source-diagnostic": (source, code)}
            says += [f"dialogue.result={result}", f"dialogue.{source}={code}"]
    if random.random() < 0.5:
        value["user-information"] = user_information(random)
        part = asn1._cont["user-information"]
        with Form(form):
            part.set_val(value["user-information"])
            says.append(f"dialogue.user-information={contents(part.to_ber()).hex()}")
    if pdu == "AUDT":
        return {"direct-reference": UNIDIALOGUE_AS_ID, "encoding": ("single-ASN1-type", ("UniDialoguePDU", ("unidialoguePDU", value)))}, says
    choice = {"AARQ": "dialogueRequest", "AARE": "dialogueResponse", "ABRT": "dialogueAbort"}[pdu]
    return {"direct-reference": AS_ID, "encoding": ("single-ASN1-type", ("DialoguePDU", (choice, value)))}, says


def bare(value):
    """A value with the names of open types alone: pycrate puts their modules in front where two have the name."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], tuple) and isinstance(value[0][0], str):
        return (value[0][-1], bare(value[1]))
    if isinstance(value, dict):
        return {name: bare(it) for name, it in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(bare(it) for it in value)
    return value


def component(random, at, context, form):
    """A component and what it says."""
    ident = random.choice([-128, -1, 0, 1, 2, 64, 127])
    path, kind = f"components[{at}]", random.choice(["invoke", "invoke", "returnResult", "returnResultNotLast", "returnError", "reject"])
    value, says = {"invokeId": ("present", ident)}, [f"{path}={kind}", f"{path}.invokeId={ident}"]

    def filled(asn1, name):
        made = Maker(random, lambda depth: 0.3 / (1 + depth)).value(asn1)
        with Form(form):
            asn1.set_val(made)
            says.append(f"{path}.{name}={asn1.to_ber().hex()}")
        return (asn1._typeref.called, made)

    operation = of_name(MAP.MAP_ShortMessageServiceOperations, random.choice(OPERATIONS[context]))
    if kind == "invoke":
        if random.random() < 0.3:
            linked = random.choice([-128, 0, 5, 127])
            value["linkedId"] = ("present", linked)
            says.append(f"{path}.linkedId={linked}")
        value["opcode"] = operation["operationCode"]
        says.append(f"{path}.opcode={operation['operationCode'][1]}")
        value["argument"] = filled(operation["ArgumentType"], "argument")
    elif kind in ("returnResult", "returnResultNotLast"):
        if random.random() < 0.8:
            says.append(f"{path}.opcode={operation['operationCode'][1]}")
            value["result"] = {"opcode": operation["operationCode"], "result": filled(operation["ResultType"], "result")}
    elif kind == "returnError":
        error = of_name(MAP.MAP_Errors, random.choice(ERRORS))
        says.append(f"{path}.errcode={error['errorCode'][1]}")
        value["errcode"] = error["errorCode"]
        if random.random() < 0.7:
            value["parameter"] = filled(error["ParameterType"], "parameter")
    else:
        if random.random() < 0.3:
            value["invokeId"] = ("absent", 0)
            says[1] = f"{path}.invokeId=absent"
        name, most = random.choice([("general", 2), ("invoke", 7), ("returnResult", 2), ("returnError", 4)])
        code = random.randint(0, most)
        value["problem"] = (name, code)
        says.append(f"{path}.problem.{name}={code}")
    return (kind, value) if kind == "returnResultNotLast" else ("basicROS", (kind, value)), says


def message(random, kind, form):
    value, says, context = {}, [f"message={kind}"], random.choice(list(OPERATIONS))
    for ident in KINDS[kind]:
        octets = random.randbytes(random.choice([1, 2, 3, 4, 4]))
        value[ident] = octets
        says.append(f"{ident}={octets.hex()}")
    if kind == "abort":
        why = random.choice(["p", "u", "u", None])
        if why == "p":
            cause = random.randint(0, 4)
            value["reason"] = ("p-abortCause", cause)
            says.append(f"p-abortCause={cause}")
        elif why == "u":
            portion, more = dialogue(random, kind, context, form)
            value["reason"] = ("u-abortCause", portion)
            says += more
        return value, says
    if random.random() < 0.6:
        value["dialoguePortion"], more = dialogue(random, kind, context, form)
        says += more
    count = random.choice([0, 1, 1, 1, 2, 3]) if kind != "unidirectional" else random.choice([1, 2])
    components = [component(random, at, context, form) for at in range(count)]
    if components:
        value["components"] = [made for made, _ in components]
        says += [line for _, lines in components for line in lines]
    return value, says


def tcap_vectors():
    for kind in KINDS:
        random = Random(f"TCAP {kind}")
        for _ in range(16 if kind == "unidirectional" else 40):
            form = random.choice(["def"] * 3 + ["indef", "long"])
            value, says = message(random, kind, form)
            with Form(form):
                TCAP.set_val((kind, value))
                octets = TCAP.to_ber()
            TCAP.from_ber(octets)
            if bare(TCAP.get_val()) != bare((kind, value)):
                raise SystemExit(f"vectors: pycrate reads {octets.hex()} as {TCAP.get_val()}, not as {value}")
            if len(octets) <= 600:
                yield line("-", kind, "message", form, octets, says)


# TCAP of the golden vectors of PROTOCOLS.md 15: MAP operations by version, name and kind.
GOLDEN = {
    "the golden mo-ForwardSM": tshark_judge.MO_BEGIN,
    "the golden handshake": "62264804000000016b1e281c060700118605010101a011600f80020780a109060704000001001503",
    "the golden answer to a handshake": "65384804000000a14904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001503a203020100a305a103020100",
    "the golden sendRoutingInfoForSM": "624b4804000000016b1e281c060700118605010101a011600f80020780a1090607040000010014036c23a12102010102012d30198007919471103254768101ff82079194710167000087008b00",
    "the golden routing information": "645d4904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001403a203020100a305a1030201006c29a227020101302202012d301d040862021132547698f0a009810791947101990910a50602011e020178",
    "the golden anyTimeModification": "624c4804000000016b1e281c060700118605010101a011600f80020780a109060704000001002b036c24a122020101020141301aa00a800862021132547698f0810791947101990910a803800101",
    "the golden readyForSM": "62414804000000016b1e281c060700118605010101a011600f80020780a1090607040000010018036c19a117020101020142300f800862021132547698f00a01008100",
    "the golden reportSM-DeliveryStatus": "624c4804000000016b1e281c060700118605010101a011600f80020780a1090607040000010014036c24a12202010102012f301a0407919471103254760407919471016700000a010180010c8600",
    "the golden absentSubscriberSM": "64414904000000016b2a2828060700118605010101a01d611b80020780a109060704000001001903a203020100a305a1030201006c0da30b020101020106300302010c",
}


PDUS = {"dialogueRequest": "AARQ", "dialogueResponse": "AARE", "dialogueAbort": "ABRT", "unidialoguePDU": "AUDT"}


def says_of(octets):
    """What a message of definite lengths says, by pycrate."""
    TCAP.from_ber(octets)
    kind, value = TCAP.get_val()
    says = [f"message={kind}"] + [f"{ident}={value[ident].hex()}" for ident in KINDS[kind]]
    portion = value.get("dialoguePortion")
    if "reason" in value:
        why, reason = value["reason"]
        if why == "p-abortCause":
            says.append(f"p-abortCause={reason}")
        else:
            portion = reason
    if portion:
        says += said_of_dialogue(*portion["encoding"][1][1])
    for at, (choice, part) in enumerate(value.get("components", [])):
        says += said_of_component(f"components[{at}]", *(part if choice == "basicROS" else (choice, part)))
    return says


def said_of_dialogue(pdu, inside):
    says = [f"dialogue={PDUS[pdu]}"]
    if "application-context-name" in inside:
        says.append(f"dialogue.application-context-name={'.'.join(map(str, inside['application-context-name']))}")
    if "result-source-diagnostic" in inside:
        source, code = inside["result-source-diagnostic"]
        says += [f"dialogue.result={inside['result']}", f"dialogue.{source}={code}"]
    if "abort-source" in inside:
        says.append(f"dialogue.abort-source={inside['abort-source']}")
    if "user-information" in inside:
        part = DialoguePDUs.AARQ_apdu._cont["user-information"]
        part.set_val(inside["user-information"])
        says.append(f"dialogue.user-information={contents(part.to_ber()).hex()}")
    return says


def said_of_component(path, kind, part):
    choice, ident = part["invokeId"]
    says = [f"{path}={kind}", f"{path}.invokeId={ident if choice == 'present' else 'absent'}"]
    if "linkedId" in part:
        says.append(f"{path}.linkedId={part['linkedId'][1]}")
    if "problem" in part:
        name, code = part["problem"]
        says.append(f"{path}.problem.{name}={code}")
    filled = part.get("result", part)
    says += [f"{path}.{code}={filled[code][1]}" for code in ("opcode", "errcode") if code in filled]
    for name in ("argument", "result", "parameter"):
        if isinstance(filled.get(name), tuple):
            says.append(f"{path}.{name}={of_content(filled[name]).hex()}")
    return says


def of_content(content):
    """BER of an argument, result or parameter, by its type's name."""
    for module in (MAP.MAP_SM_DataTypes, MAP.MAP_MS_DataTypes, MAP.MAP_ER_DataTypes):
        asn1 = getattr(module, bare(content)[0].replace("-", "_"), None)
        if asn1 is not None:
            asn1.set_val(content[1])
            return asn1.to_ber()
    raise SystemExit(f"vectors: no type {content[0]}")


def golden_contents():
    """The arguments, results and parameters in the golden vectors, as vectors of MAP."""
    for octets in map(bytes.fromhex, GOLDEN.values()):
        TCAP.from_ber(octets)
        for _, (kind, part) in TCAP.get_val()[1].get("components", []):
            if kind == "returnError":
                name, code, content, key = "err", part["errcode"][1], part["parameter"], "ParameterType"
                names, modules = ERRORS, [MAP.MAP_Errors]
            else:
                name, filled, key = {"invoke": ("arg", part, "ArgumentType"), "returnResult": ("res", part.get("result"), "ResultType")}[kind]
                code, content = filled["opcode"][1], filled["argument" if name == "arg" else "result"]
                names, modules = SHORT_MESSAGE + MOBILE, [MAP.MAP_ShortMessageServiceOperations, MAP.MAP_MobileServiceOperations]
            found = [(title, of_name(module, title)) for module in modules for title in names if hasattr(module, title.replace("-", "_"))]
            title, asn1 = next((title, it[key]) for title, it in found if it.get("operationCode", it.get("errorCode")) == ("local", code))
            yield line(3, title, name, "def", encode(asn1, content[1], "def"), told(asn1, content[1]))


# The gateway and the HLR that the strangers say they are, with their subsystems; the transaction id that is to be replaced, and one of theirs.
GATEWAY, HLR, NOBODY, THEIRS = ("491710999001", 149), ("491710888001", 6), bytes.fromhex("5a3c9e71"), bytes.fromhex("abcdef01")
UPDATE_GPRS_LOCATION, UPDATE_GPRS_LOCATION_CONTEXT = 23, (0, 4, 0, 0, 1, 0, 32, 3)


def party(digits, ssn):
    """An address that is routed on its title."""
    title = {"TranslationType": 0, "NumberingPlan": 1, "EncodingScheme": 1 if len(digits) % 2 else 2, "NAI": 4, "Addr": bcd(digits, 0)}
    return {"Value": {"AddrInd": {"RoutingInd": 0, "GTInd": 4, "SSNInd": 1, "PCInd": 0}, "SSN": ssn, "GT": title}}


def stranger_vectors():
    """A name and a UDT or UDTS, in hexadecimal, that ends, continues, answers or aborts a dialogue of the gateway, or returns what it has sent."""
    accepted = {"application-context-name": UPDATE_GPRS_LOCATION_CONTEXT, "result": 0, "result-source-diagnostic": ("dialogue-service-user", 0)}
    portion = {"direct-reference": AS_ID, "encoding": ("single-ASN1-type", ("DialoguePDU", ("dialogueResponse", accepted)))}
    updated = {"opcode": ("local", UPDATE_GPRS_LOCATION), "result": ("UpdateGprsLocationRes", {"hlr-Number": b"\x91" + bcd(HLR[0])})}
    result = [("basicROS", ("returnResult", {"invokeId": ("present", 1), "result": updated}))]
    failed = [("basicROS", ("returnError", {"invokeId": ("present", 1), "errcode": ("local", 34)}))]
    dtid, both = {"dtid": NOBODY}, {"otid": THEIRS, "dtid": NOBODY}
    messages = {
        "end": ("end", dtid),
        "continue": ("continue", both),
        "answer": ("end", {**dtid, "dialoguePortion": portion, "components": result}),
        "answer-of-an-answered": ("end", {**dtid, "components": result}),
        "answer-and-continue": ("continue", {**both, "dialoguePortion": portion, "components": result}),
        "error": ("end", {**dtid, "dialoguePortion": portion, "components": failed}),
        "abort": ("abort", {**dtid, "reason": ("p-abortCause", 1)}),
        "returned": ("continue", {"otid": NOBODY, "dtid": THEIRS}),
    }
    for name, message in messages.items():
        TCAP.set_val(message)
        around = {"CalledPartyAddr": party(*GATEWAY), "CallingPartyAddr": party(*HLR), "Data": {"Value": TCAP.to_ber()}}
        if name == "returned":
            unit = SCCPUnitDataService(val={"RetCause": 1, **around})
        else:
            unit = SCCPUnitData(val={"ProtocolClass": {"Handling": 0, "Class": 1}, **around})
        yield f"{name}\t{unit.to_bytes().hex()}"


def files():
    """The text of each file, by name."""
    head = "# Generated by tools/interop/vectors.py with pycrate 0.8.1, which says there what the parts are.\n"
    lines = {
        "map": [*golden_contents(), *map_vectors()],
        "tcap": [*[line("-", name.replace(" ", "-"), "message", "def", octets, says_of(octets)) for name, octets in ((name, bytes.fromhex(text)) for name, text in GOLDEN.items())], *tcap_vectors()],
        "strangers": list(stranger_vectors()),
    }
    return {name: head + "".join(f"{it}\n" for it in all_of_it) for name, all_of_it in lines.items()}


def main(arguments):
    failed = 0
    for name, text in files().items():
        if len(text) > LIMIT:
            raise SystemExit(f"vectors: {len(text)} octets for {FILES[name]}, more than {LIMIT}")
        if arguments == ["--check"]:
            same = FILES[name].exists() and FILES[name].read_text() == text
            failed += not same
            print(f"{'ok  ' if same else 'FAIL'} vectors: {FILES[name].relative_to(ROOT)} is what pycrate writes ({text.count(chr(10)) - 1} vectors)")
        else:
            FILES[name].parent.mkdir(exist_ok=True)
            FILES[name].write_text(text)
    if arguments == ["--check"]:
        print(f"{len(FILES) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: vectors.py [--check]")
    sys.exit(bool(main(sys.argv[1:])))
