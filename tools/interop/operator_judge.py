"""What an operator is told of subscribers, and ends of theirs: the gateway's own commands, by their JSON, against what the core network in a box and its HLR
have seen. operator_judge.py BINARY: the box's program stands beside the gateway's."""
import json
import os
import signal
import subprocess
import sys
import urllib.error

import checks as checking
import ladder_stage
import lab as labs
import matrix_judge
from matrix_judge import UES

IMS, DIRECT = UES
NOBODY = "4917199999999"


class OperatorJudge(matrix_judge.MatrixJudge):
    def configure(self):
        super().configure()
        path = self.stage.directory / "gateway.toml"
        path.write_text(path.read_text().replace("[admin]\n", '[admin]\naudit_file = "./audit.jsonl"\n', 1))

    def command(self, *arguments):
        """Exit code, and what the command prints."""
        done = subprocess.run([self.stage.binary, *arguments, "--socket", "admin.sock"], cwd=self.stage.directory, capture_output=True, text=True, timeout=matrix_judge.PATIENCE, check=False)
        return done.returncode, done.stdout + done.stderr

    def read(self, *arguments, code=0):
        seen, text = self.command(*arguments, "--json")
        self.checks.equal("commands end with the code that says how", seen, code, arguments)
        return json.loads(text)

    def why(self, number, *more, code=0):
        return self.read("why", number, *more, code=code)["why"]

    def listed(self):
        checks, answer = self.checks, self.read("show", "subscribers", "--unmasked")
        checks.equal("the counts stand where they stood", answer["subscribers"]["count"], len(UES))
        checks.equal("everybody is listed", sorted(it["msisdn"] for it in answer["list"]), sorted(UES))
        checks.equal("and is registered", [it["state"] for it in answer["list"]], ["registered"] * 2)
        for access, number in (("ims", IMS), ("direct", DIRECT)):
            those = self.read("show", "subscribers", "--access", access, "--unmasked")["list"]
            checks.equal("a filter by access", [(it["msisdn"], it["access"]) for it in those], [(number, [access])])
        those = self.read("show", "subscribers", "--scscf", "sip:scscf.home1.net", "--unmasked")["list"]
        checks.equal("a filter by S-CSCF", [it["msisdn"] for it in those], [IMS])
        checks.equal("a filter that nobody passes", self.read("show", "subscribers", "--state", "ended")["list"], [])
        pages, after = [], []
        while after is not None:
            page = self.read("show", "subscribers", "--limit", "1", "--unmasked", *after)
            pages += [it["msisdn"] for it in page["list"]]
            after = ["--after", str(page["next"])] if page["next"] is not None else None
        checks.equal("pages have everybody once", sorted(pages), sorted(UES))

    def masked(self):
        for arguments in (["show", "subscribers"], *(["why", number] for number in UES)):
            for json_too in ([], ["--json"]):
                _, text = self.command(*arguments, *json_too)
                found = [number for number in UES if number in text or number[2:] in text]
                self.checks.equal("no number is whole unless it is asked for", found, [], arguments)
        self.checks.equal("the last digits are shown", self.why(IMS)["msisdn"], "*" * 9 + IMS[-3:])

    def registered_ones(self):
        for number, access, form in ((IMS, "ims", "any_time_modification"), (DIRECT, "direct", "update_gprs_location")):
            why = self.why(number, "--unmasked")
            checks, hlr = self.checks, why["hlr"][0]
            checks.equal("why: whom it is about", (why["found"], why["registered"], why["msisdn"]), (True, True, number))
            checks.equal("why: by which access", [it["access"] for it in why["bindings"]], [access])
            checks.that("why: each binding has an end", why["bindings"][0]["expires_in_s"] > 0, why["bindings"])
            checks.equal("why: what the HLR was told", (hlr["form"], hlr["told"]["what"], hlr["told"]["answer"], hlr["to_tell"]), (form, "registered", "agreed", None))
            checks.that("why: and when", 0 <= hlr["told"]["answered_s_ago"] <= hlr["told"]["s_ago"] <= 120, hlr)
            checks.that("why: which timer fires next", why["next_timer"]["in_s"] <= min(it["in_s"] for it in why["timers"]), why["timers"])
            checks.equal("why: no message so far", why["messages"], {"submitted": [], "delivered": []})
            again = self.why(why["imsi"], "--imsi", "--unmasked")
            checks.equal("why: by the IMSI it is the same subscriber", (again["msisdn"], again["imsi"]), (number, why["imsi"]))

    def messages(self):
        """A message each way, then one each that fails."""
        for model, outcome in (({}, ("acknowledged", "delivered")), ({"ues": {"failing": 1.0}, "smsc": {"errors": {"sc-Congestion": 1.0}}}, ("refused", "failed"))):
            self.model(ues=model.get("ues", {}), smsc=model.get("smsc", {}))
            self.act("submit")
            for number in UES:
                self.ask("POST", "/v1/messages", {"to": number})

            def told():
                seen = [self.why(number)["messages"] for number in UES]
                return [[it[way][0]["outcome"] if it[way] else None for way in ("submitted", "delivered")] for it in seen]

            self.until(f"both have {outcome}", lambda: told() == [list(outcome)] * 2)
            self.checks.equal("why: the last message each way, and its outcome", told(), [list(outcome)] * 2)
        for number in UES:
            messages = self.why(number)["messages"]
            self.checks.equal("why: RP-ERROR with its cause", messages["submitted"][0]["rp_cause"], 42)
            self.checks.equal("why: what kept the UE from taking it", messages["delivered"][0]["failure"], "MemoryCapacityExceeded")
            self.checks.equal("why: and the one before", messages["submitted"][1]["outcome"], "acknowledged")
        self.model(ues={}, smsc={})

    def nobody(self):
        why = self.why(NOBODY, "--unmasked", code=1)
        self.checks.equal("why: nobody is found", (why["found"], why["registered"], why["asked"]), (False, False, NOBODY))
        places = [it["place"] for it in why["looked_in"]]
        self.checks.that("why: and it says where it looked", any("MSISDN" in it for it in places) and not any(it["found"] for it in why["looked_in"]), places)
        code, text = self.command("why", NOBODY)
        self.checks.that("why: so people are told", code == 1 and "nobody is known by that number" in text, text)
        ended = self.read("deregister", NOBODY, code=1)["deregister"]
        self.checks.equal("deregister: nobody to end", (ended["outcome"], ended["bindings"]), ("unknown", 0))
        code, text = self.command("why", "12x")
        self.checks.that("what is no number is said so", code == 1 and "expected an international number" in text, text)

    def ends(self):
        (before,) = self.counts("hlr", "deregistered")
        for number in UES:
            ended = self.read("deregister", number)["deregister"]
            self.checks.equal("deregister: the bindings end and the HLR knows", (ended["outcome"], ended["bindings"], ended["cause"]), ("done", 1, None))
            why = self.why(number, "--unmasked", code=0 if number == IMS else 1)
            self.checks.equal("deregister: nobody is registered by that number", why["registered"], False)
            if number == IMS:
                # The subscriber file has the IMSI, by which the HLR's exchange is found.
                told = why["hlr"][0]["told"]
                self.checks.equal("deregister: the HLR was told last", (told["what"], told["answer"]), ("deregistered", "agreed"))
        self.checks.equal("deregister: the table is empty", self.stage.show("subscribers")["subscribers"]["count"], 0)
        self.checks.equal("deregister: the HLR has seen as many", self.counts("hlr", "deregistered"), (before + len(UES),))
        ended = self.read("deregister", IMS, code=1)["deregister"]
        self.checks.equal("deregister: once more there is nobody", ended["outcome"], "unknown")
        self.act("register")
        self.registered()
        self.checks.that("deregister: it is no ban", True)

    def hlr_that_says_no(self):
        self.model(hlr={"anyTimeModification": {"silent": 1.0}})
        ended = self.read("deregister", IMS, code=1)["deregister"]
        self.checks.equal("deregister: an HLR that does not answer", (ended["outcome"], ended["bindings"]), ("hlr_pending", 1))
        self.model(hlr={})
        self.act("register")
        self.registered()

    def audited(self):
        path = self.stage.directory / "audit.jsonl"
        records = [json.loads(line) for line in path.read_text().splitlines()]
        self.checks.equal("the audit file is its owner's alone", path.stat().st_mode & 0o777, 0o600)
        self.checks.equal("audit: who has asked", {it["uid"] for it in records}, {os.getuid()})
        self.checks.equal("audit: what was asked", {it["action"] for it in records}, {"show subscribers", "why", "deregister"})
        about = {(it["about"], it["masked"]) for it in records if it["action"] == "why"}
        self.checks.that("audit: about whom, and whether numbers were masked", {(IMS, True), (IMS, False), (DIRECT, True), (NOBODY, False)} <= about, about)
        outcomes = [it["outcome"] for it in records if it["action"] == "deregister"]
        self.checks.equal("audit: what came of each end", outcomes, [None, "unknown", None, "done", None, "done", None, "unknown", None, "hlr_pending"])
        self.checks.that("audit: when", all(it["at"].endswith("Z") for it in records), records[0])
        path.unlink()
        path.mkdir()
        code, text = self.command("why", IMS)
        self.checks.that("what can't be recorded is not answered", code == 1 and "can't be recorded" in text, text)
        self.checks.equal("but counts are", self.read("show", "subscribers", "--limit", "0")["subscribers"]["count"], len(UES))

    def judge(self):
        self.start()
        self.listed()
        self.masked()
        self.registered_ones()
        self.messages()
        self.nobody()
        self.ends()
        self.hlr_that_says_no()
        self.audited()
        self.stage.processes["gateway"].send_signal(signal.SIGTERM)
        code = self.stage.ends("gateway")
        self.stage.processes["corenet"].send_signal(signal.SIGTERM)
        self.checks.equal("both end with code 0", (code, self.stage.ends("corenet")), (0, 0))


def main(binary):
    checks = checking.Checks("operator_judge")
    try:
        with ladder_stage.Run(binary, labs.FILES / "operator_judge") as run:
            OperatorJudge(checks, run, False).judge()
        checks.that("the run comes to its end", True)
    except (ladder_stage.StageError, OSError, KeyError, ValueError, subprocess.SubprocessError, urllib.error.URLError) as error:
        checks.that("the run comes to its end", False, repr(error))
    _, failed = checks.print()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1])
