"""Judgement of what surrounds an operation: M3UA, SCCP, TCAP; and bad input to each of them."""
import lab as labs
import m3ua
import map_peer
import sms
import stage as stages
from map_peer import MO_FORWARD, MO_RELAY, MT_RELAY, Address


def judge_transfer(checks, heard):
    """M3UA's protocol data."""
    transfer = heard.transfer
    checks.equal("M3UA: routing context", transfer.context, labs.ROUTING_CONTEXT)
    checks.equal("M3UA: OPC and DPC", (transfer.opc, transfer.dpc), (labs.POINT_CODE, labs.PEER_POINT_CODE))
    checks.equal("M3UA: SI, NI, MP", (transfer.si, transfer.ni, transfer.mp), (3, labs.NETWORK_INDICATOR, 0))
    checks.that("M3UA: SLS below 16", transfer.sls < 16, transfer.sls)
    checks.that("SCCP: within a SIF of 272 octets", 4 + len(transfer.data) <= 272, len(transfer.data))


def judge_begin(checks, heard, of, centre):
    """What stands around mo-forwardSM in a Begin."""
    judge_transfer(checks, heard)
    checks.equal("MO: class 1, returned on error", (heard.protocol_class, heard.return_on_error), (1, True))
    checks.equal("MO: called party is the service centre, SSN 8", heard.called, Address(8, centre))
    checks.equal("MO: calling party is the gateway's title and SSN, no point code", heard.calling, Address(stages.SSN[of.network], stages.TITLE[of.network]))
    checks.equal("MO: OTID of 4 octets", len(heard.otid), 4)
    prefix = int.from_bytes(heard.otid, "big") >> 8 * len(heard.otid) - labs.TID_PREFIX_BITS
    checks.equal("MO: OTID begins with the node's prefix", prefix, labs.TID_PREFIX)
    checks.equal("MO: application context shortMsgMO-RelayContext-v3", ((heard.dialogue or [None])[0], heard.context), ("dialogueRequest", MO_RELAY))
    kind, value = heard.component()
    checks.equal("MO: one Invoke of mo-forwardSM", (kind, value.get("opcode")), ("invoke", ("local", MO_FORWARD)))
    checks.that("MO: an invoke id and no linked id", value.get("invokeId", (0,))[0] == "present" and "linkedId" not in value, value)


def judge_backward(checks, heard, called, calling, context):
    """What stands around the first answer in a dialogue of ours."""
    judge_transfer(checks, heard)
    checks.equal("MT result: to the SMS-GMSC", heard.called, calling)
    checks.equal("MT result: from the called title and SSN, no point code", heard.calling, called)
    checks.equal("MT result: AARE echoes the context", ((heard.dialogue or [None])[0], heard.context), ("dialogueResponse", context))
    if heard.dialogue:
        checks.equal("MT result: accepted", heard.dialogue[1].get("result"), 0)


def ber(tag, *parts):
    content = b"".join(parts)
    length = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content


AARQ = bytes.fromhex("6b1a2818060700118605010101a00d600ba109060704000001001903")


async def bad_input(judge):
    """Malformed and unexpected messages get the protocol's own answer, or none; what comes next shows that nothing is stuck."""
    await bad_tcap(judge)
    await bad_components(judge)
    await bad_sccp(judge)
    await bad_m3ua(judge)


class Sender:
    """Sends TCAP octets as an SMS-GMSC would, and waits for the answer to a transaction id."""

    def __init__(self, judge):
        self.judge, self.peer = judge, judge.peer
        self.called, self.calling = Address(stages.SSN[0], stages.TITLE[0]), Address(8, "491719999")

    def send(self, tcap):
        self.peer.unitdata(self.called, self.calling, tcap)

    async def ask(self, name, make):
        otid = self.peer.otid()
        self.send(make(otid))
        return await self.peer.inbox.get(name, lambda heard: heard.dtid == otid, 10)


async def bad_tcap(judge):
    """The transaction and dialogue portions (PROTOCOLS 6.1, Q.774 3.2)."""
    checks, sender = judge.checks, Sender(judge)
    unknown = bytes.fromhex("00000001")
    begin = lambda otid, *rest: ber(0x62, ber(0x48, otid), *rest)
    for name, causes, make in [
        ("Continue for an unknown transaction", [1], lambda otid: ber(0x65, ber(0x48, otid), ber(0x49, unknown), ber(0x6C, bytes.fromhex("a20302010a")))),
        ("component portion longer than the message", [2, 3], lambda otid: ber(0x62, ber(0x48, otid), AARQ, bytes.fromhex("6c40a1050201"))),
        ("unknown message type", [0], lambda otid: ber(0x66, ber(0x48, otid))),
        ("portions out of order", [2, 3], lambda otid: begin(otid, ber(0x6C, bytes.fromhex("a106020101020147")), AARQ)),
    ]:
        heard = await sender.ask(name, make)
        checks.equal(f"bad TCAP, {name}: Abort by the provider", (heard.kind, heard.reason and heard.reason[0]), ("abort", "p-abortCause"))
        checks.within(f"bad TCAP, {name}: cause", heard.reason and heard.reason[1], causes)
    # A P-Abort would make the peer believe that we speak version 1 of MAP only (Q.774 3.2.2.1).
    for name, portion in [
        ("AARE in a Begin", "6b262824060700118605010101a0196117a109060704000001001903a203020100a305a103020100"),
        ("dialogue portion of another syntax", "6b122810060700118605010109a0056003800100"),
    ]:
        heard = await sender.ask(name, lambda otid: begin(otid, bytes.fromhex(portion)))
        dialogue = heard.dialogue or [None, {}]
        checks.equal(f"bad TCAP, {name}: Abort with ABRT", (heard.kind, dialogue[0]), ("abort", "dialogueAbort"))
        checks.equal(f"bad TCAP, {name}: by the provider", dialogue[1].get("abort-source"), 1)
    for name, octets in [
        ("End for an unknown transaction", ber(0x64, ber(0x49, unknown))),
        ("Abort for an unknown transaction", ber(0x67, ber(0x49, unknown), bytes.fromhex("4a0100"))),
        ("Begin without transaction id", ber(0x62, AARQ)),
        ("half a tag", b"\x62"),
        ("noise", judge.random.randbytes(60)),
        ("length of 4 GB", bytes.fromhex("6284ffffffff4804")),
    ]:
        before = list(judge.peer.inbox.unclaimed)
        sender.send(octets)
        await sender.ask(f"after {name}", lambda otid: ber(0x65, ber(0x48, otid), ber(0x49, unknown)))
        checks.equal(f"bad TCAP, {name}: no answer", judge.peer.inbox.unclaimed, before)
    for name, context in [("version 9", (0, 4, 0, 0, 1, 0, 25, 9)), ("of an HLR", (0, 4, 0, 0, 1, 0, 1, 3)), ("of no kind", (1, 2, 3))]:
        otid = judge.peer.begin(sender.called, sender.calling, context, map_peer.mt_forward(1, judge.subscribers[0].imsi, "4917", b"\x04" + bytes(12)))
        heard = await judge.peer.inbox.get(f"refusal of context {name}", lambda heard: heard.dtid == otid, 10)
        diagnostic = heard.dialogue and (heard.dialogue[1].get("result"), heard.dialogue[1].get("result-source-diagnostic"))
        checks.equal(f"context {name}: Abort", heard.kind, "abort")
        checks.equal(f"context {name}: AARE rejected, context not supported", diagnostic, (1, ("dialogue-service-user", 2)))
    # MAP version 1 has no dialogue portion: its first operation says what is asked for.
    heard = await sender.ask("Begin without dialogue portion", lambda otid: begin(otid, ber(0x6C, bytes.fromhex("a10802010102012e3000"))))
    kind, value = heard.component()
    checks.equal("version 1, an empty forwardSM: Reject, mistyped", (heard.kind, heard.dialogue, kind, value.get("problem")), ("end", None, "reject", ("invoke", 2)))
    heard = await sender.ask("Begin for what is not offered", lambda otid: begin(otid, ber(0x6C, bytes.fromhex("a1080201010201023000"))))
    checks.equal("version 1, an operation that is not offered: Abort", heard.kind, "abort")


async def bad_components(judge):
    """Components get a Reject (Q.774 3.2.2.2)."""
    checks, sender = judge.checks, Sender(judge)
    imsi = ber(0x80, sms.bcd(judge.subscribers[0].imsi))
    for name, problem, component in [
        ("unknown operation", [("invoke", 1)], ber(0xA1, bytes.fromhex("020105020163"), ber(0x30))),
        ("operation of another context", [("invoke", 1)], ber(0xA1, bytes.fromhex("02010502012e"), ber(0x30))),
        ("argument without SM-RP-UI", [("invoke", 2)], ber(0xA1, bytes.fromhex("02010502012c"), ber(0x30, imsi, ber(0x84, sms.international("4917"))))),
        ("argument that is no SEQUENCE", [("invoke", 2)], ber(0xA1, bytes.fromhex("02010502012c"), ber(0x04, b"abc"))),
        ("no argument", [("invoke", 2)], ber(0xA1, bytes.fromhex("02010502012c"))),
        ("unknown component", [("general", 0)], ber(0xA9, bytes.fromhex("020105"))),
        ("Invoke without operation", [("general", 1), ("general", 2)], ber(0xA1, bytes.fromhex("020105"))),
        ("result that nobody asked for", [("returnResult", 0)], ber(0xA2, bytes.fromhex("020105"))),
        ("error that nobody asked for", [("returnError", 0)], ber(0xA3, bytes.fromhex("020105020122"))),
    ]:
        heard = await sender.ask(name, lambda otid: ber(0x62, ber(0x48, otid), AARQ, ber(0x6C, component)))
        kind, value = heard.component()
        checks.equal(f"bad component, {name}: Reject", kind, "reject")
        checks.within(f"bad component, {name}: problem", value.get("problem"), problem)


async def bad_sccp(judge):
    """Subsystems and titles that nobody has; a subsystem test."""
    checks, peer, sender = judge.checks, judge.peer, Sender(judge)
    data = ber(0x62, ber(0x48, b"\1\2\3\4"), AARQ)
    for name, causes, called in [
        ("unequipped subsystem", [3, 4], Address(55, stages.TITLE[0])),
    ]:
        peer.unitdata(called, sender.calling, data)
        heard = await peer.inbox.get(name, lambda heard: heard.kind == "returned", 10)
        checks.within(f"SCCP, {name}: UDTS with cause", heard.reason, causes)
        checks.equal(f"SCCP, {name}: back to who called", heard.called, sender.calling)
        checks.equal(f"SCCP, {name}: data unchanged", heard.tcap, data)
    test = bytes.fromhex("0900030507" + "024201" + "024201" + "05" + "0308") + labs.POINT_CODE.to_bytes(2, "little") + b"\0"
    peer.send(test)
    heard = await peer.inbox.get("SST", lambda heard: heard.kind == "management", 10)
    checks.equal("SCCP: SST for SSN 8 gets SSA", heard.tcap[:2], b"\x01\x08")
    for octets in (b"\x09", b"\x09\x81\xff\xff\xff", b"\x55" + bytes(20), bytes.fromhex("0981030e19ff")):
        peer.send(octets)


async def bad_m3ua(judge):
    """Errors that RFC 4666 3.8.1 names."""
    checks, association = judge.checks, judge.peer.associations[0]
    for name, code, octets in [
        ("version 2", 1, b"\x02\x00\x03\x03\x00\x00\x00\x08"),
        ("class 7", 3, b"\x01\x00\x07\x01\x00\x00\x00\x08"),
        ("type 9 of ASPSM", 4, b"\x01\x00\x03\x09\x00\x00\x00\x08"),
    ]:
        association.socket.send(octets, 0, m3ua.PROTOCOL)
        kind, parameters = await association.inbox.get(f"ERR for {name}", lambda it: it[0] == m3ua.ERR, 10)
        checks.equal(f"bad M3UA, {name}: ERR", int.from_bytes(dict(parameters).get(0x0C, b""), "big"), code)
