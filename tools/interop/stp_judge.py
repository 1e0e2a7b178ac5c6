"""osmo-stp between the gateway and the core network in a box: a signalling gateway that others wrote, which routes by point code and is restarted
in the middle. stp_judge.py BINARY [KILLS [SEED]]: the box's program stands beside the gateway's.

osmo-stp runs on a Linux kernel in user-mode Linux, between two networks: the gateway is an ASP on one, the box's HLR and service centres are ASPs on the
other. The ledgers tell what became of each message, and tshark looks at both networks."""
import asyncio
import collections
import json
import secrets
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import checks as checking
import lab as labs
import sctp_judge
import tshark_judge
from sms import fingerprint

HERE = Path(__file__).resolve().parent
PATHS = ("one", "two")
GATEWAY, STP = "10.9.0.1", ["10.9.0.2", "10.9.1.2"]
SMSC, HLR = "10.9.1.254", "10.9.1.5"
CODES = {"stp": "2.100.1", "gateway": "2.100.3", "smsc": "2.100.4", "hlr": "2.100.5"}
CONTEXTS = {"gateway": 101, "smsc": 102, "hlr": 103}
TITLE, CENTRE, HLR_TITLE = "4917100001", "491710000099", "491710000006"
# Times that osmo-stp is killed, how many messages each way go before each of them, and how many are sent in all for each.
KILLS, APART, EACH = 5, 100, 480
BOOT, START, TRAFFIC, END = 30, 30, 12, 20

STP_CONFIGURATION = """\
log stderr
 logging filter all 1
 logging color 0
 logging level set-all notice
line vty
 no login
cs7 instance 0
 network-indicator national
 point-code {codes[stp]}
{asps}{ass} route-table system
{routes} listen m3ua 2905
  local-ip {stp[0]}
  local-ip {stp[1]}
  accept-asp-connections pre-configured
"""
ASP = """\
 asp asp-{name} 2905 2905 m3ua
  local-ip {local}
  remote-ip {remote}
  role sg
  sctp-role server
"""
AS = """\
 as as-{name} m3ua
  asp asp-{name}
  routing-key {context} {code}
  traffic-mode override
"""
ROUTE = "  update route {code} 7.255.7 linkset as-{name}\n"

ASSOCIATION = """
[[{section}association]]
name = "stp"
role = "client"
local = ["{local}"]
remote = ["{remote}"]
routing_contexts = [{context}]
traffic_mode = "override"
profile = "sigtran"
"""
DESTINATION = """
[[{section}destination]]
point_code = "{code}"
associations = ["stp"]

[[{section}title]]
prefix = "{title}"
point_code = "{code}"
"""

GATEWAY_TOML = """
[node]
name = "stp"
workers = 1
backoff = "yield"

[eal]
memory_mb = 256
file_prefix = "{name}-gateway"
extra = ["--no-telemetry", "--no-pci"]

[[port]]
name = "ims"
device = "net_memif0,role=client,id=0,socket={name}-ims,bsize=2048,rsize=10"
addresses = ["10.0.0.1/24"]

[[port]]
name = "ss7"
device = "net_af_packet0,iface=one,blocksz=4096,framesz=2048,framecnt=512"
addresses = ["{gateway}/24"]

[[route]]
prefix = "10.1.0.0/16"
gateway = "10.0.0.254"
port = "ims"

[sip]
listen = ["10.0.0.1:5060"]
uri = "sip:ipsmgw.home1.net"

[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net"]
gateway_title = "{title}"
service_centres = ["{centre}"]
scscf = [{{ uri = "sip:scscf.home1.net", address = "10.1.0.5:5060" }}]
r1 = "any_time_modification"
hlr = [{{ title = "{hlr_title}" }}]
subscribers = "home1.csv"

[ss7]
point_code = "{codes[gateway]}"

[admin]
socket = "./admin.sock"

[log]
format = "text"
"""

BOX_TOML = """
seed = {seed}
extensions = "1.3.6.1.4.1.99999.1"

[eal]
memory_mb = 256
file_prefix = "{name}-box"
extra = ["--no-telemetry", "--no-pci"]

[[port]]
name = "ims"
device = "net_memif0,role=server,id=0,socket={name}-ims,bsize=2048,rsize=10"
addresses = ["10.0.0.254/24", "10.1.0.5/32"]

[[port]]
name = "ss7"
device = "net_af_packet0,iface=two,blocksz=4096,framesz=2048,framecnt=512"
addresses = []

[[network]]
name = "home1"
realm = "home1.net"
subscribers = 40
imsi_prefix = "26201"
msisdn_prefix = "491711"
scscf_uri = "sip:scscf.home1.net"
scscf_address = "10.1.0.5:5060"
gateway_address = "10.0.0.1:5060"
gateway_uri = "sip:ipsmgw.home1.net"
gateway_title = "{title}"
service_centre = "{centre}"
hlr_title = "{hlr_title}"
r1 = "any_time_modification"
register_body = "service-info"

[smsc]
hlr_ms = 2000
retry_s = [3, 3, 3]

[smsc.point]
port = "ss7"
addresses = ["{smsc}/24"]

[smsc.point.ss7]
point_code = "{codes[smsc]}"

[hlr.point]
port = "ss7"
addresses = ["{hlr}/24"]

[hlr.point.ss7]
point_code = "{codes[hlr]}"

[traffic]
mo = {sent[mo]}
mt = {sent[mt]}
deregister = true
window = 200
rate = 60.0
mt_forward_ms = 4000
mo_report_ms = 10000
"""


def sections(prefix, local, remote, context, others):
    """An association with osmo-stp, and what lies behind it."""
    text = ASSOCIATION.format(section=prefix, local=local, remote=remote, context=CONTEXTS[context])
    return text + "".join(DESTINATION.format(section=prefix, code=CODES[other], title=title) for other, title in others.items())


class StpJudge:
    def __init__(self, lab, checks, seed, kills):
        self.lab, self.checks, self.seed, self.kills = lab, checks, seed, kills
        self.sent = dict.fromkeys(("mo", "mt"), EACH * kills)
        self.corenet = Path(lab.binary).with_name("corenet")
        self.peer = sctp_judge.Peer(lab, "kernel", f"stp:{lab.directory}/osmo-stp.cfg")

    def configure(self):
        directory, name = self.lab.directory, self.lab.name
        nodes = {"gateway": (GATEWAY, STP[0]), "smsc": (SMSC, STP[1]), "hlr": (HLR, STP[1])}
        asps = "".join(ASP.format(name=node, local=local, remote=remote) for node, (remote, local) in nodes.items())
        ass = "".join(AS.format(name=node, context=CONTEXTS[node], code=CODES[node]) for node in nodes)
        routes = "".join(ROUTE.format(name=node, code=CODES[node]) for node in nodes)
        (directory / "osmo-stp.cfg").write_text(STP_CONFIGURATION.format(codes=CODES, stp=STP, asps=asps, ass=ass, routes=routes))
        common = {"name": name, "codes": CODES, "title": TITLE, "centre": CENTRE, "hlr_title": HLR_TITLE}
        text = GATEWAY_TOML.format(gateway=GATEWAY, **common)
        text += sections("", GATEWAY, STP[0], "gateway", {"smsc": "", "hlr": HLR_TITLE})
        (directory / "gateway.toml").write_text(text)
        text = BOX_TOML.format(seed=self.seed, smsc=SMSC, hlr=HLR, sent=self.sent, **common)
        text += sections("smsc.point.", SMSC, STP[1], "smsc", {"gateway": TITLE, "hlr": HLR_TITLE})
        text += sections("hlr.point.", HLR, STP[1], "hlr", {"gateway": TITLE, "smsc": CENTRE})
        (directory / "corenet.toml").write_text(text)
        listed = subprocess.run([self.corenet, "subscribers", "-c", "corenet.toml", "home1"], cwd=directory, capture_output=True, check=False)
        if listed.returncode:
            raise labs.LabError(listed.stderr.decode())
        (directory / "home1.csv").write_bytes(listed.stdout)

    def spawn(self, role, *command, log):
        inside = [*labs.within(self.lab.namespaces[role]), "env", f"--chdir={self.lab.directory}", f"XDG_RUNTIME_DIR={self.lab.directory}"]
        with open(self.lab.keep / log, "wb") as output:
            child = subprocess.Popen([*inside, *map(str, command)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        self.lab.children.append(child)
        return child

    async def until(self, what, seconds, holds):
        def either():
            return holds() or any(child.poll() is not None for child in self.lab.children)

        await labs.until(what, either, seconds)
        if not holds():
            raise labs.LabError(f"{what}: somebody has ended before")

    def active(self):
        """How many associations of the gateway carry traffic."""
        return sum(1 for it in self.lab.show("associations")["associations"] if it["state"] == "active")

    async def tell_stp(self, line, event):
        self.peer.events[:] = [it for it in self.peer.events if it["event"] != event]
        self.peer.say(line)
        await self.peer.until(f"osmo-stp: {line}", lambda: self.peer.told(event), 10)

    async def play(self):
        lab = self.lab
        self.configure()
        shutil.copy(lab.directory / "osmo-stp.cfg", lab.keep)
        await self.peer.start()
        try:
            await self.tell_stp("start", "started")
            await lab.capture("stp")
            await self.run()
        finally:
            await self.peer.stop()
        for child, _ in lab.captures.values():
            child.send_signal(signal.SIGINT)
            await asyncio.to_thread(child.wait, 10)
        self.ledgers()
        for path, (_, file) in lab.captures.items():
            faults = await asyncio.to_thread(tshark_judge.judge, file)
            self.checks.equal("tshark finds nothing wrong on either network", faults[:3], [], f"path {path}:")

    async def run(self):
        """Traffic over osmo-stp, which is killed in the middle and comes back."""
        lab, checks = self.lab, self.checks
        (lab.directory / "ledgers").mkdir()
        box = self.spawn("gateway", self.corenet, "run", "-c", "corenet.toml", "--stay", "--ready", "ready", "--report", "report.json", "--ledgers", "ledgers", log="corenet.log")
        await self.until("the box", START, (lab.directory / "ready").exists)
        lab.gateway = gateway = self.spawn("gateway", lab.binary, "run", "-c", "gateway.toml", log="gateway.log")
        for _ in range(self.kills):
            goal = {name: count + APART for name, count in self.moved().items()}
            await self.until("traffic flows", START, lambda goal=goal: all(self.moved()[name] >= count for name, count in goal.items()))
            checks.that("traffic flows, both ways, without anybody's help", True)
            await self.tell_stp("kill", "killed")
            await self.until("the gateway notices", 10, lambda: not self.active())
            checks.that("the gateway notices that osmo-stp is gone", True)
            await self.tell_stp("start", "started")
        await self.until("the gateway is active again", 20, self.active)
        await self.until("the end of the traffic", TRAFFIC * self.kills, (lab.directory / "report.json").exists)
        for name, child in (("gateway", gateway), ("box", box)):
            child.send_signal(signal.SIGTERM)
            checks.equal("both end in order", await asyncio.to_thread(child.wait, END) in (0, 1), True, name)
        flows = {flow["name"]: flow for flow in json.loads((lab.directory / "report.json").read_text())["flows"]}
        for name, count in self.sent.items():
            flow = flows[name]
            print(f"     {name}: {flow['sent']} sent, {flow['delivered']} delivered, {flow['failed']} failed while osmo-stp was away", flush=True)
            checks.that("most messages arrive in spite of it", flow["sent"] == count and flow["delivered"] >= count // 2, flow)

    def moved(self):
        """Short messages that the gateway has brought to their end, each way."""
        if not (self.lab.directory / "admin.sock").exists():
            return dict.fromkeys(self.sent, 0)
        return {name: self.lab.counter("application", counter) for name, counter in {"mo": "mo_acknowledged", "mt": "mt_delivered"}.items()}

    def ledgers(self):
        """What was acknowledged is there, once."""
        files = sorted((self.lab.directory / "ledgers").glob("*.jsonl"))
        done = subprocess.run([self.corenet, "ledger", *files], capture_output=True, text=True, check=False)
        print(f"     {done.stdout.strip()}", flush=True)
        differing = [line for line in done.stdout.splitlines()[1:]]
        # A result that was lost with osmo-stp makes the service centre send once more; nobody else may have.
        again = {line.split()[1].rstrip(":") for line in differing if line.startswith("Mt ") and line.endswith("was accepted more than once")}
        sent = self.forwarded()
        self.checks.equal("a message that a UE has twice was sent twice by its service centre", [each for each in again if sent[each] < 2], [])
        others = [line for line in differing if line.split()[1].rstrip(":") not in again]
        self.checks.equal("nothing that was acknowledged is lost, and nothing else is there twice", others[:5], [])

    def forwarded(self):
        """How often each MT message came to the gateway."""
        shown = subprocess.run(["tshark", "-r", str(self.lab.captures["one"][1]), "-Y", f"ip.src == {STP[0]} && gsm_map.sm.sm_RP_UI", "-T", "fields", "-e", "gsm_map.sm.sm_RP_UI"], capture_output=True, text=True, check=True)
        tpdus = (bytes.fromhex(tpdu) for row in shown.stdout.split() for tpdu in row.split(",") if tpdu)
        return collections.Counter(fingerprint(tpdu) for tpdu in tpdus if tpdu[0] & 3 == 0)


async def main(binary, kills=KILLS, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    checks = checking.Checks("stp_judge")
    print(f"stp_judge: seed {seed}", flush=True)
    keep = labs.FILES / "stp_judge"
    try:
        with sctp_judge.TwoPaths(binary, keep) as lab:
            await StpJudge(lab, checks, seed, int(kills)).play()
    except Exception as error:
        traceback.print_exc()
        checks.that("the judge comes to its end", False, f"{type(error).__name__}: {error}; files in {keep}")
    _, failed = checks.print()
    return failed


if __name__ == "__main__":
    sys.exit(bool(asyncio.run(main(*sys.argv[1:]))))
