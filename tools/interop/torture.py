"""The torture archives of RFC 4475 and RFC 5118, what each message is to get, and their MESSAGE and REGISTER twins.

The verdicts are those of the table that the gateway's own tests read; the rule of the twins is written here once more, by other hands, and both
have to come to the octets that `tools/conformance/corpus/TWINS` has the sum of."""
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

PLACE = Path(__file__).resolve().parents[1] / "conformance"
ROW = re.compile(r'^    (?:on_stream\()?case\("([^"]+)", "([^"]+)", "(?:[^"\\]|\\.)*", (true|false), \[(\d+), (\d+), (\d+)\]\)(?:, Stream::(\w+)\))?,$', re.M)
MESSAGES = 61
# How the table spells "nothing comes back" and "there is no such message".
DROP, NONE = 0, 1
# Files whose fault is in what the rule would make right.
LENGTH, MEDIA, BRANCH = ["clerr.dat", "ncl.dat", "mcl01.dat"], ["invut.dat"], ["badbranch.dat", "inv2543.dat"]
COOKIE = b"z9hG4bK"


@dataclass
class Case:
    """A row of the table, with the octets of its message."""

    file: str
    section: str
    parses: bool
    verdict: int
    message: int
    register: int
    stream: str
    wire: bytes


def wire(file):
    """The octets as they are sent: RFC 5118's archive has bare line feeds."""
    if file.endswith(".dat"):
        return (PLACE / "corpus/rfc4475" / file).read_bytes()
    octets = (PLACE / "corpus/rfc5118" / file).read_bytes().replace(b"\n", b"\r\n")
    return octets if b"\r\n\r\n" in octets else octets + b"\r\n"


def cases():
    """All rows but the one that no RFC has."""
    rows = ROW.findall((PLACE / "torture/cases.rs").read_text())
    made = [Case(file, section, parses == "true", *map(int, verdicts), stream or "Whole", wire(file)) for file, section, parses, *verdicts, stream in rows if section != "none"]
    assert len(made) == MESSAGES, f"{len(made)} rows"
    return made


def header_lines(head):
    """Header lines with those that continue them."""
    made = []
    for line in head.split(b"\r\n")[:-1]:
        if made and line[:1] in (b" ", b"\t"):
            made[-1] += b"\r\n" + line
        else:
            made.append(line)
    return made


def twin(case, method, media, body, headers=()):
    """The same octets with another method and what belongs to that; nothing of a response."""
    if case.wire.startswith(b"SIP/"):
        return None
    head, empty, rest = case.wire.partition(b"\r\n\r\n")
    start, *lines = header_lines(head + b"\r\n" if empty else head)
    old = start.partition(b" ")[0]
    start = method.encode() + start[len(old) :]

    def has_name(line, *names):
        return line.partition(b":")[0].strip().lower() in names

    for at, line in enumerate(lines):
        if has_name(line, b"call-id", b"i"):
            lines[at] = line + own_name(case.file)
        if has_name(line, b"cseq") and line.endswith(old):
            lines[at] = line[: len(line) - len(old)] + method.encode()
    if case.file in MEDIA:
        body = rest
    else:
        lines = [line for line in lines if not has_name(line, b"content-type", b"c")] + [f"Content-Type: {media}".encode()]
    if case.file not in LENGTH:
        lines = [line for line in lines if not has_name(line, b"content-length", b"l")] + [b"Content-Length: %d" % len(body)]
    if case.file not in BRANCH:
        at = next((at for at, line in enumerate(lines) if has_name(line, b"via", b"v")), None)
        if at is not None:
            lines[at] = own_branch(lines[at], f"{case.file}-{method}")
    lines += [line.encode() for line in headers]
    # What follows the message stays behind it.
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n" + body + (rest if case.file == "dblreq.dat" else b"")


def own_name(name):
    """What stands for a name in a Call-ID or a branch."""
    return re.sub("[^A-Za-z0-9]", "", name).encode()


def own_branch(via, name):
    """A branch that no other twin has."""
    own = COOKIE + own_name(name)
    if COOKIE in via:
        return via.replace(COOKIE, own, 1)
    if b"branch=" in via:
        return via.replace(b"branch=", b"branch=" + own, 1)
    return via if via.endswith(b",") else via + b";branch=" + own


def sum_of_twins():
    """Over all twins with the same small body."""
    total = hashlib.sha256()
    for case in cases():
        for method in ("MESSAGE", "REGISTER"):
            total.update(twin(case, method, "a/b", b"\r\n\r\nx\0", ["X: y"]) or b"")
    return total.hexdigest()


if __name__ == "__main__":
    print(sum_of_twins())
