"""The gateway is killed (SIGKILL) again and again while hundreds register and leave, and each life must know whoever was told 200 by those before.

restart_judge.py BINARY [KILLS] [SEED]: what everybody was told stands in this process. The subscribers of home1 are registered without their HLR, those of
home2 with one of pycrate's, which has to believe what the gateway does; who is registered is asked of the gateway by his name, his number and his IMSI."""
import asyncio
import json
import os
import re
import secrets
import signal
import sys
import time
from dataclasses import dataclass

import lab as labs
import m3ua
import map_peer
import sip_peer
import sms
import stage as stages
import usrsctp
from events import Inbox
from hlr import ANY_TIME_MODIFICATION, HLR_SSN, TITLE
from map_judge import invoke_id, is_mo
from map_peer import MO_FORWARD, MT_RELAY, Address

KILLS = 20
# Who there is; the lab's gateway has room for a thousand.
SUBSCRIBERS = [700, 60]
# REGISTERs without an answer at a time, so many more at once just before the process is killed, and how many at least of those that begin a registration
# are to have no answer then.
WINDOW, BURST, UNANSWERED = 200, 200, 50
# A life is killed after so many answers at most, so many ms after that burst, and one in so many while it reads what is stored.
ANSWERS, SOON, EARLY = 250, 12, 5
# How many are sent for by IMSI in each life, and in the last one; ten times as many are looked for by both their numbers.
SAMPLE, LAST_SAMPLE = 4, 40
START, SETTLE = 20, 20
GATEWAY = (labs.GATEWAY_IMS, 5060)
HELD = '\n[store]\npath = "{directory}/registrations"\n'
NETWORKS = f"""\
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net"]
gateway_title = "4917100001"
node = "msc"
service_centres = ["49171"]
scscf = [{{{{ uri = "{stages.SCSCF_URI[0]}", address = "{{scscf[0]}}:5060" }}}}]
r1 = "preconfigured"
subscribers = "home1.csv"

[[network]]
name = "home2"
mcc = "234"
mnc = "015"
realms = ["home2.net"]
gateway_title = "447000000001"
node = "sgsn"
service_centres = ["49171"]
scscf = [{{{{ uri = "{stages.SCSCF_URI[1]}", address = "{{scscf[1]}}:5060" }}}}]
gateway_uri = "{stages.GATEWAY_URI[1]}"
r1 = "any_time_modification"
hlr = [{{{{ imsi_prefix = "234015", title = "{TITLE}" }}}}]
subscribers = "home2.csv"
"""


@dataclass(eq=False)
class Ue:
    """Somebody, and what is known of him: registered or not; neither once an answer is missing."""

    network: int
    imsi: str
    msisdn: str
    identity: str
    registered: bool | None = False
    # What he has asked for last, and has no answer to.
    asks: str | None = None
    touched: bool = False

    @property
    def tel(self):
        return f"tel:+{self.msisdn}"


class Core(asyncio.DatagramProtocol):
    """An S-CSCF that asks for many at a time: requests by lines, answers by their branch. What the gateway sends is answered, and kept."""

    def __init__(self, uri, ip, random):
        self.uri, self.ip, self.random = uri, ip, random
        self.asked, self.inbox, self.count = {}, Inbox(uri), 0
        self.answered = {}

    async def open(self, socket):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=socket)
        return self

    def ask(self, method, uri, sender, to, done, headers=(), body=b""):
        """Sends a request once; `done` gets the status of its final response."""
        self.count += 1
        mark = f"{self.count:x}.{self.random.getrandbits(40):x}"
        lines = [
            f"Via: SIP/2.0/UDP {self.ip}:5060;branch=z9hG4bK{mark}", "Max-Forwards: 68", f"From: <{sender}>;tag={mark}", f"To: <{to}>", f"Call-ID: {mark}@{self.ip}",
            f"CSeq: {self.count} {method}", *headers,
        ]
        self.asked[mark] = done
        octets = sip_peer.spell(f"{method} {uri} SIP/2.0", lines, body)
        self.transport.sendto(octets, GATEWAY)
        return mark, octets

    def datagram_received(self, octets, source):
        if octets.startswith(b"SIP/2.0 "):
            status = int(octets[8:11])
            mark = re.search(rb"branch=z9hG4bK([0-9a-f.]+)", octets)
            if status >= 200 and mark and (done := self.asked.pop(mark[1].decode(), None)):
                done(status)
            return
        message = sip_peer.SipMessage.parse(octets)
        again = self.answered.get(message.branch)
        if again is None:
            # A submit report or a message: the UE takes the one, and is too busy for the other.
            reported = message.header("in-reply-to") is not None
            copied = [f"{name}: {value}" for name in ("Via", "From", "Call-ID", "CSeq") for value in message.headers[name.lower()]]
            again = sip_peer.spell("SIP/2.0 200 OK" if reported else "SIP/2.0 486 Busy Here", [*copied, f"To: {message.header('to')};tag={self.random.getrandbits(64):016x}"])
            self.answered[message.branch] = again
            if not reported:
                self.inbox.put(message)
        self.transport.sendto(again, source)


class RestartJudge:
    """The run."""

    # What the configuration says of the store.
    held = HELD

    def __init__(self, lab, checks, seed, kills):
        import random as randomness

        self.lab, self.checks, self.kills, self.random = lab, checks, kills, randomness.Random(seed)
        self.ues = [self.ue(network, at) for network, count in enumerate(SUBSCRIBERS) for at in range(count)]
        self.of_imsi = {ue.imsi: ue for ue in self.ues}
        self.believed = {ue.imsi: False for ue in self.ues if ue.network == 1}
        self.lives = self.refused = self.told = 0
        self.least, self.slowest = None, 0.0
        # What the gateway is begun by.
        self.within = ()

    def ue(self, network, at):
        imsi, msisdn = (sms.number(self.random, f"{prefix[network]}{at:04}", length, length) for prefix, length in ((stages.IMSI, 15), (stages.MSISDN, 12)))
        return Ue(network, imsi, msisdn, f"sip:user{at}.{self.random.randrange(10**6)}@{stages.REALM[network]}")

    # The gateway's lives.

    async def prepare(self):
        files = {f"home{network + 1}": [f"{ue.imsi},{ue.msisdn},{ue.identity} {ue.tel}" for ue in self.ues if ue.network == network] for network in (0, 1)}
        self.lab.configure(labs.IPSP, files, networks=NETWORKS, more=self.held, level="info")
        with self.lab.inside("ss7"):
            usrsctp.start()
        self.cores = [await Core(stages.SCSCF_URI[at], labs.SCSCF[at], self.random).open(self.lab.udp(labs.SCSCF[at], 5060)) for at in (0, 1)]

    def start(self):
        self.lives += 1
        self.log = self.lab.keep / f"gateway-{self.lives}.log"
        self.began = time.monotonic()
        self.lab.gateway = self.lab.spawn("gateway", *self.within, self.lab.binary, "run", "-c", str(self.lab.directory / "gateway.toml"), log=self.log.name)

    async def begin(self):
        """A life, until everything is restored, and the HLR can be asked."""
        self.start()
        logged = lambda words: words in self.log.read_bytes()
        await labs.until("the gateway restores", lambda: not self.lab.gateway_runs() or logged(b"registrations restored"), START)
        if not self.lab.gateway_runs():
            raise labs.LabError(f"the gateway ended at once; see {self.log}")
        self.slowest = max(self.slowest, time.monotonic() - self.began)
        # The peer of the life before has no port that would be taken for this one's.
        self.peer = map_peer.MapPeer(labs.PEER_POINT_CODE, labs.POINT_CODE, labs.NETWORK_INDICATOR, self.random)
        association = m3ua.Association("peer1", self.peer.on_transfer, labs.ROUTING_CONTEXT)
        association.connect(labs.PEER_SS7[0], 10_000 + self.lives, labs.GATEWAY_SS7[0], 2905)
        self.peer.associations.append(association)
        self.hlr = asyncio.create_task(self.serve(self.peer))
        await asyncio.wait_for(association.active.wait(), START)

    def kill(self):
        """SIGKILL, and what the life that ends leaves here."""
        self.end()
        self.hlr.cancel()
        self.peer.associations[0].socket.break_off()

    def end(self):
        """The lab waits for those processes in the end that live then."""
        self.lab.gateway.send_signal(signal.SIGKILL)
        self.lab.gateway.wait()
        self.lab.children.remove(self.lab.gateway)

    async def serve(self, peer):
        """The HLR of home2 agrees to everything, and remembers it."""
        while True:
            heard = await peer.inbox.get("an operation for the HLR", lambda it: it.kind == "begin" and it.called.ssn == HLR_SSN, 3600)
            kind, value = heard.component()
            argument = heard.argument()
            wanted = argument.get("modificationRequestFor-IP-SM-GW-Data", {}).get("modifyRegistrationStatus")
            self.checks.that("HLR: every operation is an anyTimeModification", kind == "invoke" and value["opcode"][1] == ANY_TIME_MODIFICATION and wanted, value)
            self.believe(sms.digits(argument["subscriberIdentity"][1]), wanted == "activate")
            done = {"opcode": ("local", ANY_TIME_MODIFICATION), "result": ("AnyTimeModificationRes", {"serviceCentreAddress": sms.international("12025559999")})}
            try:
                peer.answer(heard, ("returnResult", {"invokeId": value["invokeId"], "result": done}))
            except OSError:
                # Whoever asked has been killed.
                return

    def believe(self, imsi, registered):
        """What the HLR was told."""
        self.believed[imsi] = registered
        self.told += 1

    # Under load.

    def period(self, ue):
        """For how many seconds somebody registers."""
        return 600_000

    def note(self, ue, expires):
        """He is about to ask; what is to be done with the status of the answer."""
        return lambda status: None

    def register(self, ue, then):
        """A third-party REGISTER that begins, refreshes or ends."""
        ue.asks, ue.touched = self.random.choice(["refresh", "leave", "leave"]) if ue.registered else "register", True
        core = self.cores[ue.network]
        expires = 0 if ue.asks == "leave" else self.period(ue)
        noted = self.note(ue, expires)

        def done(status):
            noted(status)
            if status == 200:
                ue.registered = ue.asks != "leave"
            elif ue.asks != "refresh":
                # The gateway does not know it either.
                ue.registered = None
            self.refused += status == 503
            self.checks.within("under load: 200, or 503 where the disk is slow", status, (200, 503))
            ue.asks = None
            then()

        headers = [f"Contact: <{core.uri}>", f"Expires: {expires}"]
        core.ask("REGISTER", stages.GATEWAY_URI[ue.network], core.uri, ue.identity, done, headers)

    async def load(self, answers):
        """REGISTERs until there are so many answers; each answer brings another one."""
        free = [ue for ue in self.ues if ue.registered is not None]
        self.random.shuffle(free)
        enough = asyncio.get_running_loop().create_future()
        left = [answers]

        def more():
            left[0] -= 1
            if left[0] <= 0 and not enough.done():
                enough.set_result(None)
            elif free and not enough.done():
                self.register(free.pop(), more)

        for _ in range(WINDOW):
            self.register(free.pop(), more)
        if answers:
            await asyncio.wait_for(enough, SETTLE)
        else:
            enough.set_result(None)
        for _ in range(BURST):
            self.register(free.pop(), more)
        await asyncio.sleep(self.random.random() * SOON / 1000)

    async def drain(self):
        """What the gateway had answered before it was killed is here by then. Whether it was killed early enough."""
        await asyncio.sleep(0.05)
        unanswered = [ue for ue in self.ues if ue.asks]
        beginning = sum(ue.asks == "register" for ue in unanswered)
        counts = beginning >= UNANSWERED
        if counts:
            self.least = min(beginning, self.least or beginning)
        for ue in unanswered:
            if ue.asks != "refresh":
                ue.registered = None
            ue.asks = None
        for core in self.cores:
            core.asked.clear()
        return counts

    # What the next life knows.

    async def found(self, ues, by):
        """Whether the gateway knows the senders of these submissions, by what `by` says of each: 202, or 403."""
        loop, seen = asyncio.get_running_loop(), {}
        waiting = list(ues)
        while waiting:
            now, waiting = waiting[:100], waiting[100:]
            futures = []
            for ue in now:
                future = loop.create_future()
                # No service centre of this network: the gateway refuses it by itself, but only to somebody whom it knows.
                rp = sms.rp_data(self.random.randrange(256), "447000000099", sms.submit(self.random, sms.binary(self.random.randbytes(12))))
                answered = lambda status, ue=ue, future=future: (seen.__setitem__(ue, status), future.done() or future.set_result(status))
                core = self.cores[ue.network]
                mark, octets = core.ask("MESSAGE", "tel:+447000000099", by(ue), "tel:+447000000099", answered, [f"P-Asserted-Identity: <{by(ue)}>", f"Content-Type: {sip_peer.SMS}"], rp)
                futures.append((future, core, octets))
            for _ in range(8):
                done, pending = await asyncio.wait([future for future, *_ in futures], timeout=0.5)
                if not pending:
                    break
                for future, core, octets in futures:
                    if future in pending:
                        core.transport.sendto(octets, GATEWAY)
        return {ue: {202: True, 403: False}.get(seen.get(ue)) for ue in ues}

    async def compare(self, ues):
        """Those of whom something is certain are what they were told to be; of the others that becomes known."""
        by_name, by_number = await self.found(ues, lambda ue: ue.identity), await self.found(ues, lambda ue: ue.tel)
        for ue in ues:
            who = f"{ue.identity} in life {self.lives}"
            self.checks.that("who is asked for is found or is not", by_name[ue] is not None, who)
            self.checks.equal("by name and by number alike", by_number[ue], by_name[ue], who)
            if ue.registered is not None:
                what = "every registration that was answered 200 is there" if ue.registered else "every de-registration that was answered 200 stays gone"
                self.checks.equal(what, by_name[ue], ue.registered, who)
            ue.registered, ue.touched = by_name[ue], False

    async def sample(self, count):
        """By IMSI: a message for him comes to his name; and of his name: what he submits comes with his number and IMSI."""
        for ue in self.random.sample([ue for ue in self.ues if ue.registered is not None], count):
            tpdu = sms.deliver(self.random, sms.binary(self.random.randbytes(20)))
            centre, invoke = sms.number(self.random, least=10, most=12), self.random.randint(-128, 127)
            called = Address(stages.SSN[ue.network], stages.TITLE[ue.network])
            otid = self.peer.begin(called, Address(8, centre), MT_RELAY, map_peer.mt_forward(invoke, ue.imsi, centre, tpdu))
            core = self.cores[ue.network]
            if ue.registered:
                message = await core.inbox.get(f"a message for {ue.imsi}", lambda it: it.method == "MESSAGE", SETTLE)
                self.checks.equal("by IMSI: the message comes to the number", (message.uri, sms.FromNetwork.parse(message.body).tpdu), (ue.tel, tpdu))
            heard = await self.peer.inbox.get("MT result", lambda it: it.dtid == otid, SETTLE)
            error = heard.component()[1].get("errcode")
            self.checks.equal("by IMSI: who is there is busy, who is not is absent", error, ("local", 31 if ue.registered else 6), ue.imsi)
            if ue.registered:
                await self.submits(ue)

    async def submits(self, ue):
        centre, tpdu = sms.number(self.random, "49171", 10, 12), sms.submit(self.random, sms.binary(self.random.randbytes(20)))
        answered = asyncio.get_running_loop().create_future()
        headers = [f"P-Asserted-Identity: <{ue.identity}>", f"Content-Type: {sip_peer.SMS}"]
        self.cores[ue.network].ask("MESSAGE", f"tel:+{centre}", ue.identity, f"tel:+{centre}", answered.set_result, headers, sms.rp_data(1, centre, tpdu))
        heard = await self.peer.inbox.get(f"mo-forwardSM of {ue.msisdn}", lambda it: is_mo(it, ue), SETTLE)
        argument = heard.argument()
        self.checks.equal("by name: what is submitted has number and IMSI", (argument.get("sm-RP-OA"), argument.get("imsi")), (("msisdn", sms.international(ue.msisdn)), sms.bcd(ue.imsi)))
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
        self.checks.equal("by name: 202", await asyncio.wait_for(answered, SETTLE), 202)

    async def inverse(self, ues):
        """By IMSI and by number the same subscriber is found, who has both, and the names by which he was found."""
        for ue in ues:
            wanted = (True, ue.imsi, ue.msisdn, {ue.identity, ue.tel}) if ue.registered else (False, ue.imsi, None, set())
            for by, number in (("imsi", ue.imsi), ("msisdn", ue.msisdn)):
                why = await self.why({by: number, "unmasked": True})
                seen = (why["registered"], why["imsi"], why["msisdn"], set(why["identities"] or []))
                self.checks.equal("indexes are inverse of each other: by IMSI and by number he has both, and his names", seen, wanted, f"by {by} in life {self.lives}")

    async def why(self, asked):
        """What an operator is told; by the socket, since a process for each question would take most of the time."""
        reader, writer = await asyncio.open_unix_connection(self.lab.directory / "admin.sock")
        body = json.dumps(asked).encode()
        writer.write(b"POST /v1/why HTTP/1.1\r\nHost: ipsmgw\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = await asyncio.wait_for(reader.read(), SETTLE)
        writer.close()
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])["why"]

    async def settled(self):
        """What the HLR believes is what the gateway knows: what it was owed by a life that was killed is told by the next."""
        differing = lambda: [ue.identity for ue in self.ues if ue.network == 1 and self.believed[ue.imsi] != ue.registered]
        try:
            await labs.until("HLR and gateway agree", lambda: not differing(), SETTLE)
        except TimeoutError:
            pass
        self.checks.equal("the HLR believes what the gateway knows", differing(), [], f"life {self.lives}")

    def count(self):
        return self.lab.show("subscribers")["subscribers"]

    # The whole.

    async def live(self):
        """From a start to a kill; whether that was one under load."""
        if self.lives and self.random.randrange(EARLY) == 0:
            self.start()
            await asyncio.sleep(self.random.random() * 0.6)
            self.end()
        await self.begin()
        await self.look([ue for ue in self.ues if ue.touched], SAMPLE)
        await self.load(self.random.randrange(ANSWERS))
        self.kill()
        return await self.drain()

    async def look(self, ues, sample):
        await self.compare(ues)
        there = sum(bool(ue.registered) for ue in self.ues)
        self.checks.equal("as many are registered as were told so", self.count()["count"], there, f"life {self.lives}")
        await self.settled()
        await self.inverse(self.random.sample(ues, min(len(ues), 10 * sample)))
        await self.sample(sample)

    async def play(self):
        await self.prepare()
        counted = tried = 0
        while counted < self.kills and tried < 2 * self.kills:
            counted += await self.live()
            tried += 1
        self.checks.equal(f"so many kills with at least {UNANSWERED} registrations without an answer", counted, self.kills)
        await self.begin()
        await self.look(self.ues, LAST_SAMPLE)
        # Nothing is under way, and the next life has the same.
        self.kill()
        await self.begin()
        await self.look(self.ues, LAST_SAMPLE)
        self.checks.that("nothing of the store was unreadable", not re.search(r"can't be read|has failed", "".join(path.read_text() for path in self.lab.keep.glob("gateway-*.log"))))
        await self.lab.stop_gateway(self.checks)
        self.hlr.cancel()
        figures = {"kills": counted, "lives": self.lives, "least_registrations_unanswered": self.least, "refused": self.refused, "told_to_the_hlr": self.told, "slowest_start_s": round(self.slowest, 2)}
        print(json.dumps(figures), flush=True)


def main(binary, kills=KILLS, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    keep = labs.FILES / "restart_judge"
    for old in keep.glob("gateway-*.log"):
        old.unlink()

    async def act(lab, checks):
        await RestartJudge(lab, checks, seed, int(kills)).play()

    _, failed = asyncio.run(stages.perform("restart_judge", binary, keep, seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
