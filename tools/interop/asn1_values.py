"""Values of ASN.1 types for pycrate: random ones, and values told as lines of paths."""

# Values of OCTET STRINGs whose type says more than a length.
IDENTITIES = ["IMSI", "SubscriberId", "HLR-Id", "SendAuthenticationInfoArg"]
ADDRESSES = {"AddressString": 15, "ISDN-AddressString": 8, "FTN-AddressString": 8}


def tbcd(digits):
    """Digits with the filler F."""
    digits += "f" * (len(digits) % 2)
    return bytes.fromhex("".join(high + low for low, high in zip(digits[::2], digits[1::2])))


def type_name(asn1):
    reference = getattr(asn1, "_typeref", None)
    return reference.called[-1] if reference is not None and hasattr(reference, "called") else None


class Maker:
    """Random values. `optional` says how likely an optional element of a depth is, `without` which paths are never there, or, with a + in
    front, always."""

    def __init__(self, random, optional, without=()):
        self.random, self.optional, self.without, self.root = random, optional, without, ""

    def value(self, asn1, path="", depth=0):
        kind = asn1.TYPE
        if not path:
            self.root = type_name(asn1) or ""
        if kind == "SEQUENCE":
            return self._sequence(asn1, path, depth)
        if kind == "CHOICE":
            names = [name for name in asn1._cont if f"{path}{name}" not in self.without]
            name = self.random.choice(names)
            return (name, self.value(asn1._cont[name], f"{path}{name}.", depth))
        if kind in ("SEQUENCE OF", "SET OF"):
            least, most = self._size(asn1, (1, 3))
            # Two at most: three say nothing more.
            count = self.random.randint(least, max(least, min(most, 2)))
            return [self.value(asn1._cont, f"{path}*.", depth + 1) for _ in range(count)]
        return getattr(self, "_" + kind.lower().replace(" ", "_"))(asn1)

    def _sequence(self, asn1, path, depth):
        made = {}
        for name, member in asn1._cont.items():
            if f"{path}{name}" in self.without or member.TYPE in ("OPEN_TYPE", "ANY"):
                continue
            omissible = (member._opt or member._def is not None) and f"+{path}{name}" not in self.without
            # What we pass over must not stand in nearly every vector.
            likely = self.optional(depth) * (0.4 if name == "extensionContainer" else 1)
            if omissible and self.random.random() >= likely:
                continue
            made[name] = self.value(member, f"{path}{name}.", depth + 1)
        return made

    def _size(self, asn1, default):
        size = asn1._const_sz
        if size is None:
            return default
        first, last = size.root[0], size.root[-1]
        return getattr(first, "lb", first) or 0, getattr(last, "ub", last) or default[1]

    def _digits(self, least, most):
        return "".join(self.random.choice("0123456789") for _ in range(self.random.randint(least, most)))

    def _octet_string(self, asn1):
        name = type_name(asn1)
        if name in IDENTITIES:
            return tbcd("262" + self._digits(10, 12))
        if name in ADDRESSES:
            nature, plan = self.random.choice([(1, 1)] * 4 + [(2, 1), (0, 0), (2, 8)])
            # One octet of nature and plan, then the digits.
            return bytes([0x80 | nature << 4 | plan]) + tbcd("49" + self._digits(3, 2 * ADDRESSES[name] - 4))
        if name == "SignalInfo":
            return self._tpdu()
        if name == "SM-RP-SMEA":
            return self._party()
        if name == "GSN-Address":
            kind, length = self.random.choice([(0x04, 4), (0x50, 16)])
            return bytes([kind]) + self.random.randbytes(length)
        if name in ("Ext-TeleserviceCode", "Ext-BearerServiceCode"):
            return self.random.randbytes(1)
        least, most = self._size(asn1, (1, 24))
        # Few long ones, so that the file stays small.
        most = most if self.random.random() < 0.06 else min(most, max(least, 20))
        return self.random.randbytes(self.random.randint(least, most))

    def _party(self):
        """An address of TS 23.040 9.1.2.5."""
        number = "49" + self._digits(3, 12)
        return bytes([len(number), 0x91]) + tbcd(number)

    def _tpdu(self):
        """SMS-SUBMIT, SMS-DELIVER, or a report of either, as the root type wants it (TS 23.040 9.2.2)."""
        text = self.random.randbytes(self.random.choice([0, 1, 7, 20, 140]))
        binary = bytes([0, 4]), bytes([len(text)]) + text
        time = bytes.fromhex("62112221436500")
        if self.root.startswith("MO-ForwardSM-Arg"):
            return bytes([0x01, self.random.randrange(256)]) + self._party() + b"".join(binary)
        if self.root.endswith("ForwardSM-Arg"):
            return b"\x04" + self._party() + binary[0] + time + binary[1]
        if self.root == "MO-ForwardSM-Res":
            return b"\x01\x00" + time
        return b"\x00\x00"

    def _bit_string(self, asn1):
        least, most = self._size(asn1, (1, 8))
        length = least if type_name(asn1) == "MW-Status" else self.random.randint(least, min(most, least + 4))
        return (self.random.getrandbits(length) if length else 0, length)

    def _integer(self, asn1):
        allowed = asn1._const_val
        if type_name(asn1) == "SM-RP-MTI":
            return self.random.randint(0, 1)  # The others are reserved.
        if allowed is None:
            return self.random.choice([0, 1, 127, 128, 255, 256, 32767])
        allowed = self.random.choice(allowed.root)
        if not hasattr(allowed, "lb"):
            return allowed
        return self.random.choice([allowed.lb, allowed.ub, self.random.randint(allowed.lb, allowed.ub)])

    def _numericstring(self, asn1):
        return self._digits(*self._size(asn1, (1, 15)))

    def _enumerated(self, asn1):
        return self.random.choice(asn1._root)

    def _boolean(self, _):
        return self.random.random() < 0.5

    def _null(self, _):
        return 0

    def _object_identifier(self, _):
        return (1, 3, 6, 1, 4, 1, 32473, self.random.choice([1, 127, 128, 16384]))


def told(asn1, value, path=""):
    """A value as lines `path=value`: octets in hexadecimal, enumerated by number, NULL as 1, an empty SEQUENCE as {}."""
    kind = asn1.TYPE
    join = f"{path}." if path else ""
    if kind == "SEQUENCE":
        lines = [line for name in asn1._cont if name in value for line in told(asn1._cont[name], value[name], join + name)]
        return lines or ([f"{path}={{}}"] if path else [])
    if kind == "CHOICE":
        return told(asn1._cont[value[0]], value[1], join + value[0])
    if kind in ("SEQUENCE OF", "SET OF"):
        lines = [line for at, member in enumerate(value) for line in told(asn1._cont, member, f"{path}[{at}]")]
        return lines or [f"{path}={{}}"]
    if kind == "ENUMERATED":
        text = str(asn1._cont[value])
    elif kind == "BIT STRING":
        text = f"{value[0]:0{value[1]}b}"
    elif kind in ("OPEN_TYPE", "ANY"):
        text = repr(value[1])
    elif kind == "BOOLEAN":
        text = str(int(value))
    elif kind == "NULL":
        text = "1"
    elif kind == "OBJECT IDENTIFIER":
        text = ".".join(map(str, value))
    elif kind in ("INTEGER", "NumericString"):
        text = str(value)
    else:
        text = bytes(value).hex()
    return [f"{path or 'value'}={text}"]
