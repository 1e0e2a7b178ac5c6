"""SIP over TCP to the gateway's own address, which the host's kernel speaks behind an exception port, and requests over UDP in fragments: both families.

exception_judge.py BINARY [SEED]: the S-CSCF of the first network comes by IPv4, that of the second by IPv6; the host is set up as docs/operating says."""
import asyncio
import os
import secrets
import socket
import sys

import lab as labs
import map_peer
import sip_peer
import sms
import stage as stages
from kamailio_judge import PcapLab
from map_judge import MapJudge, invoke_id, is_mo
from map_peer import MO_FORWARD

# The data plane's addresses, the router's and the S-CSCF's of IPv6; the S-CSCF is off-link.
GATEWAY_V6, ROUTER_V6, SCSCF_V6 = "fd10::1", "fd10::fe", "fd11::5"
AT = [(labs.GATEWAY_IMS, 5060), (GATEWAY_V6, 5060)]
FROM = [(labs.SCSCF[0], 5060), (SCSCF_V6, 5060)]
FAMILY = ["IPv4", "IPv6"]
WAIT = 15
PORTS = f"""
[[port]]
name = "kernel"
role = "exception"
device = "net_af_packet2,iface=exc0"
kernel_mac = "{labs.KERNEL_MACS["exc1"]}"

[[route]]
prefix = "fd11::/16"
gateway = "{ROUTER_V6}"
port = "ims"

[sip.streams]
listen = ["{labs.GATEWAY_IMS}:5060", "[{GATEWAY_V6}]:5060"]
"""


class ExceptionLab(PcapLab):
    """A lab with IPv6 towards the IMS, and an exception port."""

    def _wire(self):
        super()._wire()
        self.wire_kernel(GATEWAY_V6)
        outer = labs.within(self.namespaces["ims"])
        labs.run(*outer, "sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/peer/disable_ipv6")
        for address in (f"{ROUTER_V6}/64", f"{SCSCF_V6}/128"):
            labs.run(*outer, "ip", "-6", "address", "add", address, "dev", "peer", "nodad")

    def configure(self, associations, subscribers, **options):
        # Requests to the first S-CSCF go by TCP, those to the second by UDP.
        networks = labs.NETWORKS.replace('"{scscf[0]}:5060" }}', '"{scscf[0]}:5060", transport = "tcp" }}').replace("{scscf[1]}", f"[{SCSCF_V6}]")
        super().configure(associations, subscribers, networks=networks, more=PORTS, **options)
        path = self.directory / "gateway.toml"
        text = path.read_text().replace(f'addresses = ["{labs.GATEWAY_IMS}/24"]', f'mac = "{labs.MACS["ims"]}"\naddresses = ["{labs.GATEWAY_IMS}/24", "{GATEWAY_V6}/64"]')
        path.write_text(text.replace(f'listen = ["{labs.GATEWAY_IMS}:5060"]', f'listen = ["{labs.GATEWAY_IMS}:5060", "[{GATEWAY_V6}]:5060"]', 1))


class ExceptionJudge(MapJudge):
    """The run."""

    def socket(self, network, kind):
        """One of the IMS side, with the address of a network's S-CSCF."""
        with self.lab.inside("ims"):
            made = socket.socket((socket.AF_INET, socket.AF_INET6)[network], kind)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made

    async def connect(self, network, port=5060):
        made = self.socket(network, socket.SOCK_STREAM)
        made.bind((FROM[network][0], 0))
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(made, (AT[network][0], port)), WAIT)
        return await asyncio.open_connection(sock=made)

    async def listen(self):
        """What the gateway opens towards the first S-CSCF: requests come by it."""
        made = self.socket(0, socket.SOCK_STREAM)
        made.bind(FROM[0])
        made.listen()
        self.opened = asyncio.Queue()

        async def taken(reader, writer):
            while True:
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
                    self.opened.put_nowait((sip_peer.SipMessage.parse(head + await reader.readexactly(length)), writer))
                except (asyncio.IncompleteReadError, ConnectionError):
                    return

        return await asyncio.start_server(taken, sock=made)

    def request(self, network, *arguments):
        octets, branch, call_id = self.of_network[network].request(*arguments)
        return octets.replace(b"Via: SIP/2.0/UDP", b"Via: SIP/2.0/TCP", 1), branch, call_id

    async def said_by(self, reader):
        return sip_peer.SipMessage.parse(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT))

    def long_registration(self, of):
        """Headers and body of a third-party REGISTER of three packets."""
        headers, body = stages.registration(of)
        return [f"X-Long-{at}: {self.random.randbytes(150).hex()}" for at in range(11)] + headers, body

    # The steps.

    async def datagrams(self, network):
        """Requests and an answer that are longer than a packet."""
        checks, server, family = self.checks, self.of_network[network], FAMILY[network]
        before = self.lab.counter("link", "reassembled")
        for of in [of for of in self.subscribers if of.network == network]:
            headers, body = self.long_registration(of)
            answer = await server.register(stages.GATEWAY_URI[network], of.identity, 3600, headers, body)
            checks.equal(f"UDP, {family}: a REGISTER in fragments gets 200", answer.status, 200)
            checks.equal(f"UDP, {family}: what is in it has been read", sip_peer.parameter(answer.header("contact"), "expires"), "3600")
        vias = [f"Via: SIP/2.0/UDP hop{at}.home1.net;branch=z9hG4bK{self.random.randbytes(60).hex()}" for at in range(20)]
        octets, branch, _ = server.request("OPTIONS", stages.GATEWAY_URI[network], server.uri, stages.GATEWAY_URI[network], vias)
        answer = await server.ask(octets, branch, WAIT)
        checks.that(f"UDP, {family}: an answer comes in fragments", answer.status == 200 and len(answer.octets) > 1500, len(answer.octets))
        await labs.until("counters", lambda: self.lab.counter("link", "reassembled") - before >= 5, WAIT)
        checks.that(f"UDP, {family}: the gateway has put them together", True)

    async def stream(self, network):
        """A connection to the data plane's own address: requests short and long, whole and octet by octet; one to a port where nobody is."""
        checks, family, server = self.checks, FAMILY[network], self.of_network[network]
        numbers = ("to_kernel", "from_kernel")
        before = [self.lab.counter("link", name) for name in numbers]
        reader, writer = await self.connect(network)
        of = next(of for of in self.subscribers if of.network == network)
        headers, body = self.long_registration(of)
        lines = [f"Contact: <{server.uri}>", "Expires: 3600", *headers]
        octets, _, _ = self.request(network, "REGISTER", stages.GATEWAY_URI[network], server.uri, of.identity, lines, body)
        writer.write(octets)
        checks.equal(f"TCP, {family}: a REGISTER of three segments gets 200", (await self.said_by(reader)).status, 200)
        octets, _, _ = self.request(network, "OPTIONS", stages.GATEWAY_URI[network], server.uri, stages.GATEWAY_URI[network])
        for at in range(len(octets)):
            writer.write(octets[at : at + 1])
            await writer.drain()
        checks.equal(f"TCP, {family}: OPTIONS octet by octet gets 200", (await self.said_by(reader)).status, 200)
        await self.submission(network, of, reader, writer)
        writer.close()
        await writer.wait_closed()
        try:
            await self.connect(network, 5999)
            refused = False
        except ConnectionRefusedError:
            refused = True
        checks.that(f"TCP, {family}: the kernel refuses where nobody listens", refused)
        await labs.until("counters", lambda: min(self.lab.counter("link", name) - then for name, then in zip(numbers, before)) > 10, WAIT)
        checks.that(f"TCP, {family}: by the exception port", True)

    async def submission(self, network, of, reader, writer):
        """A short message by the connection; its report by the way that is configured."""
        checks, family, server = self.checks, FAMILY[network], self.of_network[network]
        centre = self.centre(of)
        octets, _, call_id = server.short_message(f"tel:+{centre}", [of.identity], sms.rp_data(7, centre, sms.submit(self.random, sms.gsm7(self.random, 20))))
        writer.write(octets.replace(b"Via: SIP/2.0/UDP", b"Via: SIP/2.0/TCP", 1))
        checks.equal(f"TCP, {family}: MESSAGE gets 202", (await self.said_by(reader)).status, 202)
        heard = await self.peer.inbox.get("mo-forwardSM", lambda heard: is_mo(heard, of), WAIT)
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
        if network == 1:
            report = await server.inbox.get("submit report", lambda it: it.header("in-reply-to") == call_id, WAIT)
            server.respond(report, 200)
        else:
            report, back = await asyncio.wait_for(self.opened.get(), WAIT)
            checks.that("TCP, IPv4: the gateway opens a connection from its own address", back.get_extra_info("peername")[0] == labs.GATEWAY_IMS, back.get_extra_info("peername"))
            checks.that("TCP, IPv4: its request says so", report.header("via").startswith("SIP/2.0/TCP "), report.header("via"))
            back.write(sip_peer.spell("SIP/2.0 200 OK", [f"{name}: {report.header(name.lower())}" for name in ("Via", "From", "Call-ID", "CSeq")] + [f"To: {report.header('to')};tag=1"]))
            await back.drain()
        checks.equal(f"TCP, {family}: the report is that of the submission", report.header("in-reply-to"), call_id)

    async def play(self):
        await self.open("sgp", networks=(0,))
        server = sip_peer.Server(stages.SCSCF_URI[1], f"[{SCSCF_V6}]", 5060, AT[1], self.random)
        by_v6 = self.socket(1, socket.SOCK_DGRAM)
        by_v6.bind(FROM[1])
        self.of_network[1] = await server.open(by_v6)
        listening = await self.listen()
        for network in (0, 1):
            await self.step(self.datagrams, network)
            await self.step(self.stream, network)
        self.checks.equal("TCP to our addresses is nobody else's", self.lab.counter("link", "kernel_bad_source"), 0)
        listening.close()
        await self.close()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)

    async def act(lab, checks):
        await ExceptionJudge(lab, checks, seed, 8).play()

    _, failed = asyncio.run(stages.perform("exception_judge", binary, labs.FILES / "exception_judge", seed, act, ExceptionLab))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
