"""Twenty thousand register within seconds at an HLR that takes fewer: all are registered in the end, none of them twice, and who was there before is answered as ever.

storm_judge.py BINARY [SEED]: UEs with an address each, and an S-CSCF, in one process; HLR and SMSC in another (storm_core.py). Who is told to come again does so when he was told to."""
import asyncio
import collections
import heapq
import json
import os
import random as randomness
import re
import secrets
import socket
import struct
import sys

import lab as labs
import sip_peer
import sms
import stage as stages
from hlr import TITLE

# Who is registered before, who comes, how many of these by an S-CSCF, and within how many seconds.
STEADY, COME, BY_SCSCF, WITHIN = 300, 20_000, 4_000, 5
# Operations that the HLR takes in a second, and that it is given.
TAKES, PACED = 1_000, 900
# In so many seconds each of those who were there before refreshes twice and sends a message.
ROUND = 4
GATEWAY, PORT = (labs.GATEWAY_IMS, 5060), 5070
# The block of the UEs' addresses, all of the kernel's that has them.
BLOCK, FIRST = "10.1.128.0/17", int.from_bytes(socket.inet_aton("10.1.128.1"), "big")
T1, T2, TIMER_F = 0.5, 4.0, 32.0
# Nobody who was there before waits for longer, whatever else the machine does.
PATIENCE = 5.0
CENTRE = "4917100099"
CAPACITY = {"dialogues": 16384, "server_transactions": 131072, "pending_requests": 16384, "subscribers": 25000, "identities": 60000, "details": 200000, "mailbox": 8192}
NETWORKS = f"""\
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net"]
gateway_title = "{stages.TITLE[0]}"
node = "msc"
service_centres = ["49171"]
scscf = [{{{{ uri = "{stages.SCSCF_URI[0]}", address = "{{scscf[0]}}:5060" }}}}]
r1 = "any_time_modification"
hlr = [{{{{ imsi_prefix = "26201", title = "{TITLE}" }}}}]
subscribers = "home1.csv"
[network.direct]
authentication = "none"
"""


class Ue:
    """Somebody with an address, or whom the S-CSCF registers."""

    __slots__ = ("number", "imsi", "msisdn", "identity", "by_scscf", "ip", "at", "sequence", "registered", "registering", "due", "tries")

    def __init__(self, number, by_scscf):
        self.number, self.by_scscf = number, by_scscf
        self.imsi, self.msisdn = f"26201{number:010}", f"49171{number:07}"
        self.identity = f"sip:{self.imsi}@{stages.PRIVATE_REALM[0]}"
        self.ip = socket.inet_aton(labs.SCSCF[0]) if by_scscf else struct.pack("!I", FIRST + number)
        self.at = f"{labs.SCSCF[0]}:5060" if by_scscf else f"{socket.inet_ntoa(self.ip)}:{PORT}"
        self.sequence, self.tries = 0, 0
        self.registered, self.registering, self.due = False, False, 0


class Request:
    """A request that has no final answer yet."""

    __slots__ = ("ue", "octets", "began", "pause", "kind", "again")

    def __init__(self, ue, octets, began, kind):
        self.ue, self.octets, self.began, self.kind, self.pause, self.again = ue, octets, began, kind, T1, 0


class Phones:
    """All UEs and the S-CSCF."""

    def __init__(self, lab, checks, random):
        self.loop, self.checks, self.random = asyncio.get_running_loop(), checks, random
        with lab.inside("ims"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.socket.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO: to which of the addresses
        self.socket.bind(("0.0.0.0", PORT))
        self.scscf = lab.udp(labs.SCSCF[0], 5060)
        self.scscf.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
        for each in (self.socket, self.scscf):
            self.loop.add_reader(each, self.read, each)
        self.count, self.open, self.submitted = 0, {}, {}
        self.agenda, self.timer = [], None
        self.refused = self.repeated = 0
        self.waits, self.durations = [], collections.defaultdict(list)
        self.registered, self.changed = 0, asyncio.Event()

    # When something is due.

    def at(self, time, act, *arguments):
        self.count += 1
        heapq.heappush(self.agenda, (time, self.count, act, arguments))
        if self.timer is None or time < self.timer.when():
            self.arm()

    def arm(self):
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_at(self.agenda[0][0], self.due) if self.agenda else None

    def due(self):
        self.timer = None
        # Now and then somebody else has a turn.
        for _ in range(100):
            if not self.agenda or self.agenda[0][0] > self.loop.time():
                break
            _, _, act, arguments = heapq.heappop(self.agenda)
            act(*arguments)
        self.arm()

    # What they send.

    def send(self, ue, octets):
        if ue.by_scscf:
            self.scscf.sendto(octets, GATEWAY)
        else:
            self.socket.sendmsg([octets], [(socket.IPPROTO_IP, 8, struct.pack("=i4s4s", 0, ue.ip, bytes(4)))], 0, GATEWAY)

    def ask(self, ue, kind, method, uri, sender, to, lines, body=b""):
        self.count += 1
        mark = f"{self.count:x}.{self.random.getrandbits(40):x}"
        ue.sequence += 1
        head = [f"Via: SIP/2.0/UDP {ue.at};branch=z9hG4bK{mark};rport", "Max-Forwards: 68", f"From: <{sender}>;tag={mark}", f"To: <{to}>", f"CSeq: {ue.sequence} {method}", *lines]
        request = Request(ue, sip_peer.spell(f"{method} {uri} SIP/2.0", head, body), self.loop.time(), kind)
        self.open[mark] = request
        self.send(ue, request.octets)
        self.at(request.began + T1, self.again, mark)
        return mark

    def again(self, mark):
        """Timer E."""
        request = self.open.get(mark)
        if request is None:
            return
        now = self.loop.time()
        if now > request.began + TIMER_F:
            self.checks.that("every request has its final answer", False, request.octets[:200])
            self.open.pop(mark)
            return
        request.again += 1
        self.repeated += 1
        self.send(request.ue, request.octets)
        request.pause = min(2 * request.pause, T2)
        self.at(now + request.pause, self.again, mark)

    def register(self, ue):
        # One registration at a time (RFC 3261 10.2): the next waits for the answer.
        if ue.registering:
            ue.due += 1
            return
        ue.registering = True
        ue.tries += 1
        sender, contact = (stages.SCSCF_URI[0], stages.SCSCF_URI[0]) if ue.by_scscf else (ue.identity, f"sip:u{ue.number}@{ue.at}")
        # No answer is longer than what a stranger has sent.
        lines = [f"Call-ID: c{ue.number}", f"Contact: <{contact}>", "Expires: 3600", f"User-Agent: {'x' * 400}"]
        self.ask(ue, "refresh" if ue.registered else "register", "REGISTER", "sip:home1.net", sender, ue.identity, lines)

    def submit(self, ue):
        rp = sms.rp_data(self.random.randrange(256), CENTRE, sms.submit(self.random, sms.binary(self.random.randbytes(16))))
        call = f"m{self.random.getrandbits(64):x}"
        self.submitted[call] = (ue, self.loop.time())
        self.ask(ue, "accepted", "MESSAGE", stages.GATEWAY_URI[0], ue.identity, f"tel:+{CENTRE}", [f"Call-ID: {call}", f"Content-Type: {sip_peer.SMS}"], rp)

    # What they hear.

    def read(self, which):
        for _ in range(200):
            try:
                octets, ancillary, _, _ = which.recvmsg(4096, 64)
            except BlockingIOError:
                return
            if octets.startswith(b"SIP/2.0 "):
                self.answered(octets)
            else:
                self.reported(octets, ancillary)

    def answered(self, octets):
        status = int(octets[8:11])
        mark = re.search(rb"branch=z9hG4bK([0-9a-f.]+)", octets)
        if status < 200 or not mark or (request := self.open.pop(mark[1].decode(), None)) is None:
            return
        ue, now = request.ue, self.loop.time()
        if request.kind in ("register", "refresh"):
            ue.registering = False
        if request.kind == "register" and status == 503 and (told := re.search(rb"\r\nRetry-After: (\d+)", octets)):
            self.refused += 1
            self.waits.append(int(told[1]))
            return self.at(now + int(told[1]), self.register, ue)
        self.checks.equal(f"{request.kind}: its answer", status, 202 if request.kind == "accepted" else 200, ue.identity)
        self.durations[request.kind].append((now - request.began, request.again))
        if request.kind == "register" and status == 200:
            ue.registered = True
            self.registered += 1
        if ue.due and not ue.registering:
            ue.due -= 1
            self.register(ue)
        self.changed.set()

    def reported(self, octets, ancillary):
        """The service centre's answer to a message; the UE takes it, however often it comes."""
        message = sip_peer.SipMessage.parse(octets)
        to = [struct.unpack("=i4s4s", data)[2] for level, kind, data in ancillary if (level, kind) == (socket.IPPROTO_IP, 8)]
        copied = [f"{name}: {value}" for name in ("Via", "From", "Call-ID", "CSeq") for value in message.headers[name.lower()]]
        answer = sip_peer.spell("SIP/2.0 200 OK", [*copied, f"To: {message.header('to')};tag=ue"])
        self.socket.sendmsg([answer], [(socket.IPPROTO_IP, 8, struct.pack("=i4s4s", 0, to[0], bytes(4)))], 0, GATEWAY)
        submitted = self.submitted.pop(message.header("in-reply-to"), None)
        if submitted is not None:
            ue, began = submitted
            self.checks.equal("a message: its report is RP-ACK, for whoever sent it", (message.body[0], to[0]), (3, ue.ip), ue.identity)
            self.durations["reported"].append((self.loop.time() - began, 0))
            self.changed.set()

    async def until(self, what, holds, seconds):
        end = self.loop.time() + seconds
        while not holds():
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), max(0, end - self.loop.time()))
            except asyncio.TimeoutError:
                raise labs.LabError(f"{what}: not in {seconds} s") from None


class StormJudge:
    """The run."""

    def __init__(self, lab, checks, seed):
        self.lab, self.checks, self.random = lab, checks, randomness.Random(seed)
        self.steady = [Ue(number, False) for number in range(STEADY)]
        self.come = [Ue(STEADY + number, number % (COME // BY_SCSCF) == 0) for number in range(COME)]

    async def prepare(self):
        lab = self.lab
        # Whoever registers by an S-CSCF or by himself: the gateway knows his number.
        lines = [f"{ue.imsi},{ue.msisdn}," for ue in self.steady + self.come]
        timers = f"r1_per_second = {PACED}\nr1_outstanding = {4 * TAKES}"
        lab.configure(labs.IPSP, {"home1": lines}, networks=NETWORKS, timers=timers, level="warn")
        path = lab.directory / "gateway.toml"
        text = path.read_text().replace("memory_mb = 256", "memory_mb = 512")
        for name, value in CAPACITY.items():
            text, count = re.subn(rf"^{name} = [0-9]+$", f"{name} = {value}", text, flags=re.M)
            text = text if count else text.replace("[capacity]", f"[capacity]\n{name} = {value}")
        path.write_text(text)
        labs.run(*labs.within(lab.namespaces["ims"]), "ip", "route", "add", "local", BLOCK, "dev", "lo")
        lab.start_gateway()
        await labs.until("admin socket", lambda: not lab.gateway_runs() or (lab.directory / "admin.sock").exists(), 60)
        if not lab.gateway_runs():
            raise labs.LabError(f"the gateway ended at once; see {lab.keep}/gateway.log")
        self.core = lab.spawn("ss7", sys.executable, str(labs.Path(__file__).parent / "storm_core.py"), str(TAKES), log="core.log")
        await labs.until("the association is active", lambda: self.seen() is not None, 30)
        self.phones = Phones(lab, self.checks, self.random)

    def seen(self):
        """What HLR and SMSC have seen, as they have said it last."""
        lines = (self.lab.keep / "core.log").read_text().splitlines()
        return json.loads(lines[-1]) if lines and lines[-1].endswith("}") else None

    def plan(self, seconds):
        """What those do who have been there before, in so many seconds; how many durations come of it."""
        now = self.phones.loop.time()
        for ue in self.steady:
            for _ in range(2):
                self.phones.at(now + self.random.uniform(0, seconds), self.phones.register, ue)
            self.phones.at(now + self.random.uniform(0, seconds), self.phones.submit, ue)

    async def round(self, what):
        """They do it, until everything has its end."""
        before = {kind: len(self.phones.durations[kind]) for kind in ("refresh", "accepted", "reported")}
        wanted = {"refresh": 2 * STEADY, "accepted": STEADY, "reported": STEADY}
        self.plan(ROUND)
        done = lambda: all(len(self.phones.durations[kind]) >= before[kind] + wanted[kind] for kind in wanted)
        await self.phones.until(what, done, ROUND + TIMER_F)
        return {kind: self.phones.durations[kind][before[kind] :] for kind in wanted}

    def figures(self, rounds):
        """Percentiles in ms, and how many requests were sent more than once."""
        said = {}
        for kind in ("refresh", "accepted", "reported"):
            all_of = [each for one in rounds for each in one[kind]]
            times = sorted(1000 * took for took, _ in all_of)
            self.checks.that(f"who was there before, {kind}: within {PATIENCE:g} s", times[-1] <= 1000 * PATIENCE, times[-1])
            at = lambda share, times=times: round(times[min(len(times) - 1, int(share * len(times)))], 1)
            said[kind] = {"count": len(times), "p50": at(0.5), "p99": at(0.99), "max": at(1), "repeated": sum(again > 0 for _, again in all_of)}
        return said

    async def play(self):
        await self.prepare()
        phones, checks, loop = self.phones, self.checks, asyncio.get_running_loop()
        for at, ue in enumerate(self.steady):
            phones.at(loop.time() + 2 * at / PACED, phones.register, ue)
        await phones.until("those who are there before", lambda: phones.registered == STEADY, 30)
        calm = [await self.round("a calm round")]
        checks.equal("who comes when there is room is not refused", phones.refused, 0)
        began = loop.time()
        for ue in self.come:
            phones.at(began + self.random.uniform(0, WITHIN), phones.register, ue)
        storm = []
        while phones.registered < STEADY + COME:
            storm.append(await self.round("a round in the storm"))
            if loop.time() > began + 90:
                break
        took = loop.time() - began
        checks.equal("everybody is registered in the end", phones.registered, STEADY + COME)
        checks.that("some had to come again", phones.refused > 0)
        try:
            await labs.until("the HLR is told of everybody", lambda: self.seen()["registered"] == STEADY + COME, 30)
        except TimeoutError:
            pass
        self.core.terminate()
        self.core.wait(10)
        seen = self.seen()
        checks.equal("the HLR has registered everybody, and nobody twice", (seen["registered"], seen["often"]), (STEADY + COME, 0))
        checks.equal("the HLR is never asked for more than it takes", seen["refused"], 0)
        checks.equal("HLR and SMSC understand everything", seen["unread"], [])
        checks.equal("every message came to the SMSC once", seen["messages"], len(phones.durations["accepted"]))
        checks.equal("the gateway has as many subscribers", self.lab.show("subscribers")["subscribers"]["count"], STEADY + COME)
        of_ues = [ue.tries for ue in self.come if not ue.by_scscf]
        checks.equal("an S-CSCF's REGISTERs are all accepted at once", {ue.tries for ue in self.come if ue.by_scscf}, {1})
        figures = {
            "seconds": round(took, 1), "registers_each": round(sum(of_ues) / len(of_ues), 2), "most_registers": max(of_ues), "longest_wait_s": max(phones.waits, default=0),
            "longest_queue": seen["longest_queue"], "repeated": phones.repeated, "calm_ms": self.figures(calm), "storm_ms": self.figures(storm),
        }
        print(json.dumps(figures), flush=True)
        checks.that("the gateway still runs", self.lab.gateway_runs())
        await self.lab.stop_gateway(checks)


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    keep = labs.FILES / "storm_judge"

    async def act(lab, checks):
        await StormJudge(lab, checks, seed).play()

    _, failed = asyncio.run(stages.perform("storm_judge", binary, keep, seed, act))
    sys.stdout.flush()
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
