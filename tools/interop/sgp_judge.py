"""Everything comes up by itself in any order, and again when corenet's signalling gateway, or the gateway's association with it, is killed under load.
sgp_judge.py BINARY orders|kills [SEED]: the box's program stands beside the gateway's.

The signalling gateway is a process of its own between two networks; the box's HLR and service centre are another, its S-CSCF and UEs a third. What
happens between the gateway and the signalling gateway is seen on the wire; the ledgers tell what became of each message."""
import asyncio
import collections
import itertools
import json
import re
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from pathlib import Path

import checks as checking
import lab as labs
import m3ua
import sctp_judge
import stp_judge
import tshark_judge
from stp_judge import CENTRE, CODES, CONTEXTS, GATEWAY, HLR, HLR_TITLE, SMSC, STP, TITLE

# Times that something is killed; every so many times it is the process.
KILLS, PROCESS = 100, 5
# Messages of each way that begin in a second, and how many must come to their end after each kill.
RATE, APART = 60, 8
# The box looks for what it is asked every 50 ms: so many ask at a time.
LANES = 6
SUBSCRIBERS = 200
START, BACK, END = 30, 20, 20
# After how long a UE, or somebody with a message, tries again.
AGAIN = 0.5
PORTS = {"core": 8081, "ims": 8082}
DATA, INIT, ABORT, COOKIE_ACK = 0, 1, 6, 11
TCAP_END = 0x64

AF_PACKET = "net_af_packet{at},iface={interface},qdisc_bypass=0,blocksz=4096,framesz=2048,framecnt=512"
BOX_TOML = """
seed = {seed}
extensions = "1.3.6.1.4.1.99999.1"

[node]
plays = {plays}

[eal]
memory_mb = 128
file_prefix = "{name}-{process}"
extra = ["--no-telemetry", "--no-pci"]

{ports}
{api}
[[network]]
name = "home1"
realm = "home1.net"
subscribers = {subscribers}
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
retry_s = []

[smsc.point]
port = "two"
addresses = ["{smsc}/24"]

[smsc.point.ss7]
point_code = "{codes[smsc]}"

[hlr.point]
port = "two"
addresses = ["{hlr}/24"]

[hlr.point.ss7]
point_code = "{codes[hlr]}"

[[stp]]
name = "sgp"

[stp.point]
port = "one"
addresses = ["{stp[0]}/24"]

[[stp.point.also]]
port = "two"
addresses = ["{stp[1]}/24"]

[stp.point.ss7]
point_code = "{codes[stp]}"
{sections}
[traffic]
mt_forward_ms = 4000
mo_report_ms = 6000
"""
PORT = '[[port]]\nname = "{name}"\ndevice = "{device}"\naddresses = {addresses}\n\n'
SERVER = """
[[stp.point.association]]
name = "{name}"
role = "server"
local = ["{local}"]
remote = ["{remote}"]
routing_contexts = [{context}]
traffic_mode = "override"
profile = "sigtran"
m3ua = "sgp"

[[stp.point.destination]]
point_code = "{code}"
associations = ["{name}"]
"""


class Lab(sctp_judge.TwoPaths):
    """Two paths, and each process of the box in a namespace of its own. An AF_PACKET port of DPDK joins a fanout group whose number is its process's identifier
    with the interface's in it by exclusive or: those of two processes in one namespace can be the same, and then the kernel refuses the second port."""

    def __init__(self, binary, keep):
        super().__init__(binary, keep)
        self.namespaces |= {role: f"{self.name}-{role}" for role in ("core", "ims")}

    def _wire(self):
        super()._wire()
        gateway = labs.within(self.namespaces["gateway"])
        labs.run(*gateway, "ip", "link", "set", "two", "netns", self.namespaces["core"])
        labs.run(*labs.within(self.namespaces["core"]), "ip", "link", "set", "two", "up")
        labs.run(*gateway, "ip", "link", "add", "ims", "type", "veth", "peer", "name", "ims-box", "netns", self.namespaces["ims"])
        for role, interface in {"gateway": "ims", "ims": "ims-box"}.items():
            inner = labs.within(self.namespaces[role])
            labs.run(*inner, "ethtool", "-K", interface, "tx", "off")
            labs.run(*inner, "ip", "link", "set", interface, "up")
        for role in PORTS:
            labs.run(*labs.within(self.namespaces[role]), "ip", "link", "set", "lo", "up")


class Wire:
    """The network between the gateway and the signalling gateway, seen and spoken on."""

    def __init__(self, lab):
        with lab.inside("between"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind(("one-gateway", 0))
        self.socket.setblocking(False)
        self.ups, self.ended, self.last, self.changed = 0, collections.Counter(), None, asyncio.Event()
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._readable)

    def close(self):
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.socket.close()

    def _readable(self):
        try:
            while True:
                self._look(self.socket.recv(65536))
        except BlockingIOError:
            self.changed.set()

    def _look(self, frame):
        if frame[12:14] != b"\x08\x00" or frame[23] != 132:
            return
        at, end = 14 + 4 * (frame[14] & 15), 14 + int.from_bytes(frame[16:18], "big")
        to_gateway = frame[30:34] == socket.inet_aton(GATEWAY)
        if to_gateway:
            # An INIT ACK has the tag that packets to the gateway have, too.
            self.last = frame[: at + 12]
        at += 12
        while at + 4 <= end:
            kind, length = frame[at], int.from_bytes(frame[at + 2 : at + 4], "big")
            if kind == COOKIE_ACK and to_gateway:
                self.ups += 1
                self.ended.clear()
            elif kind == DATA and is_end(frame[at + 16 : at + length]):
                self.ended["mo" if to_gateway else "mt"] += 1
            at += max(4, length + 3 & ~3)

    async def until(self, what, holds, seconds):
        deadline = time.monotonic() + seconds
        while not holds():
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), max(0, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                raise TimeoutError(f"{what}: not in {seconds} s; since the last of {self.ups} associations {dict(self.ended)}") from None

    def abort(self):
        """The gateway hears that its association is broken off, as if the signalling gateway had said so; that does not know."""
        frame, at = self.last, len(self.last) - 12
        ip = bytearray(frame[14:at])
        ip[2:4] = (len(ip) + 16).to_bytes(2, "big")
        ip[10:12] = bytes(2)
        ip[10:12] = tshark_judge.internet_sum(bytes(ip)).to_bytes(2, "big")
        chunk = struct.pack("!BBH", ABORT, 0, 4)
        head = frame[at : at + 8]
        check = struct.pack("<I", tshark_judge.crc32c(head + bytes(4) + chunk))
        self.socket.send(frame[:14] + bytes(ip) + head + check + chunk)


def is_end(payload):
    """Whether M3UA has a TCAP End in a UDT."""
    try:
        kind, parameters = m3ua.parse(payload)
    except ValueError:
        return False
    sccp = dict(parameters).get(m3ua.PROTOCOL_DATA, b"")[12:]
    if kind != m3ua.DATA or len(sccp) < 5 or sccp[0] != 9:
        return False
    at = 4 + sccp[4] + 1
    return at < len(sccp) and sccp[at] == TCAP_END


class Api:
    """What one of the box's processes is told over HTTP; the connection stays."""

    def __init__(self, lab, process):
        self.lab, self.process, self.stream, self.lock = lab, process, None, asyncio.Lock()

    async def ask(self, method, path, value=None):
        async with self.lock:
            if self.stream is None:
                with self.lab.inside(self.process):
                    made = socket.socket()
                made.setblocking(False)
                await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", PORTS[self.process]))
                self.stream = await asyncio.open_connection(sock=made)
            reader, writer = self.stream
            body = b"" if value is None else json.dumps(value).encode()
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            body = await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))
        if " 200 " not in head.splitlines()[0]:
            raise labs.LabError(f"{method} {path}: {head.splitlines()[0]} {body!r}")
        return json.loads(body)

    def close(self):
        if self.stream:
            self.stream[1].close()
            self.stream = None


async def message(apis, number, way):
    """A short message of a mobile, or for it."""
    if way == "mo":
        await apis["ims"].ask("POST", f"/v1/ues/{number}", {"act": "submit"})
    else:
        await apis["core"].ask("POST", "/v1/messages", {"to": number})


class SgpJudge:
    def __init__(self, lab, checks, seed):
        self.lab, self.checks, self.seed = lab, checks, seed
        self.corenet = Path(lab.binary).with_name("corenet")
        self.processes, self.apis = {}, {name: Api(lab, name) for name in PORTS}
        self.is_loading = True
        self.numbers = [f"491711{at + 1:06}" for at in range(SUBSCRIBERS)]

    def configure(self):
        lab = self.lab
        again = lambda text: text.replace('profile = "sigtran"', 'profile = "sigtran"\nretry_ms = 100')
        common = {"name": lab.name, "codes": CODES, "title": TITLE, "centre": CENTRE, "hlr_title": HLR_TITLE}
        text = stp_judge.GATEWAY_TOML.format(gateway=GATEWAY, **common)
        text = re.sub(r'"net_memif0[^"]*"', f'"{AF_PACKET.format(at=1, interface="ims")}"', text)
        text = text.replace("[admin]", "[timers]\nmap_forward_ms = 4000\n\n[admin]")
        text += again(stp_judge.sections("", GATEWAY, STP[0], "gateway", {"smsc": "", "hlr": HLR_TITLE}))
        (lab.directory / "gateway.toml").write_text(text)
        sections = again(stp_judge.sections("smsc.point.", SMSC, STP[1], "smsc", {"gateway": TITLE, "hlr": HLR_TITLE}))
        sections += again(stp_judge.sections("hlr.point.", HLR, STP[1], "hlr", {"gateway": TITLE, "smsc": CENTRE}))
        for node, (local, remote) in {"gateway": (STP[0], GATEWAY), "smsc": (STP[1], SMSC), "hlr": (STP[1], HLR)}.items():
            sections += SERVER.format(name=node, local=local, remote=remote, context=CONTEXTS[node], code=CODES[node])
        port = lambda name, at, interface, addresses=(): PORT.format(name=name, device=AF_PACKET.format(at=at, interface=interface), addresses=json.dumps(addresses))
        ports = {
            "sgp": (["sgp"], port("one", 0, "one") + port("two", 1, "two")),
            "core": (["smsc", "hlr"], port("two", 0, "two")),
            "ims": (["ues"], port("ims", 0, "ims-box", ["10.0.0.254/24", "10.1.0.5/32"])),
        }
        for process, (plays, text) in ports.items():
            api = f'[api]\nlisten = "127.0.0.1:{PORTS[process]}"\n' if process in PORTS else ""
            text = BOX_TOML.format(seed=self.seed, plays=json.dumps(plays), process=process, ports=text, api=api, subscribers=SUBSCRIBERS, smsc=SMSC, hlr=HLR, stp=STP, sections=sections, **common)
            (lab.directory / f"{process}.toml").write_text(text)
        listed = labs.run(str(self.corenet), "subscribers", "-c", "ims.toml", "home1", cwd=lab.directory)
        (lab.directory / "home1.csv").write_text(listed)
        (lab.directory / "ledgers").mkdir()

    async def start(self, process):
        """Starts one of the processes, and waits until it takes part."""
        lab = self.lab
        role = "peer" if process == "sgp" else process
        inside = [*labs.within(lab.namespaces[role]), "env", f"--chdir={lab.directory}", f"XDG_RUNTIME_DIR={lab.directory}"]
        is_there = lab.directory / ("admin.sock" if process == "gateway" else f"{process}.ready")
        is_there.unlink(missing_ok=True)
        if process == "gateway":
            command = [lab.binary, "run", "-c", "gateway.toml"]
        else:
            command = [self.corenet, "serve", "-c", f"{process}.toml", "--ready", is_there.name, "--ledgers", "ledgers"]
        with open(lab.keep / f"{process}.log", "ab") as output:
            child = await asyncio.create_subprocess_exec(*inside, *map(str, command), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=asyncio.subprocess.STDOUT)
        self.processes[process] = child
        await labs.until(f"{process} starts", lambda: is_there.exists() or child.returncode is not None, START)
        if child.returncode is not None:
            last = (lab.keep / f"{process}.log").read_text(errors="replace").splitlines()[-5:]
            raise labs.LabError(f"{process} ended at once: {' / '.join(last)}")

    async def stop(self):
        """All end as their operators say."""
        for api in self.apis.values():
            api.close()
        for process in ("gateway", "ims", "core", "sgp"):
            child = self.processes.pop(process, None)
            if child is None:
                continue
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(child.wait(), END)
            self.checks.equal("each process ends in order", code, 0, process)

    def end(self):
        for child in self.processes.values():
            if child.returncode is None:
                child.kill()

    async def register(self, numbers):
        """UEs register, and go on trying until they are."""
        deadline = time.monotonic() + BACK
        while (count := self.lab.show("subscribers")["subscribers"]["count"]) < len(numbers):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} of {len(numbers)} UEs are registered after {BACK} s")
            for number in numbers:
                await self.apis["ims"].ask("POST", f"/v1/ues/{number}", {"act": "register"})
            try:
                await labs.until("registered", lambda: self.lab.show("subscribers")["subscribers"]["count"] >= len(numbers), AGAIN)
            except TimeoutError:
                pass

    # Whatever is first.

    async def orders(self):
        """Each is started before and after each other, and then a message goes each way."""
        for number, order in enumerate(itertools.permutations(("gateway", "sgp", "core"))):
            order = [*order[: number % 4], "ims", *order[number % 4 :]]
            started, wire = time.monotonic(), Wire(self.lab)
            try:
                for process in order:
                    await self.start(process)
                await self.goes_both_ways(wire, self.numbers[number])
                self.checks.that("everything comes up by itself, whatever is first", True)
            except TimeoutError as error:
                self.checks.that("everything comes up by itself, whatever is first", False, f"{order}: {error}")
            finally:
                wire.close()
            await self.idle()
            await self.stop()
            self.ledgers(2)
            print(f"     {', '.join(order)}: {time.monotonic() - started:.1f} s", flush=True)

    async def goes_both_ways(self, wire, number):
        """As long as nobody comes through, somebody tries again. What the HLR could not be told would be told to it in a while."""
        available = lambda: [way["state"] for way in self.lab.show("destinations")["destinations"]] == ["available"] * 2
        await labs.until("the gateway reaches HLR and service centre", available, BACK)
        await self.register([number])
        wire.ended.clear()
        deadline = time.monotonic() + BACK
        while not (wire.ended["mo"] and wire.ended["mt"]):
            for way in ("mo", "mt"):
                if not wire.ended[way]:
                    await message(self.apis, number, way)
            try:
                await wire.until("a message each way", lambda: wire.ended["mo"] and wire.ended["mt"], AGAIN)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    # Killed under load.

    async def kills(self):
        checks, lab = self.checks, self.lab
        for process in ("sgp", "core", "ims", "gateway"):
            await self.start(process)
        wire = Wire(lab)
        try:
            await lab.capture("sgp")
            await self.register(self.numbers)
            load = asyncio.gather(*[self.load(lane) for lane in range(LANES)])
            took = collections.defaultdict(list)
            for number in range(KILLS):
                what = "the signalling gateway" if number % PROCESS == 0 else "the association"
                started, ups = time.monotonic(), wire.ups
                if number % PROCESS == 0:
                    self.processes["sgp"].kill()
                    await self.processes["sgp"].wait()
                    await self.start("sgp")
                else:
                    wire.abort()
                # Only what ends in the next association counts.
                await wire.until(f"{what} was killed, and traffic flows again", lambda ups=ups: wire.ups > ups and min(wire.ended["mo"], wire.ended["mt"]) >= APART, BACK)
                checks.that(f"{what} is killed, and traffic flows again both ways", not load.done())
                took[what].append(time.monotonic() - started)
            for what, times in took.items():
                print(f"     {what}: killed {len(times)} times, back after {sorted(times)[len(times) // 2]:.2f} s, {max(times):.2f} s at most", flush=True)
        finally:
            wire.close()
            self.is_loading = False
        await load
        await self.idle()
        counted = {name: lab.counter("transport", name) for name in ("rescued", "indeterminate", "repeated", "stranded")}
        downs = lab.counter("sctp", "associations_down") + lab.counter("sctp", "restarts")
        print(f"     the gateway: {downs} associations ended, {counted}", flush=True)
        checks.that("the gateway has counted the end of each association", downs >= KILLS, downs)
        checks.equal("the gateway has no message and no dialogue left", self.under_way(), [0, 0, 0])
        await self.stop()
        for child, _ in lab.captures.values():
            child.send_signal(signal.SIGINT)
            await asyncio.to_thread(child.wait, 10)
        self.ledgers(2 * KILLS * APART)
        for path, (_, file) in lab.captures.items():
            faults = await asyncio.to_thread(tshark_judge.judge, file)
            checks.equal("tshark finds nothing wrong on either network", faults[:3], [], f"path {path}:")

    async def load(self, lane):
        """Messages of both ways at a steady pace, whatever becomes of them."""
        loop, apis = asyncio.get_running_loop(), {name: Api(self.lab, name) for name in PORTS}
        due = loop.time() + lane / RATE
        for number in itertools.cycle(self.numbers[lane::LANES]):
            await asyncio.sleep(max(0, due - loop.time()))
            if not self.is_loading:
                break
            await asyncio.gather(*[message(apis, number, way) for way in ("mo", "mt")])
            due += LANES / RATE
        for api in apis.values():
            api.close()

    async def idle(self):
        """Everybody knows what became of each message."""
        deadline = time.monotonic() + END
        while open_ := sum([(await api.ask("GET", "/v1/ledger"))["open"] for api in self.apis.values()]):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{open_} messages are open after {END} s")
            await asyncio.sleep(0.02)
        await labs.until("no message is under way in the gateway", lambda: self.under_way() == [0, 0, 0], END)

    def under_way(self):
        """Messages of both ways, and dialogues, that are open in the gateway."""
        workers = [worker["numbers"]["fill"] for worker in self.lab.show("workers")["workers"]]
        return [sum(worker[name] for worker in workers) for name in ("mo", "mt", "dialogues")]

    def ledgers(self, least):
        """What was acknowledged is there, once; of all else the sender knows that it failed."""
        directory = self.lab.directory / "ledgers"
        files = sorted(directory.glob("*.jsonl"))
        said = subprocess.run([self.corenet, "ledger", *files], capture_output=True, text=True, check=False).stdout.splitlines()
        sent, delivered, open_, failed, unreported = map(int, re.findall(r"\d+", said[0]))
        print(f"     {said[0]}", flush=True)
        self.checks.equal("nothing that was acknowledged is lost, and nothing is there twice", said[1:4], [])
        self.checks.equal("each message is acknowledged, refused, or nobody can tell", (sent, open_), (delivered + failed + unreported, 0))
        self.checks.that("what was seen on the wire has arrived", delivered + unreported >= least, said[0])
        for file in files:
            file.unlink()


async def main(binary, what, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    judge = f"sgp_judge {what}"
    checks = checking.Checks(judge)
    print(f"{judge}: seed {seed}", flush=True)
    keep = labs.FILES / f"sgp_judge-{what}"
    keep.mkdir(parents=True, exist_ok=True)
    for log in keep.glob("*.log"):
        log.unlink()
    try:
        with Lab(binary, keep) as lab:
            run = SgpJudge(lab, checks, seed)
            try:
                run.configure()
                await {"orders": run.orders, "kills": run.kills}[what]()
            finally:
                run.end()
    except Exception as error:
        traceback.print_exc()
        checks.that("the judge comes to its end", False, f"{type(error).__name__}: {error}; files in {keep}")
    _, failed = checks.print()
    return failed


if __name__ == "__main__":
    sys.exit(bool(asyncio.run(main(*sys.argv[1:]))))
