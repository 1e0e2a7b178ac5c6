"""The gateway is killed (SIGKILL), its HLR forgets some whom it serves and comes to believe in others meanwhile, and the next life repairs both.

audit_judge.py BINARY [SEED]: the HLR is pycrate's. That of home1 can only be told again; that of home2 names the gateway when it is asked whom a message goes to.
One life is killed in the middle of its audit, and in another the HLR says nothing for a while."""
import asyncio
import json
import os
import secrets
import subprocess
import sys
import time

import lab as labs
import map_peer
import restart_judge
import sms
import stage as stages
from events import Inbox
from hlr import ANY_TIME_MODIFICATION, HLR_SSN, TITLE
from map_peer import MT_RELAY, Address

SEND_ROUTING_INFO_FOR_SM, ABSENT_SUBSCRIBER_SM = 45, 6
# Registered ones of each network, and those behind them who are not.
SUBSCRIBERS, REGISTERED = [60, 60], 50
# How many an HLR forgets, and in how many it comes to believe.
FORGOTTEN, GHOSTS = 12, 6
# Operations of audits in a second, and after how many a life is killed.
PACE, EARLY = 40, 15
# Table and HLR agree within so many seconds of silence (RELIABILITY 4.4, R4); so long the HLR says nothing.
AGREE, SILENT = 60, 6
PATIENCE = 30
BEFOREHAND, ASKED = 'r1 = "preconfigured"', 'r1 = "any_time_modification"\nhlr = [{{ imsi_prefix'
NETWORKS = restart_judge.NETWORKS.replace(ASKED, ASKED.replace("\n", '\naudit = "routing_info"\n')).replace(BEFOREHAND, f'r1 = "any_time_modification"\nhlr = [{{{{ title = "{TITLE}" }}}}]')
TIMERS = f"audit_per_second = {PACE}\nmap_registration_ms = 2000\nr1_repair_s = 20\n"


class AuditJudge(restart_judge.RestartJudge):
    """The run."""

    def __init__(self, lab, checks, seed):
        super().__init__(lab, checks, seed, 0)
        self.ues = [self.ue(network, at) for network, count in enumerate(SUBSCRIBERS) for at in range(count)]
        self.of_imsi = {ue.imsi: ue for ue in self.ues}
        self.believed = {ue.imsi: False for ue in self.ues}
        self.is_silent, self.asked, self.notes = False, [], Inbox("operations")
        self.figures = {}

    def those(self, registered):
        """The first of each network, or the others."""
        return [ue for network in (0, 1) for ue in [of for of in self.ues if of.network == network][slice(None, REGISTERED) if registered else slice(REGISTERED, None)]]

    async def prepare(self):
        files = {f"home{network + 1}": [f"{ue.imsi},{ue.msisdn},{ue.identity} {ue.tel}" for ue in self.ues if ue.network == network] for network in (0, 1)}
        self.lab.configure(labs.IPSP, files, networks=NETWORKS, timers=TIMERS, more=restart_judge.HELD, level="info")
        with self.lab.inside("ss7"):
            restart_judge.usrsctp.start()
        self.cores = [await restart_judge.Core(stages.SCSCF_URI[at], labs.SCSCF[at], self.random).open(self.lab.udp(labs.SCSCF[at], 5060)) for at in (0, 1)]

    async def serve(self, peer):
        """The HLR, of which `believed` is the memory."""
        while True:
            heard = await peer.inbox.get("an operation for the HLR", lambda it: it.kind == "begin" and it.called.ssn == HLR_SSN, 3600)
            kind, value = heard.component()
            argument, opcode = heard.argument(), value["opcode"][1]
            is_question = opcode == SEND_ROUTING_INFO_FOR_SM
            imsi = sms.digits(argument["imsi"] if is_question else argument["subscriberIdentity"][1])
            ue = self.of_imsi.get(imsi)
            self.checks.that("HLR: every operation is understood", kind == "invoke" and opcode in (SEND_ROUTING_INFO_FOR_SM, ANY_TIME_MODIFICATION) and ue, value)
            wanted = argument.get("modificationRequestFor-IP-SM-GW-Data", {}).get("modifyRegistrationStatus")
            self.asked.append((("asked" if is_question else wanted), ue))
            self.notes.put(imsi)
            if self.is_silent:
                continue
            invoke = value["invokeId"]
            if is_question:
                answer = self.routing(invoke, argument, ue)
            else:
                self.believed[imsi] = wanted == "activate"
                done = {"opcode": ("local", ANY_TIME_MODIFICATION), "result": ("AnyTimeModificationRes", {"serviceCentreAddress": sms.international("12025559999")})}
                answer = ("returnResult", {"invokeId": invoke, "result": done})
            try:
                peer.answer(heard, answer)
            except OSError:
                return

    def routing(self, invoke, argument, ue):
        """Where a message would go: the question is about him, names a node in spite of earlier failures, and puts nobody on a list of waiting ones."""
        checks = self.checks
        checks.equal("the question: of home2 alone, by his number", (ue.network, argument.get("msisdn")), (1, sms.international(ue.msisdn)))
        checks.equal("the question: with priority, a single attempt, for an SGSN too", (argument.get("sm-RP-PRI"), "singleAttemptDelivery" in argument, "gprsSupportIndicator" in argument), (True, True, True))
        checks.equal("the question: the service centre is the gateway", argument.get("serviceCentreAddress"), sms.international(stages.TITLE[1]))
        if not self.believed[ue.imsi]:
            return ("returnError", {"invokeId": invoke, "errcode": ("local", ABSENT_SUBSCRIBER_SM), "parameter": ("AbsentSubscriberSM-Param", {"absentSubscriberDiagnosticSM": 11})})
        info = {"imsi": sms.bcd(ue.imsi), "locationInfoWithLMSI": {"networkNode-Number": sms.international(stages.TITLE[1])}}
        return ("returnResult", {"invokeId": invoke, "result": {"opcode": ("local", SEND_ROUTING_INFO_FOR_SM), "result": ("RoutingInfoForSM-Res", info)}})

    # What happens.

    async def all_register(self):
        everybody = self.those(True)
        waiting = {ue: asyncio.get_running_loop().create_future() for ue in everybody}
        for ue in everybody:
            core = self.cores[ue.network]
            core.ask("REGISTER", stages.GATEWAY_URI[ue.network], core.uri, ue.identity, waiting[ue].set_result, [f"Contact: <{core.uri}>", "Expires: 600000"])
        answers = await asyncio.wait_for(asyncio.gather(*waiting.values()), PATIENCE)
        self.checks.equal("everybody registers", answers, [200] * len(everybody))
        for ue in everybody:
            ue.registered = True

    def forget(self):
        """The HLR loses some, and comes to believe in some who never were here; whom each."""
        lost, ghosts = [], []
        for network in (0, 1):
            lost += self.random.sample([ue for ue in self.those(True) if ue.network == network and ue.registered], FORGOTTEN)
            ghosts += self.random.sample([ue for ue in self.those(False) if ue.network == network], GHOSTS)
        for ue in lost:
            self.believed[ue.imsi] = False
        for ue in ghosts:
            self.believed[ue.imsi] = True
        self.asked.clear()
        return lost, ghosts

    def differing(self, ues):
        return [ue.identity for ue in ues if self.believed[ue.imsi] != bool(ue.registered)]

    async def agree(self, ues, what):
        began = time.monotonic()
        try:
            await labs.until("HLR and gateway agree", lambda: not self.differing(ues), AGREE)
        except TimeoutError:
            pass
        self.checks.equal(what, self.differing(ues), [], f"life {self.lives}")
        return round(time.monotonic() - began, 2)

    def command(self, *arguments):
        done = subprocess.run([self.lab.binary, *arguments, "--json", "--socket", f"{self.lab.directory}/admin.sock"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.checks.equal("commands end well", done.returncode, 0, (arguments, done.stderr))
        return json.loads(done.stdout)

    def audit(self, *more):
        return self.command("audit", *more)["audit"]

    async def ended(self):
        """The audit comes to its end; what has been found since the start."""
        try:
            await labs.until("the audit ends", lambda: not self.audit("--look")["state"]["running"], AGREE)
        except TimeoutError:
            pass
        state = self.audit("--look")
        self.checks.equal("the audit comes to its end", (state["state"]["running"], state["state"]["left"]), (False, 0), f"life {self.lives}")
        return state["found"]

    async def message_for(self, ue):
        """A message for somebody who is not here, whom the HLR believed to be."""
        tpdu, centre, invoke = sms.deliver(self.random, sms.binary(self.random.randbytes(20))), sms.number(self.random, least=10, most=12), self.random.randint(-128, 127)
        otid = self.peer.begin(Address(stages.SSN[ue.network], stages.TITLE[ue.network]), Address(8, centre), MT_RELAY, map_peer.mt_forward(invoke, ue.imsi, centre, tpdu))
        heard = await self.peer.inbox.get("MT result", lambda it: it.dtid == otid, PATIENCE)
        self.checks.equal("who is not here is absent", heard.component()[1].get("errcode"), ("local", ABSENT_SUBSCRIBER_SM), ue.imsi)

    def count(self, what, ues=None):
        return sum(asked == what and (ues is None or ue in ues) for asked, ue in self.asked)

    # The lives.

    async def forgotten_and_believed(self):
        """What the HLR has wrongly after a kill is repaired, both ways and counted."""
        self.kill()
        lost, ghosts = self.forget()
        await self.begin()
        self.figures["repaired_s"] = await self.agree(self.those(True), "the HLR knows again whom it had forgotten")
        found = await self.ended()
        self.checks.equal("each registered one is looked at", found["checked"], 2 * REGISTERED)
        self.checks.equal("home1: told again", found["asserted"], REGISTERED)
        self.checks.equal("home2: asked, and told where the HLR was wrong", (found["agreed"], found["missing"], found["repaired_registered"]), (REGISTERED - FORGOTTEN, FORGOTTEN, FORGOTTEN))
        self.checks.equal("nobody else is told anything", (self.count("activate"), self.count("asked"), self.count("deactivate")), (REGISTERED + FORGOTTEN, REGISTERED, 0))
        self.checks.equal("nobody knows yet in whom the HLR believes wrongly", len(self.differing(ghosts)), len(ghosts))
        for ue in ghosts:
            await self.message_for(ue)
        self.figures["ghosts_s"] = await self.agree(self.ues, "a message shows in whom the HLR believes wrongly, and it is told")
        found = self.audit("--look")["found"]
        self.checks.equal("ghosts are counted", (found["ghosts"], found["repaired_deregistered"]), (2 * GHOSTS, 2 * GHOSTS))
        self.checks.equal("each is told once", self.count("deactivate"), 2 * GHOSTS)
        self.checks.equal("home2: the HLR is asked before", self.count("asked", ghosts), GHOSTS)

    async def in_the_middle(self):
        """A life that is killed in the middle of its audit, and one after it in which people come and go meanwhile."""
        self.kill()
        self.forget()
        await self.begin()
        await labs.until("the audit goes on", lambda: len(self.asked) >= EARLY, PATIENCE)
        self.kill()
        self.checks.that("the audit was not over", len(self.asked) < 2 * REGISTERED, len(self.asked))
        self.asked.clear()
        await self.begin()
        leaving = self.random.sample(self.those(True), 10)
        coming = self.random.sample([ue for ue in self.those(False) if self.believed[ue.imsi]], 4)
        for ue in self.those(False):
            if self.believed[ue.imsi]:
                # His message and his registration race.
                asyncio.create_task(self.race(ue))
        answers = await asyncio.gather(*(self.change(ue, 0) for ue in leaving), *(self.change(ue, 600000) for ue in coming))
        self.checks.equal("who comes and goes meanwhile is answered", answers, [200] * 14)
        await self.ended()
        await self.agree(self.ues, "HLR and table agree about everybody in the end")
        known = await self.found(self.ues, lambda ue: ue.identity)
        self.checks.equal("and the gateway knows who is there", [ue.identity for ue in self.ues if known[ue] != bool(ue.registered)], [])

    async def race(self, ue):
        centre, tpdu = sms.number(self.random, least=10, most=12), sms.deliver(self.random, sms.binary(self.random.randbytes(20)))
        otid = self.peer.begin(Address(stages.SSN[ue.network], stages.TITLE[ue.network]), Address(8, centre), MT_RELAY, map_peer.mt_forward(1, ue.imsi, centre, tpdu))
        await self.peer.inbox.get("MT result", lambda it: it.dtid == otid, PATIENCE)

    async def change(self, ue, expires):
        core, answered = self.cores[ue.network], asyncio.get_running_loop().create_future()
        core.ask("REGISTER", stages.GATEWAY_URI[ue.network], core.uri, ue.identity, answered.set_result, [f"Contact: <{core.uri}>", f"Expires: {expires}"])
        status = await asyncio.wait_for(answered, PATIENCE)
        ue.registered = expires > 0
        return status

    async def silent(self):
        """An HLR that says nothing for a while: it is asked again, and nobody is forgotten."""
        self.kill()
        for ue in self.those(True):
            self.believed[ue.imsi] = False
        self.asked.clear()
        self.is_silent = True
        await self.begin()
        await labs.until("questions have had no answer", lambda: self.audit("--look")["found"]["failed"] > 0, PATIENCE)
        silent_since = len(self.asked)
        await asyncio.sleep(SILENT)
        self.checks.that("an HLR that says nothing is left alone", len(self.asked) - silent_since <= SILENT * PACE, len(self.asked))
        self.is_silent = False
        self.figures["after_silence_s"] = await self.agree(self.ues, "an HLR that was silent knows everybody in the end")
        await self.ended()

    async def by_hand(self):
        """An operator asks for it, while the process lives."""
        there = [ue for ue in self.ues if ue.registered]
        lost = self.random.sample(there, FORGOTTEN)
        for ue in lost:
            self.believed[ue.imsi] = False
        before = self.audit("--look")["found"]
        begun = self.audit()
        self.checks.equal("an operator's audit begins", (begun["begun"], begun["state"]["running"]), (True, True))
        await self.agree(self.ues, "what the HLR forgets while the gateway lives is repaired")
        found = await self.ended()
        self.checks.equal("everybody is looked at", found["checked"] - before["checked"], len(there))
        missing = sum(ue.network == 1 for ue in lost)
        self.checks.equal("and counted", found["repaired_registered"] - before["repaired_registered"], missing)

    async def told_before(self):
        """The next life tells what the HLR had been told before it."""
        # What a refresh and the HLR's answer change is written behind: within a second.
        await asyncio.sleep(2)
        self.kill()
        self.is_silent = True
        await self.begin()
        ue = next(ue for ue in self.ues if ue.registered and ue.network == 1)
        hlr = self.command("why", ue.imsi, "--imsi")["why"]["hlr"][0]
        before = hlr["told_before_start"] or {}
        self.checks.equal("why: what the HLR was told before the start", (before.get("what"), before.get("answer")), ("registered", "agreed"))
        self.checks.that("why: and when", 0 <= before.get("answered_s_ago", -1) < 600, before)
        self.is_silent = False

    async def play(self):
        await self.prepare()
        await self.begin()
        await self.all_register()
        await self.agree(self.ues, "the HLR believes who is registered")
        await self.forgotten_and_believed()
        await self.in_the_middle()
        await self.silent()
        await self.by_hand()
        await self.told_before()
        await self.agree(self.ues, "the HLR believes what the gateway knows")
        await self.lab.stop_gateway(self.checks)
        self.hlr.cancel()
        print(json.dumps(self.figures), flush=True)


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    keep = labs.FILES / "audit_judge"
    for old in keep.glob("gateway-*.log"):
        old.unlink()

    async def act(lab, checks):
        await AuditJudge(lab, checks, seed).play()

    _, failed = asyncio.run(stages.perform("audit_judge", binary, keep, seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
