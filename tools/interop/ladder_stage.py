"""A gateway and a core network in a box as two processes over memif: their configurations, and a run of both with its capture."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import ladder_capture
import tshark_judge

# The box's arc for what the study adds to MAP.
ARC = "1.3.6.1.4.1.99999.1"
ADDRESSES = {
    "10.1.1.1": "UE",
    "10.1.0.5": "S-CSCF",
    "10.0.0.1": "IP-SM-GW",
    "10.7.0.1": "IP-SM-GW",
    "10.7.0.5": "HLR",
    "10.7.0.254": "SMSC",
    "10.7.0.253": "Presence",
    "10.7.0.21": "MSC",
    "10.7.0.22": "SGSN",
}
MSC, SGSN = "491730000001", "491730000002"
START, END = 60, 30
# Set when the judge is interrupted: runs end then.
INTERRUPTED = threading.Event()
# Nobody sends a request again because the machine is busy.
RARELY = "t1_ms = 5000\nt2_ms = 20000"


@dataclass
class Network:
    """A network with one subscriber, and how the gateway appears in it."""

    name: str
    realm: str
    mcc: str
    mnc: str
    imsi: str
    msisdn: str
    gateway: str
    node: str
    ssn: str
    hlr: str
    centre: str
    r1: str
    report_answer: str

    @property
    def identity(self):
        return f"sip:+{self.msisdn}@{self.realm}"

    @property
    def nai(self):
        return f"{self.imsi}@{self.realm}"

    @property
    def uri(self):
        return f"sip:ipsmgw.{self.realm}"

    @property
    def scscf(self):
        return f"sip:scscf.{self.realm}"


AS_MSC = Network("home1", "home1.net", "262", "01", "262010000000001", "491711000001", "4917100001", "msc", "8", "491710000006", "491710000099", "any_time_modification", "200")
AS_SGSN = Network("home2", "home2.net", "234", "15", "234150000000001", "447700000001", "447000000001", "sgsn", "149", "447000000006", "447000000099", "update_gprs_location", "202")


def point(section, address, code, associations, titles, more=""):
    """A signalling point of the box: of each association name, role, local port, remote address and M3UA's role."""
    text = f'[{section}]\nport = "ss7"\naddresses = ["{address}/24"{more}]\n\n[{section}.ss7]\npoint_code = "{code}"\n'
    for name, role, port, remote, kind, to in associations:
        routing = 'routing_contexts = [100]\ntraffic_mode = "loadshare"\n' if kind == "sgp" else ""
        text += f'\n[[{section}.association]]\nname = "{name}"\nrole = "{role}"\nlocal = ["{address}"]\nlocal_port = {port}\nremote = ["{remote}"]\nm3ua = "{kind}"\n{routing}'
        text += f'\n[[{section}.destination]]\npoint_code = "{to}"\nassociations = ["{name}"]\n'
    for title, to in titles:
        text += f'\n[[{section}.title]]\nprefix = "{title}"\npoint_code = "{to}"\n'
    return text


GATEWAY_CODE, SMSC_CODE, HLR_CODE, MSC_CODE, SGSN_CODE = "2.100.3", "2.100.4", "2.100.5", "2.101.1", "2.101.2"


def box(of, socket, direct, more):
    """The box's configuration. `more` has sections by name: keys of a section that is here anyway, or a whole one."""
    nodes = [("10.7.0.21", "msc", MSC, MSC_CODE), ("10.7.0.22", "sgsn", SGSN, SGSN_CODE)]
    to_nodes = [(kind, "server", 2905, address, "ipsp-server", code) for address, kind, _, code in nodes]
    to_titles = [(title, code) for _, _, title, code in nodes]
    smsc = [("gateway", "server", 2905, "10.7.0.1", "sgp", GATEWAY_CODE), *to_nodes, ("hlr", "client", 2905, "10.7.0.5", "ipsp-client", HLR_CODE)]
    hlr = [("gateway", "server", 2905, "10.7.0.1", "sgp", GATEWAY_CODE), *to_nodes, ("gmsc", "server", 2905, "10.7.0.254", "ipsp-server", SMSC_CODE)]
    text = f'seed = {more.get("seed", 2026)}\nextensions = "{ARC}"\n\n[eal]\nmemory_mb = 128\nfile_prefix = "{socket}-box"\n'
    for at, (name, addresses) in enumerate((("ims", '"10.0.0.254/24", "10.1.0.5/32"'), ("ss7", ""))):
        text += f'\n[[port]]\nname = "{name}"\ndevice = "net_memif{at},role=server,id={at},socket={socket}-{name},bsize=2048,rsize=10"\naddresses = [{addresses}]\n'
    text += f"""
[[network]]
name = "{of.name}"
realm = "{of.realm}"
subscribers = 1
imsi_prefix = "{of.imsi[:5]}"
msisdn_prefix = "{of.msisdn[:-6]}"
scscf_uri = "{of.scscf}"
scscf_address = "10.1.0.5:5060"
gateway_address = "10.0.0.1:5060"
gateway_uri = "{of.uri}"
gateway_title = "{of.gateway}"
gateway_node = "{of.node}"
service_centre = "{of.centre}"
hlr_title = "{of.hlr}"
r1 = "{of.r1}"
direct = {int(direct)}
direct_address = "10.1.1.1:5060"
register_body = "multipart"

[sip]
{RARELY}

[smsc]
{more.get("smsc", "")}
"""
    # The presence server's address is there for ARP alone.
    text += point("smsc.point", "10.7.0.254", SMSC_CODE, smsc, [(of.gateway, GATEWAY_CODE), (of.hlr, HLR_CODE), *to_titles], ', "10.7.0.253/32"')
    text += "\n" + more.get("hlr", "") + "\n"
    text += point("hlr.point", "10.7.0.5", HLR_CODE, hlr, [(of.gateway, GATEWAY_CODE), (of.centre, SMSC_CODE), *to_titles])
    for address, kind, title, code in nodes:
        text += f'\n[[serving_node]]\nname = "{kind}"\nkind = "{kind}"\ntitle = "{title}"\n{more.get("serving_node", "")}\n'
        own = [("smsc", "client", 2905, "10.7.0.254", "ipsp-client", SMSC_CODE), ("hlr", "client", 2906, "10.7.0.5", "ipsp-client", HLR_CODE)]
        text += point("serving_node.point", address, code, own, [(of.centre, SMSC_CODE), (of.hlr, HLR_CODE)])
    text += f'\n[ue]\n{more.get("ue", "")}\n\n[traffic]\n{more["traffic"]}\n\n[capture]\nfile = "capture.pcapng"\n'
    return text


def gateway(of, socket, direct, timers):
    """The gateway's configuration."""
    access = '\n[network.direct]\nauthentication = "aka"\n' if direct else ""
    text = f"""
[node]
name = "ladders"
workers = 1
backoff = "yield"

[eal]
memory_mb = 128
file_prefix = "{socket}-gateway"

[sip]
listen = ["10.0.0.1:5060"]
uri = "{of.uri}"
{RARELY}

[timers]
{timers}

[[route]]
prefix = "10.1.0.0/16"
gateway = "10.0.0.254"
port = "ims"

[[network]]
name = "{of.name}"
mcc = "{of.mcc}"
mnc = "{of.mnc}"
realms = ["{of.realm}"]
gateway_title = "{of.gateway}"
gateway_uri = "{of.uri}"
node = "{of.node}"
service_centres = ["{of.centre}"]
scscf = [{{ uri = "{of.scscf}", address = "10.1.0.5:5060" }}]
r1 = "{of.r1}"
hlr = [{{ title = "{of.hlr}" }}]
report_answer = {of.report_answer}
subscribers = "subscribers.csv"
{access}
[ss7]
point_code = "{GATEWAY_CODE}"

[admin]
socket = "./admin.sock"

[log]
format = "text"
"""
    for at, (name, address) in enumerate((("ims", "10.0.0.1"), ("ss7", "10.7.0.1"))):
        text += f'\n[[port]]\nname = "{name}"\ndevice = "net_memif{at},role=client,id={at},socket={socket}-{name},bsize=2048,rsize=10"\naddresses = ["{address}/24"]\n'
    for name, port, address, code, prefix in (("smsc", 2905, "10.7.0.254", SMSC_CODE, ""), ("hlr", 2906, "10.7.0.5", HLR_CODE, of.hlr)):
        text += f'\n[[association]]\nname = "{name}"\nrole = "client"\nlocal = ["10.7.0.1"]\nlocal_port = {port}\nremote = ["{address}"]\nrouting_contexts = [100]\ntraffic_mode = "loadshare"\n'
        text += f'\n[[destination]]\npoint_code = "{code}"\nassociations = ["{name}"]\n\n[[title]]\nprefix = "{prefix}"\npoint_code = "{code}"\n'
    return text


class StageError(Exception):
    """A process has not done what it has to."""


class Run:
    """The two processes, in a directory of their own."""

    def __init__(self, binary, keep):
        self.binary, self.corenet = Path(binary).resolve(), Path(binary).resolve().with_name("corenet")
        self.keep = keep
        self.processes = {}

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="ladder-"))
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.keep, ignore_errors=True)
        shutil.copytree(self.directory, self.keep, ignore=shutil.ignore_patterns("*.sock", "dpdk"))
        shutil.rmtree(self.directory)

    def start(self, name, program, *arguments):
        with open(self.directory / f"{name}.log", "wb") as log:
            # A session of its own: an interrupt is the judge's, which ends them in their order.
            environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.directory)}
            self.processes[name] = subprocess.Popen([str(program), *arguments], cwd=self.directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def until(self, what, holds, seconds):
        """Waits until it holds, as long as both processes run."""
        deadline = time.monotonic() + seconds
        while not holds():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if (ended or time.monotonic() > deadline or INTERRUPTED.is_set()) and not holds():
                logs = "".join((self.directory / f"{name}.log").read_text(errors="replace")[-500:] for name in self.processes)
                raise StageError(f"{what}: {f'{ended} ended' if ended else f'not in {seconds} s'}: {logs}")
            time.sleep(0.02)

    def show(self, subject):
        """What the gateway shows."""
        done = subprocess.run([str(self.binary), "show", subject, "--json", "--socket", "admin.sock"], cwd=self.directory, capture_output=True, check=True)
        return json.loads(done.stdout)

    def informed(self):
        """How many UEs the gateway has told that it has ended their registration."""
        return sum(worker["numbers"]["application"]["informed"] for worker in self.show("workers")["workers"])

    def ends(self, name):
        process = self.processes.pop(name)
        try:
            return process.wait(END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StageError(f"{name} does not end") from None

    def perform(self, of, direct, box_sections, timers="", end=lambda run: True):
        """Runs the traffic, until `end(run)` holds after it; the capture's events, and what else is known."""
        socket = self.directory.name
        (self.directory / "corenet.toml").write_text(box(of, socket, direct, box_sections))
        (self.directory / "gateway.toml").write_text(gateway(of, socket, direct, timers))
        (self.directory / "subscribers.csv").write_text(f"{of.imsi},{of.msisdn},{of.identity}\n")
        # memif's client finds a server at its start alone: the box is first, and the last to leave.
        self.start("corenet", self.corenet, "run", "-c", "corenet.toml", "--stay", "--ready", "ready", "--report", "report.json", "--ledgers", ".")
        self.until("the box is ready", (self.directory / "ready").exists, START)
        self.start("gateway", self.binary, "run", "-c", "gateway.toml")
        self.until("the gateway's admin socket", (self.directory / "admin.sock").exists, START)
        self.until("the end of the traffic", (self.directory / "report.json").exists, START)
        self.until("the end of the run", lambda: end(self), START)
        facts = {"subscribers": self.show("subscribers")["subscribers"]["count"]}
        self.processes["gateway"].send_signal(signal.SIGTERM)
        facts["codes"] = self.ends("gateway"), self.ends("corenet")
        facts["ledgers"] = [json.loads(line) for file in sorted(self.directory.glob("*.jsonl")) for line in file.read_text().splitlines()]
        capture = self.directory / "capture.pcapng"
        facts["faults"] = tshark_judge.judge(capture)
        return ladder_capture.read(capture, ADDRESSES.__getitem__), facts
