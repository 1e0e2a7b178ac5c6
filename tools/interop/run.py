"""Runs the judges over a gateway's binary, then tshark over all that it has sent: run BINARY [NAME…]

One line a check, and `N passed, N failed` at the end; exit code 0 only if none has failed."""
import asyncio
import json
import re
import sys
from pathlib import Path

import lab as labs

HERE = Path(__file__).resolve().parent
# Name, and arguments of its runs; those of one name run one after the other, the names at the same time.
JUDGES = {
    "tshark_judge": [["--self-test"]],
    "codec_judge": [[]],
    "map_judge": [["BINARY", "sgp"], ["BINARY", "ipsp"]],
    "sip_judge": [["BINARY"]],
    "phone_judge": [["BINARY"]],
    "hlr_judge": [["BINARY"]],
    "smsc_judge": [["BINARY"]],
    "presence_judge": [["BINARY"]],
    "ladder_judge": [["BINARY"]],
    "matrix_judge": [["BINARY", "alone"], ["BINARY", "msc"]],
    "operator_judge": [["BINARY"]],
    "ledger_judge": [["BINARY", "whole"], ["BINARY", "split"]],
    "sctp_judge": [["BINARY", "usrsctp"], ["BINARY", "kernel"]],
    "stp_judge": [["BINARY"]],
    "relay_judge": [["BINARY"]],
    "kamailio_judge": [["BINARY", "messages"], ["BINARY", "reg-event"]],
    "stream_judge": [["BINARY"]],
    "location_judge": [["BINARY"]],
    "torture_judge": [["BINARY"]],
    "exception_judge": [["BINARY"]],
    "restart_judge": [["BINARY"]],
    "disk_judge": [["BINARY"]],
    "storm_judge": [["BINARY"]],
    "audit_judge": [["BINARY"]],
    "sgp_judge": [["BINARY", "orders"], ["BINARY", "kills"]],
    "page": [["BINARY", "lab"], ["BINARY", "core-network"]],
}
# Whose runs do not wait for each other.
AT_ONCE = ["sgp_judge"]
# What sends so much that nobody beside it would keep its times.
BY_ITSELF = ["stream_judge", "torture_judge", "storm_judge"]
# Of the others so many run at a time: they wait for timers more than they work, but two cores have to keep those timers.
AT_A_TIME = 6
# These have no captures of what a gateway sends to a lab, or such that tshark finds fault with what is right: fragments that it doesn't look into, resets,
# and what answers repeat of torture messages.
WITHOUT_CAPTURES = ["torture_judge", "exception_judge", "page", "hlr_judge", "smsc_judge", "presence_judge", "ladder_judge", "matrix_judge", "operator_judge", "ledger_judge", "sctp_judge", "stp_judge", "sgp_judge", "restart_judge", "disk_judge", "storm_judge", "audit_judge"]
# No run takes longer than this.
DEADLINE = 150


async def python(script, *arguments):
    """Output and exit code of one of the scripts here."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-u", str(HERE / script), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), DEADLINE)
    except (asyncio.TimeoutError, asyncio.CancelledError) as error:
        # It has namespaces and processes of its own to put away.
        process.terminate()
        await process.wait()
        if isinstance(error, asyncio.CancelledError):
            raise
        return f"FAIL {script} {arguments}: not done in {DEADLINE} s", 1
    return output.decode(errors="replace").rstrip(), process.returncode


async def judge(name, runs, binary):
    """One judge's runs; how many checks have passed and failed."""
    passed = failed = 0
    for arguments in runs:
        output, code = await python(f"{name}.py", *[binary if it == "BINARY" else it for it in arguments])
        print(output, flush=True)
        counted = re.findall(r"^\S.*: (\d+) passed, (\d+) failed$", output, re.M)
        good, bad = map(int, counted[-1]) if counted else (0, 1)
        passed, failed = passed + good, failed + (bad or (code != 0))
        if "BINARY" in arguments and name not in WITHOUT_CAPTURES:
            good, bad = await dissect("-".join([name, *arguments[1:]]))
            passed, failed = passed + good, failed + bad
    return passed, failed


async def dissect(run):
    """tshark over the captures of a run."""
    passed = failed = 0
    for side in ("ims", "ss7"):
        capture, expected = labs.FILES / run / f"{side}.pcap", labs.FILES / run / f"{side}.json"
        if not expected.exists():
            output, code, what = f"there is no {expected}: the run did not come to its end", 1, ""
        else:
            numbers = json.loads(expected.read_text())
            what = f" ({numbers['packets']} packets, {len(numbers['texts'])} texts)"
            output, code = await python("tshark_judge.py", "--expect", str(expected), str(capture))
        right = code == 0 and not output
        passed, failed = passed + right, failed + (not right)
        lines = output.splitlines()
        print(f"{'ok  ' if right else 'FAIL'} tshark_judge: {run}, {side}: nothing wrong with what the gateway sent{what}")
        for line in lines[:5]:
            print(f"       {line}")
        if len(lines) > 5:
            print(f"       and {len(lines) - 5} more")
    return passed, failed


async def main(binary, *names):
    for name in names:
        if name not in JUDGES:
            sys.exit(f"run: no judge {name!r}; there are {', '.join(JUDGES)}")
    if not Path(binary).is_file():
        sys.exit(f"run: no binary {binary}")
    for old in labs.FILES.glob("*/*.json"):
        old.unlink()
    chosen = [(name, runs) for name, runs in JUDGES.items() if not names or name in names]
    chosen = [each for name, runs in chosen for each in ([(name, [run]) for run in runs] if name in AT_ONCE else [(name, runs)])]
    turns = asyncio.Semaphore(AT_A_TIME)

    async def in_turn(name, runs):
        async with turns:
            return await judge(name, runs, binary)

    counted = await asyncio.gather(*[in_turn(name, runs) for name, runs in chosen if name not in BY_ITSELF])
    counted += [await judge(name, runs, binary) for name, runs in chosen if name in BY_ITSELF]
    passed, failed = (sum(numbers) for numbers in zip(*counted))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: tools/interop/run BINARY [NAME…]")
    asyncio.run(main(*sys.argv[1:]))
