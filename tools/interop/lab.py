"""A gateway between two networks, each a veth pair into a namespace of its own; everything goes when the judge does."""
import asyncio
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

# Captures, logs and what tshark is to expect, for each judge.
FILES = Path(__file__).resolve().parents[2] / "target/interop/files"

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

GATEWAY_IMS, ROUTER_IMS = "10.0.0.1", "10.0.0.254"
GATEWAY_SS7 = ["10.7.0.1", "10.7.0.2"]
PEER_SS7 = ["10.7.0.11", "10.7.1.12"]  # the second is off-link
SCSCF = ["10.1.0.5", "10.1.0.6"]  # off-link, one for each network
HOST = ["10.8.0.1", "10.8.0.2"]  # of the gateway's host, and of who reaches it there
PHONES = ["10.0.0.101", "10.0.0.102", "10.1.0.103"]  # the last is off-link
MACS = {"ims": "02:00:5e:10:00:01", "ss7": "02:00:5e:20:00:01"}
# Of the pair of veth behind an exception port, and of a port that the kernel is not to see anything by.
KERNEL_MACS = {"exc0": "02:00:5e:30:00:01", "exc1": "02:00:5e:30:00:02", "unused": "02:00:5e:30:00:03"}
POINT_CODE, PEER_POINT_CODE, NETWORK_INDICATOR = 2 << 11 | 100 << 3 | 3, 2 << 11 | 100 << 3 | 4, 2
ROUTING_CONTEXT = 100
TID_PREFIX, TID_PREFIX_BITS = 0x15, 6

CONFIGURATION = """
[node]
name = "judged"
workers = 2
tid_prefix = {tid_prefix}
tid_prefix_bits = {tid_prefix_bits}

[capacity]
dialogues = 4096
client_transactions = 4096
server_transactions = 16384
pending_requests = 1024
mo = 4096
mt = 4096
subscribers = 1000
identities = 4000
frames = 4096

[eal]
memory_mb = 256
file_prefix = "{name}"
extra = ["--no-telemetry", "--no-pci"]

[[port]]
name = "ims"
device = "net_af_packet0,iface=ims,qpairs=2,blocksz=4096,framesz=2048,framecnt=512"
addresses = ["{gateway_ims}/24"]

[[port]]
name = "ss7"
device = "net_af_packet1,iface=ss7,qpairs=2,blocksz=4096,framesz=2048,framecnt=512"
addresses = ["{gateway_ss7[0]}/24", "{gateway_ss7[1]}/24"]

[[route]]
prefix = "10.1.0.0/16"
gateway = "{router_ims}"
port = "ims"

[[route]]
prefix = "10.7.1.0/24"
gateway = "{peer_ss7[0]}"
port = "ss7"

[sip]
listen = ["{gateway_ims}:5060"]
uri = "sip:ipsmgw.home1.net"

{networks}
[timers]
mt_report_ms = {mt_report_ms}
map_forward_ms = 30000
{timers}

[ss7]
point_code = "2.100.3"

{associations}

[[destination]]
point_code = "2.100.4"
associations = {names}

[[title]]
prefix = ""
point_code = "2.100.4"

[admin]
socket = "{directory}/admin.sock"

[log]
format = "text"
level = "{level}"
{more}"""

# Networks whose S-CSCFs register their subscribers.
NETWORKS = """\
[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net", "ims.mnc001.mcc262.3gppnetwork.org"]
msisdn_prefixes = ["49171"]
gateway_title = "4917100001"
node = "msc"
service_centres = ["49171"]
scscf = [{{ uri = "sip:scscf1.home1.net", address = "{scscf[0]}:5060" }}]
r1 = "preconfigured"
subscribers = "home1.csv"

[[network]]
name = "home2"
mcc = "234"
mnc = "015"
realms = ["home2.net", "ims.mnc015.mcc234.3gppnetwork.org"]
gateway_title = "447000000001"
node = "sgsn"
scscf = [{{ uri = "sip:scscf1.home2.net", address = "{scscf[1]}:5060" }}]
gateway_uri = "sip:ipsmgw.home2.net"
r1 = "preconfigured"
report_answer = 202
report_unmatched = "488"
subscribers = "home2.csv"
"""

SGP = """
[[association]]
name = "sg1"
role = "client"
local = ["{gateway_ss7[0]}"]
remote = ["{peer_ss7[0]}"]
worker = 0
m3ua = "asp"
routing_contexts = [{context}]
traffic_mode = "loadshare"

[[association]]
name = "sg2"
role = "client"
local = ["{gateway_ss7[1]}"]
local_port = 2906
remote = ["{peer_ss7[1]}"]
remote_port = 2906
worker = 1
m3ua = "asp"
routing_contexts = [{context}]
traffic_mode = "loadshare"
"""

IPSP = """
[[association]]
name = "peer1"
role = "server"
local = ["{gateway_ss7[0]}"]
remote = ["{peer_ss7[0]}"]
worker = 1
m3ua = "ipsp-server"
routing_contexts = [{context}]
traffic_mode = "loadshare"
"""


class LabError(Exception):
    """The stage could not be set."""


def within(namespace):
    """How a command is begun in a network namespace: `ip netns exec` remounts "/", which in a chroot is no mount."""
    return ("nsenter", f"--net=/run/netns/{namespace}")


def run(*command, **options):
    """Runs a command to its end; its output if it succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, **options)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Lab:
    """Namespaces `gateway`, `ims` and `ss7`, processes in them, captures at the peers' ends of both links."""

    def __init__(self, binary, keep):
        self.binary = str(Path(binary).resolve())
        self.keep = Path(keep)
        self.keep.mkdir(parents=True, exist_ok=True)
        self.name = f"judge{os.getpid()}"
        self.directory = Path(tempfile.mkdtemp(prefix="judge-"))
        self.namespaces = {role: f"{self.name}-{role}" for role in ("gateway", "ims", "ss7")}
        self.children = []
        self.gateway = None
        self.captures = {}

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        try:
            self._wire()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
        for child in reversed(self.children):
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)
        for namespace in self.namespaces.values():
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wire(self):
        for namespace in self.namespaces.values():
            run("ip", "netns", "add", namespace)
            settings = {"ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0, "ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1}
            run(*within(namespace), "sh", "-ec", "; ".join(f"echo {value} > /proc/sys/net/{name}" for name, value in settings.items()))
            run(*within(namespace), "ip", "link", "set", "lo", "up")
        inner = self.namespaces["gateway"]
        for side, addresses in {
            "ims": [f"{ROUTER_IMS}/24", *[f"{ip}/32" for ip in SCSCF + PHONES]],
            "ss7": [f"{PEER_SS7[0]}/24", f"{PEER_SS7[1]}/32"],
        }.items():
            outer = self.namespaces[side]
            run(*within(inner), "ip", "link", "add", side, "address", MACS[side], "type", "veth", "peer", "name", "peer", "netns", outer)
            run(*within(outer), "ethtool", "-K", "peer", "tx", "off")
            for address in addresses:
                run(*within(outer), "ip", "address", "add", address, "dev", "peer")
            run(*within(outer), "ip", "link", "set", "peer", "up")
            run(*within(inner), "ip", "link", "set", side, "up")

    def wire_host(self):
        """A link of the kernel's own between the gateway's host and the IMS side."""
        inner, outer = self.namespaces["gateway"], self.namespaces["ims"]
        run(*within(inner), "ip", "link", "add", "host", "type", "veth", "peer", "name", "host", "netns", outer)
        for namespace, address in zip((inner, outer), HOST):
            run(*within(namespace), "ip", "address", "add", f"{address}/24", "dev", "host")
            run(*within(namespace), "ip", "link", "set", "host", "up")
        run(*within(inner), "ip", "route", "add", "10.1.0.0/16", "via", HOST[1], "dev", "host")

    def wire_kernel(self, *more):
        """A link between an exception port and the kernel of the gateway's host, as docs/operating/README.md has it, for the gateway's address and
        `more` of IPv6. The kernel sees nothing of what comes by the port towards the IMS: that has another MAC address than its veth."""
        def host(*command):
            run(*within(self.namespaces["gateway"]), *command)

        host("ip", "link", "set", "ims", "address", KERNEL_MACS["unused"], "arp", "off")
        host("ip", "link", "add", "exc0", "type", "veth", "peer", "name", "exc1")
        for end in ("exc0", "exc1"):
            host("ip", "link", "set", end, "address", KERNEL_MACS[end], "up")
        host("ethtool", "-K", "exc1", "tx", "off", "gso", "off", "tso", "off", "gro", "off")
        host("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/exc1/rp_filter; echo 0 > /proc/sys/net/ipv6/conf/exc1/disable_ipv6")
        for family, address, router, length in [("-4", GATEWAY_IMS, "169.254.1.1", 32), *[("-6", address, "fe80::1", 128) for address in more]]:
            host("ip", family, "address", "add", f"{address}/{length}", "dev", "exc1", *(["nodad"] if family == "-6" else []))
            host("ip", family, "neighbour", "add", router, "lladdr", KERNEL_MACS["exc0"], "dev", "exc1", "nud", "permanent")
            host("ip", family, "rule", "add", "from", address, "lookup", "100")
            host("ip", family, "route", "add", "default", "via", router, "dev", "exc1", *(["onlink"] if family == "-4" else []), "table", "100")

    @contextmanager
    def inside(self, role):
        """What is opened here belongs to that namespace."""
        with open("/proc/self/ns/net") as before, open(f"/run/netns/{self.namespaces[role]}") as there:
            self._enter(there.fileno())
            try:
                yield
            finally:
                self._enter(before.fileno())

    @staticmethod
    def _enter(fd):
        if _libc.setns(fd, CLONE_NEWNET):
            raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")

    def udp(self, ip, port):
        """A UDP socket of the IMS side."""
        with self.inside("ims"):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind((ip, port))
        return made

    def spawn(self, role, *command, log):
        """Starts a process in a namespace; its output goes to a file of the results."""
        with open(self.keep / log, "wb") as output:
            child = subprocess.Popen([*within(self.namespaces[role]), *command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        self.children.append(child)
        return child

    async def start_captures(self):
        """Captures at the peers' ends, from the first packet on."""
        for side in ("ims", "ss7"):
            path = self.keep / f"{side}.pcap"
            path.unlink(missing_ok=True)
            child = self.spawn(side, "dumpcap", "-q", "-P", "-B", "16", "-i", "peer", "-w", str(path), log=f"dumpcap-{side}.log")
            self.captures[side] = (child, path)
            log = self.keep / f"dumpcap-{side}.log"
            await until(f"dumpcap on {side}", lambda log=log: b"File: " in log.read_bytes(), 20)

    async def stop_captures(self, checks):
        """Ends the captures once they hold every frame that the gateway's ports have sent; how many those are."""
        sent = {}
        for side, (child, path) in self.captures.items():
            def agree(side=side, path=path):
                sent[side] = {"kernel": self.kernel_sent(side), "capture": count_from(path, MACS[side])}
                return sent[side]["kernel"] == sent[side]["capture"]

            try:
                await until("capture", agree, 5)
            except TimeoutError:
                pass
            checks.that(f"{side}: capture holds every frame that the port sent", agree(), sent[side])
        def told():
            # A port may have answered an ARP request since.
            for side, each in sent.items():
                each["kernel"] = self.kernel_sent(side)
            return {side: sent[side]["kernel"] for side in sent} == {side: self.own_sent().get(side) for side in sent}

        try:
            await until("counters", told, 5)  # published once a second
        except TimeoutError:
            pass
        for side, each in sent.items():
            checks.equal(f"{side}: the gateway's tx counter is the port's", self.own_sent().get(side), each["kernel"])
        for child, _ in self.captures.values():
            child.send_signal(signal.SIGINT)
            child.wait(10)
        return {side: (path, count_from(path, MACS[side])) for side, (_, path) in self.captures.items()}

    def kernel_sent(self, side):
        """What the veth has taken from the gateway."""
        statistics = json.loads(run(*within(self.namespaces["gateway"]), "ip", "-s", "-j", "link", "show", side))
        return statistics[0]["stats64"]["tx"]["packets"]

    def own_sent(self):
        """The gateway's own counters, by port."""
        return {port["name"]: port["sent"] for port in self.show("ports")["ports"]}

    def show(self, subject):
        return json.loads(run(self.binary, "show", subject, "--json", "--socket", f"{self.directory}/admin.sock"))

    def counter(self, group, name):
        """A counter of the gateway, all workers together."""
        return sum(worker["numbers"].get(group, {}).get(name, 0) for worker in self.show("workers")["workers"])

    def configure(self, associations, subscribers, mt_report_ms=2000, networks=NETWORKS, timers="", more="", level="debug"):
        """Writes the configuration, with `more` sections behind the usual ones, and the subscriber files."""
        values = {
            "name": self.name, "directory": self.directory, "gateway_ims": GATEWAY_IMS, "router_ims": ROUTER_IMS, "gateway_ss7": GATEWAY_SS7,
            "peer_ss7": PEER_SS7, "scscf": SCSCF, "tid_prefix": TID_PREFIX, "tid_prefix_bits": TID_PREFIX_BITS, "context": ROUTING_CONTEXT, "mt_report_ms": mt_report_ms,
        }
        sections = associations.format(**values)
        names = [line.split('"')[1] for line in sections.splitlines() if line.startswith("name")]
        text = CONFIGURATION.format(**values, associations=sections, names=json.dumps(names), networks=networks.format(**values), timers=timers, more=more.format(**values), level=level)
        (self.directory / "gateway.toml").write_text(text)
        for network, lines in subscribers.items():
            (self.directory / f"{network}.csv").write_text("".join(f"{line}\n" for line in lines))

    def start_gateway(self):
        self.gateway = self.spawn("gateway", self.binary, "run", "-c", str(self.directory / "gateway.toml"), log="gateway.log")

    def gateway_runs(self):
        return self.gateway.poll() is None

    async def stop_gateway(self, checks):
        """Ends the gateway as an operator does."""
        self.gateway.send_signal(signal.SIGTERM)
        try:
            await until("end", lambda: self.gateway.poll() is not None, 15)
        except TimeoutError:
            pass
        checks.equal("the gateway ends with code 0 when told to", self.gateway.poll(), 0)


async def until(what, holds, seconds):
    """Looks every 20 ms whether something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not in {seconds} s")
        await asyncio.sleep(0.02)


def frames(path):
    """The frames of a pcap file, as far as it is written."""
    octets = Path(path).read_bytes() if Path(path).exists() else b""
    if len(octets) < 24:
        return
    order = "<" if octets[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(octets):
        length = struct.unpack_from(order + "I", octets, at + 8)[0]
        if at + 16 + length > len(octets):
            return
        yield octets[at + 16 : at + 16 + length]
        at += 16 + length


def count_from(path, mac):
    source = bytes.fromhex(mac.replace(":", ""))
    return sum(frame[6:12] == source for frame in frames(path))
