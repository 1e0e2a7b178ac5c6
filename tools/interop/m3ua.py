"""M3UA (RFC 4666) over usrsctp: a signalling gateway process, or an IP server process that starts the exchange."""
import asyncio
import struct
import threading
from dataclasses import dataclass

import usrsctp
from events import Inbox

PROTOCOL = 3  # SCTP's payload protocol identifier
ERR, NTFY, DATA, DAVA, DAUD = (0, 0), (0, 1), (1, 1), (2, 2), (2, 3)
ASPUP, ASPDN, BEAT, ASPUP_ACK, ASPDN_ACK, BEAT_ACK = ((3, kind) for kind in range(1, 7))
ASPAC, ASPIA, ASPAC_ACK, ASPIA_ACK = ((4, kind) for kind in range(1, 5))
ROUTING_CONTEXT, TRAFFIC_MODE, STATUS, AFFECTED, PROTOCOL_DATA = 0x06, 0x0B, 0x0D, 0x12, 0x210


def parameter(tag, value):
    return struct.pack("!HH", tag, 4 + len(value)) + value + bytes(-len(value) % 4)


def message(kind, *parameters):
    body = b"".join(parameters)
    return struct.pack("!BBBBI", 1, 0, *kind, 8 + len(body)) + body


def parse(octets):
    """Kind and parameters; ValueError says what RFC 4666 3.1 and 3.2 don't allow."""
    if len(octets) < 8:
        raise ValueError("shorter than the common header")
    version, reserved, cls, kind, length = struct.unpack_from("!BBBBI", octets)
    if (version, reserved) != (1, 0) or length != len(octets) or length % 4:
        raise ValueError(f"header {octets[:8].hex()} before {len(octets)} octets")
    parameters, at = [], 8
    while at < length:
        tag, size = struct.unpack_from("!HH", octets, at)
        end = at + size
        padded = (end + 3) & ~3
        if size < 4 or padded > length or any(octets[end:padded]):
            raise ValueError(f"parameter {tag:04x} at {at}")
        parameters.append((tag, octets[at + 4 : end]))
        at = padded
    return (cls, kind), parameters


@dataclass
class Transfer:
    """A DATA message."""

    association: "Association"
    stream: int
    context: int | None
    opc: int
    dpc: int
    si: int
    ni: int
    mp: int
    sls: int
    data: bytes


class Association:
    """One association; `faults` collects what the peer does that RFC 4666 does not allow."""

    def __init__(self, name, on_transfer, context, mode=2):
        self.name, self.on_transfer, self.context, self.mode = name, on_transfer, context, mode
        self.loop = asyncio.get_running_loop()
        self.inbox = Inbox(name)
        self.active = asyncio.Event()
        self.ended = asyncio.Event()
        self.socket = None
        self.faults = []
        self.seen = []

    def listen(self, ip, port):
        """Waits for the peer as a signalling gateway process does."""
        listener = usrsctp.Socket()
        listener.bind(ip, port)
        listener.listen()
        threading.Thread(target=lambda: self._run(listener.accept()), daemon=True).start()

    def connect(self, ip, port, peer, peer_port):
        """Connects to the peer and starts the single exchange of two IP server processes."""
        socket = usrsctp.Socket()
        socket.bind(ip, port)

        def run():
            while True:
                try:
                    socket.connect(peer, peer_port)
                    break
                except OSError as error:
                    self.loop.call_soon_threadsafe(self.faults.append, str(error))
                    return
            self.loop.call_soon_threadsafe(self.tell, ASPUP)
            self._run(socket)

        self.socket = socket
        threading.Thread(target=run, daemon=True).start()

    def _run(self, socket):
        self.socket = socket
        while (received := socket.receive()) is not None:
            self.loop.call_soon_threadsafe(self._received, *received)
        self.loop.call_soon_threadsafe(self.ended.set)

    def tell(self, kind, *parameters, stream=0):
        self.socket.send(message(kind, *parameters), stream, PROTOCOL)

    def transfer(self, opc, dpc, ni, sls, data):
        label = struct.pack("!IIBBBB", opc, dpc, 3, ni, 0, sls)
        context = parameter(ROUTING_CONTEXT, struct.pack("!I", self.context))
        self.tell(DATA, context, parameter(PROTOCOL_DATA, label + data), stream=1 + sls % 15)

    def _received(self, octets, stream, protocol):
        try:
            kind, parameters = parse(octets)
        except ValueError as error:
            self.faults.append(f"M3UA: {error}")
            return
        values = dict(parameters)
        self.seen.append(kind)
        if protocol != PROTOCOL:
            self.faults.append(f"payload protocol {protocol}")
        if kind == DATA and stream == 0:
            self.faults.append("DATA on stream 0")
        if kind in (ASPUP, ASPDN, ASPUP_ACK, ASPDN_ACK) and stream != 0:
            self.faults.append(f"ASPSM on stream {stream}")
        context = parameter(ROUTING_CONTEXT, struct.pack("!I", self.context))
        mode = parameter(TRAFFIC_MODE, struct.pack("!I", self.mode))
        if kind == ASPUP:
            self.tell(ASPUP_ACK)
            self.tell(NTFY, parameter(STATUS, struct.pack("!HH", 1, 2)), context)
        elif kind == ASPUP_ACK:
            self.tell(ASPAC, mode, context)
        elif kind == ASPAC:
            if values.get(ROUTING_CONTEXT) != struct.pack("!I", self.context):
                self.faults.append(f"ASPAC for routing context {values.get(ROUTING_CONTEXT)}")
            self.tell(ASPAC_ACK, mode, context)
            self.tell(NTFY, parameter(STATUS, struct.pack("!HH", 1, 3)), context)
            self.active.set()
        elif kind == ASPAC_ACK:
            self.active.set()
        elif kind == ASPIA:
            self.active.clear()
            self.tell(ASPIA_ACK, context)
        elif kind == ASPDN:
            self.active.clear()
            self.tell(ASPDN_ACK)
        elif kind == BEAT:
            self.tell(BEAT_ACK, *[parameter(*each) for each in parameters], stream=stream)
        elif kind == DAUD:
            self.tell(DAVA, context, parameter(AFFECTED, values[AFFECTED]))
        elif kind == DATA:
            label = values.get(PROTOCOL_DATA)
            if label is None or len(label) < 13:
                self.faults.append("DATA without protocol data")
                return
            opc, dpc, si, ni, mp, sls = struct.unpack_from("!IIBBBB", label)
            asked = values.get(ROUTING_CONTEXT)
            asked = struct.unpack("!I", asked)[0] if asked and len(asked) == 4 else None
            self.on_transfer(Transfer(self, stream, asked, opc, dpc, si, ni, mp, sls, label[12:]))
        elif kind not in (NTFY, BEAT_ACK, ASPIA_ACK, ASPDN_ACK):
            self.inbox.put((kind, parameters))
