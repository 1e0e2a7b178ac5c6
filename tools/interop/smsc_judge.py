"""The service centre of the core network in a box, judged by those around it: MSC, SGSN and gateway of pycrate over usrsctp, which
send messages, register at the box's HLR, and take messages or don't.

smsc_judge.py BINARY [SEED]: BINARY is the gateway's; the box's program stands beside it."""
import asyncio
import calendar
import json
import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pycrate_mobile import TS23040_SMS as tpdus

import hlr_judge
import lab as labs
import map_peer
import sms
import stage as stages
from hlr_judge import BOX, GATEWAY, MSC, SGSN, WAIT, indication
from map_peer import MO_FORWARD, MO_RELAY, MT_FORWARD, MT_RELAY, Address

SERVICE_CENTRE = "491710000099"
SMSC_POINT_CODE = 2 << 11 | 100 << 3 | 6
# What each node is called as (TS 29.002 6.1): a gateway as an MSC.
SSN = {MSC: 8, SGSN: 149, GATEWAY: 8}
MWD, READY = (24, 3), 66
# First octets of SMS-SUBMIT: TP-SRR, TP-UDHI, TP-RP; of SMS-DELIVER: TP-MMS, "no more messages" (TS 23.040 9.2.3).
SRR, UDHI, RP, NO_MORE = 0x20, 0x40, 0x80, 0x04
# An SME that is nobody's subscriber.
SME = "8613800000"
# Far longer than the run: what is not delivered by an alert is not delivered.
LONG, SHORT = [600], [1, 2]


def enhanced(seconds):
    """TP-VPF and TP-VP: so many seconds (TS 23.040 9.2.3.12.3)."""
    return 1, bytes([2, seconds, 0, 0, 0, 0, 0])


@dataclass
class Message:
    """What a subscriber writes."""

    sender: tuple
    to: str
    body: sms.Body
    reference: int
    flags: int = 0
    protocol: int = 0
    validity: tuple = (0, b"")

    def submit(self):
        """SMS-SUBMIT (TS 23.040 9.2.2.2)."""
        form, period = self.validity
        first = 0x01 | form << 3 | self.flags | (UDHI if self.body.header else 0)
        return bytes([first, self.reference]) + sms.tp_address(self.to) + bytes([self.protocol, self.body.dcs]) + period + bytes([self.body.length]) + self.body.data

    def deliver(self, timestamp, more):
        """The SMS-DELIVER that it becomes (TS 23.040 9.2.2.1)."""
        first = (0 if more else NO_MORE) | self.flags & (SRR | RP) | (UDHI if self.body.header else 0)
        return bytes([first]) + sms.tp_address(self.sender[1]) + bytes([self.protocol, self.body.dcs]) + timestamp + bytes([self.body.length]) + self.body.data


def moment(timestamp):
    """Seconds since 1970 of a TP-SCTS (TS 23.040 9.2.3.11)."""
    zone = timestamp[6]
    quarters = (zone & 7) * 10 + (zone >> 4)
    return calendar.timegm(time.strptime(sms.digits(timestamp[:6]), "%y%m%d%H%M%S")) - 900 * (-quarters if zone & 8 else quarters)


class Ledger:
    """What the mobiles here have sent and taken, as `corenet ledger` reads it."""

    def __init__(self):
        self.sent, self.received = {}, {}

    def put(self, tpdu, mobile, accepted):
        """The end of a message that a mobile has sent."""
        self.sent[sms.fingerprint(tpdu)] = {"direction": "mo", "message": sms.fingerprint(tpdu), "mobile": mobile, "outcome": "accepted" if accepted else "failed"}

    def take(self, tpdu, mobile, accepted):
        """A message that has come to a mobile, each time."""
        line = self.received.setdefault((sms.fingerprint(tpdu), mobile), {"direction": "mt", "message": sms.fingerprint(tpdu), "mobile": mobile, "accepted": 0, "refused": 0})
        line["accepted" if accepted else "refused"] += 1

    def lines(self):
        return "".join(json.dumps(line) + "\n" for line in [*self.sent.values(), *self.received.values()])


@dataclass
class Delivery:
    """An mt-forwardSM that waits for its answer, and the Begin of its dialogue, which may be another message."""

    opened: map_peer.Heard
    heard: map_peer.Heard
    msisdn: str
    tpdu: bytes

    @property
    def invoke(self):
        return self.heard.component()[1]["invokeId"][1]


class SmscJudge(hlr_judge.HlrJudge):
    """The run."""

    def __init__(self, lab, checks, seed, corenet):
        super().__init__(lab, checks, seed, corenet)
        self.centre = map_peer.MapPeer(labs.PEER_POINT_CODE, SMSC_POINT_CODE, labs.NETWORK_INDICATOR, self.random)
        self.peers.append(self.centre)
        self.reference, self.ledger = 0, Ledger()
        self.store = lab.directory / "smsc.redb"

    async def begin(self, retry, *options):
        """Starts the box with a schedule, and the associations."""
        await self.start(*options, smsc=f'[smsc]\nretry_s = {json.dumps(retry)}\nstore = "{self.store.name}"\n')
        await self.attach(self.centre, 2906, BOX)

    async def kill(self):
        """The box ends as when the power fails."""
        self.box.kill()
        await labs.until("the end of the box", lambda: self.box.poll() is not None, 15)
        for peer in self.peers:
            (association,) = peer.associations
            association.socket.break_off()
            await asyncio.wait_for(association.ended.wait(), WAIT)
            association.socket.abort()

    def message(self, sender, to, body=None, **more):
        self.reference = (self.reference + 1) % 256
        return Message(self.subscriber(sender), self.subscriber(to)[1] if isinstance(to, int) else to, body or sms.gsm7(self.random, 20), self.reference, **more)

    # Mobile originated.

    async def submit(self, what, message, node=MSC, **other):
        """mo-forwardSM at the SMS-IWMSC, sometimes after an empty Begin (TS 29.002 23.3.1): kind and value of the answer."""
        checks, peer = self.checks, self.centre
        told = {"centre": SERVICE_CENTRE, "imsi": message.sender[0], "msisdn": message.sender[1], "tpdu": message.submit(), **other}
        argument = {"sm-RP-DA": ("serviceCentreAddressDA", sms.international(told["centre"])), "sm-RP-OA": ("msisdn", sms.international(told["msisdn"])), "sm-RP-UI": told["tpdu"], "imsi": sms.bcd(told["imsi"])}
        invoke = ("invoke", {"invokeId": ("present", 1), "opcode": ("local", MO_FORWARD), "argument": ("MO-ForwardSM-Arg", argument)})
        called, calling = Address(8, SERVICE_CENTRE), Address(SSN[node], node)
        if self.random.random() < 0.3:
            otid = peer.begin(called, calling, MO_RELAY)
            opened = await peer.inbox.get(f"{what}: answer to the empty Begin", lambda it: it.dtid == otid, WAIT)
            checks.equal("MO, an empty Begin: Continue with the context", (opened.kind, opened.context), ("continue", MO_RELAY))
            peer.unitdata(called, calling, peer.spell(("continue", {"otid": otid, "dtid": opened.otid, "components": [("basicROS", invoke)]})))
        else:
            otid = peer.begin(called, calling, MO_RELAY, invoke)
        heard = await peer.inbox.get(f"{what}: answer of the SMS-IWMSC", lambda it: it.dtid == otid, WAIT)
        kind, value = heard.component()
        checks.equal("MO: the answer ends the dialogue", heard.kind, "end")
        checks.equal("MO: from the service centre, SSN 8, to who asked", (heard.calling, heard.called), (called, calling))
        self.ledger.put(told["tpdu"], told["msisdn"], kind == "returnResult")
        return kind, value

    async def accepted(self, what, message, node=MSC):
        """It is accepted; TP-SCTS of the SUBMIT-REPORT."""
        checks = self.checks
        kind, value = await self.submit(what, message, node)
        if not checks.equal(f"{what}: accepted", kind, "returnResult"):
            return bytes(7)
        result = value.get("result", {}).get("result", (None, {}))[1]
        checks.equal("MO: SUBMIT-REPORT and nothing else in the result", set(result), {"sm-RP-UI"})
        report = self.read("SUBMIT-REPORT", tpdus.SMS_SUBMIT_REPORT_RP_ACK, result["sm-RP-UI"])
        checks.equal("MO: SUBMIT-REPORT for RP-ACK", report["TP_MTI"], 1)
        return self.now("SUBMIT-REPORT", result["sm-RP-UI"][2:9])

    async def refused(self, what, message, cause, fcs, **other):
        """It is refused with a cause, and TP-FCS in a SUBMIT-REPORT."""
        kind, value = await self.submit(what, message, **other)
        parameter = value.get("parameter", (None, {}))[1]
        self.checks.equal(f"MO refused, {what}: sm-DeliveryFailure, {cause}", (kind, value.get("errcode"), parameter.get("sm-EnumeratedDeliveryFailureCause")), ("returnError", ("local", 32), cause))
        report = self.read("SUBMIT-REPORT of a refusal", tpdus.SMS_SUBMIT_REPORT_RP_ERROR, parameter.get("diagnosticInfo", b""))
        self.checks.equal(f"MO refused, {what}: TP-FCS", (report["TP_MTI"], report["TP_FCS"]), (1, fcs))
        self.now("SUBMIT-REPORT of a refusal", parameter.get("diagnosticInfo", b"")[3:10])

    def read(self, what, kind, octets):
        """A TPDU as pycrate reads it."""
        parsed = kind()
        parsed.from_bytes(octets)
        self.checks.equal(f"{what}: pycrate writes what it has read", parsed.to_bytes(), octets)
        return parsed.get_val_d()

    def now(self, what, timestamp):
        """A timestamp, which is that of this minute."""
        said = moment(timestamp)
        self.checks.that(f"{what}: the time is now", abs(time.time() - said) < 60, timestamp.hex())
        return timestamp

    # Mobile terminated.

    async def arrival(self, what, node, at, more=False):
        """mt-forwardSM for a subscriber at a node."""
        checks, peer, (imsi, msisdn) = self.checks, self.centre, self.subscriber(at)
        opened = heard = await peer.inbox.get(f"{what}: mt-forwardSM at {node}", lambda it: it.kind == "begin", WAIT)
        checks.equal(f"{what}: to the node, by its number and its SSN", heard.called, Address(SSN[node], node))
        checks.equal("MT: from the service centre, SSN 8", heard.calling, Address(8, SERVICE_CENTRE))
        checks.equal("MT: application context shortMsgMT-RelayContext-v3", ((heard.dialogue or [None])[0], heard.context), ("dialogueRequest", MT_RELAY))
        checks.equal("MT: class 1, returned on error", (heard.protocol_class, heard.return_on_error), (1, True))
        if not opened.components:
            otid = peer.otid()
            peer.answer(opened, kind="continue", otid=otid)
            heard = await peer.inbox.get(f"{what}: mt-forwardSM after an empty Begin", lambda it: it.dtid == otid, WAIT)
            checks.equal("MT, after an empty Begin: a Continue", (heard.kind, heard.otid, heard.called, heard.calling), ("continue", opened.otid, opened.called, opened.calling))
        transfer = heard.transfer
        checks.equal("MT: OPC and DPC", (transfer.opc, transfer.dpc, transfer.si), (SMSC_POINT_CODE, labs.PEER_POINT_CODE, 3))
        kind, value = heard.component()
        checks.equal("MT: one Invoke of mt-forwardSM", (kind, value.get("opcode")), ("invoke", ("local", MT_FORWARD)))
        argument = heard.argument()
        checks.equal(f"{what}: SM-RP-DA is the IMSI", argument.get("sm-RP-DA"), ("imsi", sms.bcd(imsi)))
        checks.equal("MT: SM-RP-OA is the service centre", argument.get("sm-RP-OA"), ("serviceCentreAddressOA", sms.international(SERVICE_CENTRE)))
        checks.equal(f"{what}: moreMessagesToSend{'' if more else ' is not there'}, and nothing else in the argument", set(argument) - {"sm-RP-DA", "sm-RP-OA", "sm-RP-UI"}, {"moreMessagesToSend"} if more else set())
        return Delivery(opened, heard, msisdn, argument["sm-RP-UI"])

    def judge_text(self, what, delivery, message, more=False):
        """SMS-DELIVER has what was written (G-9); its TP-SCTS."""
        tpdu, after = delivery.tpdu, 3 + len(sms.tp_address(message.sender[1]))
        timestamp = tpdu[after : after + 7]
        self.checks.equal(f"{what}: SMS-DELIVER has TP-OA, TP-PID, TP-DCS, TP-UD and the flags as written", tpdu, message.deliver(timestamp, more))
        self.read("SMS-DELIVER", tpdus.SMS_DELIVER, tpdu)
        return self.now("SMS-DELIVER", timestamp)

    def end(self, delivery, *components):
        """The node's answer."""
        opened, peer = delivery.opened, self.centre
        if delivery.heard is opened:
            return peer.answer(opened, *components)
        value = {"dtid": opened.otid, "components": [("basicROS", component) for component in components]}
        peer.unitdata(opened.calling, opened.called, peer.spell(("end", value)), opened.transfer.sls)

    def take(self, delivery):
        """The mobile takes it, sometimes without a DELIVER-REPORT."""
        self.ledger.take(delivery.tpdu, delivery.msisdn, True)
        self.end(delivery, map_peer.result(delivery.invoke, MT_FORWARD, sms.deliver_report(self.random)))

    def fail(self, delivery, *error):
        """The node answers with an error."""
        self.ledger.take(delivery.tpdu, delivery.msisdn, False)
        self.end(delivery, map_peer.error(delivery.invoke, *error))

    def absent(self, delivery, diagnostic):
        self.ledger.take(delivery.tpdu, delivery.msisdn, False)
        self.end(delivery, map_peer.absent(delivery.invoke, diagnostic))

    async def nothing_more(self, what):
        """HLR and service centre have answered others since, and sent nothing."""
        await self.route("a question meanwhile", self.subscriber(40)[1], **{"sm-deliveryNotIntended": "onlyIMSI-requested"})
        await self.accepted("a message meanwhile", self.message(40, SME))
        self.checks.equal(f"{what}: nothing more comes", self.centre.inbox.unclaimed, [])

    # What the HLR has been told.

    async def flags(self, what, at, *wanted):
        """The HLR's flags of a subscriber, for this service centre, as informServiceCentre tells them in the end; none if it does not come."""
        names = ("sc-AddressNotIncluded", "mnrf", "mcef", "mnrg")
        ask = {"serviceCentreAddress": sms.international(SERVICE_CENTRE), "sm-deliveryNotIntended": "onlyIMSI-requested", **indication()}
        seen, end = None, time.monotonic() + WAIT
        while seen != list(wanted) and time.monotonic() < end:
            await self.route("flags", self.subscriber(at)[1], **ask)
            seen = []
            for told in self.told:
                value, length = told["mw-Status"]
                seen = [name for place, name in enumerate(names) if value >> (length - 1 - place) & 1]
                seen += [told[name] for name in ("absentSubscriberDiagnosticSM", "additionalAbsentSubscriberDiagnosticSM") if name in told]
        self.checks.equal(f"{what}: flags and diagnostics at the HLR", seen, list(wanted))

    async def ready(self, what, at):
        """readyForSM of the MSC: there is room."""
        argument = {"imsi": sms.bcd(self.subscriber(at)[0]), "alertReason": "memoryAvailable"}
        otid = self.ask(Address(7, MSC), MWD, READY, "ReadyForSM-Arg", argument)
        self.checks.equal(f"{what}: readyForSM", (await self.answered(what, otid, MWD))[0], "returnResult")

    async def located(self, what, at, node):
        """A sign of life in a domain."""
        imsi, msisdn = self.subscriber(at)
        if node == GATEWAY:
            await self.modify(what, imsi, "activate")
        else:
            await self.locate(what, imsi, msisdn, node)

    # Requirements.

    async def p_8_3_the_service_centre_answers(self):
        """Steps 4 to 6: accepted, or refused with the cause and TP-FCS."""
        for node in (MSC, SGSN):
            await self.accepted("MO for an SME", self.message(1, SME), node)
        (imsi, _), new = self.subscriber(2), lambda **more: self.message(1, SME, **more)
        await self.refused("another service centre", new(), "unknownServiceCentre", 0xFF, centre="491710000088")
        await self.refused("a sender whom nobody knows", new(), "subscriberNotSC-Subscriber", 0xC1, msisdn="491719999999")
        await self.refused("a sender with another's IMSI", new(), "subscriberNotSC-Subscriber", 0xC1, imsi=imsi)
        await self.refused("octets that are no TPDU", new(), "equipmentProtocolError", 0xB0, tpdu=b"\x01\x05\x0c")
        await self.refused("SMS-COMMAND", new(), "equipmentProtocolError", 0xA1, tpdu=b"\x02\x07\x00\x00\x07" + sms.tp_address(SME) + b"\x00")
        letters = b"\x07\xd0" + sms.pack([ord(each) for each in "SMSC"])
        await self.refused("a destination of letters", new(), "invalidSME-Address", 0xC3, tpdu=b"\x01\x09" + letters + b"\x00\x00\x01A")

    async def g_9_what_was_written_arrives(self):
        """Everything that the recipient's phone is to know of a message, at an MSC and at an SGSN."""
        random = self.random
        # Sender and recipient: no two messages are alike.
        at = {MSC: (1, 3), SGSN: (2, 4)}
        for node, (_, each) in at.items():
            await self.located(f"a recipient at {node}", each, node)
        ports = bytes([6, 5, 4, 0x0B, 0x84, 0x23, 0xF0])
        flash, long = sms.gsm7(random, 30), sms.pack([0] * 8 + [random.choice(sms.PRINTABLE) for _ in range(145)])
        flash.dcs = 0x10
        rows = [
            ("160 septets", sms.gsm7(random, 160), {}),
            ("70 characters of UCS2", sms.ucs2(random, 70), {}),
            ("every octet, the first half", sms.binary(bytes(range(140))), {}),
            ("every octet, the second half", sms.binary(bytes(range(116, 256))), {}),
            ("no text", sms.Body(0, 0, b""), {}),
            ("a part of a long message, octets", sms.part(random, 134), {}),
            ("a part of a long message, septets", sms.Body(0, 153, bytes([6, 8, 4, 7, 9, 3, 2]) + long[7:], header=True), {}),
            ("ports", sms.Body(0x04, 7 + 60, ports + random.randbytes(60), header=True), {}),
            ("class 0", flash, {}),
            ("replace type 3", sms.gsm7(random, 12), {"protocol": 0x43}),
            ("(U)SIM data download", sms.Body(0xF6, 40, random.randbytes(40)), {"protocol": 0x7F}),
            ("TP-RP", sms.gsm7(random, 9), {"flags": RP}),
            ("a relative validity", sms.gsm7(random, 9), {"validity": (2, b"\xa7")}),
            ("an absolute validity", sms.gsm7(random, 9), {"validity": (3, sms.bcd("99123123595900"))}),
            ("an enhanced validity", sms.gsm7(random, 9), {"validity": enhanced(250)}),
        ]
        for what, body, more in rows:
            for node, (sender, each) in at.items():
                message = self.message(sender, each, body, **more)
                said = await self.accepted(what, message, random.choice([MSC, SGSN]))
                delivery = await self.arrival(f"G-9, {what}", node, each)
                self.checks.equal("SMS-DELIVER: TP-SCTS is that of the SUBMIT-REPORT", self.judge_text(f"G-9, {what}", delivery, message), said)
                self.take(delivery)

    async def g_4_and_p_8_5_the_next_node_is_tried(self):
        """Step 7: whatever the gateway answers, the MSC is next, and the SGSN after it; whoever takes it is the last."""
        what, at, peer = "8.5 step 7", 5, self.centre
        await self.everywhere(what, *self.subscriber(at))
        user = map_peer.portion("dialogueAbort", **{"abort-source": 0})
        rows = [
            ("absentSubscriberSM", lambda it: self.absent(it, 12)),
            ("systemFailure", lambda it: self.fail(it, "systemFailure")),
            ("unidentifiedSubscriber", lambda it: self.fail(it, "unidentifiedSubscriber")),
            ("subscriberBusyForMT-SMS", lambda it: self.fail(it, "subscriberBusyForMT-SMS")),
            ("illegalSubscriber", lambda it: self.fail(it, "illegalSubscriber")),
            ("equipmentProtocolError", lambda it: self.fail(it, "sm-DeliveryFailure", "equipmentProtocolError", sms.deliver_report_error(0xFF))),
            ("memoryCapacityExceeded", lambda it: self.fail(it, "sm-DeliveryFailure", "memoryCapacityExceeded", sms.deliver_report_error(0xD3))),
            ("P-Abort", lambda it: peer.abort(it.opened, ("p-abortCause", 4))),
            ("U-Abort", lambda it: peer.abort(it.opened, ("u-abortCause", user))),
            ("context refused", lambda it: peer.refuse_context(it.opened, WAIT)),
            ("Reject", lambda it: self.end(it, ("reject", {"invokeId": ("present", it.invoke), "problem": ("invoke", 2)}))),
            ("UDTS", lambda it: peer.return_unitdata(it.opened, 1)),
        ]
        for number, (name, act) in enumerate(rows):
            message = self.message(1, at)
            await self.accepted(what, message)
            done = act(await self.arrival(f"{what}, before {name}", GATEWAY, at))
            if asyncio.iscoroutine(done):
                await done
            delivery = await self.arrival(f"{what}, after {name}: the MSC", MSC, at)
            if number % 2:
                self.fail(delivery, "systemFailure")
                delivery = await self.arrival(f"{what}, after {name} and a failure of the MSC: the SGSN", SGSN, at)
            self.judge_text(f"{what}, after {name}", delivery, message)
            self.take(delivery)
            await self.nothing_more(f"{what}, after {name}")

    async def p_8_4_a_success_after_a_failure_is_reported(self):
        """Step 7 of 8.4: the HLR forgets what it was told before."""
        what, at = "8.4 step 7", 6
        await self.everywhere(what, *self.subscriber(at))
        await self.accepted(what, self.message(1, at))
        self.absent(await self.arrival(f"{what}, at the gateway", GATEWAY, at), 12)
        self.take(await self.arrival(f"{what}, at the MSC", MSC, at))
        await self.flags(f"{what}, absent at the gateway, taken at the MSC", at, "sc-AddressNotIncluded", 12)
        await self.accepted(what, self.message(1, at))
        self.take(await self.arrival(f"{what}, at the gateway again", GATEWAY, at))
        await self.flags(f"{what}, taken at the gateway", at)

    async def h_6_and_p_8_5_all_nodes_fail(self):
        """Step 8: the HLR is told of each domain. 8.6: the next sign of life in one of them brings the message."""
        what, at = "8.5 step 8", 7
        await self.everywhere(what, *self.subscriber(at))
        message = self.message(1, at)
        await self.accepted(what, message)
        for node, diagnostic in ((GATEWAY, 12), (MSC, 1), (SGSN, 6)):
            self.absent(await self.arrival(f"{what}, absent at {node}", node, at), diagnostic)
        await self.flags(f"{what}, absent everywhere", at, "mnrf", "mnrg", 12, 1)
        await self.nothing_more(f"{what}, absent everywhere")
        await self.located(what, at, SGSN)
        self.absent(await self.arrival("8.6 step 4, back at the SGSN: the gateway is the first still", GATEWAY, at), 12)
        delivery = await self.arrival("8.6 step 4, back at the SGSN: the MSC has not said so", SGSN, at)
        self.judge_text("8.6 step 4, back at the SGSN", delivery, message)
        self.take(delivery)
        await self.flags("8.6 step 4, taken at the SGSN", at, "sc-AddressNotIncluded", "mnrf", 12, 1)

    async def h_6_and_p_8_6_free_memory_delivers(self):
        """A full memory: a registration changes nothing, readyForSM does."""
        what, at = "8.6, memory full", 8
        await self.located(what, at, MSC)
        message = self.message(1, at)
        await self.accepted(what, message)
        self.fail(await self.arrival(what, MSC, at), "sm-DeliveryFailure", "memoryCapacityExceeded")
        await self.flags(what, at, "mcef")
        await self.located(what, at, MSC)
        await self.nothing_more(f"{what}, a registration")
        await self.ready(what, at)
        delivery = await self.arrival(f"{what}, and then free", MSC, at)
        self.judge_text(what, delivery, message)
        self.take(delivery)
        await self.flags(f"{what}, and then taken", at)

    async def p_8_6_a_registration_in_each_domain_delivers(self):
        """Steps 1 to 4: nobody is anywhere; the first registration brings all that waits, once."""
        for at, node in ((9, GATEWAY), (10, MSC), (11, SGSN)):
            what = f"8.6, registers at {node}"
            message = self.message(1, at)
            await self.accepted(what, message)
            await self.flags(f"{what}, before", at, "mnrf", "mnrg", 11, 3)
            await self.located(what, at, node)
            delivery = await self.arrival(what, node, at)
            self.judge_text(what, delivery, message)
            self.take(delivery)
            await self.nothing_more(what)

    async def p_8_5_one_domain_leaves_hope(self):
        """Absent in one domain, refused for good in the other: it waits for the first."""
        what, sender, at = "8.5, absent and illegal", 3, 12
        for node in (MSC, SGSN):
            await self.located(what, at, node)
        message = self.message(sender, at, flags=SRR)
        said = await self.accepted(what, message)
        self.absent(await self.arrival(f"{what}, at the MSC", MSC, at), 0)
        self.fail(await self.arrival(f"{what}, at the SGSN", SGSN, at), "illegalSubscriber")
        await self.flags(what, at, "mnrf", 0)
        await self.nothing_more(what)
        await self.located(what, at, MSC)
        self.take(await self.arrival(f"{what}, back at the MSC", MSC, at))
        await self.status_report("status report, delivered in the end", sender, message, said, 0x00)

    async def p_8_4_messages_of_one_recipient_in_order(self):
        """One under way at a time; the others to the node that took the first, and it is told of them: in its dialogue if it leaves that
        open (TS 29.002 12.9), else in another."""
        what, at = "several for one", 13
        await self.everywhere(what, *self.subscriber(at))
        messages = [self.message(1, at, sms.gsm7(self.random, length)) for length in (160, 5, 160, 160)]
        await self.accepted(what, messages[0])
        first = await self.arrival(f"{what}, alone yet", GATEWAY, at)
        for message in messages[1:]:
            await self.accepted(what, message)
        await self.nothing_more(f"{what}, while the first is under way")
        self.fail(first, "systemFailure")
        delivery, otid = None, None
        for number, message in enumerate(messages):
            more = number + 1 < len(messages)
            how = f"{what}, {'more behind it' if more else 'the last'}"
            if otid:
                delivery = await self.next_arrival(how, delivery, otid, more)
            else:
                delivery = await self.arrival(how, MSC, at, more)
            self.judge_text(f"{what}, in order, TP-MMS", delivery, message, more)
            self.checks.equal(f"{what}: one at a time", self.centre.inbox.unclaimed, [])
            if number in (1, 2):
                otid = self.take_and_wait(delivery, otid)
            else:
                self.take(delivery)
        await self.nothing_more(what)

    def take_and_wait(self, delivery, otid):
        """The node takes it, and keeps the dialogue open for what was announced; its transaction id."""
        opened, peer = delivery.opened, self.centre
        self.ledger.take(delivery.tpdu, delivery.msisdn, True)
        result = map_peer.result(delivery.invoke, MT_FORWARD, sms.deliver_report(self.random))
        if not otid:
            otid = peer.otid()
            peer.answer(opened, result, kind="continue", otid=otid)
            return otid
        value = {"otid": otid, "dtid": opened.otid, "components": [("basicROS", result)]}
        peer.unitdata(opened.calling, opened.called, peer.spell(("continue", value)), opened.transfer.sls)
        return otid

    async def next_arrival(self, what, before, otid, more):
        """The next mt-forwardSM in the dialogue of the one before: it names nobody again, and has an invoke id of its own."""
        checks, opened = self.checks, before.opened
        heard = await self.centre.inbox.get(f"{what}: mt-forwardSM in an open dialogue", lambda it: it.dtid == otid, WAIT)
        kind, value = heard.component()
        checks.equal("MT, in an open dialogue: a Continue", (heard.kind, heard.otid, heard.called, heard.calling, heard.dialogue), ("continue", opened.otid, opened.called, opened.calling, None))
        checks.equal("MT, in an open dialogue: one Invoke of mt-forwardSM", (kind, value.get("opcode")), ("invoke", ("local", MT_FORWARD)))
        argument = heard.argument()
        checks.equal("MT, in an open dialogue: nobody is named again", (argument["sm-RP-DA"][0], argument["sm-RP-OA"][0]), ("noSM-RP-DA", "noSM-RP-OA"))
        checks.equal(f"{what}: moreMessagesToSend{'' if more else ' is not there'}", "moreMessagesToSend" in argument, more)
        checks.equal("MT, in an open dialogue: another invoke id", value["invokeId"][1] != before.invoke, True)
        return Delivery(opened, heard, before.msisdn, argument["sm-RP-UI"])

    async def status_reports(self):
        """TP-SRR: the sender hears what became of it (TS 23.040 3.2.9, 9.2.2.3)."""
        sender, illegal, nowhere, there = 14, 15, 16, 17
        for at in (sender, illegal, there):
            await self.located("status report", at, MSC)

        async def reported(what, to, status, act, **more):
            message = self.message(sender, to, flags=SRR, **more)
            said = await self.accepted(what, message)
            await act(what, to, message)
            await self.status_report(what, sender, message, said, status)

        async def taken(what, to, message):
            delivery = await self.arrival(what, MSC, to)
            self.judge_text(what, delivery, message)
            self.take(delivery)

        async def is_refused(what, to, _message):
            self.fail(await self.arrival(what, MSC, to), "illegalSubscriber")

        async def is_absent(what, to, _message):
            await self.flags(what, to, "mnrf", "mnrg", 11, 3)

        await reported("status report, delivered", there, 0x00, taken)
        await reported("status report, not obtainable", illegal, 0x43, is_refused)
        await reported("status report, validity expired", nowhere, 0x46, is_absent, validity=enhanced(3))
        await self.located("expired", nowhere, MSC)
        await self.nothing_more("expired, then registered")

    async def status_report(self, what, at, message, submitted, status):
        delivery = await self.arrival(f"{what}, to the sender", MSC, at)
        tpdu, after = delivery.tpdu, 2 + len(sms.tp_address(message.to))
        report = self.read("SMS-STATUS-REPORT", tpdus.SMS_STATUS_REPORT, tpdu)
        self.checks.equal(f"{what}: SMS-STATUS-REPORT, no more messages, for an SMS-SUBMIT", tpdu[0], 0x02 | NO_MORE)
        self.checks.equal(f"{what}: TP-MR, TP-RA, TP-SCTS of the submission", tpdu[1 : after + 7], bytes([message.reference]) + sms.tp_address(message.to) + submitted)
        discharged = self.now("SMS-STATUS-REPORT, TP-DT", tpdu[after + 7 : after + 14])
        self.checks.that(f"{what}: discharged after it was submitted", moment(discharged) >= moment(submitted), tpdu.hex())
        self.checks.equal(f"{what}: TP-ST", report["TP_ST"], status)
        self.take(delivery)

    async def p_8_5_the_schedule_tries_again(self):
        """What nobody alerts about is tried after the first interval, then after the last again and again."""
        what, at, loop = "schedule", 18, asyncio.get_running_loop()
        await self.located(what, at, MSC)
        message, times = self.message(1, at), []
        await self.accepted(what, message)
        for _ in SHORT:
            delivery = await self.arrival(what, MSC, at)
            times.append(loop.time())
            self.fail(delivery, "systemFailure")
        delivery = await self.arrival(what, MSC, at)
        times.append(loop.time())
        self.judge_text(what, delivery, message)
        self.take(delivery)
        for interval, before, after in zip(SHORT, times, times[1:]):
            self.checks.that(f"{what}: {interval} s later", interval - 0.1 <= after - before <= interval + 5, f"{after - before:.2f} s")

    async def p_8_5_what_was_accepted_survives_the_process(self):
        """The box is killed as soon as it has accepted: what waits is delivered in order afterwards, what was delivered is not."""
        what, waits, had = "killed", 19, 20
        await self.located(what, had, MSC)
        await self.accepted(what, self.message(1, had))
        self.take(await self.arrival(f"{what}, delivered before", MSC, had))
        messages = [self.message(1, waits) for _ in range(3)]
        for message in messages:
            await self.accepted(what, message)
        await self.kill()
        await self.begin(LONG)
        await self.located(what, had, MSC)
        await self.flags(f"{what}, asked again after the start", waits, "mnrf", "mnrg", 11, 3)
        await self.nothing_more(f"{what}, what was delivered before")
        await self.located(what, waits, GATEWAY)
        for number, message in enumerate(messages):
            more = number + 1 < len(messages)
            delivery = await self.arrival(f"{what}, {'more behind it' if more else 'the last'}", GATEWAY, waits, more)
            self.judge_text(f"{what}, in order", delivery, message, more)
            self.take(delivery)
        await self.nothing_more(what)

    async def p_8_5_without_a_schedule_it_tries_once(self):
        """Step 8: the service centre decides not to wait; the sender hears that, and the HLR of nobody who waits."""
        what, sender, at = "once", 21, 22
        await self.located(what, sender, MSC)
        message = self.message(sender, at, flags=SRR)
        said = await self.accepted(what, message)
        await self.status_report("status report, no longer tried", sender, message, said, 0x62)
        await self.flags(f"{what}, not waiting", at, "sc-AddressNotIncluded", "mnrf", "mnrg", 11, 3)
        await self.located(what, at, MSC)
        await self.nothing_more(f"{what}, registered afterwards")

    def ledgers_agree(self, directory):
        """The service centre's ledger and that of the mobiles here: nothing lost, nothing twice."""
        own = directory / "mobiles.jsonl"
        own.write_text(self.ledger.lines())
        said = labs.run(str(self.corenet), "ledger", *[str(file) for file in sorted(directory.glob("*.jsonl"))])
        sent = len(self.ledger.sent) + len({message for message, _ in self.ledger.received})
        arrived = sum(line["accepted"] for line in self.ledger.received.values()) + sum(line["outcome"] == "accepted" for line in self.ledger.sent.values())
        failed = sent - arrived
        # The one that expired has come to nobody.
        wanted = f"{sent + 1} sent, {arrived} delivered, 0 open, {failed + 1} failed, 0 arrived without a report\n"
        self.checks.equal("ledgers: all that was sent has arrived, or its sender knows that it has not", said, wanted)

    async def play(self):
        with self.lab.inside("ss7"):
            hlr_judge.usrsctp.start()
        self.presence = hlr_judge.PresenceServer(self.lab, self.checks)
        ledgers = self.lab.directory / "ledgers"
        ledgers.mkdir()
        await self.begin(LONG, "--ledgers", str(ledgers))
        for part in (
            self.p_8_3_the_service_centre_answers,
            self.g_9_what_was_written_arrives,
            self.g_4_and_p_8_5_the_next_node_is_tried,
            self.p_8_4_a_success_after_a_failure_is_reported,
            self.h_6_and_p_8_5_all_nodes_fail,
            self.h_6_and_p_8_6_free_memory_delivers,
            self.p_8_6_a_registration_in_each_domain_delivers,
            self.p_8_5_one_domain_leaves_hope,
            self.p_8_4_messages_of_one_recipient_in_order,
            self.status_reports,
        ):
            await part()
        await self.stop()
        self.ledgers_agree(ledgers)
        await self.begin(SHORT)
        await self.p_8_5_the_schedule_tries_again()
        await self.p_8_5_what_was_accepted_survives_the_process()
        await self.stop()
        await self.begin([])
        await self.p_8_5_without_a_schedule_it_tries_once()
        await self.stop()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    corenet = Path(binary).resolve().with_name("corenet")

    async def act(lab, checks):
        await SmscJudge(lab, checks, seed, corenet).play()

    _, failed = asyncio.run(stages.perform("smsc_judge", binary, labs.FILES / "smsc_judge", seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
