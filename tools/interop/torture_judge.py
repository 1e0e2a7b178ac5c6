"""The torture messages of RFC 4475 and RFC 5118 and their twins, from sockets of the kernel and Python's ssl: over UDP (what is longer than a packet in
fragments), over TCP cut in two at every octet, and over TLS.

torture_judge.py BINARY [SEED]: the S-CSCF of the first network sends them; each gets what tools/conformance/torture/cases.rs says."""
import asyncio
import collections
import itertools
import os
import re
import resource
import secrets
import socket
import ssl
import struct
import sys
import time

import lab as labs
import sip_peer
import sms
import stage as stages
import torture
from kamailio_judge import PcapLab
from stream_judge import MESSAGE_S, TCP, TLS, StreamJudge, StreamLab

PING, PONG = b"\r\n\r\n", "pong"
# T1, and how long a transaction is remembered with some time to spare: many messages of the archives share a branch.
T1_MS = 50
REMEMBERED = 64 * T1_MS / 1000 + 0.4
# Connections opened at a time, and open at a time.
GATE, OPEN = 200, 6000
WAIT = 60
# Octets between the cuts of a message by TLS.
STRIDE = 23
ENDS = {
    "Closes": "where the next message begins nobody knows: answered and closed",
    "Waits": "a message that is never whole: closed in the end",
    "Short": "what is behind is no message: answered, and closed in the end",
    "Two": "two messages, and what is none: both answered, and closed in the end",
}
IS = {"archives": "message", "MESSAGE": "MESSAGE twin", "REGISTER": "REGISTER twin"}


class TortureLab(PcapLab, StreamLab):
    """A lab whose gateway has streams, sees fragments, and forgets transactions soon."""

    def configure(self, associations, subscribers, **options):
        networks = labs.NETWORKS.replace('"{scscf[0]}:5060" }}', '"{scscf[0]}:5060", transport = "tcp" }}')
        super().configure(associations, subscribers, networks=networks, **options)
        path, uri = self.directory / "gateway.toml", 'uri = "sip:ipsmgw.home1.net"\n'
        path.write_text(path.read_text().replace(f"{uri}\n", f"{uri}t1_ms = {T1_MS}\n\n", 1))


class Said:
    """A message to be sent, and what it is to get."""

    numbers = itertools.count(1)

    def __init__(self, case, kind, octets, verdict):
        self.case, self.kind, self.octets, self.verdict = case, kind, octets, verdict
        self.alone = asyncio.Lock()

    @property
    def name(self):
        return f"{self.case.file} as {self.kind}"

    def copy(self):
        """Its octets once more: those of the archives as they are; a twin as a request of its own, with another Call-ID and branch as long."""
        if self.kind == "archives":
            return self.octets
        own = torture.own_name(self.case.file)
        number, digits = next(self.numbers), b""
        while len(digits) < len(own):
            number, digit = divmod(number, 36)
            digits = b"%c" % b"0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        return self.octets.replace(own, digits)

    @property
    def statuses(self):
        """What comes back by a stream: behind one message of the archives there is a whole INVITE."""
        statuses = [] if self.verdict == torture.DROP else [self.verdict]
        return statuses + [405] if self.case.stream == "Two" else statuses

    @property
    def ends(self):
        """Where the messages end by which a stream ends; of one whose end nobody knows, its headers."""
        made, at = [], 0
        for _ in self.statuses:
            head = self.octets.index(PING, at) + len(PING)
            length = re.search(rb"(?im)^(?:Content-Length|l)\s*:\s*(\d+)", self.octets[at:head])
            at = head + (int(length[1]) if length and self.stream != "Closes" else 0)
            made.append(at)
            # A line end may stand between two.
            at += 2 * self.octets.startswith(b"\r\n", at)
        return made

    @property
    def stream(self):
        """What becomes of a stream; a twin has its empty line and its length, unless the fault is there."""
        if self.kind == "archives" or self.case.file in ("clerr.dat", "dblreq.dat"):
            return self.case.stream
        return "Closes" if self.case.file in ("ncl.dat", "mcl01.dat") else "Whole"


class UnderWay:
    """Messages that were accepted, and the reports that have come: the gateway has room for so many without one."""

    MOST = 1500

    def __init__(self):
        self.accepted, self.reported, self.held = 0, collections.Counter(), collections.deque()

    def add(self, accepted):
        self.accepted += accepted

    def is_full(self, connection):
        """Whether a connection has to wait; it is told when it may go on."""
        full = self.accepted - self.reported.total() >= self.MOST
        if full:
            self.held.append(connection)
        return full

    def report(self, kind):
        self.reported[kind] += 1
        while self.held:
            connection = self.held.popleft()
            if not connection.done.done():
                connection.go_on()
                return


class Reports(asyncio.Protocol):
    """A connection of the gateway's to the S-CSCF: each submit report that comes by it is answered."""

    def __init__(self, under_way):
        self.under_way, self.held = under_way, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.held += data
        while PING in self.held:
            head, _, rest = self.held.partition(PING)
            lines = head.split(b"\r\n")
            length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"Content-Length:"))
            if len(rest) < length:
                return
            body, self.held = rest[:length], rest[length:]
            if head.startswith(b"SIP/"):
                # An answer whose own connection was closed before it came (RFC 3261 18.2.2).
                continue
            copied = [line + b";tag=1" if line.startswith(b"To:") else line for line in lines if line.startswith((b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:"))]
            self.transport.write(b"\r\n".join([b"SIP/2.0 200 OK", *copied, b"Content-Length: 0", b"", b""]))
            self.under_way.report(sms.FromNetwork.parse(body).kind)


class Cut(asyncio.Protocol):
    """A connection that sends pieces of messages: each once all has come that the one before asks for, so that no two are read at once."""

    def __init__(self, pieces, under_way):
        self.pieces, self.wanted, self.held = iter(pieces), [], b""
        self.under_way = under_way
        self.first, self.sent, self.sent_all, self.ended = None, 0, None, None
        self.done, self.answered = asyncio.get_running_loop().create_future(), asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport
        self.go_on()

    def go_on(self):
        while not self.wanted and not self.under_way.is_full(self):
            piece = next(self.pieces, None)
            if piece is None:
                self.finish()
                return
            octets, wanted = piece
            if octets is None:
                # Nothing more: the gateway is to end it.
                self.sent_all = time.monotonic()
                self.answered.set()
                return
            self.wanted, self.sent = list(wanted), self.sent + 1
            self.transport.write(octets)

    def data_received(self, data):
        self.held += data
        while self.held:
            if self.held.startswith(b"\r\n"):
                said, self.held = PONG, self.held[2:]
            elif b"\r\n\r\n" in self.held:
                answer, _, self.held = self.held.partition(b"\r\n\r\n")
                self.first = self.first or answer
                said = int(answer[8:11]) if re.match(rb"SIP/2\.0 \d{3} ", answer) and b"\r\nContent-Length: 0" in answer else answer
                self.under_way.add(said == 202)
            else:
                return
            if said not in self.wanted:
                self.finish(f"{said} instead of {self.wanted}")
                return
            self.wanted.remove(said)
            self.go_on()

    def connection_lost(self, error):
        self.ended = time.monotonic()
        self.finish(None if self.sent_all else f"closed behind piece {self.sent} while {self.wanted} was waited for: {error}")

    def finish(self, fault=None):
        if not self.done.done():
            self.done.set_result(fault)
            self.answered.set()
            self.transport.abort()


def at_every(said, cuts, behind):
    """A message again and again, each time cut elsewhere; the second part of one goes with the first part of the next."""
    octets, statuses = said.copy(), said.statuses
    yield PING + octets[: cuts[0]], [PONG]
    # What has no answer is followed by what has.
    ping, pong = (b"", []) if statuses else (PING, [PONG])
    for cut, next_cut in zip(cuts, cuts[1:]):
        following = said.copy()
        yield octets[cut:] + ping + following[:next_cut], statuses + pong
        octets = following
    yield octets[cuts[-1] :] + behind, statuses + [200]


def until_closed(said, cut):
    """A message cut in two, behind which the gateway closes the connection."""
    octets, soon, late = said.copy(), [], []
    if said.stream != "Waits":
        # What is whole, or refused by its headers, before the rest is there.
        for status, end in zip(said.statuses, said.ends):
            (soon if end <= cut else late).append(status)
    yield PING + octets[:cut], [PONG, *soon]
    yield octets[cut:], late
    yield None, []


class TortureJudge(StreamJudge):
    """The run."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = torture.cases()
        self.subscribers = [stages.subscriber(self.random, 0, at * 2) for at in range(len(self.cases))]
        self.gate, self.room = asyncio.Semaphore(GATE), asyncio.Semaphore(OPEN)
        self.accepted_numbers, self.refused_numbers, self.under_way, self.count = set(), set(), UnderWay(), 0

    # What is sent.

    def archives(self):
        return [Said(case, "archives", case.wire, case.verdict) for case in self.cases]

    def message_twins(self):
        """Each is a submission of its own, of a subscriber of its own."""
        made = []
        for case, of in zip(self.cases, self.subscribers):
            number = next(self.numbers)
            tpdu = sms.submit(self.random, sms.binary(self.marker + struct.pack("!I", number) + bytes(60)))
            body = sms.rp_data(number & 255, self.service_centre, tpdu)
            octets = torture.twin(case, "MESSAGE", sip_peer.SMS, body, [f"P-Asserted-Identity: <{of.identity}>"])
            if octets and case.message != torture.NONE:
                made.append(Said(case, "MESSAGE", octets, case.message))
                (self.accepted_numbers if case.message == 202 else self.refused_numbers).add(number)
        return made

    def register_twins(self):
        """One public identity is always the same subscriber's."""
        made = []
        for case in self.cases:
            to = next((line for line in case.wire.split(b"\n") if line.startswith(b"T")), None)
            if to not in self.known:
                self.known[to] = stages.subscriber(self.random, 0, 500 + len(self.known))
            of = self.known[to]
            embedded = sip_peer.embedded_register(of.identity, f"{of.imsi}@{stages.PRIVATE_REALM[0]}", stages.REALM[0])
            kind, body = sip_peer.multipart(("application/3gpp-ims+xml", sip_peer.service_info(of.msisdn)), ("message/sip", embedded))
            has_contact = any(name in case.wire for name in (b"\nContact", b"\nm:", b"\nM:"))
            headers = [] if has_contact else [f"Contact: <{self.udp.uri}>"]
            octets = torture.twin(case, "REGISTER", kind.removeprefix("Content-Type: "), body, headers)
            if octets and case.register != torture.NONE:
                made.append(Said(case, "REGISTER", octets, case.register))
        return made

    def judge_answer(self, transport, said, answer):
        """What an answer must have beside its status."""
        text = answer.decode(errors="replace")
        status, name = text[8:11], f"{transport}: an answer has what belongs to it"
        wanted = {"405": r"\r\nAllow: .*MESSAGE", "415": r"\r\nAccept: .*application/vnd\.3gpp\.sms", "420": r"\r\nUnsupported: nothingSupportsThis, nothingSupportsThisEither"}.get(status, "")
        self.checks.that(name, re.search(wanted, text) and (status == "400" or re.search(r"\r\nTo:.*;\s*tag\s*=", text, re.S)), f"{said.name}: {text}")

    # By datagrams.

    def listen(self):
        """Answers go where the topmost Via says: they are looked for on the wire."""
        self.heard = asyncio.Queue()
        with self.lab.inside("ims"):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
            wire.bind(("peer", 0))
        wire.setblocking(False)
        source = bytes.fromhex(labs.MACS["ims"].replace(":", ""))

        def receive():
            while True:
                try:
                    frame = wire.recv(4096)
                except OSError:
                    # Nothing more for now; or the link has gone with its namespace.
                    return
                payload = frame[14 + (frame[14] & 15) * 4 + 8 : 14 + int.from_bytes(frame[16:18])]
                if frame[6:12] == source and frame[23] == socket.IPPROTO_UDP and payload.startswith(b"SIP/2.0 "):
                    self.heard.put_nowait(payload)

        asyncio.get_running_loop().add_reader(wire, receive)
        # The S-CSCF itself asks nothing any more.
        received = self.udp.datagram_received
        self.udp.datagram_received = lambda octets, source: None if octets.startswith(b"SIP/2.0 ") else received(octets, source)

    async def by_datagram(self, said):
        name = f"UDP: each {IS[said.kind]} gets its verdict"
        while not self.heard.empty():
            self.heard.get_nowait()
        octets, answer = said.copy(), None
        for seconds in [0.3] if said.verdict == torture.DROP else [0.5, 1, 2, 4]:
            self.udp.send(octets)
            try:
                answer = await asyncio.wait_for(self.heard.get(), seconds)
                break
            except asyncio.TimeoutError:
                pass
        status = int(answer[8:11]) if answer else torture.DROP
        self.checks.equal(name, status, said.verdict, said.name)
        # What came in fragments is not all here.
        if answer and answer.endswith(PING):
            self.judge_answer("UDP", said, answer)
        self.under_way.add(status == 202)

    def rounds(self):
        """The messages of the archives in rounds, none of which has two that a transaction layer takes for one."""
        rounds = []
        for said in self.archives():
            octets = said.octets.replace(b"\r\n", b"\n")
            names = [re.search(pattern, octets) for pattern in (rb"branch\s*=\s*([^;,\s]+)", rb"(?im)^(?:call-id|i)\s*:\s*(\S+)")]
            # What can't be read is answered, and nothing is remembered.
            keys = {(at, found and found[1]) for at, found in enumerate(names) if said.case.parses}
            place = next((each for each in rounds if not each[1] & keys), None)
            if place is None:
                rounds.append(place := ([], set()))
            place[0].append(said)
            place[1].update(keys)
        return [each for each, _ in rounds]

    async def later_rounds(self, rounds):
        for each in rounds:
            await asyncio.sleep(REMEMBERED)
            for said in each:
                await self.by_datagram(said)

    # By streams.

    async def connect_for(self, pieces, secure):
        loop = asyncio.get_running_loop()
        async with self.gate:
            with self.lab.inside("ims"):
                made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            made.setblocking(False)
            made.bind((labs.SCSCF[0], 0))
            await asyncio.wait_for(loop.sock_connect(made, TLS if secure else TCP), WAIT)
            options = {"ssl": self.context, "server_hostname": "ipsmgw.home1.net", "ssl_handshake_timeout": WAIT} if secure else {}
            return (await loop.create_connection(lambda: Cut(pieces, self.under_way), sock=made, **options))[1]

    async def end_of(self, said, connection):
        """What was wrong with a connection that has come to its end."""
        try:
            fault = await asyncio.wait_for(connection.done, WAIT)
        except asyncio.TimeoutError:
            fault = f"{connection.wanted} has not come behind piece {connection.sent}"
        connection.finish()
        return fault

    async def goes_on(self, said, secure):
        """One connection, on which the message comes whole again and again."""
        transport, octets = ("TLS", said.octets) if secure else ("TCP", said.octets)
        cuts = list(range(1 + self.random.randrange(STRIDE), len(octets), STRIDE)) if secure else range(1, len(octets))
        behind, _, _ = self.udp.request("OPTIONS", stages.GATEWAY_URI[0], self.udp.uri, stages.GATEWAY_URI[0])
        connection = await self.connect_for(at_every(said, cuts, behind), secure)
        fault = await self.end_of(said, connection)
        where = "cut at every octet" if not secure else f"cut at every {STRIDE}rd octet"
        self.checks.that(f"{transport}, {where}: each {IS[said.kind]} gets its verdict", fault is None, f"{said.name}: {fault}")
        self.count += len(cuts)
        if connection.first and said.verdict != torture.DROP:
            self.judge_answer(transport, said, connection.first)

    async def ends(self, said, secure, at):
        """A connection for one cut, since it can't go on."""
        async with self.room:
            if said.stream in ("Two", "Short"):
                # A request is one however many connections it comes by, until it is answered; and of a submission few copies may wait.
                async with said.alone:
                    connection = await self.connect_for(until_closed(said, at), secure)
                    await asyncio.wait_for(connection.answered.wait(), WAIT)
            else:
                connection = await self.connect_for(until_closed(said, at), secure)
            fault = await self.end_of(said, connection)
        took = connection.sent_all and connection.ended and connection.ended - connection.sent_all
        least = MESSAGE_S - 0.5 if said.stream == "Waits" else 0
        in_time = took is not None and least <= took <= MESSAGE_S + 10
        self.checks.that(f"{'TLS' if secure else 'TCP'}: {ENDS[said.stream]}", fault is None and in_time, f"{said.name} at {at}: {fault}, {took} s")
        self.count += 1

    async def by_streams(self, all_said, secure):
        """Messages by connections that run at the same time."""
        going = [self.goes_on(said, secure) for said in all_said if said.stream == "Whole"]
        for said in all_said:
            if said.stream != "Whole":
                going += [self.ends(said, secure, at) for at in range(1, len(said.octets), 61 if secure else 1)]
        began = time.monotonic()
        await asyncio.gather(*going)
        print(f"{'TLS' if secure else 'TCP'}, {IS[all_said[0].kind]}s: {len(going)} connections, {time.monotonic() - began:.1f} s", flush=True)

    # The end.

    async def accounted(self):
        """Each submission has gone on once however often and however cut it came, and each copy has its report."""
        asked = self.centre_by_pattern.asked
        try:
            await labs.until("every report", lambda: self.under_way.reported.total() >= self.under_way.accepted, WAIT)
        except TimeoutError:
            pass
        missing, more = self.accepted_numbers - set(asked), [number for number, count in asked.items() if count > 1]
        self.checks.equal("each accepted twin: one mo-forwardSM", (sorted(missing), more), ([], []))
        self.checks.equal("a refused twin: no mo-forwardSM", sorted(self.refused_numbers & set(asked)), [])
        self.checks.equal("each 202: one RP-ACK", dict(self.under_way.reported), {"ack": self.under_way.accepted})

    async def play(self):
        self.known = {}
        self.context = ssl.create_default_context(cafile=str(self.lab.directory / "authority.pem"))
        self.context.load_cert_chain(self.lab.directory / "scscf.pem", self.lab.directory / "scscf.key")
        await self.open("sgp", networks=(0,))
        for of in self.subscribers:
            await self.register(of)
        with self.lab.inside("ims"):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.bind((labs.SCSCF[0], 5060))
        listening = await asyncio.get_running_loop().create_server(lambda: Reports(self.under_way), sock=made)
        await self.first()
        self.under_way.add(True)
        self.listen()
        # Nobody whom the archives name is registered before the REGISTER twins come; while the archives' transactions end, MESSAGE twins go.
        first, *others = self.rounds()
        for said in [*first, *self.message_twins()]:
            await self.by_datagram(said)
        later = asyncio.create_task(self.later_rounds(others))
        for secure in (False, True):
            await self.step(self.by_streams, self.message_twins(), secure)
        await later
        for secure in (False, True):
            for each in self.rounds():
                await self.step(self.by_streams, each, secure)
        for said in self.register_twins():
            await self.by_datagram(said)
        for secure in (False, True):
            await self.step(self.by_streams, self.register_twins(), secure)
        await self.step(self.accounted)
        self.checks.equal("longer than a packet: put together of fragments", self.lab.counter("link", "reassembled") > 0, True)
        listening.close()
        # What goes by a stream leaves a worker with an empty frame in hand, what goes by a port does not.
        await self.by_datagram(next(said for said in self.archives() if said.verdict == 200))
        await self.close()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536) if most > 0 else 65_536, most))

    async def act(lab, checks):
        await TortureJudge(lab, checks, seed, 0).play()

    _, failed = asyncio.run(stages.perform("torture_judge", binary, labs.FILES / "torture_judge", seed, act, TortureLab))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
