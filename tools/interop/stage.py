"""What every judge of the whole gateway sets up: subscribers at random, peers on both sides, a gateway between them."""
import asyncio
import json
import random as randomness
from dataclasses import dataclass, field

import lab as labs
import m3ua
import sip_peer
import sms
import usrsctp
from map_peer import MapPeer

GATEWAY_URI = ["sip:ipsmgw.home1.net", "sip:ipsmgw.home2.net"]
SCSCF_URI = ["sip:scscf1.home1.net", "sip:scscf1.home2.net"]
TITLE, SSN = ["4917100001", "447000000001", "12025550001"], [8, 149, 8]
REALM = ["home1.net", "home2.net"]
PRIVATE_REALM = ["ims.mnc001.mcc262.3gppnetwork.org", "ims.mnc015.mcc234.3gppnetwork.org"]
IMSI, MSISDN = ["26201", "234015"], ["49171", "44"]
REPORT_ANSWER, UNMATCHED_ANSWER = [200, 202], [200, 488]
UNSERVED_IMSI = "310150123456789"


@dataclass
class Subscriber:
    """Somebody with a subscription; `told` says where the gateway finds what the REGISTER does not tell."""

    network: int
    imsi: str
    msisdn: str
    identity: str
    told: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    references: list = field(default_factory=list)

    @property
    def tel(self):
        return f"tel:+{self.msisdn}"


TOLD = ["multipart", "service-info and file", "embedded and associated", "file"]


def subscriber(random, network, at):
    return Subscriber(
        network,
        sms.number(random, IMSI[network], 15, 15),
        sms.number(random, MSISDN[network], 11, 12),
        f"sip:user{at}.{random.randrange(10**6)}@{REALM[network]}",
        TOLD[at // 2 % len(TOLD)],
    )


def registration(of):
    """Headers and body of the third-party REGISTER for a subscriber."""
    if of.told == "multipart":
        embedded = sip_peer.embedded_register(of.identity, f"{of.imsi}@{PRIVATE_REALM[of.network]}", REALM[of.network])
        kind, body = sip_peer.multipart(("application/3gpp-ims+xml", sip_peer.service_info(of.msisdn)), ("message/sip", embedded))
        return [kind], body
    if of.told == "service-info and file":
        return ["Content-Type: application/3gpp-ims+xml"], sip_peer.service_info(of.msisdn)
    if of.told == "embedded and associated":
        embedded = sip_peer.embedded_register(of.identity, f"{of.imsi}@{PRIVATE_REALM[of.network]}", REALM[of.network])
        return [f"P-Associated-URI: <{of.identity}>, <{of.tel}>", "Content-Type: message/sip"], embedded
    return [], b""


class Stage:
    """Lab, peers and gateway of one run."""

    def __init__(self, lab, checks, seed, subscribers):
        self.lab, self.checks = lab, checks
        self.random = randomness.Random(seed)
        self.subscribers = [subscriber(self.random, at % 2, at) for at in range(subscribers)]
        self.absent = [subscriber(self.random, network, 900 + network) for network in (0, 1)]
        self.of_network = {}
        self.texts = {"ims": [], "ss7": []}
        self.peer = MapPeer(labs.PEER_POINT_CODE, labs.POINT_CODE, labs.NETWORK_INDICATOR, self.random)

    def configure(self, associations):
        """Writes the gateway's configuration and files."""
        files = {"home1": [], "home2": []}
        for of in self.subscribers + self.absent:
            if of.told in ("file", "service-info and file") or of in self.absent:
                files[f"home{of.network + 1}"].append(f"{of.imsi},{of.msisdn},{of.identity} {of.tel}")
        self.lab.configure(associations, files)

    async def open(self, mode, networks=(0, 1)):
        """Starts everything; `mode` is "sgp" or "ipsp". The S-CSCFs of `networks` are ours."""
        lab = self.lab
        self.configure({"sgp": labs.SGP, "ipsp": labs.IPSP}[mode])
        await lab.start_captures()
        with lab.inside("ss7"):
            usrsctp.start()
        for network in networks:
            ip = labs.SCSCF[network]
            server = sip_peer.Server(SCSCF_URI[network], ip, 5060, (labs.GATEWAY_IMS, 5060), self.random)
            self.of_network[network] = await server.open(lab.udp(ip, 5060))
        if mode == "sgp":
            for at, (ip, port) in enumerate(zip(labs.PEER_SS7, (2905, 2906))):
                association = m3ua.Association(f"sg{at + 1}", self.peer.on_transfer, labs.ROUTING_CONTEXT)
                association.listen(ip, port)
                self.peer.associations.append(association)
        lab.start_gateway()
        await labs.until("admin socket", lambda: not lab.gateway_runs() or (lab.directory / "admin.sock").exists(), 60)
        if not lab.gateway_runs():
            raise labs.LabError(f"the gateway ended at once; see {lab.keep}/gateway.log")
        if mode == "ipsp":
            association = m3ua.Association("peer1", self.peer.on_transfer, labs.ROUTING_CONTEXT)
            association.connect(labs.PEER_SS7[0], 2905, labs.GATEWAY_SS7[0], 2905)
            self.peer.associations.append(association)
        for association in self.peer.associations:
            await asyncio.wait_for(association.active.wait(), 30)
            self.checks.that("M3UA: every association becomes active", True)
        for server in self.servers:
            octets, branch, _ = server.request("OPTIONS", GATEWAY_URI[0], server.uri, GATEWAY_URI[0])
            self.checks.equal("SIP: OPTIONS is answered", (await server.ask(octets, branch, 20)).status, 200)
        self.frames_free = self.lab.counter("worker", "frames_free")

    @property
    def servers(self):
        return list(self.of_network.values())

    def server(self, of):
        return self.of_network[of.network]

    async def register(self, of, expires=None):
        """Registers a subscriber, or removes him with 0."""
        checks, server = self.checks, self.server(of)
        expires = self.random.choice([3600, 7200, 600000]) if expires is None else expires
        headers, body = registration(of) if expires else ([], b"")
        response = await server.register(GATEWAY_URI[of.network], of.identity, expires, headers, body)
        what = "register" if expires else "de-register"
        checks.equal(f"{what}: 200", response.status, 200, of.told)
        contact = response.header("contact")
        if expires:
            checks.equal(f"{what}: Contact is the S-CSCF's", sip_peer.address(contact), server.uri)
            checks.equal(f"{what}: expires as asked", sip_peer.parameter(contact, "expires"), str(expires))
        return response

    async def close(self):
        """Nothing unexpected may have come; then the captures end and are written down for tshark."""
        checks = self.checks
        for association in self.peer.associations:
            checks.equal("M3UA: nothing that RFC 4666 forbids", association.faults, [])
            checks.equal("M3UA: no management message unasked", association.inbox.unclaimed, [])
        checks.equal("SS7: every message is readable", self.peer.faults, [])
        checks.equal("SS7: no message unasked", self.peer.inbox.unclaimed, [])
        for server in self.servers:
            checks.equal("SIP: every message is well-formed", server.faults, [])
            checks.equal("SIP: no message unasked", server.inbox.unclaimed, [])
        checks.that("the gateway still runs", self.lab.gateway_runs())
        free = []

        def back():
            free[:] = [self.lab.counter("worker", "frames_free")]
            # More than at first: a worker had one in hand then.
            return free[0] >= self.frames_free

        try:
            await labs.until("frames", back, 5)
        except TimeoutError:
            pass
        checks.that("every frame is back in the pool", free[0] >= self.frames_free, f"{free[0]} of {self.frames_free}")
        captures = await self.lab.stop_captures(checks)
        await self.lab.stop_gateway(checks)
        for side, (_, count) in captures.items():
            expected = {"packets": count, "mac": labs.MACS[side], "texts": self.texts[side]}
            (self.lab.keep / f"{side}.json").write_text(json.dumps(expected))


async def perform(judge, binary, keep, seed, act, kind=labs.Lab):
    """Runs `act(lab, checks)` in a lab of a kind; whatever goes wrong is a failed check."""
    import checks as checking

    checks = checking.Checks(judge)
    print(f"{judge}: seed {seed}", flush=True)
    try:
        with kind(binary, keep) as lab:
            await act(lab, checks)
    except Exception as error:
        import traceback

        traceback.print_exc()
        checks.that("the run comes to its end", False, f"{type(error).__name__}: {error}; files in {keep}")
    else:
        checks.that("the run comes to its end", True)
    return checks.print()
