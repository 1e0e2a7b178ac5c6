"""Runs the commands of a page of docs/operating as they stand there, in their order: page.py BINARY lab|core-network

Those are the blocks marked `sh`. They see a network of their own."""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import checks as checking
import lab as labs

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 100
# Of each page: how many blocks it has at least, its program, its namespace, its folder under target/, and what it promises to show.
PAGES = {
    "lab": (7, "ipsmgw", "lab", "lab", {
        "the warning": r"authentication",
        "the number of the subscriber file": r"P-Associated-URI:.*<tel:\+491710000001>",
        "the report": r"In-Reply-To: ",
        "a challenge": r'WWW-Authenticate: Digest realm="lab\.example"',
        "its answer": r'Authorization: Digest username="alice"',
    }),
    "core-network": (5, "corenet", "stranger", "core-network", {
        "the configuration is correct": r"corenet\.toml: correct",
        "a subscriber": r"262010000000001,491711000001,",
        "nobody is there": r"sendRoutingInfoForSM: error 6, \{'absentSubscriberDiagnosticSM': 11\}",
        "the service centre's number at the registration": r"anyTimeModification: the service centre is 491710000099",
        "the alert": r"alertServiceCentre: 491711000001 can be reached",
        "the gateway among the routing information": r"sendRoutingInfoForSM: IMSI 262010000000001, at 4917100001",
        "the submit report": r"mo-forwardSM: SUBMIT-REPORT 0106",
        "the delivery": r"mt-forwardSM: for 262010000000001 SMS-DELIVER 040c919471110000",
        "the ledger's line of it": r'"direction":"mt".*"mobile":"491711000001","outcome":"accepted"',
    }),
}


def main(binary, page):
    least, program, namespace, folder, promised = PAGES[page]
    checks = checking.Checks(f"page {page}")
    keep = labs.FILES / f"page-{page}"
    keep.mkdir(parents=True, exist_ok=True)
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / f"docs/operating/{page}.md").read_text(), re.M | re.S)
    checks.that("the page has commands", len(blocks) >= least, len(blocks))
    # One shell for all; a block that fails ends it. The binary may be another, and the namespace and the folder are this run's.
    script = "set -euo pipefail\n" + "".join(f"{block}echo '== block {at} done'\n" for at, block in enumerate(blocks, 1))
    script = script.replace(f"$PWD/target/release/{program}", str(Path(binary).resolve().with_name(program))).replace(f"target/{folder}", f"{keep}/run")
    own = f"{namespace}{os.getpid()}"
    script = re.sub(rf"(netns[ /](?:add |del )?){namespace}\b", rf"\g<1>{own}", script)
    output = keep / "output.txt"
    with open(output, "wb") as to:
        # A network of its own, in which the page's links are nobody else's.
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
        subprocess.run(["ip", "netns", "del", own], capture_output=True, check=False)
    said = output.read_text(errors="replace")
    for at in range(1, len(blocks) + 1):
        checks.that(f"block {at} of the page works: {blocks[at - 1].splitlines()[0]}", f"== block {at} done" in said, said[-1500:])
    checks.equal("the page comes to its end", code, 0)
    for what, pattern in promised.items():
        checks.that(f"what the page promises is shown: {what}", re.search(pattern, said, re.I), said[-3000:])
    _, failed = checks.print()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
