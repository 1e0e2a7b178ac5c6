"""Phones that register at the gateway itself: SIPp with passwords and SIM cards, and UEs of Python whose vectors are osmo-auc-gen's.

phone_judge.py BINARY [SEED]: networks home1 (passwords, preconfigured), home2 (SIM, updateGprsLocation), home3 (SIM, anyTimeModification)."""
import asyncio
import hashlib
import os
import secrets
import string
import sys
from pathlib import Path

import hlr as hlrs
import lab as labs
import labels
import map_peer
import phone as phones
import sip_peer
import sms
import stage as stages
from hlr import Card
from map_judge import invoke_id, is_mo
from map_peer import MO_FORWARD, MT_FORWARD
from sip_judge import SipJudge, escaped

SCENARIOS = Path(__file__).resolve().parent / "phones"
GATEWAY = (labs.GATEWAY_IMS, 5060)
WAIT = 15
REALM = ["home1.net", "ims.mnc015.mcc234.3gppnetwork.org", "ims.mnc150.mcc310.3gppnetwork.org"]
IMSI, MSISDN = ["26201", "234015", "310150"], ["49171", "4477", "1202555"]
ANSWER = [200, 202, 200]
GUARD = 2

NETWORKS = """
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net"]
gateway_title = "4917100001"
node = "msc"
r1 = "preconfigured"
subscribers = "home1.csv"

[network.direct]
authentication = "digest"
credentials = "home1.htdigest"

[[network]]
name = "home2"
mcc = "234"
mnc = "015"
gateway_title = "447000000001"
node = "sgsn"
gateway_uri = "sip:ipsmgw.home2.net"
r1 = "update_gprs_location"
hlr = [{{ imsi_prefix = "234015", title = "4917100006" }}]
report_answer = 202

[network.direct]
authentication = "aka"

[[network]]
name = "home3"
mcc = "310"
mnc = "150"
gateway_title = "12025550001"
node = "msc"
gateway_uri = "sip:ipsmgw.home3.net"
r1 = "any_time_modification"
hlr = [{{ imsi_prefix = "310150", title = "4917100006" }}]
subscribers = "home3.csv"

[network.direct]
authentication = "aka"
aka = ["AKAv1-MD5"]
"""
GATEWAY_URI = ["sip:ipsmgw.home1.net", "sip:ipsmgw.home2.net", "sip:ipsmgw.home3.net"]


class PhoneJudge(SipJudge):
    """The run."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        text = lambda: "".join(self.random.choice(string.ascii_letters) for _ in range(16)).encode()
        make = lambda network: Card(network, sms.number(self.random, IMSI[network], 15, 15), sms.number(self.random, MSISDN[network], 11, 11), text(), self.random.randbytes(16))
        self.users = [make(0) for _ in range(2)]
        self.cards = [make(1) for _ in range(10)]
        self.others = [make(2) for _ in range(3)]
        # SIPp takes OP, and no zero octet in it, nor in RES.
        self.op = text()
        self.others[0].without_zero = True
        self.others[0].opc = bytes(a ^ b for a, b in zip(hlrs.aes(self.others[0].key, self.op), self.op))
        self.passwords = {of.imsi: f"secret{self.random.randrange(10**6)}" for of in self.users}
        self.cards[7].known = False

    def configure(self, associations):
        directory = self.lab.directory
        users = lambda cards, network: [f"{of.imsi},{of.msisdn},sip:user{of.imsi[-4:]}@{REALM[network]}" for of in cards]
        lines = [f"{of.imsi}@{REALM[0]}:{REALM[0]}:" + hashlib.md5(f"{of.imsi}@{REALM[0]}:{REALM[0]}:{self.passwords[of.imsi]}".encode()).hexdigest() for of in self.users]
        lines += [f"user{of.imsi[-4:]}:{REALM[0]}:" + hashlib.md5(f"user{of.imsi[-4:]}:{REALM[0]}:{self.passwords[of.imsi]}".encode()).hexdigest() for of in self.users]
        path = directory / "home1.htdigest"
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(0o600)
        self.lab.configure(associations, {"home1": users(self.users, 0), "home3": users(self.others, 2)}, networks=NETWORKS, timers=f"guard_s = {GUARD}")

    # What is judged at any phone.

    def judge_direct(self, what, message, of, uri):
        """What is the same in every MESSAGE with a short message to a phone."""
        checks = self.checks
        checks.equal(f"{what}: Request-URI is the contact", message.uri, uri)
        checks.equal(f"{what}: From is the gateway", sip_peer.address(message.header("from")), GATEWAY_URI[of.network])
        checks.equal(f"{what}: P-Asserted-Identity is the gateway", sip_peer.address(message.only("p-asserted-identity")), GATEWAY_URI[of.network])
        checks.equal(f"{what}: Content-Type", message.header("content-type"), sip_peer.SMS)
        checks.equal(f"{what}: no Route", message.header("route"), None)
        checks.that(f"{what}: at most 1,300 octets", len(message.octets) <= 1300, len(message.octets))

    async def heard_mo(self, of, centre, tpdu):
        """The mo-forwardSM that comes of a submission."""
        checks = self.checks
        heard = await self.peer.inbox.get(f"mo-forwardSM of {of.msisdn}", lambda heard: is_mo(heard, of), WAIT)
        labels.judge_begin(checks, heard, of, centre)
        argument = heard.argument()
        checks.equal("MO: SM-RP-DA is the service centre", argument.get("sm-RP-DA"), ("serviceCentreAddressDA", sms.international(centre)))
        checks.equal("MO: SM-RP-OA is the MSISDN of the binding", argument.get("sm-RP-OA"), ("msisdn", sms.international(of.msisdn)))
        checks.equal("MO: imsi", argument.get("imsi"), sms.bcd(of.imsi))
        checks.equal("MO: SM-RP-UI octet by octet", argument.get("sm-RP-UI"), tpdu)
        return heard

    # UEs of Python.

    async def phone(self, of, at, name=None, **other):
        """A UE on a socket of its own; what it is sent is judged at the end too."""
        self.ports += 1
        ip, port = labs.PHONES[at], 7000 + self.ports
        arguments = {"card": None if of.imsi in self.passwords else of, "password": self.passwords.get(of.imsi)}
        ue = phones.Phone(name or f"{of.imsi}@{REALM[of.network]}", REALM[of.network], ip, port, GATEWAY, self.random, **{**arguments, **other})
        self.of_network[f"phone {self.ports}"] = await ue.open(self.lab.udp(ip, port))
        return ue

    async def registered(self, what, of, ue, algorithm=None, expires=600):
        """A registration that is to succeed."""
        checks = self.checks
        answer = await ue.register(expires, algorithm)
        checks.equal(f"{what}: 200", answer.status, 200)
        contact = answer.header("contact") or ""
        checks.equal(f"{what}: Contact is the UE's", sip_peer.address(contact), ue.uri)
        checks.equal(f"{what}: expires as asked", sip_peer.parameter(contact, "expires"), str(expires))
        checks.that(f"{what}: P-Associated-URI has the MSISDN", f"<tel:+{of.msisdn}>" in ", ".join(answer.headers.get("p-associated-uri", [])), answer.headers)
        checks.that(f"{what}: Date", answer.header("date"), answer.headers)
        return answer

    async def p_8_3_mo_from_a_phone(self, of, ue, body):
        """8.3: a submission with identities that are not the UE's, its report."""
        checks, reference, centre, tpdu = self.checks, self.random.randrange(256), sms.number(self.random, least=10, most=12), sms.submit(self.random, body)
        claimed = ["P-Asserted-Identity: <tel:+4917199999999>", "P-Preferred-Identity: <sip:somebody@else.net>"]
        answer, call_id = await ue.say(f"tel:+{centre}", sms.rp_data(reference, centre, tpdu), claimed)
        checks.equal("MO: 202 Accepted", answer.status, 202)
        heard = await self.heard_mo(of, centre, tpdu)
        report = self.random.choice([None, sms.submit_report(self.random)])
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, report))
        message = await ue.inbox.get("submit report", lambda it: it.header("in-reply-to") == call_id, WAIT)
        self.judge_direct("MO report", message, of, ue.uri)
        said = sms.FromNetwork.parse(message.body)
        checks.equal("MO report: RP-ACK, RP-MR, the SUBMIT-REPORT unchanged", (said.kind, said.reference, said.tpdu), ("ack", reference, report))
        ue.respond(message, 200)
        if body.text:
            self.texts["ss7"].append(body.text)

    async def p_8_4_mt_to_a_phone(self, of, ue, body, fails=False):
        """8.4: a message, the UE's report, the result."""
        checks, tpdu = self.checks, sms.deliver(self.random, body)
        asked = self.invoke_mt(of, tpdu)
        message = await ue.inbox.get(f"MESSAGE for {of.msisdn}", lambda it: it.method == "MESSAGE" and not it.header("in-reply-to"), WAIT)
        self.judge_direct("MT", message, of, ue.uri)
        data = sms.FromNetwork.parse(message.body)
        checks.equal("MT: RP-DATA, RP-OA is the service centre, TPDU octet by octet", (data.kind, data.originator, data.tpdu), ("data", asked["centre"], tpdu))
        ue.respond(message, 200)
        report = sms.deliver_report_error(0xD3) if fails else sms.deliver_report(self.random)
        rp = sms.rp_error(data.reference, 22, report) if fails else sms.rp_ack(data.reference, report)
        uri = sip_peer.address(message.only("p-asserted-identity"))
        answer, _ = await ue.say(uri, rp, [f"In-Reply-To: {message.header('call-id')}"])
        checks.equal("MT: the report's answer", answer.status, ANSWER[of.network])
        kind, value = await self.result_of(asked)
        if fails:
            self.judge_error("memory full", (kind, value), 32, {"sm-EnumeratedDeliveryFailureCause": "memoryCapacityExceeded", "diagnosticInfo": report})
        else:
            checks.equal("MT: result", kind, "returnResult")
            seen = value.get("result", {}).get("result", (0, {}))[1].get("sm-RP-UI")
            checks.equal("MT: the UE's DELIVER-REPORT unchanged", seen, report)
        if body.text:
            self.texts["ims"].append(body.text)

    async def gone(self, what, of, ue):
        """Somebody who is not registered: absent for whoever calls, nobody for us."""
        asked = self.invoke_mt(of, sms.deliver(self.random, sms.gsm7(self.random, 10)))
        self.judge_error(what, await self.result_of(asked, what), 6, {"absentSubscriberDiagnosticSM": 11})
        answer, _ = await ue.say("tel:+447000000099", sms.rp_data(1, "447000000099", sms.submit(self.random, sms.gsm7(self.random, 10))))
        self.checks.equal(f"MO, {what}: 403", answer.status, 403)

    def asked(self, what, of, *wanted):
        """Exactly these operations about a subscriber, in this order."""
        self.checks.equal(f"{what}: what the HLR was asked", self.hlr.of(of.imsi), list(wanted))

    async def messages(self, of, ue):
        """Each way, with octets that are no text."""
        random = self.random
        for body in (sms.binary(bytes(range(140))), sms.binary(bytes(range(116, 256))), sms.gsm7(random, 160)):
            await self.p_8_3_mo_from_a_phone(of, ue, body)
            await self.p_8_4_mt_to_a_phone(of, ue, body)
        await self.p_8_4_mt_to_a_phone(of, ue, sms.ucs2(random, 20), fails=True)

    async def p_8_1_registration_with_akav2_and_gr(self):
        """AKAv2 and R1 as updateGprsLocation: registration, messages, replay, refresh, de-registration."""
        of, checks = self.cards[0], self.checks
        ue = await self.phone(of, 0)
        response, _ = await ue.challenged(600)
        checks.equal("challenge: both algorithms, the preferred one first", [each["algorithm"] for each in phones.challenges(response)], ["AKAv2-MD5", "AKAv1-MD5"])
        for each in phones.challenges(response):
            checks.equal("challenge: qop, realm, and nothing unknown", (each["qop"], each["realm"], set(each)), ("auth", REALM[1], {"realm", "nonce", "algorithm", "qop"}))
        self.asked("a challenge without an answer", of, "sendAuthenticationInfo")
        await self.registered("AKAv2", of, ue, "AKAv2-MD5")
        joined = ["sendAuthenticationInfo", "sendAuthenticationInfo", "updateGprsLocation"]
        self.asked("AKAv2", of, *joined)
        await self.messages(of, ue)
        # The same credentials twice: the nonce is used up.
        response, challenge = await ue.challenged(600, "AKAv2-MD5")
        used = ue.credentials(challenge)
        checks.equal("refresh: 200", (await ue.send_register(600, used)).status, 200)
        again, challenge = await ue.challenged(600, "AKAv2-MD5", used)
        checks.equal("replayed nonce: 401, stale", (again.status, (challenge or {}).get("stale")), (401, "true"))
        checks.equal("replayed nonce: a new challenge is right", (await ue.send_register(600, ue.credentials(challenge))).status, 200)
        self.asked("refresh, replay", of, *joined, "sendAuthenticationInfo", "sendAuthenticationInfo")
        await self.p_8_4_mt_to_a_phone(of, ue, sms.gsm7(self.random, 30))
        await self.p_8_2_1_deregistration_by_the_phone(of, ue, *joined, *["sendAuthenticationInfo"] * 3, "purgeMS")

    async def p_8_2_1_deregistration_by_the_phone(self, of, ue, *asked):
        """8.2.1: the HLR was asked this until then; nothing comes and goes any more."""
        answer = await ue.register(0)
        self.checks.equal("de-registration: 200 without contacts", (answer.status, answer.header("contact")), (200, None))
        self.asked("de-registration", of, *asked)
        await self.gone("after de-registration", of, ue)

    async def p_8_1_registration_with_akav1_and_cancel_location(self):
        """AKAv1 from behind a router; then the HLR cancels."""
        of, checks = self.cards[1], self.checks
        ue = await self.phone(of, 2)
        await self.registered("AKAv1", of, ue, "AKAv1-MD5")
        self.asked("AKAv1", of, "sendAuthenticationInfo", "updateGprsLocation")
        await self.messages(of, ue)
        checks.equal("cancelLocation: result", await self.hlr.cancel_location(of), "returnResult")
        await self.told(of, ue, "deactivated", "cancelLocation")
        # It may have crossed the answer to the registration of a moment ago: the HLR is told again that we don't serve the UE.
        self.asked("cancelLocation", of, "sendAuthenticationInfo", "updateGprsLocation", "purgeMS")
        await self.gone("after cancelLocation", of, ue)

    async def told(self, of, ue, event, what):
        """8.2.2 step 4: the UE is told that it is no longer registered."""
        checks = self.checks
        message = await ue.inbox.get(f"reginfo, {what}", lambda it: it.header("content-type") == "application/reginfo+xml", WAIT)
        text = message.body.decode()
        checks.that(f"{what}: the UE is told", 'state="terminated"' in text and f'event="{event}"' in text and f"<uri>{ue.uri}</uri>" in text and ue.to in text, text)
        ue.respond(message, 200)

    async def g_2_wrong_answers_change_nothing(self):
        """Wrong RES, wrong nonce count, re-synchronisation: what fails changes nothing."""
        of, checks = self.cards[2], self.checks
        ue = await self.phone(of, 1)
        _, challenge = await ue.challenged(600, "AKAv2-MD5")
        checks.equal("wrong RES: 403", (await ue.send_register(600, ue.credentials(challenge, wrong=True))).status, 403)
        _, challenge = await ue.challenged(600, "AKAv1-MD5")
        checks.equal("wrong nc: 403", (await ue.send_register(600, ue.credentials(challenge, nc="00000002"))).status, 403)
        self.asked("wrong RES, wrong nc", of, *["sendAuthenticationInfo"] * 2)
        await self.gone("after wrong answers", of, ue)
        # A message has come for somebody who is not here: within a second the HLR is told, whatever it believed.
        await labs.until("the HLR is told of somebody for whom a message came", lambda: "purgeMS" in self.hlr.of(of.imsi), WAIT)
        # The card has seen a higher SQN than the authentication centre gives.
        of.sqn_ms = of.sqn + 1000 * hlrs.STEP
        _, challenge = await ue.challenged(600, "AKAv1-MD5")
        sent = ue.credentials(challenge)
        checks.that("re-synchronisation: the card refuses the vector", "auts=" in sent, sent)
        response = await ue.send_register(600, sent)
        argument = [argument for _, imsi, argument in self.hlr.log if imsi == of.imsi][-1]
        checks.that("re-synchronisation: the HLR has RAND and AUTS", argument.get("re-synchronisationInfo"), argument)
        found = [each for each in phones.challenges(response) if each["algorithm"] == "AKAv1-MD5"]
        if checks.equal("re-synchronisation: a new challenge", (response.status, len(found)), (401, 1)):
            checks.equal("re-synchronisation: its answer is right", (await ue.send_register(600, ue.credentials(found[0]))).status, 200)
        vectors = ["sendAuthenticationInfo"] * 2
        self.asked("re-synchronisation", of, *vectors, "purgeMS", *vectors, "updateGprsLocation")
        await self.p_8_4_mt_to_a_phone(of, ue, sms.gsm7(self.random, 12))

    async def g_2_names_that_are_nobodys(self):
        """Network access identifiers in all their forms, and those that are nobody's."""
        checks = self.checks
        at_home = []
        for card, user, realm in [
            (self.cards[3], "0", "wlan.mnc015.mcc234.3gppnetwork.org"),
            (self.cards[4], "6", "nai.epc.mnc015.mcc234.3gppnetwork.org"),
            (self.cards[5], "1", "nai.epc.mnc015.mcc234.3gppnetwork.org"),
        ]:
            ue = await self.phone(card, 0, f"{user}{card.imsi}@{realm}", home=f"sip:{REALM[1]}")
            await self.registered(f"NAI {user}<IMSI>@{realm.partition('.')[0]}", card, ue)
            self.asked("NAI", card, "sendAuthenticationInfo", "updateGprsLocation")
            at_home.append((card, ue))
        for card, ue in at_home:
            await self.p_8_3_mo_from_a_phone(card, ue, sms.gsm7(self.random, 20))
        before = len(self.hlr.log)
        imsi = self.cards[6].imsi
        for what, name in [
            ("foreign realm", f"{imsi}@ims.mnc099.mcc999.3gppnetwork.org"),
            ("foreign realm without a network", f"{imsi}@example.net"),
            ("pseudonym", f"2{imsi}@wlan.mnc015.mcc234.3gppnetwork.org"),
            ("pseudonym of the core", f"7{imsi}@nai.epc.mnc015.mcc234.3gppnetwork.org"),
            ("IMSI of another network than the realm's", f"26201{imsi[5:]}@{REALM[1]}"),
        ]:
            ue = await self.phone(self.cards[6], 1, name, home=f"sip:{REALM[1]}")
            checks.equal(f"{what}: 403", (await ue.send_register(600)).status, 403)
        # Whatever the user part, the digits are this subscriber's.
        checks.equal("foreign realms, pseudonyms: no MAP", [it for it in self.hlr.log[before:] if it[1].endswith(imsi[5:])], [])
        ue = await self.phone(self.cards[7], 1)
        checks.equal("unknownSubscriber: 404", (await ue.send_register(600)).status, 404)
        self.asked("unknownSubscriber", self.cards[7], "sendAuthenticationInfo")

    async def p_8_2_2_guard_timer_ends_what_nobody_refreshes(self):
        """8.2.2: nobody refreshes; the HLR is told, then the UE. Who has registered before, for longer, stays for longer."""
        of, after, checks = self.cards[8], self.cards[9], self.checks
        ue, other = await self.phone(of, 0), await self.phone(after, 1)
        await self.registered("longer registration", after, other, expires=6)
        began = asyncio.get_running_loop().time()
        await self.registered("short registration", of, ue, expires=2)
        await self.told(of, ue, "expired", "guard timer")
        took = asyncio.get_running_loop().time() - began
        checks.that("guard timer: not before expiry and guard_s", 2 + GUARD <= took, f"{took:.2f} s")
        checks.equal("guard timer: not after that of a longer registration", other.inbox.unclaimed, [])
        for card, phone in ((of, ue), (after, other)):
            if phone is other:
                await self.told(after, other, "expired", "guard timer of the longer registration")
            self.asked("guard timer: before the UE", card, "sendAuthenticationInfo", "updateGprsLocation", "purgeMS")
            await self.gone("after the guard timer", card, phone)

    async def r_1_any_time_modification_of_a_phone(self):
        """R1 as anyTimeModification, AKAv1 alone; the number is the subscriber file's."""
        of = self.others[1]
        ue = await self.phone(of, 1)
        await self.registered("anyTimeModification", of, ue, "AKAv1-MD5")
        await self.messages(of, ue)
        await self.p_8_2_1_deregistration_by_the_phone(of, ue, *["sendAuthenticationInfo", "anyTimeModification"] * 2)
        said = [argument["modificationRequestFor-IP-SM-GW-Data"]["modifyRegistrationStatus"] for name, imsi, argument in self.hlr.log if imsi == of.imsi and name == "anyTimeModification"]
        self.checks.equal("anyTimeModification: activate, then deactivate", said, ["activate", "deactivate"])

    async def g_2_password_for_the_uri_asked(self):
        """MD5 where the Request-URI has parameters and the digest's uri has none; a digest for somebody else's uri."""
        of, checks = self.users[1], self.checks
        ue = await self.phone(of, 1)
        ue.request_uri = f"{ue.home};transport=udp"
        await self.registered("MD5, parameters in the Request-URI", of, ue)
        await self.p_8_4_mt_to_a_phone(of, ue, sms.gsm7(self.random, 30))
        ue.request_uri, ue.home = ue.home, "sip:else.net"
        checks.equal("MD5, the digest's uri is another: 403", (await ue.register(600)).status, 403)

    # SIPp.

    async def sipp_registers(self, what, of, port, call, cseq, expires, status=200, auth=None, contact=None):
        """One registration by SIPp: it is challenged and answers."""
        name, realm = f"{of.imsi}@{REALM[of.network]}", REALM[of.network]
        values = {"URI": f"sip:{realm}", "TO": f"sip:{name}", "USER": name, "REALM": realm, "CSEQ": cseq, "EXPIRES": expires, "STATUS": status, "CONTACT": contact}
        values |= {"AUTH": auth, "CHECK": "true" if status == 200 and expires else "false"}
        await self.sipp_does(what, SCENARIOS / "register.xml", (labs.PHONES[0], port), values, "-cid_str", call, "-auth_uri", realm, "{}:{}".format(*GATEWAY))

    async def sipp_says(self, what, of, port, uri, rp, status, headers="@NONE@", call=None):
        values = {"URI": uri, "TO": f"sip:{of.imsi}@{REALM[of.network]}", "HEADERS": headers, "BODY": escaped(rp), "STATUS": status}
        await self.sipp_does(what, SCENARIOS / "message.xml", (labs.PHONES[0], port), values, "-cid_str", call or f"{self.random.getrandbits(48):x}@{labs.PHONES[0]}", "{}:{}".format(*GATEWAY))

    async def sipp_listens(self, port, contact):
        """SIPp that will take one MESSAGE: it has its port when this returns."""
        process, path = self.sipp_starts(SCENARIOS / "take.xml", (labs.PHONES[0], port), {"CONTACT": contact}, "-trace_logs", "-log_file", str(self.lab.keep / f"{self.runs + 1:02}-took.log"))
        ours = f":{port:04X} "
        await labs.until("SIPp's socket", lambda: process.poll() is not None or ours in Path(f"/proc/{process.pid}/net/udp").read_text(), WAIT)
        return process, path

    async def sipp_took(self, what, listening):
        """Call-ID and In-Reply-To of what it took, and the MESSAGE itself out of the capture."""
        process, path = listening
        await self.sipp_ends(what, process, path)
        line = path.with_name(f"{path.stem[:2]}-took.log").read_text(errors="replace").split()
        call = line[1]
        found = []

        def look():
            found[:] = [it for it in self.captured(labs.PHONES[0]) if it.status is None and it.header("call-id") == call]
            return found

        await labs.until(f"{call} in the capture", look, WAIT)
        return found[0], line[2] if len(line) > 2 else None

    async def sipp_mo(self, of, port, contact, body):
        checks, reference, centre, tpdu = self.checks, self.random.randrange(256), sms.number(self.random, least=10, most=12), sms.submit(self.random, body)
        call = f"mo{self.random.getrandbits(48):x}@{labs.PHONES[0]}"
        await self.sipp_says("MO gets 202", of, port, f"tel:+{centre}", sms.rp_data(reference, centre, tpdu), 202, call=call)
        heard = await self.heard_mo(of, centre, tpdu)
        listening = await self.sipp_listens(port, contact)
        report = sms.submit_report(self.random)
        self.peer.answer(heard, map_peer.result(invoke_id(heard), MO_FORWARD, report))
        message, answered = await self.sipp_took("takes the submit report", listening)
        checks.equal("SIPp: In-Reply-To is the submission", answered, call)
        self.judge_direct("MO report", message, of, contact)
        said = sms.FromNetwork.parse(message.body)
        checks.equal("MO report: RP-ACK, RP-MR, the SUBMIT-REPORT unchanged", (said.kind, said.reference, said.tpdu), ("ack", reference, report))
        if body.text:
            self.texts["ss7"].append(body.text)

    async def sipp_mt(self, of, port, contact, body):
        checks, tpdu = self.checks, sms.deliver(self.random, body)
        listening = await self.sipp_listens(port, contact)
        asked = self.invoke_mt(of, tpdu)
        message, _ = await self.sipp_took("takes the message", listening)
        self.judge_direct("MT", message, of, contact)
        data = sms.FromNetwork.parse(message.body)
        checks.equal("MT: RP-DATA, RP-OA is the service centre, TPDU octet by octet", (data.kind, data.originator, data.tpdu), ("data", asked["centre"], tpdu))
        uri = sip_peer.address(message.only("p-asserted-identity"))
        await self.sipp_says("the delivery report is answered", of, port, uri, sms.rp_ack(data.reference, b"\0\0"), ANSWER[of.network], f"In-Reply-To: {message.header('call-id')}")
        kind, value = await self.result_of(asked)
        checks.equal("MT: result", kind, "returnResult")
        checks.equal("MT: the UE's DELIVER-REPORT unchanged", value.get("result", {}).get("result", (0, {}))[1].get("sm-RP-UI"), b"\0\0")
        if body.text:
            self.texts["ims"].append(body.text)

    async def r_2_sipp_with_a_password(self):
        """MD5: registration, a wrong password, refresh, messages, a NAT that gives another port, de-registration."""
        of, call = self.users[0], f"sipp{self.random.getrandbits(48):x}"
        name, password = f"{of.imsi}@{REALM[0]}", self.passwords[of.imsi]
        auth = f"username={name} password={password}"
        # A private address, as behind a NAT: it takes part in nothing.
        contact = f"sip:{of.imsi}@192.168.7.7:5060"
        await self.sipp_registers("wrong password gets 403", of, 5101, call, 1, 600, 403, f"username={name} password=wrong{password}", contact)
        await self.sipp_says("MO of nobody gets 403", of, 5101, "tel:+491710000099", sms.rp_data(1, "491710000099", sms.submit(self.random, sms.gsm7(self.random, 5))), 403)
        await self.sipp_registers("registration with MD5", of, 5101, call, 2, 600, 200, auth, contact)
        await self.sipp_registers("refresh with MD5", of, 5101, call, 3, 1200, 200, auth, contact)
        for body in (sms.binary(bytes(range(140))), sms.gsm7(self.random, 160)):
            await self.sipp_mo(of, 5101, contact, body)
            await self.sipp_mt(of, 5101, contact, body)
        await self.sipp_registers("registration from another port", of, 5102, call, 4, 600, 200, auth, contact)
        await self.sipp_says("MO from the old port gets 403", of, 5101, "tel:+491710000099", sms.rp_data(1, "491710000099", sms.submit(self.random, sms.gsm7(self.random, 5))), 403)
        await self.sipp_mt(of, 5102, contact, sms.gsm7(self.random, 40))
        await self.sipp_mo(of, 5102, contact, sms.gsm7(self.random, 40))
        await self.sipp_registers("de-registration", of, 5102, call, 5, 0, 200, auth, contact)
        asked = self.invoke_mt(of, sms.deliver(self.random, sms.gsm7(self.random, 10)))
        self.judge_error("after de-registration", await self.result_of(asked, "absent"), 6, {"absentSubscriberDiagnosticSM": 11})

    async def r_2_sipp_with_a_sim_card(self):
        """AKAv1-MD5, R1 as anyTimeModification."""
        of, call, port = self.others[0], f"sipp{self.random.getrandbits(48):x}", 5111
        spelt = lambda octets: "0x" + octets.hex().upper()
        auth = f"username={of.imsi}@{REALM[2]} password=none aka_K={spelt(of.key)} aka_OP={spelt(self.op)} aka_AMF=0x{hlrs.AMF}"
        contact = f"sip:{of.imsi}@{labs.PHONES[0]}:{port}"
        await self.sipp_registers("registration with AKAv1-MD5", of, port, call, 1, 600, 200, auth, contact)
        self.asked("SIPp with a SIM card", of, "sendAuthenticationInfo", "anyTimeModification")
        await self.sipp_mo(of, port, contact, sms.gsm7(self.random, 50))
        await self.sipp_mt(of, port, contact, sms.binary(bytes(range(116, 256))))
        await self.sipp_registers("refresh with AKAv1-MD5", of, port, call, 2, 900, 200, auth, contact)
        self.asked("SIPp refreshes", of, "sendAuthenticationInfo", "anyTimeModification", "sendAuthenticationInfo")
        await self.sipp_registers("de-registration with AKAv1-MD5", of, port, call, 3, 0, 200, auth, contact)
        self.asked("SIPp de-registers", of, "sendAuthenticationInfo", "anyTimeModification", *["sendAuthenticationInfo"] * 2, "anyTimeModification")

    async def play(self, mode):
        self.ports = 0
        await self.open(mode, networks=())
        self.hlr = hlrs.Hlr(self.peer, self.checks, self.random)
        self.hlr.cards = {of.imsi: of for of in self.cards + self.others}
        parts = [self.p_8_1_registration_with_akav2_and_gr, self.p_8_1_registration_with_akav1_and_cancel_location, self.g_2_wrong_answers_change_nothing, self.g_2_names_that_are_nobodys, self.p_8_2_2_guard_timer_ends_what_nobody_refreshes, self.r_1_any_time_modification_of_a_phone, self.g_2_password_for_the_uri_asked, self.r_2_sipp_with_a_password, self.r_2_sipp_with_a_sim_card]
        await asyncio.gather(*[self.step(part) for part in parts])
        self.hlr.task.cancel()
        await self.close()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)

    async def act(lab, checks):
        await PhoneJudge(lab, checks, seed, 0).play("sgp")

    _, failed = asyncio.run(stages.perform("phone_judge", binary, labs.FILES / "phone_judge", seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
