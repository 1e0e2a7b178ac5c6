"""What the HLR of the core network in a box tells a presence server, judged by Kamailio's, by who watches there, and by RFC 3903 on the wire.

presence_judge.py BINARY [SEED]: BINARY is the gateway's; the box's program stands beside it."""
import asyncio
import os
import secrets
import shutil
import socket
import struct
import sys
import xml.etree.ElementTree as etree
from dataclasses import dataclass
from pathlib import Path

import hlr_judge
import lab as labs
import sip_peer
import stage as stages
import usrsctp
from hlr_judge import GATEWAY, HLR_ADDRESS, PRESENCE_PORT, WAIT

HERE = Path(__file__).resolve().parent
# Kamailio's empty tables, as Debian has them.
TABLES = "/usr/share/kamailio/dbtext/kamailio"
SERVER, WATCHER = (labs.PEER_SS7[0], PRESENCE_PORT), (labs.PEER_SS7[0], 5080)
# Seconds of life that the HLR asks for, and the least that Kamailio grants after its restart.
LIFE, MIN_EXPIRES = 3, 4
PIDF = "application/pidf+xml"
OPEN, CLOSED = {"ip-sm-gw": "open"}, {"ip-sm-gw": "closed"}
ETH_P_ALL = 3


def tuples(body):
    """The basic status of each tuple of a PIDF document (RFC 3863); nobody is anywhere without one."""
    space = "{urn:ietf:params:xml:ns:pidf}"
    each = etree.fromstring(body).findall(f"{space}tuple") if body else []
    return {it.get("id"): it.findtext(f"{space}status/{space}basic") for it in each}


def uri(msisdn):
    return f"sip:+{msisdn}@home1.net"


@dataclass
class Exchange:
    """A PUBLISH of the HLR and its answer, with their times."""

    request: sip_peer.SipMessage
    at: float
    answer: sip_peer.SipMessage | None = None
    answered: float | None = None

    @property
    def status(self):
        return self.answer and self.answer.status

    def __repr__(self):
        return f"{self.at:.2f} {self.request.start}, {self.request.header('sip-if-match')}, {self.request.header('expires')}, {tuples(self.request.body)}: {self.status}"


class Wire:
    """All SIP between the HLR and the presence server, as a packet socket hears it."""

    def __init__(self, lab):
        self.exchanges = {}
        self.loop = asyncio.get_running_loop()
        with lab.inside("ss7"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setblocking(False)
        self.socket.bind(("peer", ETH_P_ALL))
        self.loop.add_reader(self.socket.fileno(), self._readable)

    def _readable(self):
        octets = self.socket.recv(65536)
        length, header = struct.unpack_from("!H", octets, 2)[0], 4 * (octets[0] & 15)
        if octets[0] >> 4 != 4 or octets[9] != socket.IPPROTO_UDP or socket.inet_aton(HLR_ADDRESS) not in (octets[12:16], octets[16:20]):
            return
        message = sip_peer.SipMessage.parse(octets[header + 8 : length])
        if message.status is None:
            self.exchanges.setdefault(message.branch, Exchange(message, self.loop.time()))
        elif message.status >= 200:
            exchange = self.exchanges[message.branch]
            exchange.answer, exchange.answered = message, self.loop.time()

    def close(self):
        self.loop.remove_reader(self.socket.fileno())
        self.socket.close()

    def of(self, msisdn):
        """The exchanges about a user, in order."""
        return [it for it in self.exchanges.values() if it.request.uri == uri(msisdn)]


class Watcher(sip_peer.Server):
    """Somebody who subscribes to the presence of users, and takes every NOTIFY."""

    def __init__(self, lab, random):
        super().__init__("sip:watcher@home1.net", *WATCHER, SERVER, random)
        self.call_id, self.said = {}, {}
        with lab.inside("ss7"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(WATCHER)

    def look(self, message):
        """Answers a NOTIFY, which is of a dialogue already."""
        copied = [f"{name}: {value}" for name in ("Via", "From", "To", "Call-ID", "CSeq") for value in message.headers[name.lower()]]
        octets = sip_peer.spell("SIP/2.0 200 OK", copied)
        self.answered[message.branch, message.method] = (message, octets)
        self.transport.sendto(octets, message.source)

    async def subscribe(self, msisdn):
        """A subscription (RFC 3856); the status of the answer."""
        lines = [f"Contact: <sip:{self.ip}:{self.port}>", "Event: presence", f"Accept: {PIDF}", "Expires: 600"]
        octets, branch, self.call_id[msisdn] = self.request("SUBSCRIBE", uri(msisdn), self.uri, uri(msisdn), lines)
        return (await self.ask(octets, branch)).status

    async def publish(self, msisdn, body, life, *headers):
        """What a phone of the user publishes; the status of the answer."""
        lines = ["Event: presence", f"Expires: {life}", f"Content-Type: {PIDF}", *headers]
        octets, branch, _ = self.request("PUBLISH", uri(msisdn), uri(msisdn), uri(msisdn), lines, body)
        return (await self.ask(octets, branch)).status

    async def news(self, what, msisdn):
        """What the next NOTIFY says about a user, unless it says what the one before did: Kamailio sends one for every refresh too."""
        call_id = self.call_id[msisdn]
        while True:
            notify = await self.inbox.get(what, lambda it: it.header("call-id") == call_id, WAIT)
            before, self.said[call_id] = self.said.get(call_id), tuples(notify.body)
            if before != self.said[call_id]:
                return self.said[call_id]

    def unheard(self):
        """The NOTIFYs that nobody has waited for and that say something else than the one before."""
        return [it for it in self.inbox.unclaimed if tuples(it.body) != self.said.get(it.header("call-id"))]


def phone(msisdn):
    """What a phone of the user says."""
    return f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{uri(msisdn)}"><tuple id="phone"><status><basic>open</basic></status></tuple></presence>'.encode()


class PresenceJudge(hlr_judge.HlrJudge):
    """The run: a gateway of pycrate registers subscribers, watchers are told by Kamailio."""

    async def open(self):
        with self.lab.inside("ss7"):
            usrsctp.start()
        self.wire, self.watcher = Wire(self.lab), Watcher(self.lab, self.random)
        await self.watcher.open(self.watcher.socket)
        await self.start_kamailio()
        await self.start(life=LIFE)

    async def start_kamailio(self, min_expires=0):
        """Kamailio, with empty tables."""
        lab, tables = self.lab, self.lab.directory / "kamailio"
        self.log = f"kamailio-{min_expires}.log"
        shutil.rmtree(tables, ignore_errors=True)
        shutil.copytree(TABLES, tables)
        at = f"{SERVER[0]}:{SERVER[1]}"
        defined = [f"LISTEN=udp:{at}", f'SERVER="sip:{at}"', f'DATABASE="text://{tables}"', f"MIN_EXPIRES={min_expires}"]
        self.kamailio = lab.spawn("ss7", "kamailio", "-DD", "-E", "-Y", str(tables), "-f", str(HERE / "kamailio/presence.cfg"), *[it for each in defined for it in ("-A", each)], log=self.log)
        listens = f":{SERVER[1]:04X} "
        await labs.until("Kamailio", lambda: self.kamailio.poll() is not None or listens in Path(f"/proc/{self.kamailio.pid}/net/udp").read_text(), 10)
        if self.kamailio.poll() is not None:
            raise labs.LabError(f"Kamailio ended at once; see {lab.keep}/{self.log}")

    async def stop_kamailio(self):
        self.kamailio.terminate()
        await labs.until("the end of Kamailio", lambda: self.kamailio.poll() is not None, 10)
        self.checks.equal("Kamailio ends with code 0", self.kamailio.poll(), 0)

    def judge_log(self):
        """What Kamailio thinks of what it got."""
        lines = (self.lab.keep / self.log).read_text().splitlines()
        self.checks.equal("Kamailio finds no fault", [line for line in lines if "ERROR:" in line], [])

    async def strangers_are_refused(self):
        """Kamailio looks at what it gets: so what it took was right."""
        checks, (_, msisdn) = self.checks, self.subscriber(6)
        checks.that("Kamailio refuses what is no XML", await self.watcher.publish(msisdn, phone(msisdn)[:-4], MIN_EXPIRES) >= 400)
        checks.equal("Kamailio refuses a tag that it did not give", await self.watcher.publish(msisdn, phone(msisdn), MIN_EXPIRES, "SIP-If-Match: a.1.2.3.4"), 412)
        checks.equal("Kamailio refuses what is too short", await self.watcher.publish(msisdn, phone(msisdn), LIFE), 423)

    async def watch(self, what, msisdn, *first):
        """Subscribes; what the first NOTIFY says."""
        self.checks.within(f"{what}: SUBSCRIBE is taken", await self.watcher.subscribe(msisdn), (200, 202))
        seen = await self.watcher.news(what, msisdn)
        self.checks.within(f"{what}: the first NOTIFY", seen, first)
        return seen

    async def told(self, what, msisdn, wanted):
        """The next change that the watcher hears of."""
        self.checks.equal(f"{what}: what the watcher hears next", await self.watcher.news(what, msisdn), wanted)

    # Requirements.

    async def h_5_watchers_see_who_comes_and_goes(self):
        """8.1 step 4, 8.2.1 step 3, 8.2.2 step 2: by anyTimeModification, by updateGprsLocation and purgeMS."""
        (imsi, msisdn), (other, others), (_, nobodys) = map(self.subscriber, (1, 2, 3))
        for number in (msisdn, others, nobodys):
            await self.watch("H-5, nobody has registered", number, {})
        await self.modify("activate", imsi, "activate")
        await self.told("H-5, registered", msisdn, OPEN)
        await self.modify("deactivate", imsi, "deactivate")
        await self.told("H-5, de-registered", msisdn, CLOSED)
        await self.locate("updateGprsLocation of the gateway", other, others, GATEWAY)
        await self.told("H-5, registered by updateGprsLocation", others, OPEN)
        await self.purge("H-5", other, GATEWAY)
        await self.told("H-5, de-registered by purgeMS", others, CLOSED)
        await self.modify("activate", imsi, "activate")
        await self.told("H-5, registered again", msisdn, OPEN)
        await self.modify("refresh", imsi, "activate")
        await self.told("H-5, closed is left to expire", others, {})

    async def h_5_who_stays_is_refreshed(self):
        """What the user's phone publishes, and does not refresh, ends; what the HLR had published before stays."""
        imsi, msisdn = self.subscriber(4)
        await self.watch("H-5, before", msisdn, {})
        await self.modify("activate", imsi, "activate")
        await self.told("H-5, registered", msisdn, OPEN)
        self.checks.equal("Kamailio takes what the phone publishes", await self.watcher.publish(msisdn, phone(msisdn), LIFE), 200)
        await self.told("H-5, with a phone that publishes too", msisdn, {**OPEN, "phone": "open"})
        await self.told("H-5, the phone's publication has expired, the HLR's has not", msisdn, OPEN)

    async def h_5_a_server_that_has_forgotten_all(self):
        """Kamailio is away, and comes back without its publications and asks for longer lives; the HLR tells it all again."""
        checks, (imsi, msisdn), (_, nobodys), (_, others), (new, news) = self.checks, *map(self.subscriber, (1, 3, 4, 5))
        self.judge_log()
        await self.stop_kamailio()
        await self.modify("deactivate", imsi, "deactivate")
        await labs.until("PUBLISH in vain", lambda: tuples(self.wire.of(msisdn)[-1].request.body) == CLOSED, WAIT)
        self.forgotten = self.wire.loop.time()
        await self.start_kamailio(MIN_EXPIRES)
        await self.watch("H-5, nobody has registered", nobodys, {})
        for what, number, wanted in (("H-5, gone while the server was away", msisdn, CLOSED), ("H-5, the server has forgotten who is there", others, OPEN)):
            # Whether the HLR or the watcher comes first is chance.
            seen = await self.watch(what, number, {}, wanted)
            checks.equal(f"{what}: what the watcher hears next", seen or await self.watcher.news(what, number), wanted)
        await self.watch("H-5, registers at a server that wants longer lives", news, {})
        await self.modify("activate", new, "activate")
        await self.told("H-5, registers at a server that wants longer lives", news, OPEN)
        for what, number, wanted in (("423, then taken", news, [423, 200]), ("423, 412, then taken", others, [423, 412, 200])):
            # Kamailio tells the watchers first.
            await labs.until(what, lambda: len(self.answers(number)) >= len(wanted), WAIT)
            checks.equal(f"H-5: {what}", self.answers(number)[: len(wanted)], wanted)

    def answers(self, msisdn):
        """What Kamailio has answered about a user since it has forgotten all."""
        return [it.status for it in self.wire.of(msisdn) if it.answer and it.answered > self.forgotten]

    def judge_publications(self, of):
        """RFC 3903 4 and table 1, over all that the wire has seen about a user."""
        checks, tag, life, taken, end = self.checks, None, LIFE, None, 0
        for it in self.wire.of(of):
            request, body = it.request, tuples(it.request.body)
            say = lambda name, seen, wanted: checks.equal(f"PUBLISH: {name}", seen, wanted, it)
            checks.that("PUBLISH: only when the one before has its answer", it.at >= end, it)
            say("From, To and Request-URI are the user's", [sip_peer.address(request.header(each)) for each in ("from", "to")], [request.uri] * 2)
            say("Event, Content-Type where there is a body", (request.header("event"), request.header("content-type")), ("presence", PIDF if body else None))
            say("SIP-If-Match is the last SIP-ETag, and none after 412", request.header("sip-if-match"), tag)
            say("Expires as configured, or Min-Expires after 423", request.header("expires"), str(life))
            checks.that("PUBLISH: a body, unless the server has it", body or tag and taken, it)
            checks.within("PUBLISH: the one tuple", body, ({}, OPEN, CLOSED))
            if it.status == 200:
                checks.that("PUBLISH: a body that is not what the server has", body != taken, it)
                tag, taken = it.answer.header("sip-etag"), body or taken
            elif it.status == 412:
                checks.that("PUBLISH: names a publication that has not ended", it.answered > self.forgotten, it)
                tag = taken = None
            elif it.status == 423:
                life = int(it.answer.header("min-expires"))
            end = it.answered or it.at

    async def play(self):
        await self.open()
        await asyncio.gather(self.h_5_watchers_see_who_comes_and_goes(), self.h_5_who_stays_is_refreshed())
        await self.h_5_a_server_that_has_forgotten_all()
        for at in (1, 2, 4, 5):
            self.judge_publications(self.subscriber(at)[1])
        self.checks.equal("PUBLISH: none about who has not registered", self.wire.of(self.subscriber(3)[1]), [])
        await self.stop()
        for at in (1, 4, 5):
            await self.told("H-5, nobody refreshes any more", self.subscriber(at)[1], {})
        self.judge_log()
        await self.strangers_are_refused()
        self.wire.close()
        await self.stop_kamailio()
        self.checks.equal("NOTIFY: nothing else", self.watcher.unheard(), [])
        self.checks.equal("SIP: what Kamailio sends is readable", self.watcher.faults, [])


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    corenet = Path(binary).resolve().with_name("corenet")

    async def act(lab, checks):
        await PresenceJudge(lab, checks, seed, corenet).play()

    _, failed = asyncio.run(stages.perform("presence_judge", binary, labs.FILES / "presence_judge", seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
