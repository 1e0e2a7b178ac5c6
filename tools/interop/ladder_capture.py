"""What a capture of the core network in a box says, as tshark dissects it: SIP messages and MAP components in their order, each between two nodes."""
import re
import subprocess
import xml.etree.ElementTree as etree
from dataclasses import dataclass, field

# What of SIP is looked at, by tshark's names; a header that comes several times is a list.
HEADERS = {
    "sip.r-uri": "Request-URI",
    "sip.from.addr": "From",
    "sip.to.addr": "To",
    "sip.Contact": "Contact",
    "sip.Expires": "Expires",
    "sip.Call-ID": "Call-ID",
    "sip.CSeq.seq": "CSeq",
    "sip.In-Reply-To": "In-Reply-To",
    "sip.Request-Disposition": "Request-Disposition",
    "sip.Accept-Contact": "Accept-Contact",
    "sip.pai.addr": "P-Asserted-Identity",
    "sip.P-Associated-URI": "P-Associated-URI",
    "sip.P-Access-Network-Info": "P-Access-Network-Info",
    "sip.Route.uri": "Route",
    "sip.Event": "Event",
    "sip.Content-Type": "Content-Type",
    "sip.auth.username": "username",
    "sip.auth.digest.response": "response",
    "sip.auth.algorithm": "algorithm",
    "sip.auth.nonce": "nonce",
    "gsm_a.rp.rp_message_reference": "RP-MR",
    "gsm_a.rp.tpdu": "TPDU",
    "gsm_sms.tp-oa": "TP-OA",
    "gsm_sms.sms_body": "TP-UD",
}
# Documents whose elements tshark names.
XML = ("reginfo.", "presence.")
CONTEXT = "tcap.application_context_name"
# How numbers are spelt, and what stands around components.
NOISE = ("gsm_old.", "gsm_map.old.", "e164.", "e212.", "ber.", "gsm_map.extension", "gsm_map.nature_of_number", "gsm_map.number_plan")
KINDS = {"invoke": "", "returnResultLast": " result", "returnError": " error", "reject": " reject"}


@dataclass
class Event:
    """One message between two nodes: its name, and its fields by theirs."""

    at: float
    source: str
    destination: str
    name: str
    fields: dict = field(default_factory=dict)
    # Events of one dialogue or transaction have the same.
    dialogue: object = None

    def __str__(self):
        return f"{self.name} from {self.source} to {self.destination}"


def put(fields, name, value):
    """A field that has come before becomes a list."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    elif fields[name] != value:
        fields[name] = [fields[name], value]


def plain(octets):
    return octets.replace(":", "")


def inside(proto, embedded=False):
    """All fields of a SIP message, and whether they are of another one in its body."""
    for it in proto:
        yield it, embedded
        yield from inside(it, embedded or it.get("name") == "sip")


def sip(message):
    """Name and fields of a SIP message with what is in it."""
    fields, method, status = {}, None, None
    for it, embedded in inside(message):
        name, show, said = it.get("name", ""), it.get("show", ""), it.get("showname", "")
        if embedded:
            if name == "sip.auth.username":
                fields["embedded username"] = show.strip('"')
        elif name in ("sip.Method", "sip.CSeq.method"):
            method = method or show
        elif name == "sip.Status-Code":
            status = show
        elif name in HEADERS:
            put(fields, HEADERS[name], show.strip('"'))
        elif name == "gsm_a.rp.msg_type":
            fields["RP"] = re.search(r"RP-[A-Z]+", said)[0]
        elif name == "gsm_sms" and "SMS-" in said:
            fields["TP"] = re.search(r"SMS-.*", said)[0]
        elif name == "xml.cdata":
            put(fields, "XML", show.strip())
        elif name.startswith(XML):
            put(fields, "XML", f"{name.rsplit('.', 1)[-1]}={show.strip()}")
        elif address := re.match(r"RP-(Originator|Destination) Address - \((\d+)\)", show):
            fields["RP-OA" if address[1] == "Originator" else "RP-DA"] = address[2]
    if "TPDU" in fields:
        fields["TPDU"] = plain(fields["TPDU"])
    carried = f" with {fields.pop('RP')}" if "RP" in fields else ""
    return (f"{status} to {method}" if status else method + carried), fields


def parameters(element, fields):
    """The parameters of a MAP component, by their names."""
    for it in element:
        name, said = it.get("name", ""), it.get("showname", "")
        last = name.rsplit(".", 1)[-1].replace("_", "-")
        number = it.find("field[@name='e164.msisdn']")
        word = re.fullmatch(r"[\w-]+: ([\w-]+) \(\d+\)", said)
        if name == "e212.imsi":
            fields["imsi"] = it.get("show")
        elif name.startswith(NOISE):
            pass
        elif number is not None:
            fields[last] = number.get("show")
        elif last.endswith("-element"):
            fields.setdefault(last.removesuffix("-element"), True)
        elif name.startswith("gsm.map.sm.MW.Status."):
            fields[name.removeprefix("gsm.map.sm.MW.Status.")] = it.get("show") == "1"
        elif word:
            put(fields, last, word[1])
        elif last in ("sm-RP-UI", "gsnaddress-ipv4"):
            fields[last] = plain(it.get("show"))
        elif it.get("show") == "Extension Data":
            fields["extension"] = next((inner.get("value") for inner in it.iter("field") if inner.get("value")), "")
        elif name.startswith("gsm_map."):
            put(fields, last, it.get("show"))
        if last != "AuthenticationQuintuplet-element":
            parameters(it, fields)


class Dialogues:
    """Who has invoked what, by transaction ids."""

    def __init__(self):
        self.of, self.invoked, self.count = {}, {}, 0

    def find(self, tcap, source, destination):
        """The dialogue of a TCAP message."""
        told = {it.get("name"): it.get("show") for it in tcap.iter("field")}
        if "tcap.dtid" in told:
            dialogue = self.of.get((told["tcap.dtid"], destination))
        else:
            self.count += 1
            dialogue = self.count
        if "tcap.otid" in told:
            self.of[told["tcap.otid"], source] = dialogue
        return dialogue, told.get(CONTEXT), "tcap.abort_element" in told


def component(proto, dialogues, dialogue, source, destination):
    """Name and fields of a MAP component."""
    told = {it.get("name"): it for it in proto.iter("field")}
    kind = re.search(r"(\w+) \(\d+\)", told["gsm_map.old.Component"].get("showname"))[1]
    value = told.get("gsm_old.localValue")
    word = value is not None and re.search(r": ([\w-]+) \(", value.get("showname"))
    operation, invoke = word and word[1], told["gsm_old.invokeID"].get("show")
    if kind == "invoke":
        dialogues.invoked[dialogue, source, invoke] = operation
    fields = {}
    parameters(proto, fields)
    name = dialogues.invoked.get((dialogue, destination, invoke), operation) if kind != "invoke" else operation
    if kind == "returnError":
        fields["error"] = operation
    return f"{name}{KINDS.get(kind, ' ' + kind)}", fields


def ss7(packet, dialogues, at, source, destination):
    """The components of all MAP messages of a packet."""
    around, dialogue, event = {}, None, None
    for proto in packet:
        name = proto.get("name")
        if name == "sccp":
            told = {it.get("name"): it.get("show") for it in proto.iter("field")}
            around = {party: f"{told.get(f'sccp.{party}.digits')} SSN {told.get(f'sccp.{party}.ssn')}" for party in ("calling", "called")}
        elif name == "tcap":
            dialogue, context, aborted = dialogues.find(proto, source, destination)
            if aborted:
                yield Event(at, source, destination, "abort", dict(around), dialogue)
            if context:
                around["context"] = context
        elif name == "gsm_map":
            said, fields = component(proto, dialogues, dialogue, source, destination)
            event = Event(at, source, destination, said, around | fields, dialogue)
            yield event
        elif name == "gsm_sms" and event:
            event.fields["TP"] = re.search(r"SMS-.*", proto.get("showname"))[0]
            for it in proto.iter("field"):
                if it.get("name") in HEADERS:
                    event.fields[HEADERS[it.get("name")]] = it.get("show")


def read(capture, node_of):
    """All events of a capture in their order; `node_of` says whose an address is."""
    done = subprocess.run(["tshark", "-n", "-r", str(capture), "-Y", "(sip or tcap) and not icmp", "-T", "pdml"], capture_output=True, check=True)
    events, dialogues = [], Dialogues()
    for packet in etree.fromstring(done.stdout):
        told = {it.get("name"): it.get("show") for it in packet.iter("field") if it.get("name") in ("frame.time_epoch", "ip.src", "ip.dst")}
        at, source, destination = float(told["frame.time_epoch"]), node_of(told["ip.src"]), node_of(told["ip.dst"])
        message = packet.find("proto[@name='sip']")
        if message is not None:
            name, fields = sip(message)
            events.append(Event(at, source, destination, name, fields, (fields["Call-ID"], fields["CSeq"])))
        else:
            events += ss7(packet, dialogues, at, source, destination)
    return events
