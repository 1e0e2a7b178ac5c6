"""The gateway's SCTP with stacks that others wrote, as client and as server, over two ports: 1 MB of M3UA messages each way, every one once and in order.
sctp_judge.py BINARY usrsctp|kernel [SEED]: usrsctp over raw IP, or a Linux kernel in user-mode Linux.

Three runs of the gateway, with an association for each way of setting it up: over a clean network; with ports that lose 5 % of their frames each way; and
with a path that is cut in the middle, and mended. tshark looks at all that went over both links."""
import asyncio
import collections
import json
import os
import random as randomness
import secrets
import subprocess
import sys
import time
import traceback
from pathlib import Path

import checks as checking
import lab as labs
import tshark_judge

HERE = Path(__file__).resolve().parent
PATHS = ("one", "two")
GATEWAY, PEER = ["10.9.0.1", "10.9.1.1"], ["10.9.0.2", "10.9.1.2"]
MACS = {"one": "02:00:5e:30:00:01", "two": "02:00:5e:30:00:02"}
PEER_MACS = {"one": "02:00:5e:30:01:01", "two": "02:00:5e:30:01:02"}
CONTEXT, OCTETS, LOSS = 100, 1 << 20, 0.05
# Shares of the octets: where a path is cut while messages go on, and where it must have been mended.
CUT, MENDED = (0.4, True), (0.7, False)
# Milliseconds, for both sides, so that a path fails and comes back within a second or two.
TIMERS = {"initial": 200, "min": 100, "max": 400, "heartbeat": 300}
# Less than the least RTO, or what is on its way seems to be lost.
SACK_DELAY = 20
# Attempts over a path, and in all.
ATTEMPTS = {"path": 2, "association": 10}
# What the stacks call them.
DEFAULTS = {
    "usrsctp": {"path_rtx_max_default": ATTEMPTS["path"], "assoc_rtx_max_default": ATTEMPTS["association"], "heartbeat_interval_default": TIMERS["heartbeat"], "delayed_sack_time_default": SACK_DELAY},
    "kernel": {"path_max_retrans": ATTEMPTS["path"], "association_max_retrans": ATTEMPTS["association"], "hb_interval": TIMERS["heartbeat"], "sack_timeout": SACK_DELAY},
}
# Role in SCTP, role in M3UA, and how many addresses.
SETUPS = {
    "client": ("client", "asp", 1),
    "server": ("server", "sgp", 1),
    "client-2": ("client", "ipsp-client", 2),
    "server-2": ("server", "ipsp-server", 2),
}
RUNS = {"clean": (list(SETUPS), 0.0, []), "loss": (list(SETUPS), LOSS, []), "cut": (["client-2", "server-2"], 0.0, [CUT, MENDED])}
# Seconds.
BOOT, PATIENCE, LONGEST_GAP = 30, 60, 5
DATA, HEARTBEAT, HEARTBEAT_ACK, ABORT = 0, 4, 5, 6

CONFIGURATION = """
[node]
name = "judged"
workers = 2

[capacity]
dialogues = 1024
client_transactions = 1024
server_transactions = 1024
pending_requests = 1024
mo = 1024
mt = 1024
subscribers = 100
identities = 400
frames = 4096

[eal]
memory_mb = 256
file_prefix = "{name}"
extra = ["--no-telemetry", "--no-pci"]

{ports}
[sip]
listen = ["{gateway[0]}:5060"]
uri = "sip:ipsmgw.home1.net"

[[network]]
name = "home1"
mcc = "262"
mnc = "01"
realms = ["home1.net"]
gateway_title = "4917100001"
scscf = [{{ uri = "sip:scscf.home1.net", address = "{peer[0]}:5060" }}]
r1 = "preconfigured"

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
level = "debug"
"""

PORT = """\
[[port]]
name = "{path}"
device = "net_af_packet{at},iface={path},qpairs=2,blocksz=4096,framesz=2048,framecnt=512"
addresses = ["{address}/24"]
{impairment}
"""

ASSOCIATION = """\
[[association]]
name = "{name}"
role = "{role}"
local = {local}
local_port = {port}
remote = {remote}
remote_port = {port}
worker = {worker}
m3ua = "{m3ua}"
routing_contexts = [{context}]
traffic_mode = "loadshare"
rto_initial_ms = {timers[initial]}
rto_min_ms = {timers[min]}
rto_max_ms = {timers[max]}
heartbeat_ms = {timers[heartbeat]}
sack_delay_ms = {delay}
"""


class TwoPaths(labs.Lab):
    """Namespaces `gateway` and `peer` with a veth for each path, joined by bridges in a namespace `between`: a path is cut there, and no end sees its link go."""

    def __init__(self, binary, keep):
        super().__init__(binary, keep)
        self.namespaces = {role: f"{self.name}-{role}" for role in ("gateway", "peer", "between")}

    def _wire(self):
        for namespace in self.namespaces.values():
            labs.run("ip", "netns", "add", namespace)
            settings = {"ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0, "ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1}
            labs.run(*labs.within(namespace), "sh", "-ec", "; ".join(f"echo {value} > /proc/sys/net/{name}" for name, value in settings.items()))
        between = labs.within(self.namespaces["between"])
        for path in PATHS:
            labs.run(*between, "ip", "link", "add", "name", path, "type", "bridge")
            for role, macs in (("gateway", MACS), ("peer", PEER_MACS)):
                within, port = labs.within(self.namespaces[role]), f"{path}-{role}"
                labs.run(*within, "ip", "link", "add", "name", path, "address", macs[path], "type", "veth", "peer", "name", port, "netns", self.namespaces["between"])
                # Checksums and segments as they are on a wire.
                labs.run(*within, "ethtool", "-K", path, "tx", "off", "gro", "off")
                labs.run(*within, "ip", "link", "set", path, "up")
                labs.run(*between, "ip", "link", "set", port, "master", path, "up")
            self.put(path, True)

    def put(self, path, up):
        """Mends a path, or cuts it."""
        labs.run(*labs.within(self.namespaces["between"]), "ip", "link", "set", path, "up" if up else "down")

    async def capture(self, run):
        for path in PATHS:
            file, log = self.keep / f"{run}-{path}.pcap", f"dumpcap-{run}-{path}.log"
            file.unlink(missing_ok=True)
            child = self.spawn("peer", "dumpcap", "-q", "-P", "-B", "16", "-i", path, "-w", str(file), log=log)
            self.captures[path] = (child, file)
            await labs.until(f"dumpcap on {path}", lambda log=log: b"File: " in (self.keep / log).read_bytes(), 20)

    def begin(self, run, associations, loss, seed):
        """Starts the gateway with a configuration for the run."""
        impairment = f"impairment = {{ loss = {loss}, seed = {seed} }}" if loss else ""
        ports = "".join(PORT.format(path=path, at=at, address=GATEWAY[at], impairment=impairment) for at, path in enumerate(PATHS))
        sections = "".join(ASSOCIATION.format(context=CONTEXT, delay=SACK_DELAY, timers=TIMERS, **each) for each in associations)
        names = json.dumps([each["name"] for each in associations])
        text = CONFIGURATION.format(name=self.name, ports=ports, gateway=GATEWAY, peer=PEER, associations=sections, names=names, directory=self.directory)
        (self.directory / "gateway.toml").write_text(text)
        self.gateway = self.spawn("gateway", self.binary, "run", "-c", str(self.directory / "gateway.toml"), log=f"gateway-{run}.log")


class Peer:
    """The peer's process, or its kernel."""

    def __init__(self, lab, stack, guest="sctp"):
        self.lab, self.stack, self.guest = lab, stack, guest
        self.events, self.changed, self.run = [], asyncio.Event(), None

    async def start(self):
        namespace = self.lab.namespaces["peer"]
        if self.stack == "usrsctp":
            for path, address in zip(PATHS, PEER):
                labs.run(*labs.within(namespace), "ip", "address", "add", f"{address}/24", "dev", path)
            command, environment = [sys.executable, "-u", str(HERE / "sctp_peer.py"), "usrsctp"], None
        else:
            own = self.lab.directory
            shim = own / "whole_xstate.so"
            labs.run("cc", "-O2", "-shared", "-fPIC", "-o", str(shim), str(HERE / "whole_xstate.c"), "-ldl")
            wires = [f"vec{at}:transport=raw,ifname={path},depth=128,mac={PEER_MACS[path]}" for at, path in enumerate(PATHS)]
            command = [
                "linux.uml", "mem=128M", f"uml_dir={own}/", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "con0=fd:0,fd:1", "con=null", "ssl=null", "quiet", "loglevel=3",
                *wires, "init=/usr/bin/python3", "--", "-u", "-B", str(HERE / "guest.py"), self.guest, *[f"{address}/24" for address in PEER],
            ]
            # Its memory is a file where it finds that best.
            environment = {name: value for name, value in os.environ.items() if name not in ("TMPDIR", "TMP", "TEMP")}
            environment |= {"HOME": str(own), "LD_PRELOAD": str(shim)}
        self.log = open(self.lab.keep / "peer.log", "wb")
        self.process = await asyncio.create_subprocess_exec(*labs.within(namespace), *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment)
        self.reader = asyncio.create_task(self.read())
        if self.stack == "kernel":
            await self.until("the kernel's start", lambda: self.told("up"), BOOT)

    async def read(self):
        while line := await self.process.stdout.readline():
            self.log.write(line)
            self.log.flush()
            if line.startswith(b"@"):
                event = json.loads(line[1:])
                # What is left of an earlier run has nothing to say.
                if event.get("run", self.run) == self.run:
                    self.events.append(event)
            self.changed.set()
        self.events.append({"event": "gone"})
        self.changed.set()

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def told(self, event, **of):
        """Whatever was told of this kind, by name."""
        return {it.get("name"): it for it in self.events if it["event"] == event and of.items() <= it.items()}

    async def until(self, what, holds, seconds):
        """Waits until what was told makes it true. A peer that fails or ends makes it never."""
        end = time.monotonic() + seconds
        while not holds():
            failed = self.told("failed") or self.told("gone")
            if failed:
                raise labs.LabError(f"{what}: the peer: {list(failed.values())}")
            self.changed.clear()
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not in {seconds} s; told was {self.events[-8:]}")
            try:
                await asyncio.wait_for(self.changed.wait(), 0.2)
            except asyncio.TimeoutError:
                # User-mode Linux may miss that there is input on its console, until there is more.
                self.say("")

    async def stop(self):
        if self.process.returncode is None:
            self.process.stdin.close()
            try:
                await asyncio.wait_for(self.process.wait(), 5)
            except asyncio.TimeoutError:
                self.process.kill()
                await self.process.wait()
        self.log.close()


def chunks(path, ports, since=0):
    """How many chunks of each type each side has sent on associations of these ports, from a frame of a capture on; and how many frames there are."""
    counts, number = collections.Counter(), 0
    for number, frame in enumerate(labs.frames(path), 1):
        if number <= since or frame[12:14] != b"\x08\x00" or frame[23] != 132:
            continue
        side = "gateway" if frame[26:30] in OWN else "peer"
        at, end = 14 + 4 * (frame[14] & 15), 14 + int.from_bytes(frame[16:18], "big")
        # Whoever has not heard the last of an earlier run breaks it off when the next begins.
        if int.from_bytes(frame[at : at + 2], "big") not in ports:
            continue
        at += 12
        while at + 4 <= end:
            counts[side, frame[at]] += 1
            at += max(4, int.from_bytes(frame[at + 2 : at + 4], "big") + 3 & ~3)
    return counts, number


OWN = [bytes(map(int, address.split("."))) for address in GATEWAY]


class SctpJudge:
    def __init__(self, lab, checks, stack, seed):
        self.lab, self.checks, self.stack = lab, checks, stack
        self.random = randomness.Random(seed)
        self.peer = Peer(lab, stack)
        self.ports = range(0)

    async def play(self):
        await self.peer.start()
        try:
            for at, run in enumerate(RUNS):
                started = time.monotonic()
                try:
                    await self.run(run, 2905 + 10 * at)
                except Exception as error:
                    traceback.print_exc()
                    self.checks.that(f"{run}: comes to its end", False, f"{type(error).__name__}: {error}; files in {self.lab.keep}")
                    self.end_children()
                print(f"     {run}: {time.monotonic() - started:.1f} s", flush=True)
        finally:
            await self.peer.stop()

    def end_children(self):
        """Puts away what is left of a run."""
        for child in self.lab.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        for path in PATHS:
            self.lab.put(path, True)

    async def run(self, run, port):
        names, loss, gates = RUNS[run]
        checks, lab, peer = self.checks, self.lab, self.peer
        ways = [(name, port + at, at % 2, *SETUPS[name]) for at, name in enumerate(names)]
        ours = [
            {"name": name, "port": port, "worker": worker, "role": role, "m3ua": m3ua, "local": json.dumps(GATEWAY[:count]), "remote": json.dumps(PEER[:count])}
            for name, port, worker, role, m3ua, count in ways
        ]
        theirs = [
            {
                "name": name, "starts": role == "server", "asks": m3ua in ("sgp", "ipsp-server"), "role": "sgp" if m3ua == "asp" else m3ua, "seed": self.random.getrandbits(32),
                "local": PEER[:count], "local_port": port, "remote": GATEWAY[:count], "remote_port": port,
            }
            for name, port, _, role, m3ua, count in ways
        ]
        self.ports = range(port, port + len(names))
        plan = {"run": run, "associations": theirs, "octets": OCTETS, "gates": gates, "context": CONTEXT, "timers": TIMERS, "defaults": DEFAULTS[self.stack]}
        peer.events[:] = peer.told("gone").values()
        peer.run = run
        await lab.capture(run)
        peer.say(json.dumps(plan))
        every = lambda event, **of: len(peer.told(event, **of)) == len(names)  # noqa: E731
        await peer.until("sockets", lambda: every("ready"), 30)
        lab.begin(run, ours, loss, self.random.getrandbits(32))
        await labs.until("the gateway's start", lambda: (lab.directory / "admin.sock").exists() or lab.gateway.poll() is not None, 20)
        peer.say("go")
        await peer.until("associations", lambda: every("active"), 30)
        if gates:
            await self.cut(every)
        await peer.until("all messages", lambda: every("done"), PATIENCE)
        await self.judge(run, names, loss)
        await lab.stop_gateway(checks)
        if not loss:
            # A SHUTDOWN COMPLETE that is lost is not sent again by one that has gone.
            await peer.until("ends", lambda: every("ended"), 5)
            for name, it in peer.told("ended").items():
                checks.equal(f"{run}, {name}: nothing comes after the last answer", it["faults"], [])
        self.end_children_of_run()
        await self.dissect(run)

    def end_children_of_run(self):
        for child, _ in self.lab.captures.values():
            child.terminate()
            child.wait(10)
        (self.lab.directory / "admin.sock").unlink(missing_ok=True)

    def seen(self, path, since=0):
        """What this run's associations have sent over a path."""
        return chunks(self.lab.captures[path][1], self.ports, since)

    async def cut(self, every):
        """Cuts the first path while messages are on their way, and mends it."""
        checks, lab, peer = self.checks, self.lab, self.peer
        await peer.until("the messages before the cut", lambda: every("gate", number=1), PATIENCE)
        # Whoever came here first has been sending on.
        lab.put("one", False)
        before = {path: self.seen(path) for path in PATHS}
        for side in ("gateway", "peer"):
            checks.that(f"cut: the {side} sent on the first path before", before["one"][0][side, DATA] > 100, before["one"][0])
        peer.say("go")
        await peer.until("the messages over the path that is left", lambda: every("gate", number=2), PATIENCE)
        during = self.seen("two", before["two"][1])[0]
        for side in ("gateway", "peer"):
            checks.that(f"cut: the {side} sends on the path that is left", during[side, DATA] > 100, during)
        before = {path: self.seen(path)[1] for path in PATHS}
        lab.put("one", True)

        def alive():
            one, two = (self.seen(path, before[path])[0] for path in PATHS)
            # usrsctp asks from any of its addresses: the answer goes there, whichever path that is.
            return one["peer", HEARTBEAT_ACK] and one["peer", HEARTBEAT] and (one + two)["gateway", HEARTBEAT_ACK], one

        try:
            await labs.until("heartbeats", lambda: alive()[0], 10)
        except TimeoutError:
            pass
        checks.that("cut: both sides find that the path is mended", *alive())
        peer.say("go")

    async def judge(self, run, names, loss):
        checks, lab = self.checks, self.lab
        for name in names:
            done = self.peer.told("done")[name]
            print(f"     {run}, {name}: {done['messages']} messages, {done['octets']} octets each way in {done['seconds']} s; longest pause {done['gap']} s", flush=True)
            checks.equal(f"{run}, {name}: every message each way, once, in order, octet by octet", (done["faults"], done["missing"], done["extra"]), ([], 0, 0))
            checks.that(f"{run}, {name}: 1 MB each way", done["octets"] >= OCTETS, done)
            checks.that(f"{run}, {name}: no pause beyond {LONGEST_GAP} s", done["gap"] <= LONGEST_GAP, done)
        def lossy():
            return all(port.get("impaired_lost", 0) > 5 for port in lab.show("ports")["ports"])

        if loss:
            try:
                await labs.until("counters", lossy, 5)  # published once a second
            except TimeoutError:
                pass
        malformed = [worker["numbers"].get("malformed", {}) for worker in lab.show("workers")["workers"]]
        checks.that(f"{run}: the gateway finds nothing malformed", not any(malformed), malformed)
        for port in lab.show("ports")["ports"]:
            lost = port.get("impaired_lost", 0)
            checks.that(f"{run}: a port loses {'its share' if loss else 'nothing on purpose'}", (lost > 5) == bool(loss), port)
        for path in PATHS:
            counts, _ = self.seen(path)
            checks.equal(f"{run}: nobody gives an association up", (counts["gateway", ABORT], counts["peer", ABORT]), (0, 0), f"path {path}:")
        checks.that("the gateway still runs", lab.gateway_runs())

    async def dissect(self, run):
        """tshark over both links, whoever has sent."""
        for path in PATHS:
            file = self.lab.captures[path][1]
            frames = self.seen(path)[1]
            faults = await asyncio.to_thread(tshark_judge.judge, file, opaque=True)
            self.checks.equal(f"{run}: tshark finds nothing malformed and no bad checksum on either link", faults[:3], [], f"{frames} frames:")


async def main(binary, stack, seed=None):
    if stack not in DEFAULTS:
        sys.exit(f"sctp_judge: no stack {stack!r}; there are {', '.join(DEFAULTS)}")
    seed = int(seed) if seed else secrets.randbits(32)
    checks = checking.Checks(f"sctp_judge {stack}")
    print(f"sctp_judge {stack}: seed {seed}", flush=True)
    keep = labs.FILES / f"sctp_judge-{stack}"
    try:
        with TwoPaths(binary, keep) as lab:
            await SctpJudge(lab, checks, stack, seed).play()
    except Exception as error:
        traceback.print_exc()
        checks.that("the judge comes to its end", False, f"{type(error).__name__}: {error}; files in {keep}")
    _, failed = checks.print()
    return failed


if __name__ == "__main__":
    sys.exit(bool(asyncio.run(main(*sys.argv[1:]))))
