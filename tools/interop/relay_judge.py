"""Global title translation between the gateway and others: corenet's signalling gateway translates, and behind it are two nodes of pycrate over usrsctp, which
are service centres, an HLR and strangers. relay_judge.py BINARY [SEED]: the box's program stands beside the gateway's.

Everything goes to the signalling gateway's own point code, by title. The box's own HLR and service centre are behind it too. What pycrate reads at
the nodes, and tshark on both sides of the signalling gateway, must be one message, but for what translation changes."""
import asyncio
import collections
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import lab as labs
import m3ua
import map_judge
import map_peer
import sip_peer
import sms
import stage as stages
import tshark_judge
import usrsctp
from map_judge import WAIT, invoke_id
from map_peer import MO_FORWARD, MO_RELAY, MT_RELAY, Address

BOX = {"sgp": "10.8.0.1", "hlr": "10.8.0.5", "smsc": "10.8.0.6"}
NODES = {"one": "10.8.0.11", "two": "10.8.0.12"}
CODES = {name: 2 << 11 | 100 << 3 | low for name, low in (("gateway", 3), ("sgp", 4), ("hlr", 5), ("smsc", 6), ("one", 7), ("two", 8))}
CONTEXTS = {"gateway": labs.ROUTING_CONTEXT, "hlr": 102, "smsc": 103, "one": 104, "two": 105}
NETWORKS = ["home1", "home2"]
HLR_TITLE = ["491710000006", "447000000006"]
CENTRE_TITLE = ["491710000099", "447000000099"]
# Service centres at the nodes, the second node's own title, and one that leads nowhere.
CENTRES, STRANGER, NOWHERE = ["491719", "4420"], "491800000001", "33612345678"
GATEWAY_CONTEXT, SRI = (0, 4, 0, 0, 1, 0, 20, 3), 45
DUNA, DAVA, ALLOWED, PROHIBITED, TEST = (2, 1), (2, 2), 1, 2, 3
NO_TRANSLATION, HOP_COUNTER_VIOLATION = 1, 12
# Messages each way, and what a stranger sends of each kind while so many dialogues are open.
MESSAGES, STRANGE, OPEN = 12, 4000, 20
API = 8080

ASSOCIATION = """
[[association]]
name = "sg1"
role = "client"
local = ["{gateway_ss7[0]}"]
remote = ["{peer_ss7[0]}"]
m3ua = "asp"
routing_contexts = [{context}]
traffic_mode = "loadshare"
"""

BOX_TOML = """
seed = {seed}

[node]
plays = ["sgp", "hlr", "smsc"]

[eal]
memory_mb = 256
file_prefix = "{name}-box"
extra = ["--no-telemetry", "--no-pci"]

[[port]]
name = "near"
device = "net_af_packet0,iface=peer,qdisc_bypass=0,blocksz=4096,framesz=2048,framecnt=512"
addresses = []

[[port]]
name = "far"
device = "net_af_packet1,iface=far,blocksz=4096,framesz=2048,framecnt=512"
addresses = []

{networks}
[api]
listen = "127.0.0.1:{api}"

[smsc]
retry_s = []

[smsc.point]
port = "far"
addresses = ["{box[smsc]}/24"]

[hlr.point]
port = "far"
addresses = ["{box[hlr]}/24"]

[[stp]]
name = "sgp"

[stp.point]
port = "near"
addresses = ["{near}/24"]

[[stp.point.also]]
port = "far"
addresses = ["{box[sgp]}/24"]
{sections}
"""
NETWORK = """
[[network]]
name = "{name}"
realm = "{realm}"
subscribers_file = "box-{name}.csv"
scscf_uri = "{scscf_uri}"
scscf_address = "{scscf}:5060"
gateway_address = "{gateway}:5060"
gateway_uri = "{gateway_uri}"
gateway_title = "{title}"
gateway_node = "{node}"
service_centre = "{centre}"
hlr_title = "{hlr}"
r1 = "preconfigured"
"""
# Where titles lead from the signalling gateway.
BOTH = 'targets = [{{ point_code = {one} }}, {{ point_code = {two} }}]'
RULES = [
    (stages.TITLE[0], "point_code = {gateway}"),
    (stages.TITLE[1], 'point_code = {gateway}\nroute_on = "ssn"'),
    (HLR_TITLE[0], "point_code = {hlr}"),
    (HLR_TITLE[1], BOTH),
    (CENTRE_TITLE[0], "point_code = {smsc}"),
    (CENTRE_TITLE[1], "point_code = {smsc}"),
    (CENTRES[0], BOTH + '\nroute_on = "ssn"\ntranslation_type = 0\nnumbering_plan = 1\nnature = 4'),
    (STRANGER, "point_code = {two}"),
    ("44", BOTH + '\nrewrite = {{ strip = 2, add = "0", nature = 3 }}'),
    ("0", BOTH + "\nnature = 3"),
]


def point(section, own, associations, destinations, titles=""):
    """The SS7 sections of one of the box's nodes."""
    text = f"\n[{section}.ss7]\npoint_code = {CODES[own]}\n"
    for name, role, local, remote, context in associations:
        m3ua_role = "sgp" if role == "server" else "asp"
        profile = "rfc9260" if name == "gateway" else "sigtran"
        text += f'\n[[{section}.association]]\nname = "{name}"\nrole = "{role}"\nlocal = ["{local}"]\nremote = ["{remote}"]\nprofile = "{profile}"\nm3ua = "{m3ua_role}"\nrouting_contexts = [{context}]\ntraffic_mode = "loadshare"\n'
    for code, name in destinations:
        text += f'\n[[{section}.destination]]\npoint_code = {code}\nassociations = ["{name}"]\n'
    return text + titles


class RelayLab(labs.Lab):
    """The gateway's networks, with the signalling gateway where its SS7 peer was, and the nodes behind that."""

    def __init__(self, binary, keep):
        super().__init__(binary, keep)
        self.namespaces["nodes"] = f"{self.name}-nodes"

    def _wire(self):
        super()._wire()
        between, nodes = (labs.within(self.namespaces[role]) for role in ("ss7", "nodes"))
        # The signalling gateway's addresses are the box's, not the kernel's.
        labs.run(*between, "ip", "address", "flush", "dev", "peer")
        labs.run(*between, "ip", "link", "add", "far", "type", "veth", "peer", "name", "peer", "netns", self.namespaces["nodes"])
        labs.run(*nodes, "ethtool", "-K", "peer", "tx", "off")
        for address in NODES.values():
            labs.run(*nodes, "ip", "address", "add", f"{address}/24", "dev", "peer")
        labs.run(*nodes, "ip", "link", "set", "peer", "up")
        labs.run(*between, "ip", "link", "set", "far", "up")


class RelayJudge(map_judge.MapJudge):
    """The run."""

    def __init__(self, lab, checks, seed, subscribers):
        super().__init__(lab, checks, seed, subscribers)
        self.seed, self.corenet = seed, Path(lab.binary).with_name("corenet")
        self.nodes = {name: map_peer.MapPeer(CODES[name], CODES["sgp"], labs.NETWORK_INDICATOR, self.random) for name in NODES}
        self.peer = self.nodes["one"]

    def centre(self, of):
        return sms.number(self.random, CENTRES[of.network], 10, 12)

    def translated(self, address):
        """What the signalling gateway makes of the title of a node."""
        if address.digits.startswith(CENTRES[0]):
            return Address(address.ssn, address.digits, on_title=False)
        return Address(address.ssn, f"0{address.digits[2:]}", nature=3)

    # What stands around an operation, at the node.

    def judge_transfer(self, heard):
        transfer, peer = heard.transfer, self.peer
        self.checks.equal("M3UA: from the signalling gateway to the node", (transfer.opc, transfer.dpc, transfer.context), (CODES["sgp"], peer.point_code, peer.associations[-1].context))

    def judge_begin(self, heard, of, centre):
        self.judge_transfer(heard)
        checks = self.checks
        checks.equal("MO: called party as translated", heard.called, self.translated(Address(8, centre)), f"network {of.network}")
        checks.equal("MO: calling party is the gateway's title as it left", heard.calling, Address(stages.SSN[of.network], stages.TITLE[of.network]))
        checks.equal("MO: class 1, returned on error", (heard.protocol_class, heard.return_on_error), (1, True))
        checks.equal("MO: mo-forwardSM, version 3", (heard.context, heard.component()[1].get("opcode")), (MO_RELAY, ("local", MO_FORWARD)))

    def judge_backward(self, heard, asked):
        self.judge_transfer(heard)
        checks = self.checks
        checks.equal("MT result: to the SMS-GMSC, as translated", heard.called, self.translated(asked["calling"]))
        checks.equal("MT result: from the title that was called before translation", heard.calling, asked["called"])
        checks.equal("MT result: AARE echoes the context", ((heard.dialogue or [None])[0], heard.context), ("dialogueResponse", MT_RELAY))

    def invoke_mt(self, of, tpdu, handshake=False):
        """As an SMS-GMSC at a title that leads to the node."""
        centre = self.centre(of)
        invoke = self.random.randint(-128, 127)
        called, calling = Address(stages.SSN[of.network], stages.TITLE[of.network]), Address(8, centre)
        forward = map_peer.mt_forward(invoke, of.imsi, centre, tpdu)
        otid = self.peer.begin(called, calling, MT_RELAY, forward)
        return {"otid": otid, "invoke": invoke, "centre": centre, "called": called, "calling": calling, "forward": forward}

    # The stage.

    def configure(self, associations=ASSOCIATION):
        lab = self.lab
        super().configure(associations)
        sgp = [(name, "server", labs.PEER_SS7[0] if name == "gateway" else BOX["sgp"], labs.GATEWAY_SS7[0] if name == "gateway" else (BOX | NODES)[name], context) for name, context in CONTEXTS.items()]
        rules = "".join(f'\n[[stp.point.title]]\nprefix = "{prefix}"\n{rule.format(**CODES)}\n' for prefix, rule in RULES)
        sections = point("stp.point", "sgp", sgp, [(CODES[name], name) for name in CONTEXTS], rules)
        for name in ("hlr", "smsc"):
            section = f"{name}.point"
            way = [("sgp", "client", BOX[name], BOX["sgp"], CONTEXTS[name])]
            sections += point(section, name, way, [(CODES["sgp"], "sgp")], f'\n[[{section}.title]]\nprefix = ""\npoint_code = {CODES["sgp"]}\n')
        networks = ""
        for at, name in enumerate(NETWORKS):
            own = [of for of in self.subscribers if of.network == at]
            (lab.directory / f"box-{name}.csv").write_text("".join(f"{of.imsi},{of.msisdn},{of.identity}\n" for of in own))
            networks += NETWORK.format(
                name=name, realm=stages.REALM[at], scscf_uri=stages.SCSCF_URI[at], scscf=labs.SCSCF[at], gateway=labs.GATEWAY_IMS, gateway_uri=stages.GATEWAY_URI[at],
                title=stages.TITLE[at], node="sgsn" if at else "msc", centre=CENTRE_TITLE[at], hlr=HLR_TITLE[at],
            )
        text = BOX_TOML.format(seed=self.seed, name=lab.name, networks=networks, box=BOX, near=labs.PEER_SS7[0], sections=sections, api=API)
        (lab.directory / "corenet.toml").write_text(text)

    async def attach(self, name):
        """Connects a node with the signalling gateway, as an ASP."""
        peer = self.nodes[name]
        association = m3ua.Association(name, peer.on_transfer, CONTEXTS[name])
        association.connect(NODES[name], 2905, BOX["sgp"], 2905)
        await asyncio.wait_for(association.active.wait(), 30)
        peer.associations = [association]

    async def kill(self, name):
        """A node's association ends as when its process does."""
        (association,) = self.nodes[name].associations
        association.socket.break_off()
        await asyncio.wait_for(association.ended.wait(), WAIT)
        association.socket.abort()

    async def open(self):
        lab = self.lab
        self.configure()
        await lab.start_captures()
        self.capture = lab.keep / "nodes.pcap"
        self.capture.unlink(missing_ok=True)
        self.dumpcap = lab.spawn("nodes", "dumpcap", "-q", "-P", "-B", "16", "-i", "peer", "-w", str(self.capture), log="dumpcap-nodes.log")
        await labs.until("dumpcap at the nodes", lambda: b"File: " in (lab.keep / "dumpcap-nodes.log").read_bytes(), 20)
        with lab.inside("nodes"):
            usrsctp.start()
        ready = lab.directory / "ready"
        self.box = lab.spawn("ss7", str(self.corenet), "serve", "-c", str(lab.directory / "corenet.toml"), "--ready", str(ready), log="corenet.log")
        for network in (0, 1):
            ip = labs.SCSCF[network]
            server = sip_peer.Server(stages.SCSCF_URI[network], ip, 5060, (labs.GATEWAY_IMS, 5060), self.random)
            self.of_network[network] = await server.open(lab.udp(ip, 5060))
        lab.start_gateway()
        await labs.until("the box", lambda: self.box.poll() is not None or ready.exists(), 60)
        if self.box.poll() is not None:
            raise labs.LabError(f"corenet ended at once; see {lab.keep}/corenet.log")
        for name in NODES:
            await self.attach(name)
        await labs.until("admin socket", lambda: not lab.gateway_runs() or (lab.directory / "admin.sock").exists(), 60)
        await labs.until("the gateway is active", lambda: all(it["state"] == "active" for it in lab.show("associations")["associations"]), 30)
        # The box's own nodes come up by themselves: the signalling gateway says when they can be reached.
        association = self.nodes["one"].associations[-1]
        for name in ("hlr", "smsc"):
            affected = (m3ua.AFFECTED, CODES[name].to_bytes(4, "big"))
            association.tell(m3ua.DAUD, m3ua.parameter(m3ua.ROUTING_CONTEXT, CONTEXTS["one"].to_bytes(4, "big")), m3ua.parameter(*affected))
            await association.inbox.get(f"{name} can be reached", lambda it, affected=affected: it[0] == DAVA and affected in it[1], 30)
        for server in self.servers:
            octets, branch, _ = server.request("OPTIONS", stages.GATEWAY_URI[0], server.uri, stages.GATEWAY_URI[0])
            self.checks.equal("SIP: OPTIONS is answered", (await server.ask(octets, branch, 20)).status, 200)
        self.frames_free = lab.counter("worker", "frames_free")

    async def api(self, method, path, value):
        """Asks the box."""
        body = json.dumps(value).encode()
        with self.lab.inside("ss7"):
            reader, writer = await asyncio.open_connection("127.0.0.1", API)
        head = f"{method} {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await asyncio.wait_for(reader.read(), WAIT)
        writer.close()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise labs.LabError(f"{method} {path}: {answer!r}")

    # The parts.

    async def both_ways(self):
        """Short messages between both networks and a service centre at a node."""
        for way in (self.mo, self.mt):
            await asyncio.gather(*[way(of, sms.gsm7(self.random, self.random.randrange(100))) for of in self.subscribers[:MESSAGES]])

    async def forms(self):
        """Every form of unitdata is passed on, one hop less; segments as they are."""
        for form in ("xudt", "ludt", "segments"):
            self.peer.form = form
            try:
                await self.mt(self.subscribers[0], sms.gsm7(self.random, 120))
            finally:
                self.peer.form = "udt"
            self.checks.that(f"{form}: comes to the gateway, and its answer comes back", True)

    async def hops(self):
        """The last hop is not translated."""
        self.peer.form, self.peer.hops = "xudt", 1
        called, calling, data = Address(8, stages.TITLE[0]), Address(8, self.centre(self.subscribers[0])), self.opening()
        self.peer.unitdata(called, calling, data)
        self.peer.form, self.peer.hops = "udt", 15
        await self.returned("hop counter used up", HOP_COUNTER_VIOLATION, called, calling, data)

    def opening(self):
        """A Begin with nothing in it."""
        return self.peer.spell(("begin", {"otid": self.peer.otid(), "dialoguePortion": map_peer.requested(MT_RELAY)}))

    async def returned(self, name, cause, called, calling, data):
        heard = await self.peer.inbox.get(name, lambda it: it.kind == "returned", WAIT)
        self.checks.equal(f"{name}: comes back with its cause, addresses and data", (heard.reason, heard.called, heard.calling, heard.tcap), (cause, calling, called, data))

    async def no_translation(self):
        """Titles that lead nowhere, from both sides."""
        calling, data = Address(8, self.centre(self.subscribers[0])), self.opening()
        for name, called in [("no such prefix", Address(8, NOWHERE)), ("another nature", Address(8, CENTRES[0] + "1", nature=3)), ("another translation type", Address(8, CENTRES[0] + "1", translation_type=9))]:
            self.peer.unitdata(called, calling, data)
            await self.returned(f"no translation, {name}", NO_TRANSLATION, called, calling, data)
        of = next(of for of in self.subscribers if of.network == 1)
        async with of.lock:
            server, reference = self.server(of), self.random.randrange(256)
            tpdu = sms.submit(self.random, sms.gsm7(self.random, 20))
            answer, call_id = await server.message(f"tel:+{NOWHERE}", [of.identity], sms.rp_data(reference, NOWHERE, tpdu))
            self.checks.equal("MO to a title that leads nowhere: 202 Accepted", answer.status, 202)
            report = await self.submit_report(of, (reference, of.identity, call_id))
            self.checks.equal("MO to a title that leads nowhere: RP-ERROR at once", report.kind, "error")

    async def point_is(self, what, at, kind):
        """The other node is told that a node is away or back."""
        association = self.nodes["two"].associations[-1]
        affected = (m3ua.AFFECTED, CODES["one"].to_bytes(4, "big"))
        await association.inbox.get(what, lambda it: it[0] == kind and affected in it[1], WAIT)
        self.checks.that(f"{what}: the other node is told", True)

    async def subsystem_is(self, kind):
        """A node says that its subsystem 8 is out, or back; the answer to a test shows that it was heard."""
        peer = self.nodes["one"]
        around = bytes.fromhex("0900030507" + "024201" + "024201" + "05")
        for octet, ssn, about in ((kind, 8, CODES["one"]), (TEST, 1, CODES["sgp"])):
            peer.send(around + bytes([octet, ssn]) + about.to_bytes(2, "little") + b"\0", sls=0)
        heard = await peer.inbox.get("the answer to a test", lambda it: it.kind == "management", WAIT)
        self.checks.equal("SCMG: the test of the signalling gateway's own management is answered", heard.tcap[:2], bytes([ALLOWED, 1]))

    async def goes_to(self, name, of):
        """The next messages of a subscriber come to this node."""
        self.peer = self.nodes[name]
        await self.mo(of, sms.gsm7(self.random, 10))
        self.checks.that(f"the {'primary' if name == 'one' else 'backup'} has the traffic", True)

    async def primary_and_backup(self):
        """The backup has the traffic while the primary is away, or its subsystem is out."""
        for of in self.subscribers[:2]:
            await self.goes_to("one", of)
            await self.kill("one")
            await self.point_is("primary away", "one", DUNA)
            await self.goes_to("two", of)
            await self.attach("one")
            await self.point_is("primary back", "one", DAVA)
            await self.goes_to("one", of)
        of = self.subscribers[0]
        await self.subsystem_is(PROHIBITED)
        await self.goes_to("two", of)
        # Where the title is translated once more, the next node minds the subsystem.
        await self.goes_to("one", self.subscribers[1])
        await self.subsystem_is(ALLOWED)
        await self.goes_to("one", of)

    async def routing_information(self):
        """sendRoutingInfoForSM of a node to the box's HLR, and of the box's service centre to a node, and what follows."""
        checks, peer = self.checks, self.peer
        of, other = self.subscribers[:2]
        centre = self.centre(of)
        argument = {"msisdn": sms.international(of.msisdn), "sm-RP-PRI": True, "serviceCentreAddress": sms.international(centre)}
        invoke = ("invoke", {"invokeId": ("present", 1), "opcode": ("local", SRI), "argument": ("RoutingInfoForSM-Arg", argument)})
        called, calling = Address(6, HLR_TITLE[0]), Address(8, centre)
        otid = peer.begin(called, calling, GATEWAY_CONTEXT, invoke)
        heard = await peer.inbox.get("the HLR's answer", lambda it: it.dtid == otid and it.kind == "end", WAIT)
        checks.equal("SRI to the HLR: to the node as translated, from the HLR's title", (heard.called, heard.calling), (self.translated(calling), called))
        result = heard.component()[1].get("result", {}).get("result", (None, {}))[1]
        located = result.get("locationInfoWithLMSI", {}).get("networkNode-Number")
        checks.equal("SRI to the HLR: IMSI, and the gateway as the node", (result.get("imsi"), located), (sms.bcd(of.imsi), sms.international(stages.TITLE[0])))

        async with other.lock:
            await self.api("POST", "/v1/messages", {"to": other.msisdn})
            heard = await peer.inbox.get("SRI of the box", lambda it: it.kind == "begin" and it.context == GATEWAY_CONTEXT, WAIT)
            checks.equal("SRI to the node: called by title still, calling as it was", (heard.called, heard.calling), (Address(6, HLR_TITLE[1]), Address(8, CENTRE_TITLE[1])))
            checks.equal("SRI to the node: about the recipient", heard.argument().get("msisdn"), sms.international(other.msisdn))
            located = {"networkNode-Number": sms.international(stages.TITLE[1]), "gprsNodeIndicator": 0}
            result = {"imsi": sms.bcd(other.imsi), "locationInfoWithLMSI": located}
            peer.answer(heard, ("returnResult", {"invokeId": ("present", invoke_id(heard)), "result": {"opcode": ("local", SRI), "result": ("RoutingInfoForSM-Res", result)}}))
            server = self.server(other)
            message = await server.inbox.get("the box's message", lambda it: it.method == "MESSAGE" and it.uri == other.tel, WAIT)
            data = sms.FromNetwork.parse(message.body)
            other.references.append(data.reference)
            checks.equal("MT after the SRI: the service centre is the box's", data.originator, CENTRE_TITLE[1])
            server.respond(message, 200)
            await self.report(other, message, sms.rp_ack(data.reference))

    async def stranger(self):
        """A node that knows our addresses, but no dialogue of ours, ends, continues and aborts what it can guess."""
        checks, stranger = self.checks, self.nodes["two"]
        several = [(of, *await self.submit(of, sms.gsm7(self.random, 10))) for of in self.subscribers[:OPEN]]
        live = [heard.otid for _, heard, _ in several]
        await labs.until("the gateway tells of its dialogues", lambda: self.tcap()[0] == OPEN, WAIT)
        dialogues, wrong, unknown = self.tcap()
        before = wrong + unknown
        heard = several[0][1]
        calling, called = Address(8, STRANGER), heard.calling
        nobody = bytes(4)
        around = {"dtid": nobody, "dialoguePortion": map_peer.accepted(MO_RELAY)}
        result = [("basicROS", map_peer.result(invoke_id(heard), MO_FORWARD, None))]
        kinds = [
            ("end", {**around, "components": result}),
            ("continue", {**around, "otid": b"\x01\x02\x03\x04", "components": result}),
            ("abort", {"dtid": nobody, "reason": ("p-abortCause", 4)}),
        ]
        stranger.gateway_point_code = CODES["gateway"]
        units = []
        for kind in kinds:
            map_peer.TCAP.set_val(kind)
            tcap = map_peer.TCAP.to_ber()
            value = {"ProtocolClass": {"Handling": 0, "Class": 0}, "CalledPartyAddr": called.value(), "CallingPartyAddr": calling.value(), "Data": {"Value": tcap}}
            octets = map_peer.SCCPUnitData(val=value).to_bytes()
            at = octets.index(b"\x49\x04" + nobody) + 2
            units.append((octets[:at], octets[at + 4 :]))
        sent = 0
        for number in range(STRANGE):
            # Those that are alive, and their neighbours on both sides.
            identifier = (int.from_bytes(live[number % OPEN], "big") + (number // OPEN) - STRANGE // OPEN // 2) % (1 << 32)
            for front, back in units:
                stranger.send(front + identifier.to_bytes(4, "big") + back, sls=number % 16)
                sent += 1
            # The signalling gateway has room for some thousands.
            if number % 1000 == 999:
                await self.counted(before + sent)
        stranger.gateway_point_code = CODES["sgp"]
        dialogues_after, wrong_after, unknown_after = self.tcap()
        checks.equal("stranger: each message is counted", wrong_after + unknown_after - before, sent)
        checks.that("stranger: those for a dialogue as of the wrong peer", wrong_after - wrong >= len(kinds) * OPEN, wrong_after)
        checks.equal("stranger: no dialogue is touched", (dialogues, dialogues_after), (OPEN, OPEN))
        print(f"     stranger: {sent} messages, {OPEN} dialogues", flush=True)
        for of, heard, submission in several:
            self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
            checks.equal("stranger: who is asked answers, and the sender hears it", (await self.submit_report(of, submission)).kind, "ack")
        await self.quiet(stranger)

    def tcap(self):
        """Dialogues open, messages of the wrong peer, and those to none."""
        workers = [worker["numbers"] for worker in self.lab.show("workers")["workers"]]
        return [sum(worker[group][name] for worker in workers) for group, name in (("fill", "dialogues"), ("tcap", "wrong_peer"), ("tcap", "unrecognised_transaction"))]

    async def counted(self, messages):
        """The gateway has refused so many."""
        deadline = asyncio.get_running_loop().time() + WAIT
        while sum(self.tcap()[1:]) < messages:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"the gateway has not counted {messages} messages in {WAIT} s: {self.tcap()}")
            await asyncio.sleep(0.05)

    async def quiet(self, stranger):
        """Aborts that a stranger was told for ids that name nothing, as many as are allowed in a second."""
        told = [it for it in stranger.inbox.unclaimed if it.kind == "abort"]
        self.checks.equal("stranger: what it hears is that there is no such transaction", {it.reason for it in told} - {("p-abortCause", 1)}, set())
        stranger.inbox.unclaimed[:] = [it for it in stranger.inbox.unclaimed if it.kind != "abort"]

    async def close(self):
        other = self.nodes["two"]
        self.checks.equal("SS7, the other node: every message is readable, none unasked", (other.faults, other.inbox.unclaimed), ([], []))
        for association in [*other.associations, *self.nodes["one"].associations]:
            # That others of the box come up is told too.
            association.inbox.unclaimed[:] = [it for it in association.inbox.unclaimed if it[0] not in (DUNA, DAVA)]
        (association,) = other.associations
        self.checks.equal("M3UA, the other node: nothing that RFC 4666 forbids, nothing unasked", (association.faults, association.inbox.unclaimed), ([], []))
        await super().close()
        self.checks.that("the box still runs", self.box.poll() is None)
        self.box.terminate()
        await labs.until("the end of the box", lambda: self.box.poll() is not None, 15)
        self.checks.equal("the box ends with code 0 when told to", self.box.poll(), 0)
        self.dumpcap.terminate()
        await asyncio.to_thread(self.dumpcap.wait, 10)
        faults = await asyncio.to_thread(tshark_judge.judge, self.capture, None, None, (), True)
        self.checks.equal("tshark finds nothing wrong at the nodes", faults[:3], [])
        await asyncio.to_thread(self.translations)

    def translations(self):
        """What tshark sees of each message before and after the signalling gateway."""
        near, far = (dissect(self.lab.keep / name) for name in ("ss7.pcap", "nodes.pcap"))
        seen = collections.Counter()
        for key in near.keys() & far.keys():
            for before, after in zip(near[key], far[key]):
                if before["opc"] == CODES["sgp"]:
                    before, after = after, before
                calling = [before[it] for it in CALLING]
                # An answer to a subsystem number alone has to know the point.
                if calling[:2] == [ON_SSN, ""] and after["opc"] == CODES["sgp"]:
                    calling[1] = str(before["opc"])
                    seen["told"] += 1
                self.checks.equal("tshark: the calling address goes on as it was", [after[it] for it in CALLING], calling, key)
                if before["hops"]:
                    self.checks.equal("tshark: one hop less", int(after["hops"], 0), int(before["hops"], 0) - 1, key)
                    seen["hops"] += 1
                changed = [it for it in CALLED if after[it] != before[it]]
                digits = before["sccp.called.digits"]
                wanted = {CENTRES[0]: ["sccp.called.ri"], "44": ["sccp.called.nai", "sccp.called.digits"], stages.TITLE[0]: [], stages.TITLE[1]: ["sccp.called.ri"]}
                wanted |= {HLR_TITLE[1]: []}
                rule = max((prefix for prefix in wanted if digits.startswith(prefix)), key=len, default=None)
                if rule is None:
                    continue
                self.checks.equal("tshark: of the called address that changes which its rule says", changed, wanted[rule], f"{key} {digits}")
                seen[rule] += 1
        print(f"     tshark: {dict(seen)}", flush=True)
        for rule in ("hops", "told", CENTRES[0], "44", *stages.TITLE[:2]):
            # Not of packets that have more than one.
            self.checks.that("tshark: messages of every rule are seen on both sides", seen[rule] > 0, f"{rule}: {seen[rule]}")

    async def play(self):
        await self.open()
        await asyncio.gather(*[self.register(of) for of in self.subscribers])
        for part in (self.both_ways, self.forms, self.hops, self.no_translation, self.primary_and_backup, self.routing_information, self.stranger):
            started = asyncio.get_running_loop().time()
            await self.step(part)
            print(f"     {part.__name__}: {asyncio.get_running_loop().time() - started:.1f} s", flush=True)
        await self.close()


CALLED = ["sccp.called.ri", "sccp.called.ssn", "sccp.called.tt", "sccp.called.np", "sccp.called.nai", "sccp.called.digits"]
CALLING = ["sccp.calling.ri", "sccp.calling.pc", "sccp.calling.ssn", "sccp.calling.digits"]
# A routing indicator, as tshark writes it.
ON_SSN = "0x01"
KEY = ["sccp.message_type", "tcap.otid", "tcap.dtid", "sccp.calling.digits"]


def dissect(path):
    """The SCCP messages of packets that have one, by what does not change, in order."""
    fields = ["m3ua.protocol_data_opc", "sccp.hops", *CALLED, *CALLING, *KEY[:-1]]
    command = ["tshark", "-n", "-r", str(path), "-Y", "tcap", "-T", "fields", "-E", "separator=;", "-E", "occurrence=a"]
    for field in fields:
        command += ["-e", field]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    messages = collections.defaultdict(list)
    for line in shown.stdout.splitlines():
        row = dict(zip(fields, line.split(";")))
        if "," not in row["m3ua.protocol_data_opc"]:
            row |= {"opc": int(row["m3ua.protocol_data_opc"]), "hops": row["sccp.hops"]}
            messages[tuple(row[it] for it in KEY)].append(row)
    return messages


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    keep = labs.FILES / "relay_judge"

    async def act(lab, checks):
        await RelayJudge(lab, checks, seed, 24).play()

    _, failed = asyncio.run(stages.perform("relay_judge", binary, keep, seed, act, RelayLab))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
