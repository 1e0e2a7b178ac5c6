"""Runs the commands of docs/operating/lab.md as they stand there, in their order: lab_page.py BINARY"""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import checks as checking
import lab as labs

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/operating/lab.md"
DEADLINE = 100


def main(binary):
    checks = checking.Checks("lab_page")
    keep = labs.FILES / "lab_page"
    keep.mkdir(parents=True, exist_ok=True)
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    checks.that("the page has commands", len(blocks) >= 7, len(blocks))
    # One shell for all; a block that fails ends it. The binary may be another, and the namespace and the folder are this run's.
    script = "set -euo pipefail\n" + "".join(f"{block}echo '== block {at} done'\n" for at, block in enumerate(blocks, 1))
    script = script.replace("$PWD/target/release/ipsmgw", str(Path(binary).resolve())).replace("target/lab", f"{keep}/run")
    namespace = f"lab{os.getpid()}"
    script = re.sub(r"(netns[ /](?:add |del )?)lab\b", rf"\g<1>{namespace}", script)
    output = keep / "output.txt"
    with open(output, "wb") as to:
        # A network of its own, in which lab0 is nobody else's.
        shell = subprocess.Popen(["unshare", "--net", "bash", "-c", script], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=to, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        code = shell.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        code = f"not done in {DEADLINE} s"
    finally:
        try:
            os.killpg(shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
    said = output.read_text(errors="replace")
    for at in range(1, len(blocks) + 1):
        checks.that(f"block {at} of the page works: {blocks[at - 1].splitlines()[0]}", f"== block {at} done" in said, said[-1500:])
    checks.equal("the page comes to its end", code, 0)
    for what, pattern in [
        ("the warning", r"authentication"),
        ("the number of the subscriber file", r"P-Associated-URI:.*<tel:\+491710000001>"),
        ("the report", r"In-Reply-To: "),
        ("a challenge", r'WWW-Authenticate: Digest realm="lab\.example"'),
        ("its answer", r'Authorization: Digest username="alice"'),
    ]:
        checks.that(f"what the page promises is shown: {what}", re.search(pattern, said, re.I), said[-3000:])
    _, failed = checks.print()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
