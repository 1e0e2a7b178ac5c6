"""SIP over TCP and TLS of the kernel and of Python's ssl: every cut of a message, 11,000 connections, and what ill-behaved ones get.

stream_judge.py BINARY [SEED]: the S-CSCF of the first network comes by streams, and beside them by UDP."""
import asyncio
import collections
import os
import resource
import secrets
import socket
import ssl
import struct
import sys
import time
from pathlib import Path

import lab as labs
import map_peer
import sip_peer
import sms
import stage as stages
from map_judge import MapJudge, invoke_id
from map_peer import MO_FORWARD

TCP, TLS = (labs.HOST[0], 5060), (labs.HOST[0], 5061)
CONNECTIONS, SECURE = 10_000, 1_000
# Connections that do what they should not, of each kind.
ILL = 100
MESSAGE_S, WRITE_BUFFER = 3, 65_536
WAIT = 20
SECTIONS = f"""
[sip.streams]
listen = ["{TCP[0]}:{TCP[1]}"]
listen_tls = ["{TLS[0]}:{TLS[1]}"]
connections = {CONNECTIONS + SECURE + 500}
message_s = {MESSAGE_S}
write_buffer = {WRITE_BUFFER}

[sip.tls]
certificate = "gateway.pem"
key = "gateway.key"
ca = "authority.pem"
"""


class StreamLab(labs.Lab):
    """A lab whose gateway has an address of its host, reached by a link of its own."""

    def _wire(self):
        super()._wire()
        self.wire_host()
        self.make_certificates()

    def make_certificates(self):
        """An authority, and what it has signed for the gateway and for the S-CSCF."""
        at, curve = self.directory, ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        labs.run("openssl", "req", "-x509", *curve, "-days", "2", "-subj", "/CN=authority", "-keyout", f"{at}/authority.key", "-out", f"{at}/authority.pem")
        for name, domain in (("gateway", "ipsmgw.home1.net"), ("scscf", "scscf1.home1.net")):
            extensions = at / f"{name}.ext"
            extensions.write_text(f"subjectAltName=DNS:{domain},URI:sip:{domain}\n")
            labs.run("openssl", "req", *curve, "-subj", f"/CN={domain}", "-keyout", f"{at}/{name}.key", "-out", f"{at}/{name}.csr")
            labs.run("openssl", "x509", "-req", "-in", f"{at}/{name}.csr", "-CA", f"{at}/authority.pem", "-CAkey", f"{at}/authority.key", "-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", f"{at}/{name}.pem")
            (at / f"{name}.key").chmod(0o600)

    def configure(self, associations, subscribers, **options):
        super().configure(associations, subscribers, more=SECTIONS, level="info", **options)


class Stream:
    """One connection of the S-CSCF."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def answer(self):
        """The next response."""
        # None of those that are waited for has a body.
        return sip_peer.SipMessage.parse(await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT))

    async def ended(self):
        """What still comes until the gateway closes the connection: True, and when; or what else it was."""
        try:
            while await asyncio.wait_for(self.reader.read(4096), WAIT):
                pass
        except (ConnectionResetError, ssl.SSLError):
            pass
        except asyncio.TimeoutError:
            return None
        return time.monotonic()

    def close(self):
        self.writer.transport.abort()


class Centre:
    """Answers mo-forwardSM as pycrate has answered the first: transaction ids are patched, all else is the same."""

    def __init__(self, peer, marker):
        self.peer, self.marker = peer, marker
        self.asked = collections.Counter()
        self.template = None
        self.plain = peer.on_transfer

    def learn(self, heard):
        """The answer to this one is the pattern."""
        sent = []
        send, self.peer.send = self.peer.send, lambda sccp, sls=None: sent.append(sccp)
        self.peer.random.seed(1)
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
        self.peer.send = send
        self.template = (heard.otid, sent[0])
        assert sent[0].count(heard.otid) == 1
        for association in self.peer.associations:
            association.on_transfer = self.on_transfer

    def on_transfer(self, transfer):
        at, number = transfer.data.find(b"\x48\x04"), transfer.data.find(self.marker)
        if transfer.data[:1] != b"\x09" or at < 0 or number < 0:
            self.plain(transfer)
            return
        self.asked[struct.unpack_from("!I", transfer.data, number + len(self.marker))[0]] += 1
        otid, answer = self.template
        transfer.association.transfer(self.peer.point_code, self.peer.gateway_point_code, self.peer.ni, transfer.sls, answer.replace(otid, transfer.data[at + 2 : at + 6]))


class StreamJudge(MapJudge):
    """The run."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.subscribers = [stages.subscriber(self.random, 0, at * 2) for at in range(8)]
        self.marker = self.random.randbytes(8)
        self.numbers = iter(range(1, 1 << 31))
        self.service_centre = sms.number(self.random, "49171", 11, 11)
        self.reports = collections.Counter()

    # What goes through the connections.

    async def connect(self, to=TCP, secure=False):
        with self.lab.inside("ims"):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((labs.SCSCF[0], 0))
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(made, to), WAIT)
        options = {"ssl": self.context, "server_hostname": "ipsmgw.home1.net", "ssl_handshake_timeout": 60} if secure else {}
        return Stream(*await asyncio.open_connection(sock=made, **options))

    def submission(self, transport):
        """A MESSAGE with a submission that has a number; the octets and the number."""
        number, of = next(self.numbers), self.random.choice(self.subscribers)
        tpdu = sms.submit(self.random, sms.binary(self.marker + struct.pack("!I", number) + bytes(60)))
        octets, _, _ = self.udp.short_message(f"tel:+{self.service_centre}", [of.identity], sms.rp_data(number & 255, self.service_centre, tpdu))
        return octets.replace(b"Via: SIP/2.0/UDP", b"Via: SIP/2.0/" + transport, 1), number

    @property
    def udp(self):
        return self.of_network[0]

    def on_report(self, message):
        """Submit reports come by UDP, to the address that the configuration has: taken, and counted by what they answer."""
        if message.status is None and message.header("in-reply-to"):
            if message.header("in-reply-to") in self.many_calls:
                self.under_way.release()
            self.reports[sms.FromNetwork.parse(message.body).kind] += 1
            self.udp.respond(message, 200)
            return
        self.inbox_put(message)

    async def accepted(self, what, stream, *octets):
        """One 202 for each of the messages, by the connection that they came by."""
        for _ in octets:
            answer = await stream.answer()
            self.checks.equal(f"{what}: 202 by the same connection", answer.status, 202)

    # The steps.

    async def first(self):
        """The first submission is looked at as every judge does; what comes after is answered alike."""
        octets, number = self.submission(b"TCP")
        stream = await self.connect()
        stream.writer.write(octets)
        await self.accepted("a message by TCP", stream, octets)
        heard = await self.peer.inbox.get("mo-forwardSM", lambda heard: self.marker in heard.tcap, WAIT)
        self.centre_by_pattern = Centre(self.peer, self.marker)
        self.centre_by_pattern.learn(heard)
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
        self.centre_by_pattern.asked[number] += 1
        stream.close()

    async def every_cut(self, secure):
        """A message octet by octet, each in a segment or a record of its own; then two in one, and one and a half."""
        name, to = (b"TLS", TLS) if secure else (b"TCP", TCP)
        stream = await self.connect(to, secure)
        octets, _ = self.submission(name)
        for at in range(len(octets)):
            stream.writer.write(octets[at : at + 1])
            await stream.writer.drain()
        await self.accepted(f"{name.decode()}, octet by octet", stream, octets)
        one, two = self.submission(name)[0], self.submission(name)[0]
        stream.writer.write(one + two)
        await self.accepted(f"{name.decode()}, two messages in one segment", stream, one, two)
        three = self.submission(name)[0]
        stream.writer.write(b"\r\n\r\n" + three[:-7])
        pong = await asyncio.wait_for(stream.reader.readexactly(2), WAIT)
        self.checks.equal(f"{name.decode()}: CRLF answers a keep-alive (RFC 5626 4.4.1)", pong, b"\r\n")
        stream.writer.write(three[-7:])
        await self.accepted(f"{name.decode()}, the rest of a message", stream, three)
        stream.close()

    async def many(self):
        """All connections open, each sends a message; ill-behaved ones among them, and UDP beside."""
        checks = self.checks
        before = self.memory()
        gate = asyncio.Semaphore(200)

        async def opened(to, secure):
            async with gate:
                return await self.connect(to, secure)

        plain = await asyncio.gather(*[opened(TCP, False) for _ in range(CONNECTIONS)])
        checks.equal("10,000 connections by TCP", len(plain), CONNECTIONS)
        secured = await asyncio.gather(*[opened(TLS, True) for _ in range(SECURE)])
        checks.equal("1,000 connections by TLS", len(secured), SECURE)
        open_now = self.memory()
        halves = [self.half(await opened(TCP, False)) for _ in range(ILL)]
        resets = [self.reset(await opened(TCP, False)) for _ in range(ILL)]
        ill = asyncio.gather(*halves, *resets, *[self.never_reads(await opened(TCP, False)) for _ in range(5)])
        udp = asyncio.create_task(self.beside())

        async def says(stream, name):
            # The gateway has room for so many that have no report yet.
            await self.under_way.acquire()
            async with gate:
                octets, _ = self.submission(name)
                self.many_calls.add(sip_peer.SipMessage.parse(octets).header("call-id"))
                stream.writer.write(octets)
                answer = await stream.answer()
                return answer.status

        said = await asyncio.gather(*[says(it, b"TCP") for it in plain], *[says(it, b"TLS") for it in secured])
        checks.equal("each of 11,000 connections: 202", collections.Counter(said), {202: CONNECTIONS + SECURE})
        self.streaming = False
        await udp
        await ill
        most = self.memory()
        checks.that("memory: at most 16 KiB a connection by TCP, 64 KiB by TLS", open_now - before <= CONNECTIONS * 16 + SECURE * 64, f"{open_now - before} KiB for {CONNECTIONS} and {SECURE}")
        checks.that("memory: messages add at most 32 MiB to that, slow readers among them", most - open_now <= 32 * 1024, f"{most - open_now} KiB")
        for it in plain + secured:
            it.close()

    def memory(self):
        """Resident memory of the gateway, KiB."""
        pid = self.lab.gateway.pid
        return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))

    async def half(self, stream):
        """Half a message, and no more: the gateway waits as long as it is configured to."""
        octets, number = self.submission(b"TCP")
        stream.writer.write(octets[: self.random.randrange(1, len(octets))])
        began = time.monotonic()
        ended = await stream.ended()
        self.checks.that("half a message: closed after message_s", ended and MESSAGE_S - 0.5 <= ended - began <= MESSAGE_S + 6, ended and f"{ended - began:.2f} s")
        self.unsent.add(number)
        stream.close()

    async def reset(self, stream):
        """A connection that is reset within a message."""
        octets, number = self.submission(b"TCP")
        stream.writer.write(octets[: len(octets) // 2])
        await stream.writer.drain()
        stream.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()
        self.unsent.add(number)

    async def never_reads(self, stream):
        """Requests without end and nobody who reads the answers: the gateway leaves it."""
        stream.writer.transport.pause_reading()
        octets, _, _ = self.udp.request("OPTIONS", stages.GATEWAY_URI[0], self.udp.uri, stages.GATEWAY_URI[0])
        octets = octets.replace(b"Via: SIP/2.0/UDP", b"Via: SIP/2.0/TCP", 1)
        sock, closed, sent = stream.writer.get_extra_info("socket"), False, 0
        loop, end = asyncio.get_running_loop(), time.monotonic() + 30
        while not closed and time.monotonic() < end:
            block = b"".join(octets.replace(b"branch=z9hG4bK", f"branch=z9hG4bK{sent + at:x}x".encode(), 1) for at in range(50))
            sent += 50
            stream.writer.write(block)
            try:
                await asyncio.wait_for(stream.writer.drain(), MESSAGE_S + 12)
            except (ConnectionError, asyncio.TimeoutError) as error:
                closed = isinstance(error, ConnectionError)
                break
            closed = stream.writer.transport.is_closing()
        self.checks.that("who never reads: the gateway closes the connection", closed, f"{sent} requests")
        stream.close()

    async def beside(self):
        """Messages by UDP while the streams are busy: each answered, none twice."""
        said, took = collections.Counter(), []
        while self.streaming or len(took) < 200:
            octets, _ = self.submission(b"UDP")
            branch = sip_peer.SipMessage.parse(octets).branch
            began = time.monotonic()
            said[(await self.udp.ask(octets, branch, WAIT)).status] += 1
            took.append(time.monotonic() - began)
        self.checks.equal("UDP beside the streams: 202 each", set(said), {202})
        self.beside_sent = len(took)

    async def s_client(self):
        """openssl's own client."""
        at = self.lab.directory
        octets, _ = self.submission(b"TLS")
        command = ["openssl", "s_client", "-quiet", "-ign_eof", "-connect", f"{TLS[0]}:{TLS[1]}", "-bind", labs.SCSCF[0], "-CAfile", f"{at}/authority.pem", "-verify_return_error", "-cert", f"{at}/scscf.pem", "-key", f"{at}/scscf.key"]
        process = await asyncio.create_subprocess_exec(*labs.within(self.lab.namespaces["ims"]), *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        process.stdin.write(octets)
        await process.stdin.drain()
        answer = await asyncio.wait_for(process.stdout.readuntil(b"\r\n\r\n"), WAIT)
        self.checks.that("openssl s_client: 202", answer.startswith(b"SIP/2.0 202 "), answer)
        process.kill()
        await process.wait()

    async def accounted(self):
        """Each submission that was whole has one mo-forwardSM, and one RP-ACK; the others none."""
        asked, whole = self.centre_by_pattern.asked, set(range(1, next(self.numbers))) - self.unsent
        try:
            await labs.until("every mo-forwardSM", lambda: len(asked) >= len(whole), WAIT)
            await labs.until("every report", lambda: self.reports["ack"] >= len(whole), WAIT)
        except TimeoutError:
            pass
        missing, more = whole - set(asked), [number for number, count in asked.items() if count > 1]
        self.checks.equal("each whole message: one mo-forwardSM", (len(missing), more), (0, []))
        self.checks.equal("half a message: no mo-forwardSM", sorted(self.unsent & set(asked)), [])
        self.checks.equal("each message: one RP-ACK", dict(self.reports), {"ack": len(whole)})

    async def play(self):
        self.unsent, self.streaming = set(), True
        self.many_calls, self.under_way = set(), asyncio.Semaphore(2000)
        self.context = ssl.create_default_context(cafile=str(self.lab.directory / "authority.pem"))
        self.context.load_cert_chain(self.lab.directory / "scscf.pem", self.lab.directory / "scscf.key")
        await self.open("sgp", networks=(0,))
        for of in self.subscribers:
            await self.register(of)
        self.inbox_put, self.udp.inbox.put = self.udp.inbox.put, self.on_report
        await self.first()
        await self.step(self.every_cut, False)
        await self.step(self.every_cut, True)
        await self.step(self.s_client)
        await self.step(self.many)
        await self.step(self.accounted)
        self.checks.equal("no octet of a stream on a worker", self.lab.counter("stack", "other_protocol"), 0)
        await self.close()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536) if most > 0 else 65_536, most))

    async def act(lab, checks):
        await StreamJudge(lab, checks, seed, 0).play()

    _, failed = asyncio.run(stages.perform("stream_judge", binary, labs.FILES / "stream_judge", seed, act, StreamLab))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
