"""S-CSCFs and the UEs behind them, on UDP sockets of the kernel: SIP spelt and read by hand."""
import asyncio
import re
from dataclasses import dataclass, field

from events import Deadline, Inbox

T1 = 0.5
SMS = "application/vnd.3gpp.sms"


@dataclass
class SipMessage:
    """A message taken apart; `headers` maps lower-case names to values in order."""

    start: str
    headers: dict
    body: bytes
    octets: bytes = b""
    server: object = None
    source: tuple = None

    @staticmethod
    def parse(octets):
        head, end, body = octets.partition(b"\r\n\r\n")
        if not end:
            raise ValueError("no end of headers")
        start, *lines = head.decode("utf-8").split("\r\n")
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not re.fullmatch(r"[A-Za-z0-9.!%*_+`'~-]+", name):
                raise ValueError(f"header {line!r}")
            headers.setdefault(name.lower(), []).append(value.strip())
        message = SipMessage(start, headers, body, octets)
        if int(message.header("content-length") or -1) != len(body):
            raise ValueError(f"Content-Length {message.header('content-length')} before {len(body)} octets")
        return message

    def header(self, name):
        values = self.headers.get(name)
        return values[0] if values else None

    def only(self, name):
        """The value of a header that must stand there once."""
        values = self.headers.get(name, [])
        if len(values) != 1:
            raise ValueError(f"{len(values)} headers {name}")
        return values[0]

    @property
    def status(self):
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else None

    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def branch(self):
        return parameter(self.header("via"), "branch")

    def __repr__(self):
        return f"{self.start} ({self.header('call-id')}, body {self.body.hex()})"


def parameter(value, name):
    found = re.search(rf";\s*{name}=([^;,>\s]+)", value or "")
    return found[1] if found else None


def tag(value):
    """The tag of From or To: after the angle bracket."""
    return parameter((value or "").rpartition(">")[2], "tag")


def address(value):
    """The URI of a name-addr."""
    found = re.search(r"<([^>]*)>", value or "")
    return found[1] if found else (value or "").partition(";")[0].strip()


class Server(asyncio.DatagramProtocol):
    """One S-CSCF. Retransmits what it sends, absorbs what the gateway retransmits, and answers as it did before."""

    def __init__(self, uri, ip, port, gateway, random):
        self.uri, self.ip, self.port, self.gateway, self.random = uri, ip, port, gateway, random
        self.inbox = Inbox(uri)
        self.faults = []
        self.answered = {}
        self.waiting = {}
        self.sent_again = set()
        self.transport = None
        self.call_ids = {}

    async def open(self, socket):
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=socket)
        return self

    def datagram_received(self, octets, source):
        try:
            message = SipMessage.parse(octets)
        except ValueError as error:
            self.faults.append(f"SIP: {error} in {octets!r}")
            return
        message.server, message.source = self, source
        if message.status is not None:
            future = self.waiting.get(message.branch)
            if future is not None and not future.done():
                if message.status >= 200:
                    future.set_result(message)
            # A request that was sent again, since its answer took its time, is answered again, and alike.
            elif future is None or message.branch not in self.sent_again or future.result().octets != octets:
                self.inbox.put(message)
            return
        key = (message.branch, message.method)
        if key in self.answered:
            earlier, answer = self.answered[key]
            if earlier.octets != octets:
                self.faults.append(f"a retransmission is not what was sent first: {message}")
            if answer:
                self.transport.sendto(answer, source)
            return
        self.answered[key] = (message, None)
        self.look(message)
        self.inbox.put(message)

    def look(self, message):
        """What holds for every request of the gateway."""
        def fault(what):
            self.faults.append(f"{what} in {message}")

        for name in ("via", "from", "to", "call-id", "cseq", "max-forwards"):
            if len(message.headers.get(name, [])) != 1:
                fault(f"{len(message.headers.get(name, []))} headers {name}")
                return
        if not re.fullmatch(r"SIP/2\.0/UDP \S+;branch=z9hG4bK\S+|SIP/2\.0/UDP \S+;rport;branch=z9hG4bK\S+", message.header("via")):
            fault(f"Via {message.header('via')}")
        if not tag(message.header("from")) or tag(message.header("to")):
            fault("no From tag, or a To tag")
        if message.header("cseq").split()[1:] != [message.method]:
            fault(f"CSeq {message.header('cseq')}")
        if self.call_ids.setdefault(message.header("call-id"), message.branch) != message.branch:
            fault("a Call-ID used before")

    def token(self):
        return f"{self.random.getrandbits(64):016x}"

    def send(self, octets):
        self.transport.sendto(octets, self.gateway)

    def respond(self, message, status, reason="OK", *headers):
        """Answers a request of the gateway."""
        copied = [f"{name}: {value}" for name in ("Via", "From", "Call-ID", "CSeq") for value in message.headers[name.lower()]]
        to = f"To: {message.header('to')};tag={self.token()}"
        octets = spell(f"SIP/2.0 {status} {reason}", [*copied, to, *headers])
        self.answered[(message.branch, message.method)] = (message, octets)
        self.transport.sendto(octets, message.source)

    def request(self, method, uri, sender, to, headers=(), body=b"", call_id=None):
        """The octets of a request, its branch and its Call-ID."""
        branch, call_id = f"z9hG4bK{self.token()}", call_id or f"{self.token()}@{self.ip}"
        lines = [
            f"Via: SIP/2.0/UDP {self.ip}:{self.port};branch={branch}",
            "Max-Forwards: 68",
            f"From: <{sender}>;tag={self.token()}",
            f"To: <{to}>",
            f"Call-ID: {call_id}",
            f"CSeq: {self.random.randint(1, 2**31 - 1)} {method}",
            *headers,
        ]
        return spell(f"{method} {uri} SIP/2.0", lines, body), branch, call_id

    async def ask(self, octets, branch, seconds=8):
        """Sends a request as a client transaction does, and gives back the final response."""
        loop = asyncio.get_running_loop()
        future = self.waiting[branch] = loop.create_future()
        end, interval = loop.time() + seconds, T1
        self.send(octets)
        while True:
            left = end - loop.time()
            if left <= 0:
                raise Deadline(f"no answer in {seconds} s to {octets.partition(b' SIP')[0]!r}")
            done, _ = await asyncio.wait([future], timeout=min(interval, left))
            if done:
                self.check_response(octets, future.result())
                return future.result()
            self.sent_again.add(branch)
            self.send(octets)
            interval = min(2 * interval, 4)

    def check_response(self, octets, response):
        """What every response repeats (RFC 3261 8.2.6)."""
        request = SipMessage.parse(octets)
        for name in ("via", "from", "call-id", "cseq"):
            if response.headers.get(name) != request.headers.get(name):
                self.faults.append(f"{name} of {response} is not the request's")
        if not tag(response.header("to")) or address(response.header("to")) != address(request.header("to")):
            self.faults.append(f"To {response.header('to')} in a response to {request.header('to')}")

    # What an S-CSCF and a UE send.

    async def register(self, gateway_uri, identity, expires, headers=(), body=b""):
        """A third-party REGISTER (TS 24.229 5.4.1.7)."""
        lines = [
            f"Contact: <{self.uri}>",
            f"Expires: {expires}",
            'P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=0123456789ab',
            f"P-Charging-Vector: icid-value={self.token()}",
            *headers,
        ]
        octets, branch, _ = self.request("REGISTER", gateway_uri, self.uri, identity, lines, body)
        return await self.ask(octets, branch)

    async def message(self, uri, identities, body, headers=()):
        """A MESSAGE with an RP message, as it comes from the UE through P-CSCF and S-CSCF; response and Call-ID."""
        octets, branch, call_id = self.short_message(uri, identities, body, headers)
        return await self.ask(octets, branch), call_id

    def short_message(self, uri, identities, body, headers=()):
        lines = [f"P-Asserted-Identity: {', '.join(f'<{identity}>' for identity in identities)}", f"Content-Type: {SMS}", *headers]
        return self.request("MESSAGE", uri, identities[0], uri, lines, body)


def spell(start, lines, body=b""):
    return "\r\n".join([start, *lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def service_info(msisdn):
    """The body that the initial filter criteria make (TS 24.341 B.3)."""
    return f'<?xml version="1.0" encoding="UTF-8"?><ims-3gpp version="1"><service-info>{msisdn}</service-info></ims-3gpp>'.encode()


def embedded_register(identity, private, realm):
    """The UE's REGISTER, as message/sip."""
    return spell(
        f"REGISTER sip:{realm} SIP/2.0",
        [
            "Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKue",
            "Max-Forwards: 70",
            f"From: <{identity}>;tag=ue",
            f"To: <{identity}>",
            "Contact: <sip:[2001:db8::1]:5060>;expires=600000;+g.3gpp.smsip",
            "Call-ID: ue@example",
            "CSeq: 2 REGISTER",
            f'Authorization: Digest username="{private}", realm="{realm}", nonce="abc", uri="sip:{realm}", response="00112233445566778899aabbccddeeff"',
        ],
    )


def multipart(*parts):
    """A multipart/mixed body and its Content-Type header."""
    boundary = "judge-boundary"
    body = b"".join(b"--%s\r\nContent-Type: %s\r\n\r\n%s\r\n" % (boundary.encode(), kind.encode(), part) for kind, part in parts)
    return f"Content-Type: multipart/mixed;boundary={boundary}", body + b"--%s--\r\n" % boundary.encode()
