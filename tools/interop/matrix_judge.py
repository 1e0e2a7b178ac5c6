"""What goes wrong with a message, with gateway and core network in a box as two processes and short timers: the faults come over the box's API,
a message over each access at a time. matrix_judge.py BINARY alone|msc, without
and with an MSC that has everybody too: the box's program stands beside the gateway's."""
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import checks as checking
import ladder_stage
import lab as labs

DEMO = Path(__file__).resolve().parents[2] / "tools" / "corenet" / "demo"
# One with access over the IMS, and one that registers at the gateway itself.
UES = ("491711000001", "447700000001")
# Seconds: who comes back before that was alerted for; and what the processes may take for a step.
RETRY, PATIENCE = 6, 30
TIMERS = "[timers]\nmt_report_ms = 1000\nmap_forward_ms = 2000\n"
# Nobody sends a request again because the machine is busy.
SIP = "t1_ms = 2000\nt2_ms = 4000\n"


def failing(name):
    return {"errors": {name: 1.0}}


# A fault's name, the node's models that make it, and what it leads to where there is no other domain: the service centre waits to be alerted at
# the next sign of life (unri), or for room (mcef), or tries again by its schedule, or it gives up (never).
FAULTS = [
    ("a UE that does not answer", {"ues": {"silent": 1.0}}, "unri"),
    ("a UE that never reports", {"ues": {"mute": 1.0}}, "unri"),
    ("a UE that leaves instead of reporting", {"ues": {"mute": 1.0}}, "unri"),
    ("a UE that answers 480", {"ues": {"refusing": 1.0}}, "unri"),
    ("a UE that answers 486", {"ues": {"refusing": 1.0, "status": 486}}, "schedule"),
    ("a UE that answers 403", {"ues": {"refusing": 1.0, "status": 403}}, "never"),
    ("RP-ERROR 22", {"ues": {"failing": 1.0}}, "mcef"),
    ("RP-ERROR 41", {"ues": {"failing": 1.0, "cause": 41}}, "schedule"),
    ("an HLR that fails to say where", {"hlr": {"sendRoutingInfoForSM": failing("systemFailure")}}, "schedule"),
    ("an HLR that does not say where", {"hlr": {"sendRoutingInfoForSM": {"silent": 1.0}}}, "schedule"),
    ("an HLR that knows nobody", {"hlr": {"sendRoutingInfoForSM": failing("unknownSubscriber")}}, "never"),
    ("an HLR that takes no report", {"ues": {"silent": 1.0}, "hlr": {"reportSM-DeliveryStatus": failing("systemFailure")}}, "schedule"),
]
# Of these the MSC has the message at once, where there is one.
FALLBACKS = FAULTS[:4] + FAULTS[6:8]
WAYS = [
    ("an SMS-IWMSC that is congested", failing("sc-Congestion")),
    ("an SMS-IWMSC that knows no such sender", failing("subscriberNotSC-Subscriber")),
    ("an SMS-IWMSC that does not answer", {"silent": 1.0}),
]


class MatrixJudge:
    def __init__(self, checks, run, by_msc):
        self.checks, self.stage, self.by_msc = checks, run, by_msc
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.api = "127.0.0.1:%d" % free.getsockname()[1]
        self.sent = self.delivered = self.failed = 0

    def configure(self):
        directory = self.stage.directory
        for name in ("gateway.toml", "corenet.toml"):
            text = (DEMO / name).read_text().replace("socket=ipsmgw-demo", f"socket={directory.name}")
            text = re.sub(r'file_prefix = "(.*)"', rf'file_prefix = "\1-{directory.name}"', text)
            if name == "gateway.toml":
                text = text.replace("[sip]\n", f"[sip]\n{SIP}", 1) + f"\n{TIMERS}"
            else:
                msc, sgsn = (f'title = "49173000000{at}"' for at in (1, 2))
                text = text.replace(msc, f"{msc}\nattached = {float(self.by_msc)}").replace(sgsn, f"{sgsn}\nattached = 0.0")
                text = re.sub(r"^(mo|mt|direct_mo|direct_mt) = \d+$", r"\1 = 0", text, flags=re.M)
                text = text.replace("[smsc.point]\n", f"[smsc]\nretry_s = [{RETRY}]\nhlr_ms = 1000\n\n[smsc.point]\n", 1)
                text += f'\n[sip]\n{SIP}\n[api]\nlisten = "{self.api}"\n'
            (directory / name).write_text(text)
        listed = subprocess.run([self.stage.corenet, "subscribers", "-c", "corenet.toml", "home1"], cwd=directory, capture_output=True, check=True)
        (directory / "home1.csv").write_bytes(listed.stdout)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.api}{path}", data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or "{}")

    def nodes(self):
        return self.ask("GET", "/v1/nodes")

    def act(self, what):
        for number in UES:
            self.ask("POST", f"/v1/ues/{number}", {"act": what})

    def model(self, **models):
        for node, model in models.items():
            self.ask("PUT", f"/v1/models/{node}", model)

    def until(self, what, holds):
        self.stage.until(what, holds, PATIENCE)

    def counts(self, node, *names):
        counts = self.nodes()[node]["counts"]
        return tuple(counts[name] for name in names)

    def start(self):
        self.configure()
        self.stage.start("corenet", self.stage.corenet, "serve", "-c", "corenet.toml", "--ready", "ready")
        self.until("the box is ready", (self.stage.directory / "ready").exists)
        self.stage.start("gateway", self.stage.binary, "run", "-c", "gateway.toml")
        self.until("the gateway's admin socket", (self.stage.directory / "admin.sock").exists)
        self.act("register")
        self.registered()

    def registered(self):
        self.until("two registered UEs", lambda: self.stage.show("subscribers")["subscribers"]["count"] == len(UES))

    def ledger(self, of):
        """The ledgers say what has to be true by now: never lost, never twice."""
        seen = self.ask("GET", "/v1/ledger")
        seen = {key: seen[key] for key in ("sent", "delivered", "open", "failed", "unreported", "differences")}
        wanted = {"sent": self.sent, "delivered": self.delivered, "open": 0, "failed": self.failed, "unreported": 0, "differences": []}
        self.checks.equal("the ledgers agree about every message", seen, wanted, of)

    def deliver(self, fault, models, then):
        """A message to each with this fault, to its end."""
        attempts, forwarded = self.counts("smsc", "attempts", "forwarded")
        alerted, by_msc = self.nodes()["hlr"]["waiting"]["alerted"], self.counts("msc1", "delivered")
        self.model(**models)
        for number in UES:
            self.ask("POST", "/v1/messages", {"to": number})
        self.sent += len(UES)
        if "leaves" in fault:
            self.until("messages at the UEs", lambda: self.counts("smsc", "forwarded") >= (forwarded + len(UES),))
            self.act("leave")

        def ended():
            node = self.nodes()["smsc"]
            return node["counts"]["attempts"] >= attempts + len(UES) and node["fill"]["under_way"] == 0

        self.until(f"{fault}: the end of the attempts", ended)
        nodes = self.nodes()
        queue, waiting = nodes["smsc"]["fill"]["queue"], nodes["hlr"]["fill"]["waiting"]
        expected = 0 if self.by_msc or then == "never" else len(UES)
        self.checks.equal("what could not be delivered waits in the queue, or ends", queue, expected, fault)
        flagged = len(UES) if then in ("unri", "mcef") and not self.by_msc else 0
        self.checks.equal("the HLR knows who waits", waiting, flagged, fault)
        self.model(ues={}, hlr={})
        if "leaves" in fault or then in ("unri", "schedule"):
            self.act("register")
        if then == "mcef":
            self.act("memory-available")
        self.until(f"{fault}: an empty queue", lambda: self.nodes()["smsc"]["fill"]["queue"] == 0)
        self.until(f"{fault}: an HLR that waits for nothing", lambda: self.nodes()["hlr"]["fill"]["waiting"] == 0)
        if self.by_msc:
            self.checks.equal("the MSC has delivered what the gateway could not", self.counts("msc1", "delivered"), (by_msc[0] + len(UES),), fault)
        elif then != "never":
            alerts = self.nodes()["hlr"]["waiting"]["alerted"] - alerted
            self.checks.equal("who waits for a sign of life or for room is alerted, and nobody else", alerts, len(UES) if then != "schedule" else 0, fault)
        if then == "never" and not self.by_msc:
            self.failed += len(UES)
        else:
            self.delivered += len(UES)
        self.registered()
        self.ledger(fault)

    def submit(self, way, model):
        """A message of each on such a way fails, and the next one goes through."""
        for model, failed in ((model, len(UES)), ({}, 0)):
            self.model(smsc=model)
            self.act("submit")
            self.sent += len(UES)
            self.failed += failed
            self.delivered += len(UES) - failed
            self.until(f"{way}: reports", lambda: self.ask("GET", "/v1/ledger")["open"] == 0)
            self.ledger(way)

    def judge(self):
        self.start()
        for fault in FALLBACKS if self.by_msc else FAULTS:
            self.deliver(*fault)
        if not self.by_msc:
            for way in WAYS:
                self.submit(*way)
        self.stage.processes["gateway"].send_signal(signal.SIGTERM)
        code = self.stage.ends("gateway")
        self.stage.processes["corenet"].send_signal(signal.SIGTERM)
        self.checks.equal("both end with code 0", (code, self.stage.ends("corenet")), (0, 0))


def main(binary, which="alone"):
    checks = checking.Checks(f"matrix_judge {which}")
    try:
        with ladder_stage.Run(binary, labs.FILES / f"matrix_judge-{which}") as run:
            MatrixJudge(checks, run, which == "msc").judge()
        checks.that("the run comes to its end", True)
    except (ladder_stage.StageError, OSError, KeyError, subprocess.SubprocessError, urllib.error.URLError) as error:
        checks.that("the run comes to its end", False, error)
    _, failed = checks.print()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
