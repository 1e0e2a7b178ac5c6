"""The peer of sctp_judge.py: sends M3UA BEATs of mixed sizes, and compares what comes back octet by octet. sctp_peer.py usrsctp|kernel

A line of JSON on the input is a plan: associations that all do the same at the same time. A line `go` opens the next gate. What happens is told in
lines of JSON behind an @. The Heartbeat Data of a BEAT comes back in a BEAT ACK on the same stream (RFC 4666 3.5.6): an answer that is lost, doubled or out
of order differs from the one that is due."""
import collections
import json
import random as randomness
import struct
import sys
import threading
import time

from m3ua import ASPAC, ASPAC_ACK, ASPDN, ASPDN_ACK, ASPIA, ASPIA_ACK, ASPUP, ASPUP_ACK, BEAT, BEAT_ACK, ERR, NTFY, PROTOCOL, ROUTING_CONTEXT, STATUS, message, parameter, parse

HEARTBEAT, ERROR_CODE = 0x09, 0x0C
STREAMS = 8
# Octets that may be on their way at a time, there and back: less than the buffers of either side.
UNDER_WAY = 128 << 10
# Shortest, longest and share: what fits many times into a packet, once, and not.
SIZES = [(1, 200, 0.5), (200, 1400, 0.25), (1400, 4300, 0.25)]
_tells = threading.Lock()


def tell(**event):
    with _tells:
        print("@" + json.dumps(event), flush=True)


class Gates:
    """Points where all wait until they are told to go on."""

    def __init__(self):
        self.open, self.changed = 0, threading.Condition()

    def go(self):
        with self.changed:
            self.open += 1
            self.changed.notify_all()

    def wait(self, number):
        with self.changed:
            self.changed.wait_for(lambda: self.open > number)


class Load(threading.Thread):
    """One association. Its plan: `starts`, whether the peer sends the INIT, and `asks`, whether it sends the ASP Up; addresses and ports; `octets` to send;
    `gates`, shares of them before which it waits, and what it does there: `busy` with short messages, or idle."""

    def __init__(self, stack, plan, gates):
        super().__init__(daemon=True)
        self.stack, self.plan, self.gates = stack, plan, gates
        self.random = randomness.Random(plan["seed"])
        self.due = [collections.deque() for _ in range(STREAMS)]
        self.under_way = self.sent = self.sent_octets = self.extra = 0
        self.active = self.ended = False
        self.faults, self.gap, self.heard = [], 0.0, None

    def run(self):
        try:
            self.open()
            while not self.active and not self.ended:
                self.hear()
            if self.ended:
                self.faults.append("the association ended before it was active")
            self.tell(event="active")
            started = time.monotonic()
            self.exchange()
            self.tell(
                event="done", faults=self.faults[:5], messages=self.sent, octets=self.sent_octets, extra=self.extra,
                missing=sum(map(len, self.due)), seconds=round(time.monotonic() - started, 3), gap=round(self.gap, 3),
            )
            try:
                while not self.ended:
                    self.hear()
            except OSError:
                # The gateway leaves: its SHUTDOWN was faster than our answer to its last message.
                pass
            self.tell(event="ended", faults=self.faults[:5])
        except Exception as error:
            self.tell(event="failed", why=f"{type(error).__name__}: {error}", faults=self.faults[:5])

    def open(self):
        plan, timers = self.plan, self.plan["timers"]
        socket = self.stack.Socket(timers=(timers["initial"], timers["max"], timers["min"]))
        socket.bind(plan["local"][0], plan["local_port"], *plan["local"][1:])
        if plan["starts"]:
            self.tell(event="ready")
            self.gates.wait(0)
            socket.connect(plan["remote"][0], plan["remote_port"], *plan["remote"][1:])
            self.socket = socket
        else:
            socket.listen()
            self.tell(event="ready")
            self.socket = socket.accept()
        if plan["asks"]:
            self.say(ASPUP)

    def tell(self, **event):
        tell(run=self.plan["run"], name=self.plan["name"], **event)

    def say(self, kind, *parameters, stream=0):
        self.socket.send(message(kind, *parameters), stream, PROTOCOL)

    def exchange(self):
        octets, gates = self.plan["octets"], [(share * self.plan["octets"], number, busy) for number, (share, busy) in enumerate(self.plan["gates"], 1)]
        while not self.ended and not self.faults:
            if gates and self.sent_octets >= gates[0][0]:
                _, number, busy = gates.pop(0)
                self.tell(event="gate", number=number)
                while busy and self.gates.open <= number and not self.ended:
                    self.beat(self.random.randint(1, 200))
                    self.collect(0)
                self.collect(0)
                self.gates.wait(number)
                self.heard = None
            elif self.sent_octets < octets:
                least, most, _ = self.random.choices(SIZES, [share for *_, share in SIZES])[0]
                size = self.random.randint(least, most)
                self.collect(UNDER_WAY - size)
                self.beat(size)
            else:
                self.collect(0)
                return

    def beat(self, size):
        data, stream = self.random.randbytes(size), self.random.randrange(STREAMS)
        self.due[stream].append(data)
        self.under_way += size
        self.sent += 1
        self.sent_octets += size
        self.say(BEAT, parameter(HEARTBEAT, data), stream=stream)

    def collect(self, rest):
        """Takes answers until only `rest` octets are on their way."""
        while self.under_way > rest and not self.ended and not self.faults:
            self.hear()

    def hear(self):
        heard = self.socket.receive()
        if heard is None:
            self.ended = True
            if self.under_way:
                self.faults.append(f"the association ended with {self.under_way} octets on their way")
            return
        octets, stream, protocol = heard
        try:
            kind, parameters = parse(octets)
        except ValueError as error:
            self.faults.append(f"M3UA: {error}")
            return
        if protocol != PROTOCOL:
            self.faults.append(f"payload protocol {protocol}")
        values = dict(parameters)
        context = parameter(ROUTING_CONTEXT, struct.pack("!I", self.plan["context"]))
        if kind == BEAT_ACK:
            self.answered(values.get(HEARTBEAT), stream)
        elif kind == BEAT:
            self.say(BEAT_ACK, *[parameter(*it) for it in parameters], stream=stream)
        elif kind == ASPUP:
            self.say(ASPUP_ACK)
            if self.plan["role"] == "sgp":
                self.say(NTFY, parameter(STATUS, struct.pack("!HH", 1, 2)), context)
        elif kind == ASPUP_ACK:
            self.say(ASPAC, context)
        elif kind == ASPAC:
            self.say(ASPAC_ACK, context)
            self.active = True
        elif kind == ASPAC_ACK:
            self.active = True
        elif kind in (ASPIA, ASPDN):
            self.say({ASPIA: ASPIA_ACK, ASPDN: ASPDN_ACK}[kind])
        elif kind == ERR:
            self.faults.append(f"ERR {[value.hex() for tag, value in parameters if tag == ERROR_CODE]}")

    def answered(self, data, stream):
        now = time.monotonic()
        if self.heard is not None:
            self.gap = max(self.gap, now - self.heard)
        self.heard = now
        if stream >= STREAMS or not self.due[stream]:
            self.extra += 1
            self.faults.append(f"an answer on stream {stream}, where none is due")
            return
        wanted = self.due[stream].popleft()
        self.under_way -= len(wanted)
        if data != wanted:
            later = data in self.due[stream]
            seen = f"{len(data or b'')} octets, {'which are due later' if later else 'which are not due'}"
            self.faults.append(f"on stream {stream}, for a BEAT of {len(wanted)} octets: {seen}")


def serve(stack, lines):
    """Carries out plans until the input ends."""
    stack.start()
    gates = Gates()
    for line in lines:
        if line.startswith("{"):
            plan, gates = json.loads(line), Gates()
            for name, value in plan["defaults"].items():
                stack.set_default(name, value)
            for association in plan["associations"]:
                Load(stack, {**plan, **association}, gates).start()
        elif line.strip() == "go":
            gates.go()


if __name__ == "__main__":
    if sys.argv[1] == "kernel":
        import kernel_sctp as chosen
    else:
        import usrsctp as chosen
    serve(chosen, sys.stdin)
    # usrsctp's threads would keep the process.
    sys.stdout.flush()
    import os

    os._exit(0)
