"""Judges captures by tshark: prints what is wrong with them, and nothing if nothing is.

tshark_judge.py [--from MAC] [--expect-packets N] [--expect-text TEXT]… [--expect FILE.json] CAPTURE…
tshark_judge.py --self-test

A malformed packet, a bad checksum (SCTP's CRC32c, UDP, IP, ICMP) and an expert item of warning or error are wrong, but for what
tshark-exceptions.txt says. --from looks only at what that MAC address sent; --expect-packets says how many packets that must be; --expect-text
that a short message with this text must be among them. FILE.json has the three as "mac", "packets" and "texts"."""
import argparse
import collections
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# A value that tshark doesn't know is silently ignored: the self-test shows that these are known.
CHECKSUMS = ["sctp.checksum:CRC 32c", "udp.check_checksum:TRUE", "ip.check_checksum:TRUE"]
BAD_CHECKSUM = ["sctp", "udp", "ip", "icmp"]
WARNING = 0x600000
SEPARATOR = "\x1f"
FIELDS = ["frame.number", "eth.src", "frame.protocols", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message", *[f"{layer}.checksum.status" for layer in BAD_CHECKSUM], "sip.CSeq", "sip.Status-Code", "sccp.message_type", "gsm_sms.sms_text"]


def exceptions():
    """Protocols and expert messages that are no fault."""
    lines = (HERE / "tshark-exceptions.txt").read_text().splitlines()
    patterns = []
    for line in lines:
        if line and not line.startswith("#"):
            parts = line.split("\t")
            if len(parts) != 3 or not parts[2].startswith("# "):
                raise SystemExit(f"tshark-exceptions.txt: not protocols, message and reason: {line!r}")
            patterns.append((re.compile(parts[0]), re.compile(parts[1])))
    return patterns


def dissect(path):
    """One dictionary a packet: field to list of values."""
    command = ["tshark", "-n", "-r", str(path), "-T", "ek"]
    for preference in CHECKSUMS:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, check=False)
    complaints = [line for line in done.stderr.decode().splitlines() if line and not line.startswith("Running as user")]
    if done.returncode or complaints:
        yield {"_complaint": [f"tshark: {' '.join(complaints) or done.returncode}"]}
    for line in done.stdout.splitlines():
        layers = json.loads(line).get("layers")
        if layers is not None:
            # ek spells a field with underscores for dots.
            yield {field: layers.get(field.replace(".", "_"), []) for field in FIELDS}


def is_opaque(protocols, packet):
    """Whether tshark stopped before the end: it does so without a word where it doesn't know what follows."""
    unknown = protocols.endswith(":udp") or ":data" in protocols
    unknown |= protocols.endswith(":sip") and not packet["sip.CSeq"] + packet["sip.Status-Code"]
    # What UDTS returns is not looked into.
    return unknown or (protocols.endswith(":sccp") and any(int(kind, 0) != 0x0A for kind in packet["sccp.message_type"]))


def judge(path, mac=None, packets=None, texts=(), opaque=False):
    """What is wrong with a capture, a line each. What tshark can't look into is wrong too, unless it may be `opaque`."""
    faults, seen, found, excused = [], 0, collections.Counter(), exceptions()
    for packet in dissect(path):
        if "_complaint" in packet:
            faults += packet["_complaint"]
            continue
        if mac and packet["eth.src"][:1] != [mac]:
            continue
        seen += 1
        found.update(packet["gsm_sms.sms_text"])
        protocols = "".join(packet["frame.protocols"])
        where = f"{path}: packet {packet['frame.number'][0]} ({protocols})"
        if not opaque and is_opaque(protocols, packet):
            faults.append(f"{where}: not dissected to its end")
        if packet["_ws.malformed"]:
            faults.append(f"{where}: malformed")
        for layer in BAD_CHECKSUM:
            if any(int(status) == 0 for status in packet[f"{layer}.checksum.status"]):
                faults.append(f"{where}: bad {layer} checksum")
        severities, messages = packet["_ws.expert.severity"], packet["_ws.expert.message"]
        for severity, message in zip(severities, messages):
            if int(severity, 0) >= WARNING and not any(of.fullmatch(protocols) and what.fullmatch(message) for of, what in excused):
                faults.append(f"{where}: {message}")
        if len(severities) != len(messages):
            faults.append(f"{where}: {len(severities)} severities and {len(messages)} messages")
    if packets is not None and seen != packets:
        faults.append(f"{path}: {seen} packets, not {packets}")
    for text, times in collections.Counter(texts).items():
        if found[text] < times:
            faults.append(f"{path}: the text {text!r} is there {found[text]} times, not {times}")
    return faults


# The self-test: good packets, then the same with one thing wrong.


def crc32c(octets):
    value = 0xFFFFFFFF
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return ~value & 0xFFFFFFFF


def internet_sum(octets):
    words = sum(struct.unpack(f"!{len(octets) // 2 + len(octets) % 2}H", octets + bytes(len(octets) % 2)))
    while words >> 16:
        words = (words & 0xFFFF) + (words >> 16)
    return ~words & 0xFFFF


def ip(protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    head = head[:10] + struct.pack("!H", internet_sum(head)) + head[12:]
    return bytes.fromhex("020000000002020000000001" + "0800") + head + payload


def udp(payload):
    head = struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0)
    pseudo = bytes([10, 0, 0, 1, 10, 0, 0, 2, 0, 17]) + struct.pack("!H", 8 + len(payload))
    return ip(17, head[:6] + struct.pack("!H", internet_sum(pseudo + head + payload) or 0xFFFF) + payload)


def sctp(payload, tsn=1):
    """A DATA chunk with an M3UA message. tshark looks into every TSN but once."""
    chunk = struct.pack("!BBHIHHI", 0, 3, 16 + len(payload), tsn, 1, 0, 3) + payload + bytes(-len(payload) % 4)
    head = struct.pack("!HHI", 2905, 2905, 0x12345678)
    return ip(132, head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk)


MO_BEGIN = "62634804000000016b1e281c060700118605010101a011600f80020780a1090607040000010015036c3ba13902010102012e3031840791947101670000820791947110325476041311050c919471907856340000a705c8329bfd06040862021132547698f0"


def m3ua(tcap):
    unit = bytes.fromhex("0981030e190b12080012049471016700000b1208001204947101990910") + bytes([len(tcap)]) + tcap
    data = bytes.fromhex("000004d20000162e03020005") + unit
    data = struct.pack("!HH", 0x210, 4 + len(data)) + data + bytes(-len(data) % 4)
    return struct.pack("!BBBBI", 1, 0, 1, 1, 8 + 8 + len(data)) + bytes.fromhex("0006000800000064") + data


def message(body):
    return (
        b"MESSAGE sip:alice@home1.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:gw@home1.net>;tag=1\r\n"
        b"To: <sip:alice@home1.net>\r\nCall-ID: 1@gw\r\nCSeq: 1 MESSAGE\r\nContent-Type: application/vnd.3gpp.sms\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body


def pcap(*frames):
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for at, frame in enumerate(frames):
        octets += struct.pack("<IIII", at, 0, len(frame), len(frame)) + frame
    return octets


def flip(frame, at):
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]


def self_test():
    tcap = bytes.fromhex(MO_BEGIN)
    tpdu = bytes.fromhex("040c919471907856340000" "62112221436500" "05c8329bfd06")
    body = bytes.fromhex("0107" "0791947101670000" "00") + bytes([len(tpdu)]) + tpdu
    good = [sctp(m3ua(tcap)), udp(message(body))]
    planted = {
        "bad SCTP checksum": flip(good[0], 14 + 20 + 9),
        "bad UDP checksum": flip(good[1], 14 + 20 + 7),
        "bad IP checksum": flip(good[1], 14 + 11),
        "malformed BER": sctp(m3ua(tcap[:-10]), 2),
        "BER of the wrong type": sctp(m3ua(tcap.replace(bytes.fromhex("02012e"), bytes.fromhex("07012e"))), 2),
        "malformed SIP": udp(message(body).replace(b"CSeq: ", b"CSeq ")),
        "SIP cut off in a header": udp(message(body)[:60]),
        "SIP without a version": udp(message(body).replace(b" SIP/2.0\r\nVia", b"\r\nVia")),
        "an unknown SCCP message": sctp(m3ua(tcap).replace(bytes.fromhex("0981030e19"), bytes.fromhex("7781030e19")), 2),
        "truncated TPDU": udp(message(body[:-8])),
    }
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "planted.pcap"

        def look(name, frames, wanted, **options):
            nonlocal failed
            path.write_bytes(pcap(*frames))
            faults = judge(path, **options)
            right = bool(faults) == wanted
            failed += not right
            print(f"{'ok  ' if right else 'FAIL'} tshark_judge: {name}{'' if right else ': ' + repr(faults)}")

        look("good packets pass", good, False, packets=2, texts=["Hello", "Hello"])
        for name, frame in planted.items():
            look(f"{name} is found", [*good, frame], True)
        look("a missing packet is found", good, True, packets=3)
        look("a missing text is found", good, True, texts=["Hello"] * 3)
        look("packets of others are not looked at", [*good, planted["malformed BER"].replace(good[0][6:12], bytes(6), 1)], False, mac="02:00:00:00:00:01", packets=2)
    print(f"tshark_judge: {len(planted) + 4 - failed} passed, {failed} failed")
    return failed


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--self-test", action="store_true")
    options.add_argument("--from", dest="mac")
    options.add_argument("--expect-packets", type=int)
    options.add_argument("--expect-text", action="append", default=[])
    options.add_argument("--expect", type=Path)
    options.add_argument("captures", nargs="*", type=Path)
    given = options.parse_args()
    if given.self_test:
        sys.exit(bool(self_test()))
    expected = json.loads(given.expect.read_text()) if given.expect else {"mac": given.mac, "packets": given.expect_packets, "texts": given.expect_text}
    if not given.captures:
        options.error("no capture")
    faults = [fault for path in given.captures for fault in judge(path, **expected)]
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
