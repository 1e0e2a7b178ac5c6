"""20,000 messages through the gateway and the core network as two processes, while a fifth of the UEs leave and come back: counted by the
nodes' ledgers, and again by tshark from the capture. With `split`, fewer messages, and the core network is two processes, one on each side of
the gateway. ledger_judge.py BINARY whole|split [SEED]: the box's program stands beside the gateway's."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import checks as checking
import lab as labs
from sms import fingerprint

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tools" / "corenet" / "demo"
SENT = {"mo": 2_000, "mt": 8_000, "direct_mo": 2_000, "direct_mt": 8_000}
# Half of the absent are found by the MSC; the others are alerted for. A report that reaches the HLR after its subscriber has come back waits for
# the service centre's next try, as the standards have it.
CHANGES = {r"^mo = 500$": "mo = 0", r"^window = 64$": "window = 64\nrate = 400.0\nabsent = 0.2\nabsent_ms = 12000", r"^deregister = true$": "deregister = false"}
START, TRAFFIC, END = 30, 90, 20
# The service centres' addresses, behind both signalling gateways too, the MSC's, and the gateway's on the IMS side.
SMSC, MSC, GATEWAY = ("10.7.0.254", "10.9.0.11", "10.9.0.12"), "10.7.0.21", "10.0.0.1"


class LedgerJudge:
    def __init__(self, checks, binary, directory, split, seed):
        self.checks, self.directory = checks, directory
        # Each process of the box, with the port that it has not, and the nodes that it plays.
        self.boxes = {"ims": ("ss7", '["ues"]'), "ss7": ("ims", '["smsc", "hlr", "msc1", "sgsn1"]')} if split else {"corenet": None}
        self.sent = {flow: count // 20 for flow, count in SENT.items()} if split else SENT
        self.gateway, self.corenet = binary, binary.with_name("corenet")
        self.seed = seed
        self.children = []
        self.apis = {}

    def configure(self):
        for name in ("gateway.toml", "corenet.toml"):
            text = (DEMO / name).read_text().replace("socket=ipsmgw-demo", f"socket=ledger-{os.getpid()}")
            text = re.sub(r'file_prefix = "(.*)"', rf'file_prefix = "\1-{os.getpid()}"', text)
            if name == "corenet.toml":
                flows = {rf"^{flow} = 2000$": f"{flow} = {count}" for flow, count in self.sent.items()}
                for of, to in {**flows, **CHANGES, r"^seed = \d+$": f"seed = {self.seed}"}.items():
                    text, times = re.subn(of, to, text, flags=re.M)
                    self.checks.that("the demo's file can be changed", times > 0, of)
                # The first is the MSC; nobody is at the SGSN.
                msc, sgsn = (f'title = "49173000000{at}"' for at in (1, 2))
                text = text.replace(msc, f"{msc}\nattached = 0.5").replace(sgsn, f"{sgsn}\nattached = 0.0")
                text = text.replace("[smsc.point]\n", "[smsc]\nretry_s = [15]\n\n[smsc.point]\n", 1)
            (self.directory / name).write_text(text)
        for box, part in self.boxes.items():
            if part:
                without, plays = part
                text = (self.directory / "corenet.toml").read_text()
                text = re.sub(rf'\[\[port\]\]\nname = "{without}"\n.*\n.*\n', "", text)
                text = text.replace("[node]\n", f"[node]\nplays = {plays}\n").replace("demo.pcapng", f"{box}.pcapng")
                text = re.sub(r'file_prefix = "(.*)"', rf'file_prefix = "\1-{box}"', text)
                (self.directory / f"{box}.toml").write_text(text)
        listed = subprocess.run([self.corenet, "subscribers", "-c", "corenet.toml", "home1"], cwd=self.directory, capture_output=True, check=True)
        (self.directory / "home1.csv").write_bytes(listed.stdout)

    def with_api(self):
        """Each box tells what its nodes did, if it does not come to its end."""
        for box in self.boxes:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.apis[box] = "127.0.0.1:%d" % free.getsockname()[1]
            file = self.directory / f"{box}.toml"
            file.write_text(file.read_text() + f'\n[api]\nlisten = "{self.apis[box]}"\n')

    def shown(self):
        """What nodes and gateway did so far."""
        for box, api in self.apis.items():
            done = subprocess.run([self.corenet, "show", "nodes", "--api", api], capture_output=True, check=False)
            (self.directory / f"{box}-nodes.json").write_bytes(done.stdout + done.stderr)
        for subject in ("workers", "subscribers", "ports", "associations"):
            done = subprocess.run([self.gateway, "show", subject, "--json", "--socket", "admin.sock"], cwd=self.directory, capture_output=True, check=False)
            (self.directory / f"gateway-{subject}.json").write_bytes(done.stdout + done.stderr)

    def spawn(self, log, *command):
        with open(self.directory / log, "wb") as output:
            environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.directory)}
            child = subprocess.Popen([str(it) for it in command], cwd=self.directory, stdout=output, stderr=subprocess.STDOUT, env=environment)
        self.children.append(child)
        return child

    def until(self, what, seconds, holds):
        """Waits for a file or an end; nobody tells of those."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline or any(child.poll() is not None for child in self.children):
                self.shown()
                raise labs.LabError(f"{what}: not within {seconds} s, or somebody has ended before")
            time.sleep(0.05)

    def run(self):
        """One run of both processes; the ledgers and the capture are in the directory then."""
        self.configure()
        self.with_api()
        ledgers = self.directory / "ledgers"
        ledgers.mkdir()
        ends = {}
        for box in self.boxes:
            arguments = ("run", "-c", f"{box}.toml", "--stay", "--ready", f"{box}.ready", "--report", f"{box}.json", "--ledgers", "ledgers")
            ends[box] = self.spawn(f"{box}.log", self.corenet, *arguments)
            self.until("the box", START, (self.directory / f"{box}.ready").exists)
        ends["gateway"] = gateway = self.spawn("gateway.log", self.gateway, "run", "-c", "gateway.toml")
        for box in self.boxes:
            self.until("the end of the traffic", START + TRAFFIC, (self.directory / f"{box}.json").exists)
        gateway.send_signal(signal.SIGTERM)
        for name, child in ends.items():
            if name == "ims":
                # It has no association by whose end it could tell.
                gateway.wait(END)
                child.send_signal(signal.SIGTERM)
            self.checks.equal("all end with code 0", child.wait(END), 0, f"{name}: {(self.directory / f'{name}.log').read_text()[-1500:]}")
        flows = {flow["name"]: flow for box in self.boxes for flow in json.loads((self.directory / f"{box}.json").read_text())["flows"]}
        for name, count in self.sent.items():
            seen = tuple(flows.get(name, {}).get(key) for key in ("sent", "delivered", "failed"))
            self.checks.equal("every message has arrived, as its sender knows", seen, (count, count, 0), name)

    def compared(self, files):
        """What `corenet ledger` says of these ledgers."""
        done = subprocess.run([self.corenet, "ledger", *files], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def ledgers(self):
        """The lines of all ledgers. They agree, and planted faults are found."""
        files = sorted((self.directory / "ledgers").glob("*.jsonl"))
        everything = sum(self.sent.values())
        code, said = self.compared(files)
        self.checks.equal("the ledgers: all was delivered, nothing differs", (code, said), (0, f"{everything} sent, {everything} delivered, 0 open, 0 failed, 0 arrived without a report\n"))
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        received = [line for line in lines if "accepted" in line]
        for direction in ("mo", "mt"):
            victim = next(line for line in received if line["direction"] == direction)
            others = [line for line in lines if line is not victim]
            for fault, planted, found in (
                ("a loss", others, "is not there"),
                ("a duplicate", [*others, {**victim, "accepted": 2}], "more than once"),
                ("a stray", [*others, {**victim, "mobile": "491719999999"}], "somebody else"),
            ):
                file = self.directory / "planted.jsonl"
                file.write_text("".join(json.dumps(line) + "\n" for line in planted))
                code, said = self.compared([file])
                self.checks.that(f"the ledgers: {fault} that was planted is found", code == 1 and found in said, said)
        return lines

    def dissected(self):
        """Each frame of the capture with a message in it: from where, to where, MAP's TPDUs, and the SIP request."""
        fields = [field for name in ("ip.src", "ip.dst", "gsm_map.sm.sm_RP_UI", "sip.Call-ID", "udp.payload") for field in ("-e", name)]
        shown = 'gsm_map.sm.sm_RP_UI || sip.Method == "MESSAGE"'
        rows = []
        for capture in self.directory.glob("*.pcapng"):
            done = subprocess.run(["tshark", "-r", str(capture), "-Y", shown, "-T", "fields", *fields], capture_output=True, text=True, check=True)
            rows += [line.split("\t") for line in done.stdout.splitlines()]
        return rows

    @staticmethod
    def recount(rows):
        """What was accepted, from the octets on the wire: MO by service centres (the SUBMIT-REPORTs of their results), MT by UEs (their
        RP-ACKs) and by the MSC (the DELIVER-REPORTs of its results). Reports tell the low half of a message's fingerprint."""
        accepted = {"mo": Counter(), "mt": Counter()}
        acknowledged = {}
        for source, destination, tpdus, call, payload in rows:
            for tpdu in map(bytes.fromhex, filter(None, tpdus.split(","))):
                # SUBMIT-REPORT: TP-MTI, TP-PI, seven octets of time, TP-DCS, TP-UDL. DELIVER-REPORT: the same without the time.
                if source in SMSC and tpdu[:2] == b"\x01\x06" and len(tpdu) == 15:
                    accepted["mo"][tpdu[11:].hex()] += 1
                elif source == MSC and tpdu[:4] == b"\x00\x06\x04\x04" and len(tpdu) == 8:
                    accepted["mt"][tpdu[4:].hex()] += 1
            # One that is sent again has the Call-ID that it had.
            body = bytes.fromhex(payload).partition(b"\r\n\r\n")[2] if call else b""
            if destination == GATEWAY and body[:1] == b"\x02":
                acknowledged[call] = body[-4:].hex()
        accepted["mt"].update(acknowledged.values())
        return accepted

    def by_capture(self, lines):
        """The capture says the same, and planted faults are found in it too."""
        rows = self.dissected()
        ledger = {direction: Counter() for direction in ("mo", "mt")}
        for line in lines:
            if line.get("accepted"):
                ledger[line["direction"]][line["message"][8:]] += line["accepted"]
        accepted = self.recount(rows)
        for direction in ("mo", "mt"):
            wanted = sum(count for flow, count in self.sent.items() if flow.endswith(direction))
            self.checks.equal(f"the capture: how many {direction.upper()} messages were accepted", sum(accepted[direction].values()), wanted)
            self.checks.that(f"the capture and the ledgers agree about every {direction.upper()} message", accepted[direction] == ledger[direction], [sum(one.values()) for one in (accepted[direction] - ledger[direction], ledger[direction] - accepted[direction])])
        # Whose TPDUs went out to be accepted, by their whole fingerprints.
        sent = {line["message"] for line in lines if line["direction"] == "mt" and "outcome" in line}
        forwarded = {fingerprint(tpdu) for source, _, tpdus, *_ in rows if source in SMSC for tpdu in map(bytes.fromhex, filter(None, tpdus.split(","))) if tpdu[0] & 3 == 0}
        self.checks.that("the capture: every MT message went out as it was sent, and no other", forwarded == sent, (len(forwarded), len(sent)))
        report = next(at for at, row in enumerate(rows) if row[1] == GATEWAY and bytes.fromhex(row[4]).partition(b"\r\n\r\n")[2][:1] == b"\x02")
        lost = self.recount(rows[:report] + rows[report + 1:])
        again = self.recount([*rows, [*rows[report][:3], "another", rows[report][4]]])
        self.checks.equal("the capture: a loss that was planted is found", sum((ledger["mt"] - lost["mt"]).values()), 1)
        self.checks.equal("the capture: a duplicate that was planted is found", sum((again["mt"] - ledger["mt"]).values()), 1)

    def judge(self):
        self.run()
        lines = self.ledgers()
        self.by_capture(lines)
        by_msc = sum(1 for line in map(json.loads, (self.directory / "ledgers" / "msc1.jsonl").read_text().splitlines()) if line.get("accepted"))
        self.checks.that("some were delivered by the MSC, because their UEs were away", by_msc > 5, by_msc)

    def end(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()


def main(binary, which="whole", seed=None):
    # memif's sockets and DPDK's files have names that must be short.
    directory = Path(tempfile.mkdtemp(prefix="ledger-"))
    checks = checking.Checks(f"ledger_judge {which}")
    judge = LedgerJudge(checks, Path(binary).resolve(), directory, which == "split", int(seed or 2026))
    try:
        judge.judge()
        checks.that("the run comes to its end", True)
    except (labs.LabError, OSError, subprocess.SubprocessError) as error:
        checks.that("the run comes to its end", False, error)
    finally:
        judge.end()
        kept = labs.FILES / f"ledger_judge-{which}"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        unfinished = bool(checks.done.get("the run comes to its end", [0, []])[1])
        for kind in ("*.log", "*.json", *(["*.pcapng"] if unfinished else [])):
            for file in directory.glob(kind):
                shutil.copy(file, kept)
        shutil.rmtree(directory)
    _, failed = checks.print()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
