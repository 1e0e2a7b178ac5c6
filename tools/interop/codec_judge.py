"""Judges our codecs by what they write (`ours.txt` of src/proto/map/tests and src/proto/tcap/tests, which tests there keep up to date): pycrate reads
each to the values that we meant, and tshark finds nothing wrong with the messages in SCCP, M3UA and SCTP: codec_judge.py"""
import re
import sys
import tempfile
from pathlib import Path

import tshark_judge
import vectors
from asn1_values import told
from checks import Checks

LONGEST = 254  # octets that UDT carries


def lines_of(protocol):
    for text in (vectors.FILES[protocol].parent / "ours.txt").read_text().splitlines()[1:]:
        version, name, kind, _, octets, values = text.split("\t")
        yield version, name, kind, bytes.fromhex(octets), set(values.split(";")) - {"-"}


def is_told(value):
    """Whether we tell a value at all: extension containers and what is empty we don't."""
    return "extensionContainer" not in value and not value.endswith("={}") and not value.startswith("pdu=")


def normal(values, name, kind):
    """Values with the paths that are one to us."""
    values = {re.sub(r"^basicServiceList(\[\d+\])?\.(ext-)?teleservice", "basicServiceList", value, flags=re.I) for value in values if is_told(value)}
    # An error's parameter may be a CHOICE of a value alone, and the value in a SEQUENCE; so may updateLocation's result.
    is_choice = kind == "err" or (name, kind) == ("updateLocation", "res")
    return {value.rsplit(".", 1)[-1] for value in values} if is_choice else values


def pdu_of(external):
    """The MAP dialogue PDU in an EXTERNAL."""
    inside = vectors.contents(external)
    return vectors.contents(inside[2 + inside[1] :])


def judge_map(checks):
    types = {(str(version), name, kind): asn1 for version, name, kind, asn1, _, _ in vectors.subjects()}
    for version, name, kind, octets, values in lines_of("map"):
        asn1 = types[version, name, kind]
        title = f"MAP: {name} {kind} of version {version} is read as it was meant"
        try:
            asn1.from_ber(pdu_of(octets) if kind == "dialogue" else octets)
            seen, wanted = normal(told(asn1, asn1.get_val()), name, kind), normal(values, name, kind)
        except Exception as error:  # whatever pycrate raises about octets that it can't read
            checks.that(title, False, f"{type(error).__name__}: {error} in {octets.hex()}")
            continue
        alone = len(seen) == len(wanted) == 1 and next(iter(seen)).startswith("value=")
        if alone:
            seen, wanted = ({value.split("=")[1] for value in values} for values in (seen, wanted))
        checks.equal(title, sorted(seen), sorted(wanted), octets.hex())


def judge_tcap(checks):
    messages = []
    for _, name, _, octets, values in lines_of("tcap"):
        title = f"TCAP: {name} is read as it was meant"
        try:
            checks.equal(title, sorted(vectors.says_of(octets)), sorted(values), octets.hex())
        except Exception as error:  # as above
            checks.that(title, False, f"{type(error).__name__}: {error} in {octets.hex()}")
        # Arguments are of version 3; of what, tshark knows by the context.
        if any(re.search(r"context-name=.*\.3$", value) for value in values) or not any("components" in value for value in values):
            messages.append(octets)
    return messages


def judge_packets(checks, messages):
    """tshark over the messages that fit UDT, each in a packet of its own."""
    fitting = [octets for octets in messages if len(octets) <= LONGEST]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "codec.pcap"
        path.write_bytes(tshark_judge.pcap(*[tshark_judge.sctp(tshark_judge.m3ua(octets), at + 1) for at, octets in enumerate(fitting)]))
        for fault in tshark_judge.judge(path, packets=len(fitting)):
            at = int(re.search(r"packet (\d+)", fault)[1]) if "packet " in fault else 0
            checks.that("tshark has nothing against what we write", False, f"{fault} {fitting[at - 1].hex() if at else ''}")
    checks.that("tshark has nothing against what we write", len(fitting) > 100, f"{len(fitting)} messages")


def main():
    checks = Checks("codec_judge")
    judge_map(checks)
    judge_packets(checks, judge_tcap(checks))
    _, failed = checks.print()
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
