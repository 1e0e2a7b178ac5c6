"""Kamailio as the S-CSCF of a network: UEs register with it, it registers them with the gateway, and messages go through it both ways.

kamailio_judge.py BINARY messages|reg-event [SEED]: a pycrate MAP peer is the SS7 side. With reg-event, Kamailio's presence server tells the gateway
who is registered (RFC 3680), and nobody is until it has."""
import asyncio
import os
import secrets
import shutil
import sys
from pathlib import Path

import lab as labs
import map_peer
import sip_peer
import sms
import stage as stages
from map_judge import MapJudge, invoke_id, is_mo
from map_peer import MO_FORWARD

HERE = Path(__file__).resolve().parent
# Kamailio's empty tables, as Debian has them.
TABLES = "/usr/share/kamailio/dbtext/kamailio"
AT = (labs.SCSCF[0], 5060)
HOME, HOST = stages.REALM[0], stages.SCSCF_URI[0].removeprefix("sip:")
# What a third-party REGISTER carries; the last is longer than a packet.
FORMS = ["nothing", "service-info", "embedded", "multipart", "fragments"]
WAIT = 10


class Ue(sip_peer.Server):
    """A UE behind Kamailio."""

    def __init__(self, of, form, ip, port, random):
        super().__init__(f"sip:{of.msisdn}@{ip}:{port}", ip, port, AT, random)
        self.of, self.form, self.etag = of, form, None
        self.call, self.cseq = f"{self.token()}@{ip}", random.randrange(1, 1000)

    def look(self, message):
        """What the gateway has written and Kamailio has passed on."""
        def fault(what):
            self.faults.append(f"{what} in {message}")

        if len(message.headers.get("via", [])) != 2:
            fault(f"{len(message.headers.get('via', []))} headers Via")
        if message.uri != self.uri:
            fault("not to the contact")
        if not sip_peer.tag(message.header("from")) or sip_peer.tag(message.header("to")):
            fault("no From tag, or a To tag")
        if message.header("max-forwards") != "69":
            fault("Kamailio is not the only one between")
        # Kamailio has put the contact there; To is still what it had from the gateway.
        message.start = f"{message.method} {sip_peer.address(message.header('to'))} SIP/2.0"

    async def register_with_kamailio(self, expires):
        """A REGISTER with the private identity, as UEs of the IMS send it (TS 24.229 5.1.1.2); its answer."""
        self.cseq += 1
        of, branch = self.of, f"z9hG4bK{self.token()}"
        realm = stages.PRIVATE_REALM[of.network]
        lines = [
            f"Via: SIP/2.0/UDP {self.ip}:{self.port};branch={branch}",
            "Max-Forwards: 70",
            f"From: <{of.identity}>;tag={self.token()}",
            f"To: <{of.identity}>",
            f"Call-ID: {self.call}",
            f"CSeq: {self.cseq} REGISTER",
            f"Contact: <{self.uri}>;+g.3gpp.smsip",
            f"Expires: {expires}",
            f'Authorization: Digest username="{of.imsi}@{realm}", realm="{realm}", nonce="", uri="sip:{realm}", response=""',
            f"X-Body: {'multipart' if self.form == 'fragments' else self.form}",
            f"X-MSISDN: {of.msisdn}",
        ]
        if self.form == "fragments":
            lines += [f"X-Long-{at}: {self.random.randbytes(120).hex()}" for at in range(12)]
        return await self.ask(sip_peer.spell(f"REGISTER sip:{HOME} SIP/2.0", lines), branch)

    async def publish(self, state, event, smsip=True):
        """What Kamailio's registrar would say about this UE's contact to who watches it; the status of the answer."""
        tag = '<unknown-param name="+g.3gpp.smsip"/>' if smsip else ""
        contact = f'<contact id="{self.port}" state="{state}" event="{event}"><uri>{self.uri}</uri>{tag}</contact>'
        registration = f'<registration aor="{self.of.identity}" id="a{self.port}" state="{state}">{contact}</registration>'
        body = f'<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">{registration}</reginfo>'.encode()
        lines = ["Event: reg", "Expires: 3600", "Content-Type: application/reginfo+xml", *([f"SIP-If-Match: {self.etag}"] if self.etag else [])]
        octets, branch, _ = self.request("PUBLISH", self.of.identity, self.of.identity, self.of.identity, lines, body)
        answer = await self.ask(octets, branch)
        self.etag = answer.header("sip-etag")
        return answer.status

    def short_message(self, uri, identities, body, headers=()):
        """Who sends is for Kamailio to say: what the UE asserts does not get through."""
        asserted = f"P-Asserted-Identity: <sip:somebody.else@{HOME}>"
        return self.request("MESSAGE", uri, identities[0], uri, [f"Content-Type: {sip_peer.SMS}", asserted, *headers], body)


class KamailioJudge(MapJudge):
    """The run."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.subscribers = [self.user(at) for at in range(len(FORMS))]
        self.ues = {}
        self.starts = 0

    def user(self, at):
        """A subscriber whose public identity is the number: Kamailio has no other way from one to the other."""
        of = stages.subscriber(self.random, 0, at)
        of.identity, of.told = f"sip:+{of.msisdn}@{HOME}", "file" if FORMS[at] == "nothing" else FORMS[at]
        if FORMS[at] == "service-info":
            of.told = "service-info and file"
        return of

    def server(self, of):
        return self.ues[of.msisdn]

    def asserted(self, of):
        return [of.identity]

    @property
    def servers(self):
        return list(self.ues.values())

    # Kamailio.

    async def start_kamailio(self):
        """Kamailio, with the tables that are there."""
        self.starts += 1
        tables, log = self.lab.directory / "kamailio", f"kamailio-{self.starts}.log"
        if not tables.exists():
            shutil.copytree(TABLES, tables)
        self.log = self.lab.keep / log
        at = f"{AT[0]}:{AT[1]}"
        defined = {
            "LISTEN": f"udp:{at}", "LISTEN_TCP": f"tcp:{at}", "HOST": f'"{HOST}"', "HOME": f'"{HOME}"', "SERVER": f'"sip:{HOST}"', "GATEWAY": f'"{stages.GATEWAY_URI[0]}"',
            "GATEWAY_HOST": f'"{labs.GATEWAY_IMS}"', "DATABASE": f'"text://{tables}"',
        }
        arguments = [it for name, value in defined.items() for it in ("-A", f"{name}={value}")]
        self.kamailio = self.lab.spawn("ims", "kamailio", "-DD", "-E", "-Y", str(tables), "-f", str(HERE / "kamailio/scscf.cfg"), *arguments, log=log)
        listens = f":{AT[1]:04X} "
        await labs.until("Kamailio", lambda: self.kamailio.poll() is not None or listens in Path(f"/proc/{self.kamailio.pid}/net/udp").read_text(), 10)
        if self.kamailio.poll() is not None:
            raise labs.LabError(f"Kamailio ended at once; see {self.log}")

    async def stop_kamailio(self):
        """Kamailio ends, and writes down who is registered."""
        self.kamailio.terminate()
        await labs.until("the end of Kamailio", lambda: self.kamailio.poll() is not None, 10)
        self.checks.equal("Kamailio ends with code 0", self.kamailio.poll(), 0)

    def registered_here(self, ue):
        """What the gateway has answered to the third-party REGISTER of the UE's last REGISTER."""
        wanted = f" {ue.cseq} {ue.call}"
        return [line.split("third-party REGISTER ")[1].split(" ")[0] for line in self.log.read_text(errors="replace").splitlines() if "third-party REGISTER" in line and line.endswith(wanted)]

    # The steps.

    async def register(self, of, expires=600000):
        """The UE registers with Kamailio, which tells the gateway."""
        ue, what = self.server(of), "register" if expires else "de-register"
        answer = await ue.register_with_kamailio(expires)
        self.checks.equal(f"{what}: Kamailio takes it", answer.status, 200)
        try:
            await labs.until(f"third-party REGISTER of {ue.form}", lambda: self.registered_here(ue), WAIT)
        except TimeoutError:
            pass
        self.checks.equal(f"{what}: third-party REGISTER with {ue.form} gets 200", self.registered_here(ue), ["200"])

    def judge_message(self, what, message, of, identity):
        """What Kamailio leaves as the gateway has written it (TS 24.341 5.3.3.4)."""
        checks, gateway = self.checks, stages.GATEWAY_URI[0]
        checks.equal(f"{what}: To is the Request-URI", sip_peer.address(message.header("to")), identity)
        checks.equal(f"{what}: From is the gateway", sip_peer.address(message.header("from")), gateway)
        checks.equal(f"{what}: P-Asserted-Identity is the gateway", sip_peer.address(message.only("p-asserted-identity")), gateway)
        checks.equal(f"{what}: Content-Type", message.header("content-type"), sip_peer.SMS)
        checks.equal(f"{what}: Kamailio has used up the Route", message.header("route"), None)

    async def every_octet(self):
        """Messages both ways to and from each UE, every octet value among them."""
        bodies = [sms.binary(bytes(range(140))), sms.binary(bytes(range(116, 256))), sms.gsm7(self.random, 160), sms.ucs2(self.random, 70), sms.binary(b"\r\n\r\nSIP/2.0 200 OK\r\n\0")]
        for at, of in enumerate(self.subscribers):
            for body in (bodies[at % len(bodies)], bodies[(at + 1) % len(bodies)]):
                await self.mo(of, body)
                await self.mt(of, body)

    async def failures(self):
        """A centre that refuses, a UE whose memory is full."""
        of = self.subscribers[1]
        heard, submission = await self.submit(of, sms.gsm7(self.random, 30))
        self.peer.answer(heard, map_peer.error(invoke_id(heard), "sm-DeliveryFailure", "sc-Congestion", None))
        report = await self.submit_report(of, submission)
        self.checks.equal("MO refused: RP-ERROR and its cause, through Kamailio", (report.kind, report.cause), ("error", 42))
        tpdu = sms.deliver(self.random, sms.gsm7(self.random, 30))
        asked = self.invoke_mt(of, tpdu)
        message, reference = await self.delivery(of, asked, tpdu)
        self.server(of).respond(message, 200)
        report = sms.deliver_report_error(0xD3)
        await self.report(of, message, sms.rp_error(reference, 22, report))
        self.judge_error("memory full", await self.result_of(asked), 32, {"sm-EnumeratedDeliveryFailureCause": "memoryCapacityExceeded", "diagnosticInfo": report})

    async def restart(self):
        """Kamailio is away for a while; what is sent meanwhile is refused or waits, and afterwards all is as before, without a new registration."""
        checks, of, other = self.checks, self.subscribers[2], self.subscribers[3]
        await self.stop_kamailio()
        asked = self.invoke_mt(of, sms.deliver(self.random, sms.gsm7(self.random, 10)))
        kind, value = await self.result_of(asked, "MT while there is no Kamailio")
        # Not that the subscriber is absent: nobody knows that.
        checks.equal("MT while there is no Kamailio: systemFailure, so that the centre tries again", (kind, value.get("errcode")), ("returnError", ("local", 34)))
        ue, centre, tpdu = self.server(other), self.centre(other), sms.submit(self.random, sms.gsm7(self.random, 10))
        waiting = asyncio.create_task(ue.message(f"tel:+{centre}", [other.identity], sms.rp_data(77, centre, tpdu)))
        await self.start_kamailio()
        answer, call_id = await waiting
        checks.equal("MO that the UE repeats until Kamailio is back: 202", answer.status, 202)
        heard = await self.peer.inbox.get("mo-forwardSM", lambda heard: is_mo(heard, other), WAIT)
        checks.equal("MO that the UE repeats: the TPDU", heard.argument().get("sm-RP-UI"), tpdu)
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
        report = await self.submit_report(other, (77, other.identity, call_id))
        checks.equal("MO that the UE repeats: RP-ACK", report.kind, "ack")
        # The next RP-MR is not this UE's last and one: a message took one that Kamailio never saw.
        of.references.clear()
        await self.mt(of, sms.gsm7(self.random, 10))
        checks.equal("after the restart: one mo-forwardSM", [it for it in self.peer.inbox.unclaimed if is_mo(it, other)], [])
        checks.equal("after the restart: nothing comes to the UEs unasked", [it for each in self.servers for it in each.inbox.unclaimed], [])

    async def leave(self):
        """Who has de-registered is absent; the others stay."""
        of, *others = self.subscribers
        await self.register(of, 0)
        asked = self.invoke_mt(of, sms.deliver(self.random, sms.gsm7(self.random, 10)))
        self.judge_error("after de-registration", await self.result_of(asked, "absent"), 6, {"absentSubscriberDiagnosticSM": 11})
        answer, _ = await self.server(of).message(f"tel:+{self.centre(of)}", [of.identity], sms.rp_data(1, self.centre(of), sms.submit(self.random, sms.gsm7(self.random, 5))))
        self.checks.equal("MO after de-registration: Kamailio refuses it", answer.status, 403)
        await self.mt(others[0], sms.gsm7(self.random, 10))
        await self.register(of)
        # A new binding counts its RP-MR from anew.
        of.references.clear()
        await self.mt(of, sms.gsm7(self.random, 10))

    # Registration events.

    async def told(self, ue, *state):
        """Kamailio publishes, and tells the gateway."""
        heard = self.notified()
        self.checks.equal("reg-event: Kamailio takes what is published", await ue.publish(*state), 200)
        await labs.until("the answer to a NOTIFY", lambda: self.notified() > heard, WAIT)

    def notified(self):
        """How many NOTIFYs the gateway has answered with 200, by the capture."""
        mac = bytes.fromhex(labs.MACS["ims"].replace(":", ""))
        sent = (frame for frame in labs.frames(self.lab.keep / "ims.pcap") if frame[6:12] == mac)
        return sum(b"SIP/2.0 200 " in frame and b" NOTIFY\r\n" in frame for frame in sent)

    async def nobody_there(self, name, of):
        asked = self.invoke_mt(of, sms.deliver(self.random, sms.gsm7(self.random, 10)))
        self.judge_error(name, await self.result_of(asked, name), 6, {"absentSubscriberDiagnosticSM": 11})

    async def registration_events(self):
        """A third-party REGISTER alone makes nobody reachable; an active contact for short messages does, for as long as there is one."""
        of, other = self.subscribers[3], self.subscribers[1]
        ue = self.server(of)
        await self.register(of)
        await self.nobody_there("registered, but no NOTIFY says so", of)
        await self.told(ue, "active", "registered", False)
        await self.nobody_there("a contact that takes no short messages", of)
        await self.told(ue, "active", "registered")
        await self.mt(of, sms.gsm7(self.random, 20))
        await self.mo(of, sms.gsm7(self.random, 20))
        await self.told(ue, "terminated", "unregistered")
        await self.nobody_there("the last contact is gone", of)
        of.references.clear()
        await self.told(ue, "active", "registered")
        await self.mt(of, sms.gsm7(self.random, 20))
        await self.nobody_there("another of whom nobody has heard", other)

    async def open_ues(self):
        for at, (of, form) in enumerate(zip(self.subscribers, FORMS)):
            ue = Ue(of, form, labs.PHONES[2], 5070 + at, self.random)
            self.ues[of.msisdn] = await ue.open(self.lab.udp(ue.ip, ue.port))

    async def play(self, mode):
        await self.start_kamailio()
        await self.open("sgp", networks=())
        await self.open_ues()
        if mode == "reg-event":
            await self.step(self.registration_events)
        else:
            for of in self.subscribers:
                await self.step(self.register, of)
            for act in (self.every_octet, self.failures, self.restart, self.leave):
                await self.step(act)
        await self.close()


class PcapLab(labs.Lab):
    """A lab with a port of libpcap towards the IMS: for DPDK's packet sockets the kernel puts fragments together, and their frames then have
    no room for the whole. Such a port has one queue."""

    def configure(self, associations, subscribers, **options):
        super().configure(associations, subscribers, **options)
        path = self.directory / "gateway.toml"
        path.write_text(path.read_text().replace("workers = 2", "workers = 1").replace("net_af_packet0,iface=ims,qpairs=2,blocksz=4096,framesz=2048,framecnt=512", "net_pcap0,iface=ims,phy_mac=1").replace("qpairs=2", "qpairs=1").replace("worker = 1", "worker = 0"))


class RegEventLab(labs.Lab):
    """A lab whose gateway believes in a registration once a NOTIFY tells of it."""

    def configure(self, associations, subscribers, **options):
        networks = labs.NETWORKS.replace('r1 = "preconfigured"\n', 'r1 = "preconfigured"\nr1_trigger = "reg_event"\n', 1)
        super().configure(associations, subscribers, networks=networks, **options)


def main(binary, mode, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)

    async def act(lab, checks):
        await KamailioJudge(lab, checks, seed, 0).play(mode)

    kind = RegEventLab if mode == "reg-event" else PcapLab
    _, failed = asyncio.run(stages.perform(f"kamailio_judge {mode}", binary, labs.FILES / f"kamailio_judge-{mode}", seed, act, kind))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
