"""NLnet Labs' NSD tells the gateway where the S-CSCFs of a network are: by NAPTR, SRV and A, anew, wrongly, and not at all.

location_judge.py BINARY [SEED]: S-CSCFs by name alone, on UDP sockets of the kernel; a pycrate MAP peer is the SS7 side."""
import asyncio
import os
import secrets
import signal
import sys

import lab as labs
import map_peer
import sip_peer
import sms
import stage as stages
from map_judge import MapJudge, invoke_id
from map_peer import MO_FORWARD

NAME, DOMAIN = stages.SCSCF_URI[0].removeprefix("sip:"), stages.REALM[0]
# Where the S-CSCFs are that the name stands for, one after the other.
PLACES = {"a": (labs.SCSCF[0], 5060), "b": ("10.1.0.15", 5066), "c": ("10.1.0.16", 5060)}
DNS = labs.HOST[1]
TTL = 2
WAIT = 20
SECTIONS = f"""
[sip.dns]
servers = ["{DNS}"]
timeout_ms = 500
attempts = 1
ttl_min_s = 1
negative_max_s = 2
"""
SERVER = """\
server:
    ip-address: {dns}@53
    username: ""
    chroot: ""
    database: ""
    server-count: 1
    zonesdir: "{at}"
    zonelistfile: "{at}/zone.list"
    xfrdfile: "{at}/xfrd.state"
    xfrdir: "{at}"
    pidfile: "{at}/nsd.pid"
remote-control:
    control-enable: no
zone:
    name: "{domain}"
    zonefile: "zone"
"""


class LocationLab(labs.Lab):
    """A lab whose gateway's host reaches a server of DNS, and whose S-CSCFs have more addresses."""

    def _wire(self):
        super()._wire()
        self.wire_host()
        for ip, _ in PLACES.values():
            if ip not in labs.SCSCF:
                labs.run(*labs.within(self.namespaces["ims"]), "ip", "address", "add", f"{ip}/32", "dev", "peer")

    def configure(self, associations, subscribers, **options):
        networks = labs.NETWORKS.replace(', address = "{scscf[0]}:5060"', "", 1)
        super().configure(associations, subscribers, networks=networks, more=SECTIONS, **options)


class LocationJudge(MapJudge):
    """The run."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.subscribers = [stages.subscriber(self.random, 0, at * 2) for at in range(4)]
        self.serial, self.nsd, self.all = 0, None, []

    @property
    def servers(self):
        return self.all

    # DNS.

    def write_zone(self, *records):
        """The zone with these records."""
        self.serial += 1
        at = self.lab.directory / "dns"
        at.mkdir(exist_ok=True)
        lines = [f"$ORIGIN {DOMAIN}.", f"$TTL {TTL}", f"@ SOA ns root {self.serial} 3600 600 86400 {TTL}", "@ NS ns", f"ns A {DNS}", *records]
        (at / "zone").write_text("".join(f"{line}\n" for line in lines))
        (at / "nsd.conf").write_text(SERVER.format(dns=DNS, at=at, domain=DOMAIN))

    def pointers(self, *servers):
        """TCP, which the gateway does not have, before UDP; servers as (letter, priority, weight)."""
        host = NAME.removesuffix(f".{DOMAIN}")
        return [
            f'{host} NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.{host}',
            f'{host} NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.{host}',
            f"_sip._tcp.{host} SRV 0 0 5060 nowhere",
            *[f"_sip._udp.{host} SRV {priority} {weight} {PLACES[letter][1]} {letter}" for letter, priority, weight in servers],
            *[f"{letter} A {PLACES[letter][0]}" for letter, _, _ in servers],
        ]

    async def start_dns(self):
        at = self.lab.directory / "dns"
        self.nsd = self.lab.spawn("ims", "nsd", "-d", "-c", str(at / "nsd.conf"), log=f"nsd-{self.serial}.log")
        log = self.lab.keep / f"nsd-{self.serial}.log"
        await labs.until("NSD", lambda: self.nsd.poll() is not None or b"nsd started" in log.read_bytes(), 10)
        if self.nsd.poll() is not None:
            raise labs.LabError(f"NSD ended at once; see {log}")

    async def stop_dns(self):
        self.nsd.terminate()
        await labs.until("the end of NSD", lambda: self.nsd.poll() is not None, 10)

    def change_dns(self, *records):
        self.write_zone(*records)
        self.nsd.send_signal(signal.SIGHUP)

    # What the gateway makes of it.

    def targets(self):
        """What `ipsmgw show peers` says of the name: for each address, how it is known; each worker says the same."""
        rows = [peer for peer in self.lab.show("peers")["peers"] if peer["name"].startswith(stages.SCSCF_URI[0]) and " " in peer["name"]]
        return {row["name"].split(" ")[1]: row["located_by"] for row in rows}

    async def follows(self, what, letters, by="dns"):
        """The gateway's targets become these, so known."""
        wanted = {f"{ip}:{port}": by for ip, port in map(PLACES.get, letters)}
        try:
            await labs.until(what, lambda: self.targets() == wanted, WAIT)
        except TimeoutError:
            pass
        self.checks.equal(what, self.targets(), wanted)

    async def core(self, letter):
        """An S-CSCF begins at its place; messages go through it from now on."""
        ip, port = PLACES[letter]
        server = sip_peer.Server(stages.SCSCF_URI[0], ip, port, (labs.GATEWAY_IMS, 5060), self.random)
        await server.open(self.lab.udp(ip, port))
        self.all.append(server)
        self.of_network[0] = server
        return server

    async def register_at(self, server):
        """The status of a third-party REGISTER of the first subscriber."""
        headers, body = stages.registration(self.subscribers[0])
        return await server.register(stages.GATEWAY_URI[0], self.subscribers[0].identity, 3600, headers, body)

    async def both_ways(self):
        for of in self.subscribers:
            await self.mo(of, sms.gsm7(self.random, 30))
            await self.mt(of, sms.binary(self.random.randbytes(100)))

    # The steps.

    async def before_dns(self):
        """Nobody can say where the S-CSCF is: who may be it is asked to come again."""
        answer = await self.register_at(await self.core("a"))
        self.checks.equal("before DNS answers: REGISTER gets 503", answer.status, 503)
        self.checks.that("before DNS answers: and may come again", answer.header("retry-after"), answer)
        states = [peer["state"] for peer in self.lab.show("peers")["peers"] if peer["name"] == stages.SCSCF_URI[0]]
        self.checks.equal("before DNS answers: show peers says so", states, ["unlocated"])

    async def located(self):
        """NAPTR leads past a transport that is not ours to the servers, and these to addresses and ports."""
        self.write_zone(*self.pointers(("b", 20, 0), ("a", 10, 0)))
        await self.start_dns()
        await self.follows("located by NAPTR, SRV and A", ["a", "b"])
        for of in self.subscribers:
            await self.register(of)
        await self.both_ways()

    async def failover(self):
        """The first target is gone: the next has the messages, and brings reports and submissions."""
        self.of_network[0].transport.close()
        await self.core("b")
        await self.both_ways()
        states = {peer["state"] for peer in self.lab.show("peers")["peers"] if peer["name"].endswith(":".join(map(str, PLACES["a"])))}
        self.checks.that("failover: the target that is gone is down", "down" in states, states)

    async def moved(self):
        """The records change: the gateway follows, for those too who are registered from where the S-CSCF was."""
        old = self.of_network[0]
        self.change_dns(*self.pointers(("c", 10, 0)))
        await self.follows("records changed: the gateway follows", ["c"])
        await self.core("c")
        await self.both_ways()
        self.checks.equal("where the S-CSCF was: REGISTER gets 403", (await self.register_at(old)).status, 403)
        self.checks.equal("where the S-CSCF is: REGISTER gets 200", (await self.register_at(self.of_network[0])).status, 200)
        # What was under way there still comes; its report takes the new way.
        of, new = self.subscribers[1], self.of_network[0]
        self.of_network[0] = old
        heard, submission = await self.submit(of, sms.gsm7(self.random, 10))
        self.of_network[0] = new
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
        self.checks.equal("MO from where it was: RP-ACK to where it is", (await self.submit_report(of, submission)).kind, "ack")

    async def without_dns(self):
        """DNS is gone for longer than its answers live: all goes on. It is back with other records: the gateway follows."""
        await self.stop_dns()
        await self.follows("without DNS: the old answer stays in use", ["c"], "dns, stale")
        await self.both_ways()
        log = (self.lab.keep / "gateway.log").read_text()
        self.checks.equal("without DNS: the log says so, once", log.count("DNS does not answer: S-CSCF is taken to be where it was"), 1)
        self.write_zone(*self.pointers(("a", 10, 1), ("c", 10, 1)))
        await self.start_dns()
        await self.follows("DNS is back: the gateway follows", ["a", "c"])
        await self.both_ways()

    async def none(self):
        """The name is no more, so nobody is where it was; then it has an address, and no servers."""
        self.change_dns()
        await self.follows("the name is gone: there is no target", [])
        self.checks.equal("the name is gone: REGISTER gets 403", (await self.register_at(self.of_network[0])).status, 403)
        # Without pointers and servers: the addresses of the name itself.
        host = NAME.removesuffix(f".{DOMAIN}")
        self.change_dns(f"{host} A {PLACES['c'][0]}")
        await self.follows("an address alone: the default port", ["c"])
        await self.both_ways()

    async def play(self):
        await self.open("sgp", networks=())
        for part in (self.before_dns, self.located, self.failover, self.moved, self.without_dns, self.none):
            await self.step(part)
        await self.close()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)

    async def act(lab, checks):
        await LocationJudge(lab, checks, seed, 0).play()

    _, failed = asyncio.run(stages.perform("location_judge", binary, labs.FILES / "location_judge", seed, act, LocationLab))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
