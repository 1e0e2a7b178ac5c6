"""50 messages each way at random, the failures of both ways, and bad input, against a MAP peer made of pycrate over usrsctp.

map_judge.py BINARY sgp|ipsp [SEED]: the peer is a signalling gateway with two associations, or an IP server process."""
import asyncio
import calendar
import os
import secrets
import sys
import time

import labels
import m3ua
import sip_peer
import sms
import stage as stages
from map_peer import MO_FORWARD, MT_FORWARD, MT_RELAY, Address
import lab as labs
import map_peer

MESSAGES = 50
AT_ONCE = 4
WAIT = 10
# TP-FCS of a SUBMIT-REPORT, where the service centre gives none (TS 23.040 9.2.3.22).
FCS = {"sc-Congestion": 0xC0, "subscriberNotSC-Subscriber": 0xC1, "invalidSME-Address": 0xC3}


class MapJudge(stages.Stage):
    """The run."""

    # What stands around an operation.

    def judge_begin(self, heard, of, centre):
        labels.judge_begin(self.checks, heard, of, centre)

    def judge_backward(self, heard, asked):
        labels.judge_backward(self.checks, heard, asked["called"], asked["calling"], MT_RELAY)

    # Mobile originated.

    def centre(self, of):
        """A service centre that the subscriber may use."""
        return sms.number(self.random, "49171" if of.network == 0 else "", 10, 12)

    def asserted(self, of):
        """By which of its public identities the S-CSCF calls a subscriber."""
        return self.random.choice([[of.identity], [of.tel], [of.identity, of.tel]])

    async def submit(self, of, body):
        """A MESSAGE from the UE, 202, and the mo-forwardSM that comes of it."""
        checks, server = self.checks, self.server(of)
        reference, centre, tpdu = self.random.randrange(256), self.centre(of), sms.submit(self.random, body)
        uri = self.random.choice([f"tel:+{centre}", f"sip:+{centre}@{stages.REALM[of.network]};user=phone"])
        identities = self.asserted(of)
        answer, call_id = await server.message(uri, identities, sms.rp_data(reference, centre, tpdu))
        checks.equal("MO: 202 Accepted", answer.status, 202)
        heard = await self.peer.inbox.get(f"mo-forwardSM of {of.msisdn}", lambda heard: is_mo(heard, of), WAIT)
        self.judge_begin(heard, of, centre)
        argument = heard.argument()
        checks.equal("MO: SM-RP-DA is the service centre", argument.get("sm-RP-DA"), ("serviceCentreAddressDA", sms.international(centre)))
        checks.equal("MO: SM-RP-OA is the MSISDN of the binding", argument.get("sm-RP-OA"), ("msisdn", sms.international(of.msisdn)))
        checks.equal("MO: imsi", argument.get("imsi"), sms.bcd(of.imsi))
        checks.equal("MO: SM-RP-UI octet by octet", argument.get("sm-RP-UI"), tpdu)
        checks.equal("MO: nothing else in the argument", set(argument), {"sm-RP-DA", "sm-RP-OA", "sm-RP-UI", "imsi"})
        if body.text is not None and body.length:
            self.texts["ss7"].append(body.text)
        return heard, (reference, identities[0], call_id)

    async def submit_report(self, of, submission):
        """The MESSAGE with the submit report; its RP message."""
        checks, server = self.checks, self.server(of)
        reference, identity, call_id = submission
        message = await server.inbox.get(f"submit report for {of.msisdn}", lambda it: it.header("in-reply-to") == call_id, WAIT)
        checks.equal("MO report: Request-URI is who sent", message.uri, identity)
        self.judge_message("MO report", message, of, identity)
        report = sms.FromNetwork.parse(message.body)
        checks.equal("MO report: RP-MR is the submission's", report.reference, reference)
        server.respond(message, 200)
        return report

    async def mo(self, of, body):
        async with of.lock:
            heard, submission = await self.submit(of, body)
            tpdu = self.random.choice([None, sms.submit_report(self.random)])
            invoke = invoke_id(heard)
            self.peer.answer(heard, map_peer.result(invoke, MO_FORWARD, tpdu))
            report = await self.submit_report(of, submission)
            self.checks.equal("MO report: RP-ACK", report.kind, "ack")
            self.checks.equal("MO report: the service centre's SUBMIT-REPORT unchanged", report.tpdu, tpdu)

    async def mo_fails(self, name, causes, tpdu, act, fcs=None):
        """A submission that the SS7 side turns down in some way; without a SUBMIT-REPORT of its own, `fcs` is TP-FCS of the gateway's."""
        of = self.random.choice(self.subscribers)
        async with of.lock:
            heard, submission = await self.submit(of, sms.gsm7(self.random, 20))
            done = act(heard)
            if asyncio.iscoroutine(done):
                await done
            report = await self.submit_report(of, submission)
            self.checks.equal(f"MO fails, {name}: RP-ERROR", report.kind, "error")
            self.checks.within(f"MO fails, {name}: RP-Cause", report.cause, causes)
            if fcs is None:
                self.checks.equal(f"MO fails, {name}: SUBMIT-REPORT", report.tpdu, tpdu)
                return
            # TP-MTI and TP-FCS, no TP-PI, and the time in UTC (TS 23.040 9.2.2.2a).
            own = report.tpdu or b""
            self.checks.equal(f"MO fails, {name}: SUBMIT-REPORT with TP-FCS", (own[:3], own[9:]), (bytes([0x01, fcs, 0x00]), b"\0"))
            digits = sms.digits(own[3:9])
            said = calendar.timegm(time.strptime(digits, "%y%m%d%H%M%S")) if len(digits) == 12 else 0
            self.checks.that(f"MO fails, {name}: TP-SCTS is now", abs(time.time() - said) < 600, own.hex())

    async def mo_failures(self):
        def error(name, cause=None, diagnostic=None):
            return lambda heard: self.peer.answer(heard, map_peer.error(invoke_id(heard), name, cause, diagnostic))

        rows = [
            ("unknownServiceCentre", "sm-DeliveryFailure", "unknownServiceCentre", 1),
            ("sc-Congestion", "sm-DeliveryFailure", "sc-Congestion", 42),
            ("invalidSME-Address", "sm-DeliveryFailure", "invalidSME-Address", 21),
            ("invalidSME-Address with a SUBMIT-REPORT", "sm-DeliveryFailure", "invalidSME-Address", 21),
            ("subscriberNotSC-Subscriber", "sm-DeliveryFailure", "subscriberNotSC-Subscriber", 28),
            ("equipmentProtocolError", "sm-DeliveryFailure", "equipmentProtocolError", 111),
            ("systemFailure", "systemFailure", None, 38),
            ("dataMissing", "dataMissing", None, 41),
            ("unexpectedDataValue", "unexpectedDataValue", None, 41),
            ("facilityNotSupported", "facilityNotSupported", None, 69),
        ]
        for what, name, cause, rp_cause in rows:
            diagnostic = sms.submit_report_error(self.random, 0xC3) if what.endswith("SUBMIT-REPORT") else None
            fcs = None if diagnostic else FCS.get(cause)
            await self.mo_fails(what, [rp_cause], diagnostic, error(name, cause, diagnostic), fcs)
        peer, lost = self.peer, [38, 41]
        reject = ("reject", {"invokeId": ("present", 1), "problem": ("invoke", 2)})
        await self.mo_fails("P-Abort", lost, None, lambda heard: peer.abort(heard, ("p-abortCause", 4)))
        user = map_peer.portion("dialogueAbort", **{"abort-source": 0})
        await self.mo_fails("U-Abort", lost, None, lambda heard: peer.abort(heard, ("u-abortCause", user)))
        await self.mo_fails("context refused", lost, None, self.refuse_versions)
        await self.mo_fails("Reject", lost, None, lambda heard: peer.answer(heard, reject))
        await self.mo_fails("End with nothing in it", lost, None, lambda heard: peer.answer(heard))
        await self.mo_fails("UDTS", lost, None, lambda heard: peer.return_unitdata(heard, 1))

    async def refuse_versions(self, heard):
        """The service centre speaks no version of MAP; what it is asked is the same in each."""
        argument = heard.argument()
        for older in (await self.peer.refuse_context(heard, WAIT))[1:]:
            what = f"MO in version {2 if older.context else 1}"
            self.checks.equal(f"{what}: forwardSM", older.component()[1].get("opcode"), ("local", MO_FORWARD))
            same = {key: argument[key] for key in ("sm-RP-DA", "sm-RP-OA", "sm-RP-UI")}
            self.checks.equal(f"{what}: the same, without the IMSI", dict(older.argument()), same)

    async def mo_continued(self):
        """A service centre that leaves the dialogue open after its result: the gateway ends it, as who it was."""
        of = next(of for of in self.subscribers if of.network == 1)
        async with of.lock:
            heard, submission = await self.submit(of, sms.gsm7(self.random, 20))
            otid = self.peer.otid()
            self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, None), kind="continue", otid=otid)
            report = await self.submit_report(of, submission)
            self.checks.equal("MO, result in a Continue: RP-ACK", report.kind, "ack")
            ended = await self.peer.inbox.get("End of a dialogue that was left open", lambda heard: heard.dtid == otid, WAIT)
            self.checks.equal("MO, result in a Continue: End", (ended.kind, ended.components), ("end", []))
            self.checks.equal("MO, result in a Continue: from whom to whom", (ended.calling, ended.called), (heard.calling, heard.called))

    # Mobile terminated.

    def judge_message(self, what, message, of, identity):
        """What is the same in every MESSAGE to a UE (TS 24.341 5.3.3.4)."""
        checks, gateway = self.checks, stages.GATEWAY_URI[of.network]
        checks.equal(f"{what}: To is the Request-URI", sip_peer.address(message.header("to")), identity)
        checks.equal(f"{what}: From is the gateway", sip_peer.address(message.header("from")), gateway)
        checks.equal(f"{what}: P-Asserted-Identity is the gateway", sip_peer.address(message.only("p-asserted-identity")), gateway)
        checks.equal(f"{what}: Request-Disposition", message.header("request-disposition"), "no-fork")
        checks.equal(f"{what}: Accept-Contact", (message.header("accept-contact") or "").replace(" ", "").lower(), "*;+g.3gpp.smsip;require;explicit")
        checks.equal(f"{what}: Content-Type", message.header("content-type"), sip_peer.SMS)
        checks.equal(f"{what}: Route is the S-CSCF's", sip_peer.address(message.header("route")).partition(";")[0], stages.SCSCF_URI[of.network])
        checks.that(f"{what}: no Contact", message.header("contact") is None, message.header("contact"))
        checks.that(f"{what}: at most 1,300 octets", len(message.octets) <= 1300, len(message.octets))

    def invoke_mt(self, of, tpdu, handshake=False, more=False):
        """An mt-forwardSM; what it takes to know its answer."""
        centre = sms.number(self.random, least=10, most=12)
        invoke = self.random.randint(-128, 127)
        called, calling = Address(stages.SSN[of.network], stages.TITLE[of.network]), Address(8, centre)
        forward = map_peer.mt_forward(invoke, of.imsi, centre, tpdu, more)
        otid = self.peer.begin(called, calling, MT_RELAY, *([] if handshake else [forward]))
        return {"otid": otid, "invoke": invoke, "centre": centre, "called": called, "calling": calling, "forward": forward}

    async def delivery(self, of, asked, tpdu):
        """The MESSAGE for an mt-forwardSM, not yet answered; its RP-MR."""
        checks, server = self.checks, self.server(of)
        message = await server.inbox.get(f"MESSAGE for {of.msisdn}", lambda it: it.method == "MESSAGE" and of.msisdn in it.uri and not it.header("in-reply-to"), WAIT)
        checks.equal("MT: Request-URI is the tel URI", message.uri, of.tel)
        self.judge_message("MT", message, of, of.tel)
        data = sms.FromNetwork.parse(message.body)
        checks.equal("MT: RP-DATA to the mobile", data.kind, "data")
        checks.equal("MT: RP-OA is the service centre", data.originator, asked["centre"])
        checks.equal("MT: TPDU octet by octet", data.tpdu, tpdu)
        if of.references:
            checks.equal("MT: RP-MR increments", data.reference, (of.references[-1] + 1) % 256)
        of.references.append(data.reference)
        return message, data.reference

    async def result_of(self, asked, what="MT result"):
        """The End for an mt-forwardSM; its component."""
        checks = self.checks
        heard = await self.peer.inbox.get(what, lambda heard: heard.dtid == asked["otid"], WAIT)
        checks.equal("MT result: End", heard.kind, "end")
        self.judge_backward(heard, asked)
        kind, value = heard.component()
        checks.equal("MT result: invoke id of the invoke", value.get("invokeId"), ("present", asked["invoke"]))
        return kind, value

    async def report(self, of, message, rp, named=True, answer=None):
        """The UE's delivery report, and its answer."""
        uri = sip_peer.address(message.only("p-asserted-identity"))
        headers = [f"In-Reply-To: {message.header('call-id')}"] if named else []
        answered, _ = await self.server(of).message(uri, [of.identity, of.tel], rp, headers)
        self.checks.equal("MT: the report's answer", answered.status, stages.REPORT_ANSWER[of.network] if answer is None else answer)

    async def mt(self, of, body):
        checks = self.checks
        async with of.lock:
            tpdu = sms.deliver(self.random, body)
            asked = self.invoke_mt(of, tpdu)
            message, reference = await self.delivery(of, asked, tpdu)
            if body.text is not None and body.length:
                self.texts["ims"].append(body.text)
            self.server(of).respond(message, 200)
            report = sms.deliver_report(self.random)
            await self.report(of, message, sms.rp_ack(reference, report), named=self.random.random() < 0.8)
            kind, value = await self.result_of(asked)
            checks.equal("MT: result", kind, "returnResult")
            if report is None:
                checks.that("MT: no result parameter without DELIVER-REPORT", "result" not in value or not value["result"]["result"][1], value)
            else:
                seen = value.get("result", {})
                checks.equal("MT result: operation", seen.get("opcode"), ("local", MT_FORWARD))
                checks.equal("MT: the UE's DELIVER-REPORT unchanged", seen.get("result", (0, {}))[1].get("sm-RP-UI"), report)

    async def mt_fails(self, name, code, parameter, act, of=None):
        """A delivery that comes to nothing after `act(message, reference)`; -> the parameter of the error."""
        of = of or self.random.choice(self.subscribers)
        async with of.lock:
            tpdu = sms.deliver(self.random, sms.gsm7(self.random, 30))
            asked = self.invoke_mt(of, tpdu)
            started = asyncio.get_running_loop().time()
            message, reference = await self.delivery(of, asked, tpdu)
            await act(of, message, reference)
            self.judge_error(name, await self.result_of(asked, name), code, parameter)
            return asyncio.get_running_loop().time() - started, of, message, reference

    def judge_error(self, name, component, code, parameter):
        kind, value = component
        self.checks.equal(f"MT fails, {name}: error", (kind, value.get("errcode")), ("returnError", ("local", code)))
        seen = value.get("parameter", (None, {}))[1]
        if callable(parameter):
            self.checks.that(f"MT fails, {name}: parameter", parameter(seen), seen)
        else:
            for key, wanted in parameter.items():
                self.checks.equal(f"MT fails, {name}: {key}", seen.get(key) if isinstance(seen, dict) else seen, wanted)

    async def mt_failures(self):
        async def rp_error(cause, tpdu, of, message, reference):
            self.server(of).respond(message, 200)
            await self.report(of, message, sms.rp_error(reference, cause, tpdu))

        for name, cause, enumerated, tpdu in [
            ("memory full", 22, "memoryCapacityExceeded", sms.deliver_report_error(0xD3)),
            ("memory full without report", 22, "memoryCapacityExceeded", None),
            ("protocol error", 111, "equipmentProtocolError", None),
            ("RP-Cause 95", 95, "equipmentProtocolError", sms.deliver_report_error(0xFF)),
        ]:
            wanted = {"sm-EnumeratedDeliveryFailureCause": enumerated, "diagnosticInfo": tpdu}
            await self.mt_fails(name, 32, wanted, lambda *at, cause=cause, tpdu=tpdu: rp_error(cause, tpdu, *at))

        async def status(code, reason, of, message, _reference):
            self.server(of).respond(message, code, reason)

        for code, reason, map_code, wanted in [
            (404, "Not Found", 6, {"absentSubscriberDiagnosticSM": 11}),
            (480, "Temporarily Unavailable", 6, {"absentSubscriberDiagnosticSM": 11}),
            (408, "Request Timeout", 6, {"absentSubscriberDiagnosticSM": 12}),
            (486, "Busy Here", 31, {}),
            (415, "Unsupported Media Type", 32, {"sm-EnumeratedDeliveryFailureCause": "equipmentNotSM-Equipped"}),
            (503, "Service Unavailable", 34, {}),
        ]:
            await self.mt_fails(f"SIP {code}", map_code, wanted, lambda *at, code=code, reason=reason: status(code, reason, *at))

    async def nobody_there(self):
        """Unknown, and known but not registered: the error comes at once, and no SIP packet."""
        nobody = stages.Subscriber(0, stages.UNSERVED_IMSI, "1", "", "")
        for name, of, code, wanted in [
            ("unknown", nobody, 5, {}),
            ("in the file, not registered", self.absent[0], 6, {"absentSubscriberDiagnosticSM": 11}),
            ("of the other network, not registered", self.absent[1], 6, {"absentSubscriberDiagnosticSM": 11}),
        ]:
            asked = self.invoke_mt(of, sms.deliver(self.random, sms.gsm7(self.random, 10)))
            self.judge_error(name, await self.result_of(asked, name), code, wanted)
        # A SIP packet that went out would be on its way before this answer.
        octets, branch, _ = self.servers[0].request("OPTIONS", stages.GATEWAY_URI[0], self.servers[0].uri, stages.GATEWAY_URI[0])
        await self.servers[0].ask(octets, branch)
        self.checks.equal("nobody there: no SIP packet", [it for server in self.servers for it in server.inbox.unclaimed if self.absent[0].msisdn in it.uri or self.absent[1].msisdn in it.uri], [])

    async def no_report(self, of):
        """The UE takes the message and says no more; a report that comes too late is answered by policy."""
        async def take(of, message, _reference):
            self.server(of).respond(message, 200)

        took, of, message, reference = await self.mt_fails("no report", 6, {"absentSubscriberDiagnosticSM": 12}, take, of)
        self.checks.that("MT fails, no report: after the configured 2 s", 1.9 <= took <= 4.5, f"{took:.2f} s")
        await self.report(of, message, sms.rp_ack(reference), answer=stages.UNMATCHED_ANSWER[of.network])

    async def no_answer(self, of):
        """The S-CSCF does not even answer."""
        messages = []

        async def ignore(_of, message, _reference):
            messages.append(message)

        await self.mt_fails("no answer", 6, {"absentSubscriberDiagnosticSM": 12}, ignore, of)
        self.server(of).respond(messages[0], 200)

    async def queue(self, of):
        """Messages for one user come one after the other; the tenth at a time is refused."""
        async with of.lock:
            tpdus = [sms.deliver(self.random, sms.binary(self.random.randbytes(20 + at))) for at in range(10)]
            asked = [self.invoke_mt(of, tpdu) for tpdu in tpdus]
            first = await self.peer.inbox.get("busy", lambda heard: heard.dtid in [each["otid"] for each in asked], WAIT)
            kind, value = first.component()
            self.checks.equal("MT queue: ten at once, one of them busy", (kind, value.get("errcode")), ("returnError", ("local", 31)))
            waiting = {tpdu: each for tpdu, each in zip(tpdus, asked) if each["otid"] != first.dtid}
            while waiting:
                message = await self.server(of).inbox.get("queued MESSAGE", lambda it: it.uri == of.tel, WAIT)
                data = sms.FromNetwork.parse(message.body)
                each = waiting.pop(data.tpdu, None)
                if not self.checks.that("MT queue: each message once", each is not None, message):
                    break
                self.checks.equal("MT: RP-MR increments", data.reference, (of.references[-1] + 1) % 256 if of.references else data.reference)
                of.references.append(data.reference)
                self.checks.equal("MT queue: one at a time", [it for it in self.server(of).inbox.unclaimed if it.uri == of.tel], [])
                self.server(of).respond(message, 200)
                await self.report(of, message, sms.rp_ack(data.reference))
                self.checks.equal("MT queue: result", (await self.result_of(each))[0], "returnResult")

    async def handshake(self, of):
        """The dialogue is opened first, as for a message that fits no Begin (TS 29.002 23.3.1)."""
        async with of.lock:
            tpdu = sms.deliver(self.random, sms.binary(self.random.randbytes(140)))
            asked = self.invoke_mt(of, tpdu, handshake=True)
            opened = await self.peer.inbox.get("answer to the empty Begin", lambda heard: heard.dtid == asked["otid"], WAIT)
            if not self.checks.equal("MT handshake: Continue", opened.kind, "continue"):
                return
            self.judge_backward(opened, asked)
            value = {"otid": asked["otid"], "dtid": opened.otid, "components": [("basicROS", asked["forward"])]}
            self.peer.unitdata(asked["called"], asked["calling"], self.peer.spell(("continue", value)))
            try:
                message, reference = await self.delivery(of, asked, tpdu)
            except Exception as error:
                self.checks.that("MT handshake: the message is delivered", False, error)
                return
            self.server(of).respond(message, 200)
            await self.report(of, message, sms.rp_ack(reference))
            heard = await self.peer.inbox.get("result", lambda heard: heard.dtid == asked["otid"], WAIT)
            self.checks.equal("MT handshake: the message is delivered", (heard.kind, heard.component()[0]), ("end", "returnResult"))

    async def more_messages(self, of):
        """Parts of a long text in one dialogue (moreMessagesToSend; TS 29.002 12.9)."""
        async with of.lock:
            tpdus = [sms.deliver(self.random, sms.binary(self.random.randbytes(40 + at))) for at in range(3)]
            asked, heard = self.invoke_mt(of, tpdus[0], more=True), None
            for tpdu in tpdus:
                more = tpdu != tpdus[-1]
                if heard:
                    asked["invoke"] = (asked["invoke"] + 129) % 256 - 128
                    following = map_peer.mt_forward_next(asked["invoke"], tpdu, more)
                    value = {"otid": asked["otid"], "dtid": heard.otid, "components": [("basicROS", following)]}
                    self.peer.unitdata(asked["called"], asked["calling"], self.peer.spell(("continue", value)))
                message, reference = await self.delivery(of, asked, tpdu)
                self.server(of).respond(message, 200)
                await self.report(of, message, sms.rp_ack(reference))
                heard = await self.peer.inbox.get("result of one of several", lambda heard: heard.dtid == asked["otid"], WAIT)
                self.checks.equal(f"MT, {'more behind it' if more else 'the last'}: the dialogue", heard.kind, "continue" if more else "end")
                kind, value = heard.component()
                self.checks.equal("MT, several in a dialogue: each has its result", (kind, value.get("invokeId")), ("returnResult", ("present", asked["invoke"])))

    # The run.

    async def several(self, act):
        """`act` with every one of the bodies, a few at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(body):
            async with gate:
                await act(self.random.choice(self.subscribers), body)

        done = await asyncio.gather(*[one(body) for body in sms.bodies(self.random, MESSAGES)], return_exceptions=True)
        for error in done:
            self.checks.that(f"{MESSAGES} {'MO' if act == self.mo else 'MT'} come through", not isinstance(error, BaseException), repr(error))

    async def step(self, act, *arguments):
        """One part of the run; the others go on if it fails."""
        try:
            await act(*arguments)
        except Exception as error:
            self.checks.that(f"{act.__name__} comes to its end", False, repr(error))

    async def play(self, mode):
        await self.open(mode)
        await asyncio.gather(*[self.register(of) for of in self.subscribers])
        # A few stay out of the crowd: what they go through takes time.
        apart, self.subscribers = self.subscribers[:6], self.subscribers[6:]
        slow = asyncio.gather(self.step(self.no_report, apart[0]), self.step(self.no_report, apart[1]), self.step(self.no_answer, apart[2]), self.step(self.queue, apart[3]), self.step(self.handshake, apart[4]), self.step(self.more_messages, apart[5]))
        await asyncio.gather(self.several(self.mo), self.several(self.mt))
        await slow
        for part in (self.mo_continued, self.mo_failures, self.mt_failures, self.nobody_there):
            await self.step(part)
        await self.step(labels.bad_input, self)
        await self.step(self.mt, self.subscribers[0], sms.gsm7(self.random, 160))
        await self.close()


def is_mo(heard, of):
    argument = heard.argument()
    return heard.kind == "begin" and (argument.get("imsi") == sms.bcd(of.imsi) or argument.get("sm-RP-OA") == ("msisdn", sms.international(of.msisdn)))


def invoke_id(heard):
    return heard.component()[1]["invokeId"][1]


def main(binary, mode, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    keep = labs.FILES / f"map_judge-{mode}"

    async def act(lab, checks):
        await MapJudge(lab, checks, seed, 20).play(mode)

    _, failed = asyncio.run(stages.perform(f"map_judge {mode}", binary, keep, seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
