"""The IMS side driven by SIPp over a veth pair, and by hand where SIPp can't: retransmissions and bad requests.

sip_judge.py BINARY [SEED]: SIPp is the S-CSCF of the first network, sockets of the kernel that of the second."""
import asyncio
import os
import secrets
import sys
from pathlib import Path

import lab as labs
import labels
import sip_peer
import sms
import stage as stages
from map_peer import MO_FORWARD, Address
from map_judge import MapJudge, invoke_id, is_mo
import map_peer

SCENARIOS = Path(__file__).resolve().parent / "sipp"
GATEWAY = f"{labs.GATEWAY_IMS}:5060"
WAIT = 15


def escaped(octets):
    """Octets as SIPp's scenarios spell them."""
    return "".join(f"\\x{octet:02X}" for octet in octets)


class SipJudge(MapJudge):
    """The run."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.runs = 0
        self.bodies = []

    async def sipp(self, name, scenario, of, call="%u-%p@%s", **values):
        """One call of a scenario of the S-CSCF, with a Call-ID of that form."""
        values = {"SCSCF": stages.SCSCF_URI[0], "IDENTITY": of.identity, **values}
        await self.sipp_does(name, SCENARIOS / f"{scenario}.xml", (labs.SCSCF[0], 5071 + self.runs), values, "-cid_str", call, GATEWAY)

    async def sipp_does(self, name, scenario, at, values, *arguments):
        """SIPp at that address and port goes through one call of a scenario with these values, and is content."""
        process, path = self.sipp_starts(scenario, at, values, *arguments)
        await self.sipp_ends(name, process, path)

    def sipp_starts(self, scenario, at, values, *arguments):
        """SIPp, and the path of its scenario; its other files have that name too."""
        self.runs += 1
        text = scenario.read_text()
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        # A header that isn't there leaves no line: an empty one would end the headers.
        text = text.replace("@NONE@\n", "")
        path = self.lab.keep / f"{self.runs:02}-{scenario.stem}.xml"
        path.write_text(text)
        options = ["-nd", "-nostdin", "-m", "1", "-timeout", str(WAIT), "-timeout_error", "-trace_err", "-error_file", str(path.with_suffix(".err")), "-trace_msg", "-message_file", str(path.with_suffix(".msg"))]
        return self.lab.spawn("ims", "sipp", "-sf", str(path), "-i", at[0], "-p", str(at[1]), *options, *arguments, log=f"{path.stem}.log"), path

    async def sipp_ends(self, name, process, path):
        try:
            await labs.until("sipp", lambda: process.poll() is not None, WAIT + 5)
        except TimeoutError:
            pass
        errors = path.with_suffix(".err")
        self.checks.equal(f"SIPp: {name}", process.poll(), 0, errors.read_text()[:600] if errors.exists() else "")

    def start_taker(self):
        """SIPp as the S-CSCF that takes what the gateway sends."""
        self.taken = self.lab.keep / "taken.log"
        self.taken.unlink(missing_ok=True)
        options = ["-nd", "-nostdin", "-trace_logs", "-log_file", str(self.taken), "-trace_err", "-error_file", str(self.lab.keep / "take.err")]
        self.lab.spawn("ims", "sipp", "-sf", str(SCENARIOS / "take.xml"), "-i", labs.SCSCF[0], "-p", "5060", *options, log="take.log")

    async def took(self, what, holds):
        """What SIPp wrote down about a MESSAGE: Request-URI, Call-ID, In-Reply-To."""
        found = []

        def look():
            lines = self.taken.read_text(errors="replace").splitlines() if self.taken.exists() else []
            found[:] = [line.split(" ")[1:4] for line in lines if line.startswith("took ") and holds(*line.split(" ")[1:4])]
            return found

        await labs.until(f"SIPp takes {what}", look, WAIT)
        return found[0]

    async def register_by_sipp(self, of, expires):
        headers, body = stages.registration(of) if expires else ([], b"")
        values = {"URI": stages.GATEWAY_URI[0], "EXPIRES": expires, "TYPE": "\n".join(headers) or "@NONE@", "BODY": escaped(body), "CHECK": "true" if expires else "false"}
        await self.sipp("registration and refresh" if expires else "de-registration, twice", "register", of, **values)

    async def mo_by_sipp(self, of, body):
        checks, reference, centre, tpdu = self.checks, self.random.randrange(256), self.centre(of), sms.submit(self.random, body)
        call = f"mo{self.random.getrandbits(48):x}@{labs.SCSCF[0]}"
        rp = sms.rp_data(reference, centre, tpdu)
        sent = asyncio.create_task(self.sipp("MO gets 202", "message", of, URI=f"tel:+{centre}", call=call, HEADERS="@NONE@", BODY=escaped(rp), STATUS=202))
        heard = await self.peer.inbox.get("mo-forwardSM", lambda heard: is_mo(heard, of), WAIT)
        labels.judge_begin(checks, heard, of, centre)
        checks.equal("MO: SM-RP-UI octet by octet", heard.argument().get("sm-RP-UI"), tpdu)
        report = sms.submit_report(self.random)
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, report))
        await sent
        await self.took("the submit report", lambda _uri, _call, answered="": answered == call)
        self.bodies.append(bytes([sms.RP_ACK + 1, reference, 0x41, len(report)]) + report)
        if body.text:
            self.texts["ss7"].append(body.text)

    async def mt_by_sipp(self, of, body, fails=False):
        checks, tpdu = self.checks, sms.deliver(self.random, body)
        asked, before = self.invoke_mt(of, tpdu), len(self.bodies)
        seen = self.calls

        def new(uri, call, answered=""):
            return uri == of.tel and call not in seen and not answered

        _, call, *_ = await self.took("the message", new)
        seen.add(call)
        reference = of.references[-1] + 1 & 255 if of.references else await self.first_reference(call)
        of.references.append(reference)
        centre = sms.international(asked["centre"])
        self.bodies.append(bytes([sms.RP_DATA + 1, reference, len(centre)]) + centre + bytes([0, len(tpdu)]) + tpdu)
        assert len(self.bodies) == before + 1
        report = sms.deliver_report_error(0xD3) if fails else b"\x00\x00"
        rp = sms.rp_error(reference, 22, report) if fails else sms.rp_ack(reference, report)
        headers = f"In-Reply-To: {call}"
        await self.sipp("the delivery report gets 200", "message", of, URI=stages.GATEWAY_URI[0], call=f"report{self.random.getrandbits(48):x}@{labs.SCSCF[0]}", HEADERS=headers, BODY=escaped(rp), STATUS=200)
        kind, value = await self.result_of(asked)
        if fails:
            wanted = {"sm-EnumeratedDeliveryFailureCause": "memoryCapacityExceeded", "diagnosticInfo": report}
            self.judge_error("memory full", (kind, value), 32, wanted)
        else:
            checks.equal("MT: result", kind, "returnResult")
            checks.equal("MT: the UE's DELIVER-REPORT unchanged", value.get("result", {}).get("result", (0, {}))[1].get("sm-RP-UI"), report)
        if body.text:
            self.texts["ims"].append(body.text)

    async def first_reference(self, call):
        """RP-MR of a message in the capture: SIPp can't tell."""
        found = []

        def look():
            found[:] = [message for message in self.captured() if message.header("call-id") == call]
            return found

        await labs.until(f"{call} in the capture", look, WAIT)
        return sms.FromNetwork.parse(found[0].body).reference

    def captured(self, ip=labs.SCSCF[0]):
        """The gateway's SIP messages to SIPp, from the capture."""
        mac = bytes.fromhex(labs.MACS["ims"].replace(":", ""))
        to = bytes(int(part) for part in ip.split("."))
        for frame in labs.frames(self.lab.keep / "ims.pcap"):
            if frame[6:12] == mac and frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[30:34] == to:
                length = int.from_bytes(frame[16:18], "big")
                yield sip_peer.SipMessage.parse(frame[14 + 28 : 14 + length])

    async def bodies_captured(self):
        """Every binary body that SIPp was sent, octet by octet, as often as it should be."""
        await labs.until("the capture", lambda: self.lab.kernel_sent("ims") == labs.count_from(self.lab.keep / "ims.pcap", labs.MACS["ims"]), 10)
        seen, calls = [], set()
        for message in self.captured():
            if message.status is None and message.header("call-id") not in calls:
                calls.add(message.header("call-id"))
                self.judge_message("to SIPp", message, self.subscribers[0], message.uri)
                seen.append(message.body)
        self.checks.equal("SIPp: captured bodies octet by octet", sorted(body.hex() for body in seen), sorted(body.hex() for body in self.bodies))

    async def by_sipp(self):
        """Registration, refresh, messages each way, de-registration."""
        users = [of for of in self.subscribers if of.network == 0]
        for of in users:
            await self.register_by_sipp(of, 600000)
        self.checks.that("a refresh stays on its worker", self.lab.counter("application", "registration_refreshed") >= len(users))
        random = self.random
        bodies = [sms.binary(bytes(range(140))), sms.binary(bytes(range(116, 256))), sms.gsm7(random, 160), sms.ucs2(random, 70)]
        for at, body in enumerate(bodies):
            await self.mo_by_sipp(users[at % len(users)], body)
            await self.mt_by_sipp(users[at % len(users)], body)
        await self.mt_by_sipp(users[0], sms.gsm7(random, 20), fails=True)
        for of in users:
            await self.register_by_sipp(of, 0)
            asked = self.invoke_mt(of, sms.deliver(random, bodies[2]))
            self.judge_error("after de-registration", await self.result_of(asked, "absent"), 6, {"absentSubscriberDiagnosticSM": 11})
        await self.bodies_captured()

    # By hand.

    async def retransmissions(self, of):
        """The same MESSAGE 0.5 s and 31 s later, also from other ports and so on the other worker: the same 202, one mo-forwardSM."""
        checks, server, loop = self.checks, self.server(of), asyncio.get_running_loop()
        others = [self.lab.udp(labs.SCSCF[1], 6000 + at) for at in range(8)]
        centre, tpdu = self.centre(of), sms.submit(self.random, sms.binary(self.random.randbytes(100)))
        octets, branch, call_id = server.short_message(f"tel:+{centre}", [of.identity], sms.rp_data(17, centre, tpdu))
        began = loop.time()
        first = await server.ask(octets, branch)
        checks.equal("retransmission: 202 at first", first.status, 202)
        heard = await self.peer.inbox.get("mo-forwardSM", lambda heard: is_mo(heard, of), WAIT)
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None))
        await self.submit_report(of, (17, of.identity, call_id))
        for seconds in (0.5, 31):
            await asyncio.sleep(max(0, began + seconds - loop.time()))
            server.send(octets)
            for other in others:
                other.sendto(octets, (labs.GATEWAY_IMS, 5060))
            for _ in range(1 + len(others)):
                again = await server.inbox.get(f"202 after {seconds} s", lambda it: it.branch == branch, WAIT)
                checks.equal(f"retransmission after {seconds} s: the same 202, octet by octet", again.octets, first.octets)
        asked = [heard for heard in self.peer.inbox.unclaimed if is_mo(heard, of)]
        checks.equal("retransmission: one mo-forwardSM", asked, [])
        checks.that("retransmission: both workers were entered", self.lab.counter("transmit", "frames_handed_off") > 0, "no frame was handed over")
        for other in others:
            other.close()

    async def bad_requests(self, of):
        """What is refused, and how; then what is not even answered."""
        checks, server, random = self.checks, self.servers[-1], self.random
        centre = self.centre(of)
        uri, good = f"tel:+{centre}", sms.rp_data(1, centre, sms.submit(random, sms.gsm7(random, 5)))
        asserted, content = f"P-Asserted-Identity: <{of.identity}>", f"Content-Type: {sip_peer.SMS}"

        async def refused(name, statuses, method="MESSAGE", to=uri, headers=(asserted, content), body=good, change=lambda octets: octets):
            octets, branch, _ = server.request(method, to, of.identity, to, headers, body)
            octets = change(octets)
            loop = asyncio.get_running_loop()
            server.waiting[branch] = loop.create_future()
            server.send(octets)
            answer = await asyncio.wait_for(server.waiting[branch], WAIT)
            checks.within(f"bad SIP, {name}", answer.status, statuses)
            return answer

        await refused("another type of body", [415], headers=(asserted, "Content-Type: text/plain"), body=b"hello")
        await refused("no type of body", [415, 400], headers=(asserted,))
        await refused("no body", [400], body=b"")
        await refused("a body of one octet", [400], body=b"\0")
        await refused("nobody registered", [403], headers=("P-Asserted-Identity: <sip:nobody@home2.net>", content))
        await refused("nobody asserted", [403], headers=(content,))
        await refused("Max-Forwards 0", [483], change=lambda octets: octets.replace(b"Max-Forwards: 68", b"Max-Forwards: 0"))
        answer = await refused("an extension that we don't have", [420], headers=(asserted, content, "Require: foo"))
        checks.equal("bad SIP, 420: Unsupported", answer.header("unsupported"), "foo")
        answer = await refused("an unknown method", [405, 501], method="SUBSCRIBE")
        checks.that("bad SIP, 405: Allow", "MESSAGE" in (answer.header("allow") or ""), answer.headers)
        await refused("another scheme", [416], to="http://example.net/")
        for name in ("From", "To", "Call-ID", "CSeq"):
            await refused(f"no {name}", [400], change=lambda octets, name=name: b"\r\n".join(line for line in octets.split(b"\r\n") if not line.startswith(f"{name}: ".encode())))
        await refused("a body that is cut off", [400], change=lambda octets: octets[:-5])
        await refused("CSeq of another method", [400], change=lambda octets: octets.replace(b" MESSAGE\r\n", b" INFO\r\n"))
        await refused("SIP 3.0", [505, 400], change=lambda octets: octets.replace(b" SIP/2.0\r\n", b" SIP/3.0\r\n", 1))
        answered = await refused("RP-DATA of more than 233 octets", [400, 413, 202], body=sms.rp_data(2, centre, bytes(240)))
        if answered.status == 202:
            report = await server.inbox.get("RP-ERROR", lambda it: it.header("in-reply-to") == answered.header("call-id"), WAIT)
            error = sms.FromNetwork.parse(report.body)
            checks.that("bad SIP, RP-DATA of more than 233 octets: RP-ERROR", error.kind == "error" and error.cause in range(95, 112), error)
            server.respond(report, 200)
        for octets in (b"\r\n\r\n", b"", b"\0" * 50, b"MESSAGE", b"MESSAGE sip:a SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", random.randbytes(1400)):
            server.send(octets)
        await self.untrusted(of, uri, good)

    async def untrusted(self, of, uri, body):
        """Requests that come from no S-CSCF."""
        stranger = sip_peer.Server("sip:stranger", labs.ROUTER_IMS, 5060, (labs.GATEWAY_IMS, 5060), self.random)
        await stranger.open(self.lab.udp(labs.ROUTER_IMS, 5060))
        answer, _ = await stranger.message(uri, [of.identity], body)
        self.checks.equal("untrusted: MESSAGE", answer.status, 403)
        answer = await stranger.register(stages.GATEWAY_URI[1], of.identity, 0)
        self.checks.equal("untrusted: REGISTER", answer.status, 403)
        self.checks.equal("untrusted: nothing else comes", stranger.inbox.unclaimed + stranger.faults, [])
        stranger.transport.close()

    async def by_hand(self):
        """The second network's part."""
        users = [of for of in self.subscribers if of.network == 1]
        for of in users:
            await self.register(of)
        slow = asyncio.create_task(self.step(self.retransmissions, users[0]))
        await self.step(self.bad_requests, users[1])
        await self.mo(users[1], sms.gsm7(self.random, 160))
        await self.mt(users[1], sms.gsm7(self.random, 160))
        await self.register(users[1], 0)
        await slow

    async def play(self, mode):
        self.calls = set()
        await self.open(mode, networks=[1])
        self.start_taker()
        await asyncio.gather(self.step(self.by_sipp), self.step(self.by_hand))
        await self.close()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)

    async def act(lab, checks):
        await SipJudge(lab, checks, seed, 8).play("sgp")

    _, failed = asyncio.run(stages.perform("sip_judge", binary, labs.FILES / "sip_judge", seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
