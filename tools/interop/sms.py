"""Short messages at random (TS 23.040, TS 23.038, TS 24.011), octets spelt out by hand."""
from dataclasses import dataclass

# TS 23.038 6.2.1, the codes 0x00 to 0x7f; those with "\0" have no printable character.
GSM7 = (
    "@£$¥èéùìòÇ\0Øø\0Åå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\0ÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
PRINTABLE = [code for code, character in enumerate(GSM7) if character != "\0"]
# Ranges of characters of one UCS2 unit that are assigned throughout.
UCS2_RANGES = [(0x20, 0x7E), (0xA1, 0xAC), (0x391, 0x3A1), (0x410, 0x44F), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3)]


# TP-MMS in the first octet of SMS-DELIVER: no more messages wait; in SMS-SUBMIT this is TP-RD.
NO_MORE = 0x04


def bcd(digits, filler=0xF):
    """Digits, the first in the low nibble."""
    nibbles = [int(digit) for digit in digits] + [filler] * (len(digits) % 2)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2]))


def fingerprint(tpdu):
    """What ledgers know a message by: FNV-1a, without TP-MMS or TP-RD."""
    made = 0xCBF29CE484222325
    for octet in bytes([tpdu[0] & ~NO_MORE]) + tpdu[1:]:
        made = (made ^ octet) * 0x100000001B3 % 2**64
    return f"{made:016x}"


def digits(octets):
    """The digits of TBCD octets."""
    nibbles = [nibble for octet in octets for nibble in (octet & 15, octet >> 4)]
    return "".join(f"{nibble:X}" for nibble in nibbles).rstrip("F")


def international(number):
    """An AddressString of MAP, and the value of an RP address: international, E.164."""
    return b"\x91" + bcd(number)


def pack(septets):
    """Septets, the first in the lowest bits."""
    word = sum(septet << 7 * at for at, septet in enumerate(septets))
    return word.to_bytes((7 * len(septets) + 7) // 8, "little")


@dataclass
class Body:
    """What a message says: data coding scheme, TP-UDL, TP-UD, whether with a header, and its text if it is one."""

    dcs: int
    length: int
    data: bytes
    header: bool = False
    text: str | None = None


def gsm7(random, length):
    septets = [random.choice(PRINTABLE) for _ in range(length)]
    return Body(0x00, length, pack(septets), text="".join(GSM7[septet] for septet in septets))


def ucs2(random, length):
    text = "".join(chr(random.randint(*random.choice(UCS2_RANGES))) for _ in range(length))
    return Body(0x08, 2 * length, text.encode("utf-16-be"), text=text)


def binary(data):
    return Body(0x04, len(data), data)


def part(random, length):
    """A part of a concatenated binary message: a header of six octets."""
    total = random.randint(2, 9)
    header = bytes([5, 0, 3, random.randrange(256), total, random.randint(1, total)])
    return Body(0x04, 6 + length, header + random.randbytes(length), header=True)


def bodies(random, count):
    """`count` bodies: the longest of each kind, every octet value, and others at random."""
    fixed = [
        gsm7(random, 160),
        ucs2(random, 70),
        binary(bytes(range(140))),
        binary(bytes(range(116, 256))),
        binary(bytes(140)),
        binary(b"\xff" * 140),
        binary(b"\r\n\r\nSIP/2.0 200 OK\r\n\0"),
        part(random, 134),
        gsm7(random, 1),
        Body(0x00, 0, b""),
    ]
    kinds = [
        lambda: gsm7(random, random.randint(1, 160)),
        lambda: ucs2(random, random.randint(1, 70)),
        lambda: binary(random.randbytes(random.randint(1, 140))),
        lambda: part(random, random.randint(1, 134)),
    ]
    made = fixed[:count] + [random.choice(kinds)() for _ in range(count - len(fixed))]
    random.shuffle(made)
    return made


def number(random, prefix="", least=9, most=14):
    """A telephone number."""
    length = random.randint(least, most)
    first = prefix or str(random.randint(1, 9))
    return first + "".join(str(random.randrange(10)) for _ in range(length - len(first)))


def tp_address(digits_):
    return bytes([len(digits_)]) + international(digits_)


def timestamp(random):
    fields = [random.randrange(100), random.randint(1, 12), random.randint(1, 28), random.randrange(24), random.randrange(60), random.randrange(60), random.randrange(48)]
    return bcd("".join(f"{field:02}" for field in fields))


def submit(random, body):
    """An SMS-SUBMIT."""
    relative, status = random.random() < 0.5, random.random() < 0.3
    first = 0x01 | (0x10 if relative else 0) | (0x20 if status else 0) | (0x40 if body.header else 0)
    period = bytes([random.randrange(256)]) if relative else b""
    to = tp_address(number(random, most=12))
    return bytes([first, random.randrange(256)]) + to + bytes([0, body.dcs]) + period + bytes([body.length]) + body.data


def deliver(random, body):
    """An SMS-DELIVER."""
    first = (0x04 if random.random() < 0.7 else 0) | (0x20 if random.random() < 0.3 else 0) | (0x40 if body.header else 0)
    return bytes([first]) + tp_address(number(random, most=12)) + bytes([0, body.dcs]) + timestamp(random) + bytes([body.length]) + body.data


def submit_report(random):
    """An SMS-SUBMIT-REPORT for RP-ACK."""
    return b"\x01\x00" + timestamp(random)


def submit_report_error(random, cause):
    """An SMS-SUBMIT-REPORT for RP-ERROR, with TP-FCS."""
    return bytes([0x01, cause, 0x00]) + timestamp(random)


def deliver_report(random):
    """An SMS-DELIVER-REPORT for RP-ACK; sometimes none."""
    return random.choice([None, b"\x00\x00", b"\x00\x07\x00\x04" + bytes([20]) + random.randbytes(20)])


def deliver_report_error(cause):
    """An SMS-DELIVER-REPORT for RP-ERROR, with TP-FCS."""
    return bytes([0x00, cause, 0x00])


# RP-MTI, mobile to network; the network's are one more (TS 24.011 8.2.2).
RP_DATA, RP_ACK, RP_ERROR, RP_SMMA = 0, 2, 4, 6


def rp_data(reference, service_centre, tpdu):
    address = international(service_centre)
    return bytes([RP_DATA, reference, 0, len(address)]) + address + bytes([len(tpdu)]) + tpdu


def rp_ack(reference, tpdu=None):
    return bytes([RP_ACK, reference]) + _user_data(tpdu)


def rp_error(reference, cause, tpdu=None):
    return bytes([RP_ERROR, reference, 1, cause]) + _user_data(tpdu)


def _user_data(tpdu):
    return b"" if tpdu is None else bytes([0x41, len(tpdu)]) + tpdu


@dataclass
class FromNetwork:
    """An RP message of the network, taken apart; what does not fit raises ValueError."""

    kind: str
    reference: int
    originator: str | None = None
    cause: int | None = None
    tpdu: bytes | None = None

    @staticmethod
    def parse(octets):
        if len(octets) < 2:
            raise ValueError("an RP message of less than two octets")
        kind, reference, rest = octets[0], octets[1], octets[2:]
        if kind == RP_DATA + 1:
            originator, rest = _counted(rest)
            destination, rest = _counted(rest)
            tpdu, rest = _counted(rest)
            if destination or rest:
                raise ValueError("RP-DA is not empty" if destination else "octets after RP-UD")
            if originator[:1] != b"\x91":
                raise ValueError(f"RP-OA is not international E.164: {originator.hex()}")
            return FromNetwork("data", reference, originator=digits(originator[1:]), tpdu=tpdu)
        if kind == RP_ACK + 1:
            return FromNetwork("ack", reference, tpdu=_optional(rest))
        if kind == RP_ERROR + 1:
            cause, rest = _counted(rest)
            if len(cause) not in (1, 2):
                raise ValueError(f"an RP-Cause of {len(cause)} octets")
            return FromNetwork("error", reference, cause=cause[0], tpdu=_optional(rest))
        raise ValueError(f"RP-MTI {kind} does not come from the network")


def _counted(octets):
    if not octets or len(octets) < 1 + octets[0]:
        raise ValueError("an RP element is cut off")
    return octets[1 : 1 + octets[0]], octets[1 + octets[0] :]


def _optional(octets):
    if not octets:
        return None
    if octets[0] != 0x41:
        raise ValueError(f"RP element {octets[0]:02x}")
    tpdu, rest = _counted(octets[1:])
    if rest:
        raise ValueError("octets after RP-UD")
    return tpdu
