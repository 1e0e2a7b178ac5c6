"""The HLR of the core network in a box, asked by others: gateway, SGSN and SMS-GMSC of pycrate over usrsctp, and a presence server on a socket.

hlr_judge.py BINARY [SEED]: BINARY is the gateway's; the box's program stands beside it."""
import asyncio
import json
import os
import random as randomness
import secrets
import socket
import sys
from pathlib import Path

import lab as labs
import m3ua
import map_peer
import sip_peer
import sms
import stage as stages
import usrsctp
from events import Inbox
from map_peer import Address

BOX, HLR_ADDRESS = "10.7.0.1", "10.7.0.2"
HLR_POINT_CODE = 2 << 11 | 100 << 3 | 5
HLR, GATEWAY, SGSN, MSC, CENTRE = "491710000006", "4917100001", "4917300001", "4917400001", "491720000099"
PRESENCE_PORT = 5070
GATEWAY_CONTEXT, ALERT, ANY_TIME, LOCATION, GPRS_LOCATION, PURGING = (20, 3), (23, 2), (43, 3), (1, 3), (32, 3), (27, 3)
SRI, RSDS, INFORM, ALERT_SC, ATM, UL, UGL, ISD, PURGE = 45, 47, 63, 64, 65, 2, 23, 7, 67
WAIT = 10
# The study's extensions to MAP stand under this arc; 1 is IP-messaging support.
ARC = "1.3.6.1.4.1.32473.7"
IP_MESSAGING = (1, 3, 6, 1, 4, 1, 32473, 7, 1)
PRIORITY = ["ip-sm-gw", "msc", "sgsn"]

CONFIGURATION = """
seed = {seed}
{extensions}

[eal]
memory_mb = 256
file_prefix = "{name}"
extra = ["--no-telemetry", "--no-pci"]

[[port]]
name = "ims"
device = "net_af_packet0,iface=ims,qpairs=1,blocksz=4096,framesz=2048,framecnt=512"
addresses = ["10.0.0.1/24"]

[[port]]
name = "ss7"
device = "net_af_packet1,iface=ss7,qpairs=1,blocksz=4096,framesz=2048,framecnt=512"
addresses = []

[[network]]
name = "home1"
realm = "home1.net"
subscribers = 40
imsi_prefix = "26201"
msisdn_prefix = "491711"
scscf_uri = "sip:scscf.home1.net"
scscf_address = "10.0.0.1:5060"
gateway_address = "10.0.0.254:5060"
gateway_uri = "sip:ipsmgw.home1.net"
gateway_title = "{gateway}"
service_centre = "491710000099"
hlr_title = "{hlr}"
r1 = "any_time_modification"

{smsc}
[smsc.point]
port = "ss7"
addresses = ["{box}/24"]

[smsc.point.ss7]
point_code = "2.100.6"

[[smsc.point.association]]
name = "hlr"
role = "client"
local = ["{box}"]
remote = ["{address}"]
m3ua = "ipsp-client"

[[smsc.point.destination]]
point_code = "2.100.5"
associations = ["hlr"]

[[smsc.point.title]]
prefix = "{hlr}"
point_code = "2.100.5"

[[smsc.point.association]]
name = "others"
role = "server"
local = ["{box}"]
remote = ["{peer}"]
m3ua = "sgp"
routing_contexts = [{context}]

[[smsc.point.destination]]
point_code = "2.100.4"
associations = ["others"]

[[smsc.point.title]]
prefix = "4917"
point_code = "2.100.4"

[hlr]
priority = {priority}
mscs = ["4917400"]
sgsns = ["4917300"]

[hlr.presence]
server = "{peer}:{presence}"

[hlr.presence.rules]
expires_s = {life}
retry_s = 1

[hlr.point]
port = "ss7"
addresses = ["{address}/24"]

[hlr.point.ss7]
point_code = "2.100.5"

[[hlr.point.association]]
name = "others"
role = "server"
local = ["{address}"]
remote = ["{peer}"]
m3ua = "sgp"
routing_contexts = [{context}]

[[hlr.point.association]]
name = "gmsc"
role = "server"
local = ["{address}"]
remote = ["{box}"]
m3ua = "ipsp-server"

[[hlr.point.destination]]
point_code = "2.100.4"
associations = ["others"]

[[hlr.point.destination]]
point_code = "2.100.6"
associations = ["gmsc"]

[[hlr.point.title]]
prefix = "4917100000"
point_code = "2.100.6"

[[hlr.point.title]]
prefix = "4917"
point_code = "2.100.4"
"""


def indication(of=IP_MESSAGING):
    """IP-messaging support of an SMS-GMSC, behind an extension that is nobody's."""
    extensions = [{"extId": (2, 999, 1), "extType": ("_unk_004", b"\x04\x01?")}, {"extId": of, "extType": ("_unk_004", b"\x05\x00")}]
    return {"extensionContainer": {"privateExtensionList": extensions}}


class PresenceServer:
    """An event state compositor (RFC 3903) that keeps what it is told."""

    def __init__(self, lab, checks):
        self.checks, self.tags, self.inbox = checks, 0, Inbox("presence")
        with lab.inside("ss7"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((labs.PEER_SS7[0], PRESENCE_PORT))
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._readable)

    def _readable(self):
        octets, source = self.socket.recvfrom(65536)
        message = sip_peer.SipMessage.parse(octets)
        self.tags += 1
        lines = ["SIP/2.0 200 OK"]
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            lines += [f"{name}: {value}{';tag=server' if name == 'To' else ''}" for value in message.headers[name.lower()]]
        lines += [f"SIP-ETag: tag{self.tags}", f"Expires: {message.header('expires')}", "Content-Length: 0", "", ""]
        self.socket.sendto("\r\n".join(lines).encode(), source)
        self.inbox.put(message)


class HlrJudge:
    """The run."""

    def __init__(self, lab, checks, seed, corenet):
        self.lab, self.checks, self.seed, self.corenet = lab, checks, seed, corenet
        self.random = randomness.Random(seed)
        self.peer = map_peer.MapPeer(labs.PEER_POINT_CODE, HLR_POINT_CODE, labs.NETWORK_INDICATOR, self.random)
        self.peers = [self.peer]

    @staticmethod
    def subscriber(at):
        """IMSI and number, as the box makes them."""
        return f"26201{at:010}", f"491711{at:06}"

    async def open(self):
        with self.lab.inside("ss7"):
            usrsctp.start()
        self.presence = PresenceServer(self.lab, self.checks)
        await self.start()

    async def start(self, *options, priority=PRIORITY, arc=ARC, life=3600, smsc=""):
        """Starts the box, and an association with its HLR. `smsc` is its section of the service centre."""
        lab = self.lab
        values = {"seed": self.seed, "name": lab.name, "box": BOX, "address": HLR_ADDRESS, "gateway": GATEWAY, "hlr": HLR, "peer": labs.PEER_SS7[0], "presence": PRESENCE_PORT, "context": labs.ROUTING_CONTEXT}
        values |= {"priority": json.dumps(priority), "extensions": f'extensions = "{arc}"' if arc else "", "life": life, "smsc": smsc}
        file, ready = lab.directory / "corenet.toml", lab.directory / "ready"
        file.write_text(CONFIGURATION.format(**values))
        ready.unlink(missing_ok=True)
        self.box = lab.spawn("gateway", str(self.corenet), "serve", "-c", str(file), "--ready", str(ready), *options, log="corenet.log")
        await labs.until("the box", lambda: self.box.poll() is not None or ready.exists(), 60)
        if self.box.poll() is not None:
            raise labs.LabError(f"corenet ended at once; see {lab.keep}/corenet.log")
        await self.attach(self.peer, 2905, HLR_ADDRESS)

    async def attach(self, peer, port, address):
        """Connects a peer with its node of the box."""
        association = m3ua.Association("others", peer.on_transfer, labs.ROUTING_CONTEXT)
        association.connect(labs.PEER_SS7[0], port, address, 2905)
        await asyncio.wait_for(association.active.wait(), 30)
        peer.associations = [association]

    async def stop(self):
        """Ends the box as an operator does; nothing that it has sent was wrong."""
        checks = self.checks
        checks.that("the box still runs", self.box.poll() is None)
        self.box.terminate()
        await labs.until("the end of the box", lambda: self.box.poll() is not None, 15)
        checks.equal("the box ends with code 0 when told to", self.box.poll(), 0)
        for peer in self.peers:
            (association,) = peer.associations
            await asyncio.wait_for(association.ended.wait(), WAIT)
            association.socket.abort()
            checks.equal("M3UA: nothing that RFC 4666 forbids", association.faults, [])
            checks.equal("SS7: every message is readable", peer.faults, [])
            checks.equal("SS7: no message unasked", peer.inbox.unclaimed, [])

    # What others ask.

    def ask(self, calling, context, opcode, name, argument):
        """Opens a dialogue with one Invoke; its transaction id."""
        invoke = ("invoke", {"invokeId": ("present", 1), "opcode": ("local", opcode), "argument": (name, argument)})
        return self.peer.begin(Address(6, HLR), calling, (0, 4, 0, 0, 1, 0, *context), invoke)

    async def answered(self, what, otid, context):
        """The component that ends a dialogue of ours: kind, and result or error."""
        heard = await self.peer.inbox.get(what, lambda it: it.dtid == otid and it.kind == "end", WAIT)
        if heard.context is not None:
            self.checks.equal(f"{what}: AARE echoes the context", heard.context, (0, 4, 0, 0, 1, 0, *context))
        self.checks.equal(f"{what}: from the HLR's title, SSN 6", heard.calling, Address(6, HLR))
        kind, value = heard.component()
        if kind == "returnError":
            return kind, value["errcode"][1], value.get("parameter", (None, {}))[1]
        return kind, None, value.get("result", {}).get("result", (None, {}))[1]

    async def modify(self, what, imsi, status, title=GATEWAY):
        argument = {"subscriberIdentity": ("imsi", sms.bcd(imsi)), "gsmSCF-Address": sms.international(title), "modificationRequestFor-IP-SM-GW-Data": {"modifyRegistrationStatus": status}}
        return await self.answered(what, self.ask(Address(147, title), ANY_TIME, ATM, "AnyTimeModificationArg", argument), ANY_TIME)

    async def route(self, what, msisdn, **more):
        argument = {"msisdn": sms.international(msisdn), "sm-RP-PRI": True, "serviceCentreAddress": sms.international(CENTRE), **more}
        otid = self.ask(Address(8, CENTRE), GATEWAY_CONTEXT, SRI, "RoutingInfoForSM-Arg", argument)
        answer = await self.answered(what, otid, GATEWAY_CONTEXT)
        # informServiceCentre comes before the answer, if it comes.
        told = [heard for heard in self.peer.inbox.unclaimed if heard.dtid == otid]
        for heard in told:
            self.peer.inbox.unclaimed.remove(heard)
        self.told = [heard.argument() for heard in told if heard.component()[1].get("opcode") == ("local", INFORM)]
        self.checks.equal(f"{what}: nothing but informServiceCentre beside the answer", len(self.told), len(told))
        return answer

    async def locate(self, what, imsi, msisdn, title):
        """updateGprsLocation, an MSC's updateLocation: what the HLR tells first, then its result."""
        if title == MSC:
            context, argument = LOCATION, {"imsi": sms.bcd(imsi), "msc-Number": sms.international(title), "vlr-Number": sms.international(title)}
            otid = self.ask(Address(7, title), context, UL, "UpdateLocationArg", argument)
        else:
            context, argument = GPRS_LOCATION, {"imsi": sms.bcd(imsi), "sgsn-Number": sms.international(title), "sgsn-Address": b"\x04" + socket.inet_aton("10.0.0.9")}
            otid = self.ask(Address(149, title), context, UGL, "UpdateGprsLocationArg", argument)
        told = await self.peer.inbox.get(what, lambda it: it.dtid == otid and it.kind == "continue", WAIT)
        kind, value = told.component()
        self.checks.equal(f"{what}: insertSubscriberData comes first", (kind, value["opcode"]), ("invoke", ("local", ISD)))
        self.checks.equal(f"{what}: with the MSISDN (H-2)", told.argument().get("msisdn"), sms.international(msisdn))
        result = ("returnResult", {"invokeId": value["invokeId"], "result": {"opcode": ("local", ISD), "result": ("InsertSubscriberDataRes", {})}})
        self.peer.unitdata(told.calling, told.called, self.peer.spell(("continue", {"otid": otid, "dtid": told.otid, "components": [("basicROS", result)]})), told.transfer.sls)
        return await self.answered(what, otid, context)

    async def purge(self, what, imsi, title):
        """purgeMS of a gateway, an SGSN or a VLR."""
        number, ssn = ("vlr-Number", 7) if title.startswith(MSC[:7]) else ("sgsn-Number", 149)
        otid = self.ask(Address(ssn, title), PURGING, PURGE, "PurgeMS-Arg", {"imsi": sms.bcd(imsi), number: sms.international(title)})
        self.checks.equal(f"{what}: purgeMS", (await self.answered(what, otid, PURGING))[0], "returnResult")

    def judge_absent(self, what, answer, diagnostic):
        kind, code, parameter = answer
        self.checks.that(f"{what}: informServiceCentre tells what is set", len(self.told) == 1 and "mw-Status" in self.told[0], self.told)
        self.checks.equal(f"{what}: absentSubscriberSM, diagnostic {diagnostic}", (kind, code, parameter.get("absentSubscriberDiagnosticSM")), ("returnError", 6, diagnostic))

    def judge_node(self, what, answer, imsi, number):
        kind, _, result = answer
        located = result.get("locationInfoWithLMSI", {}) if kind == "returnResult" else {}
        self.checks.equal(f"{what}: IMSI and networkNode-Number", (kind, result.get("imsi"), located.get("networkNode-Number")), ("returnResult", sms.bcd(imsi), sms.international(number)))
        return located

    def judge_location(self, what, answer, imsi, number, **more):
        """All of the addresses and indicators, and no other."""
        self.checks.equal(f"{what}: nothing else", self.judge_node(what, answer, imsi, number), {"networkNode-Number": sms.international(number), **more})

    async def h_5_published(self, what, msisdn, basic):
        """What the presence server hears about a user."""
        checks = self.checks
        uri = f"sip:+{msisdn}@home1.net"
        message = await self.presence.inbox.get(what, lambda it: it.uri == uri, WAIT)
        checks.equal(f"{what}: PUBLISH, Event, Content-Type", (message.method, message.header("event"), message.header("content-type")), ("PUBLISH", "presence", "application/pidf+xml"))
        checks.that(f"{what}: PIDF says {basic} of the user", f"<basic>{basic}</basic>" in message.body.decode() and f'entity="{uri}"' in message.body.decode(), message.body)
        return message

    async def alerted(self, msisdn):
        """8.6 step 3: whoever waits is alerted."""
        checks = self.checks
        alert = await self.peer.inbox.get("alertServiceCentre", lambda it: it.kind == "begin" and it.called.digits == CENTRE, WAIT)
        kind, value = alert.component()
        argument = alert.argument()
        checks.equal("8.6 step 3: alertServiceCentre, version 2", (kind, value["opcode"], alert.context), ("invoke", ("local", ALERT_SC), (0, 4, 0, 0, 1, 0, *ALERT)))
        checks.equal("8.6 step 3: from the HLR, to SSN 8", (alert.calling, alert.called.ssn), (Address(6, HLR), 8))
        checks.equal("8.6 step 3: MSISDN and service centre", (argument.get("msisdn"), argument.get("serviceCentreAddress")), (sms.international(msisdn), sms.international(CENTRE)))
        self.peer.answer(alert, ("returnResult", {"invokeId": value["invokeId"]}))

    # Requirements.

    async def h_1_and_h_7_registration_and_deregistration(self):
        """The address comes with the registration and goes with the de-registration; another gateway's is not taken."""
        imsi, msisdn = self.subscriber(1)
        self.judge_absent("H-1, before", await self.route("sendRoutingInfoForSM", msisdn), 11)
        self.checks.equal("H-1: a stranger gets atm-NotAllowed", (await self.modify("stranger", imsi, "activate", "4917100002"))[:2], ("returnError", 61))
        self.checks.equal("H-1: anyTimeModification, activate", (await self.modify("activate", imsi, "activate"))[0], "returnResult")
        # Who asked for somebody absent waits.
        await self.alerted(msisdn)
        self.judge_node("H-1, registered", await self.route("sendRoutingInfoForSM", msisdn), imsi, GATEWAY)
        opened = await self.h_5_published("H-5, connected", msisdn, "open")
        self.checks.equal("H-5: the first publication has no SIP-If-Match", opened.header("sip-if-match"), None)
        self.checks.equal("H-7: anyTimeModification, deactivate", (await self.modify("deactivate", imsi, "deactivate"))[0], "returnResult")
        self.judge_absent("H-7, de-registered", await self.route("sendRoutingInfoForSM", msisdn), 11)
        closed = await self.h_5_published("H-5, disconnected", msisdn, "closed")
        self.checks.that("H-5: the next publication names the entity tag", (closed.header("sip-if-match") or "").startswith("tag"), closed.headers)
        self.checks.equal("unknownSubscriber", (await self.route("unknown", "491711999999"))[:2], ("returnError", 1))

    async def h_2_the_number_comes_with_update_gprs_location(self):
        imsi, msisdn = self.subscriber(2)
        kind, _, result = await self.locate("updateGprsLocation of the gateway", imsi, msisdn, GATEWAY)
        self.checks.equal("H-2: the result has the HLR's number", (kind, result.get("hlr-Number")), ("returnResult", sms.international(HLR)))
        self.judge_node("H-2, registered", await self.route("sendRoutingInfoForSM", msisdn), imsi, GATEWAY)
        await self.purge("H-7", imsi, GATEWAY)
        self.judge_absent("H-7, purged", await self.route("sendRoutingInfoForSM", msisdn), 11)

    async def h_4_two_addresses_one_of_them_in_anothers_place(self):
        """A subscriber with an SGSN and a gateway: both with gprsSupportIndicator, the gateway in the MSC's place; else the first."""
        imsi, msisdn = self.subscriber(3)
        await self.locate("updateGprsLocation of an SGSN", imsi, msisdn, SGSN)
        located = self.judge_node("H-4, an SGSN alone", await self.route("sendRoutingInfoForSM", msisdn, **{"gprsSupportIndicator": 0}), imsi, SGSN)
        self.checks.that("H-4: gprsNodeIndicator", "gprsNodeIndicator" in located, located)
        await self.modify("activate", imsi, "activate")
        both = self.judge_node("H-4, both", await self.route("sendRoutingInfoForSM", msisdn, **{"gprsSupportIndicator": 0}), imsi, GATEWAY)
        self.checks.equal("H-4: additional-Number is the SGSN's", both.get("additional-Number"), ("sgsn-Number", sms.international(SGSN)))
        one = self.judge_node("H-4, without an indicator", await self.route("sendRoutingInfoForSM", msisdn), imsi, GATEWAY)
        self.checks.that("H-4: one address, as an MSC's", "additional-Number" not in one and "gprsNodeIndicator" not in one, one)
        await self.modify("deactivate", imsi, "deactivate")
        self.judge_node("G-4: the SGSN is still known", await self.route("sendRoutingInfoForSM", msisdn, **{"gprsSupportIndicator": 0}), imsi, SGSN)

    async def h_6_who_waits_is_alerted_at_the_next_registration(self):
        """reportSM-DeliveryStatus, registration, alertServiceCentre; and not again."""
        imsi, msisdn = self.subscriber(4)
        report = {"msisdn": sms.international(msisdn), "serviceCentreAddress": sms.international(CENTRE), "sm-DeliveryOutcome": "absentSubscriber"}
        otid = self.ask(Address(8, CENTRE), GATEWAY_CONTEXT, RSDS, "ReportSM-DeliveryStatusArg", report)
        self.checks.equal("H-6: reportSM-DeliveryStatus", (await self.answered("report", otid, GATEWAY_CONTEXT))[0], "returnResult")
        await self.modify("activate", imsi, "activate")
        await self.alerted(msisdn)
        await self.modify("refresh", imsi, "activate")
        self.judge_node("H-6, afterwards", await self.route("sendRoutingInfoForSM", msisdn), imsi, GATEWAY)

    async def h_3_all_addresses_in_the_operators_order(self):
        """An SMS-GMSC that supports IP messaging gets all addresses, and knows which is the gateway's (decision 0015)."""
        checks, (imsi, msisdn), (other, others) = self.checks, self.subscriber(5), self.subscriber(6)
        answer = await self.route("H-3, nobody", msisdn, **indication())
        self.judge_absent("H-3, nobody", answer, 11)
        checks.equal("H-3: a second diagnostic, of the next domain", answer[2].get("additionalAbsentSubscriberDiagnosticSM"), 3)
        await self.locate("updateGprsLocation of an SGSN", imsi, msisdn, SGSN)
        await self.alerted(msisdn)
        self.judge_location("H-3, an SGSN alone", await self.route("SGSN alone", msisdn, **indication()), imsi, SGSN, gprsNodeIndicator=0)
        for each in (imsi, other):
            await self.modify("activate", each, "activate")
        self.judge_location("H-3, a gateway alone: imsNodeIndicator", await self.route("gateway alone", others, **indication()), other, GATEWAY, imsNodeIndicator=0)
        behind = {"additional-Number": ("sgsn-Number", sms.international(SGSN))}
        answer = await self.route("both", msisdn, **indication())
        self.judge_location("H-3, the gateway first: imsNodeIndicator, and the SGSN behind it", answer, imsi, GATEWAY, imsNodeIndicator=0, **behind)
        answer = await self.route("both", msisdn, **indication(), gprsSupportIndicator=0)
        self.judge_location("H-3, with both indications: as with this one", answer, imsi, GATEWAY, imsNodeIndicator=0, **behind)
        answer = await self.route("both", msisdn, **indication(IP_MESSAGING[:-2] + (8, 1)))
        self.judge_location("H-3, the indication under another arc is none", answer, imsi, GATEWAY)

    async def everywhere(self, what, imsi, msisdn):
        """Registers a subscriber at an MSC, an SGSN and a gateway."""
        for title in (MSC, SGSN):
            kind, _, result = await self.locate(f"{what}, at {title}", imsi, msisdn, title)
            self.checks.equal(f"{what}: the result of a location has the HLR's number", (kind, result.get("hlr-Number")), ("returnResult", sms.international(HLR)))
        await self.modify(what, imsi, "activate")

    async def h_3_three_addresses_and_who_leaves(self):
        """MSC, SGSN and gateway at once; each that purges the subscriber is named no more."""
        checks, (imsi, msisdn) = self.checks, self.subscriber(9)
        otid = self.ask(Address(7, "4917500001"), LOCATION, UL, "UpdateLocationArg", {"imsi": sms.bcd(imsi), "msc-Number": sms.international("4917500001"), "vlr-Number": sms.international("4917500001")})
        checks.equal("H-3, a stranger's updateLocation: roamingNotAllowed", (await self.answered("stranger", otid, LOCATION))[:2], ("returnError", 8))
        await self.everywhere("H-3", imsi, msisdn)
        behind = {"additional-Number": ("msc-Number", sms.international(MSC)), "thirdNumber": ("sgsn-Number", sms.international(SGSN))}
        self.judge_location("H-3, all three: the gateway, the MSC, the SGSN", await self.route("all", msisdn, **indication()), imsi, GATEWAY, imsNodeIndicator=0, **behind)
        answer = await self.route("all", msisdn, gprsSupportIndicator=0)
        self.judge_location("H-4, all three known: the first two, the gateway in the SGSN's place", answer, imsi, GATEWAY, **{"additional-Number": ("msc-Number", sms.international(MSC))})
        await self.purge("H-3, by another VLR", imsi, "4917400002")
        self.judge_location("H-3, another VLR's purge changes nothing", await self.route("all", msisdn, **indication()), imsi, GATEWAY, imsNodeIndicator=0, **behind)
        await self.purge("H-3, by the VLR", imsi, MSC)
        behind = {"additional-Number": ("sgsn-Number", sms.international(SGSN))}
        self.judge_location("H-3, purged by the VLR: the gateway, the SGSN", await self.route("two", msisdn, **indication()), imsi, GATEWAY, imsNodeIndicator=0, **behind)
        await self.modify("deactivate", imsi, "deactivate")
        await self.purge("H-3, by the SGSN", imsi, SGSN)
        self.judge_absent("H-3, gone everywhere", await self.route("none", msisdn, **indication()), 11)

    async def h_3_three_addresses_with_the_gateway_last(self):
        imsi, msisdn = self.subscriber(10)
        await self.everywhere("H-3", imsi, msisdn)
        behind = {"additional-Number": ("msc-Number", sms.international(MSC)), "thirdNumber": ("sgsn-Number", sms.international(GATEWAY))}
        self.judge_location("H-3, all three: the SGSN, the MSC, the gateway as a second SGSN", await self.route("all", msisdn, **indication()), imsi, SGSN, gprsNodeIndicator=0, **behind)
        await self.purge("H-3, by the SGSN", imsi, SGSN)
        behind = {"additional-Number": ("msc-Number", sms.international(GATEWAY))}
        self.judge_location("H-3, purged by the SGSN: the MSC, the gateway as a second MSC", await self.route("two", msisdn, **indication()), imsi, MSC, **behind)

    async def h_3_the_gateway_last(self):
        """With another priority: the kind that comes twice is the gateway's."""
        imsi, msisdn = self.subscriber(7)
        await self.locate("updateGprsLocation of an SGSN", imsi, msisdn, SGSN)
        await self.modify("activate", imsi, "activate")
        behind = {"additional-Number": ("sgsn-Number", sms.international(GATEWAY))}
        answer = await self.route("both", msisdn, **indication())
        self.judge_location("H-3, the SGSN first: gprsNodeIndicator, and the gateway behind it as a second SGSN", answer, imsi, SGSN, gprsNodeIndicator=0, **behind)
        behind = {"additional-Number": ("msc-Number", sms.international(GATEWAY))}
        answer = await self.route("both", msisdn, gprsSupportIndicator=0)
        self.judge_location("H-4, the SGSN first: the gateway in the MSC's place behind it", answer, imsi, SGSN, **behind)
        self.judge_location("H-4, the SGSN first, without an indicator: one address", await self.route("both", msisdn), imsi, SGSN)

    async def h_3_without_an_arc_there_is_no_indication(self):
        imsi, msisdn = self.subscriber(8)
        await self.locate("updateGprsLocation of an SGSN", imsi, msisdn, SGSN)
        await self.modify("activate", imsi, "activate")
        self.judge_location("H-3, no arc configured: one address", await self.route("both", msisdn, **indication()), imsi, GATEWAY)
        behind = {"additional-Number": ("sgsn-Number", sms.international(SGSN))}
        answer = await self.route("both", msisdn, **indication(), gprsSupportIndicator=0)
        self.judge_location("H-3, no arc configured: a list, without imsNodeIndicator", answer, imsi, GATEWAY, **behind)

    async def play(self):
        await self.open()
        for part in (
            self.h_1_and_h_7_registration_and_deregistration,
            self.h_2_the_number_comes_with_update_gprs_location,
            self.h_4_two_addresses_one_of_them_in_anothers_place,
            self.h_6_who_waits_is_alerted_at_the_next_registration,
            self.h_3_all_addresses_in_the_operators_order,
            self.h_3_three_addresses_and_who_leaves,
        ):
            await part()
        for parts, values in (
            ((self.h_3_the_gateway_last, self.h_3_three_addresses_with_the_gateway_last), {"priority": ["sgsn", "msc", "ip-sm-gw"]}),
            ((self.h_3_without_an_arc_there_is_no_indication,), {"arc": None}),
        ):
            await self.stop()
            await self.start(**values)
            for part in parts:
                await part()
        await self.stop()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    corenet = Path(binary).resolve().with_name("corenet")

    async def act(lab, checks):
        await HlrJudge(lab, checks, seed, corenet).play()

    _, failed = asyncio.run(stages.perform("hlr_judge", binary, labs.FILES / "hlr_judge", seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
