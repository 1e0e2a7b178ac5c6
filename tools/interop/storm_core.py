"""An SMSC that takes every message, and an HLR that carries out so many operations a second and refuses what it has no room for: a process of its own.

storm_core.py TAKES: told to end (SIGTERM), it prints what it has seen. What it answers is spelled by pycrate, once for each kind of answer."""
import asyncio
import collections
import json
import signal
import struct
import sys

import lab as labs
import m3ua
import map_peer
import usrsctp
from hlr import ANY_TIME_MODIFICATION
from map_peer import MO_FORWARD, MO_RELAY
from sms import digits, international

MODIFICATION = (0, 4, 0, 0, 1, 0, 43, 3)
# Seconds of work that the HLR lets wait. It is as late as its process is.
ROOM = 1.0
MARK = bytes.fromhex("deadbeef")


def elements(octets):
    """The elements of BER in a row: tag, and what is in it."""
    at = 0
    while at < len(octets):
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(octets[at : at + size], "big"), at + size
        yield tag, octets[at : at + length]
        at += length


class Core:
    """Both."""

    def __init__(self, takes):
        self.takes, self.loop = takes, asyncio.get_running_loop()
        self.waiting, self.next, self.timer = collections.deque(), 0.0, None
        self.registered, self.answers = collections.Counter(), {}
        self.refused = self.messages = self.longest = 0
        self.unread = []

    def spell(self, invoke, opcode, how):
        """An End with this answer, for a dialogue of another name."""
        if how == "error":
            component, context = map_peer.error(invoke, "systemFailure"), MODIFICATION
        elif opcode == MO_FORWARD:
            component, context = map_peer.result(invoke, MO_FORWARD, None), MO_RELAY
        else:
            done = {"opcode": ("local", opcode), "result": ("AnyTimeModificationRes", {"serviceCentreAddress": international("12025559999")})}
            component, context = ("returnResult", {"invokeId": ("present", invoke), "result": done}), MODIFICATION
        map_peer.TCAP.set_val(("end", {"dtid": MARK, "dialoguePortion": map_peer.accepted(context), "components": [("basicROS", component)]}))
        return map_peer.TCAP.to_ber()

    def answer(self, heard, how):
        transfer, called, calling, otid, invoke, opcode = heard
        key = (invoke, opcode, how)
        if key not in self.answers:
            self.answers[key] = self.spell(*key)
        tcap = self.answers[key].replace(MARK, otid)
        # UDT, class 1 with return on error: from whom it came, to whom it was.
        parts = [bytes([len(part)]) + part for part in (calling, called, tcap)]
        pointers = bytes([3, 2 + len(parts[0]), 1 + len(parts[0]) + len(parts[1])])
        self.association.transfer(labs.PEER_POINT_CODE, labs.POINT_CODE, labs.NETWORK_INDICATOR, transfer.sls, b"\x09\x81" + pointers + b"".join(parts))

    def on_transfer(self, transfer):
        try:
            self.hear(transfer, transfer.data)
        except (IndexError, KeyError, ValueError, StopIteration) as error:
            self.unread.append(f"{type(error).__name__}: {transfer.data.hex()}")

    def hear(self, transfer, unit):
        if unit[0] != 0x09:
            raise ValueError("no unitdata")
        called, calling, tcap = (unit[at + unit[at] + 1 :][: unit[at + unit[at]]] for at in (2, 3, 4))
        (kind, begin), = elements(tcap)
        if kind == 0x64:
            return
        begin = dict(elements(begin))
        (_, invoke), = elements(begin[0x6C])
        (_, number), (_, opcode), (_, argument) = elements(invoke)
        opcode, number = opcode[0], struct.unpack("b", number)[0]
        if len(begin[0x48]) != len(MARK):
            raise ValueError("a transaction's name is of four octets")
        heard = (transfer, called, calling, begin[0x48], number, opcode)
        if opcode == MO_FORWARD:
            self.messages += 1
            return self.answer(heard, "result")
        if opcode != ANY_TIME_MODIFICATION:
            raise ValueError(f"operation {opcode}")
        # IMSI, and modifyRegistrationStatus.
        (_, subject), *others = elements(argument)
        (tag, imsi), = elements(subject)
        if tag != 0x80:
            raise ValueError("by IMSI")
        if len(self.waiting) >= ROOM * self.takes:
            self.refused += 1
            return self.answer(heard, "error")
        self.waiting.append((heard, digits(imsi)))
        self.longest = max(self.longest, len(self.waiting))
        if self.timer is None:
            self.next = max(self.next, self.loop.time() + 1 / self.takes)
            self.timer = self.loop.call_at(self.next, self.serve)

    def serve(self):
        self.timer = None
        while self.waiting and self.next <= self.loop.time():
            heard, imsi = self.waiting.popleft()
            self.registered[imsi] += 1
            self.answer(heard, "result")
            self.next += 1 / self.takes
        if self.waiting:
            self.timer = self.loop.call_at(self.next, self.serve)
        else:
            self.say()

    def say(self):
        often = [imsi for imsi, count in self.registered.items() if count > 1]
        seen = {"registered": len(self.registered), "often": len(often), "refused": self.refused, "messages": self.messages, "longest_queue": self.longest, "unread": self.unread[:3]}
        print(json.dumps(seen), flush=True)


async def main(takes):
    core = Core(int(takes))
    usrsctp.start()
    core.association = m3ua.Association("peer1", core.on_transfer, labs.ROUTING_CONTEXT)
    core.association.connect(labs.PEER_SS7[0], 2905, labs.GATEWAY_SS7[0], 2905)
    await core.association.active.wait()
    core.say()
    told = asyncio.Event()
    core.loop.add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    core.say()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
