"""First process of a Linux kernel in user-mode Linux, whose root is the host's file system: loads SCTP, takes the addresses, and is what a judge
needs, with its console as input and output: guest.py sctp|stp:CONFIGURATION ADDRESS/LENGTH…, an address for each of its interfaces vec0, vec1….
`sctp` is the peer of sctp_judge.py; `stp` is osmo-stp with that configuration, begun and ended as it is told by a line."""
import ctypes
import os
import subprocess
import sys
import threading
import traceback
from pathlib import Path

FINIT_MODULE = 313  # the system call's number on x86-64
POWER_OFF = 0x4321FEDC
_libc = ctypes.CDLL(None, use_errno=True)


def check(done, what):
    if done < 0:
        raise OSError(ctypes.get_errno(), what)


def mount(kind, place):
    check(_libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None), f"mount {place}")


def load(module):
    """Loads a module of the running kernel after those that it needs."""
    root = Path("/usr/lib/uml/modules") / os.uname().release
    needs = dict(line.split(":", 1) for line in (root / "modules.dep").read_text().splitlines())
    path = next(path for path in needs if path.endswith(f"/{module}.ko"))
    for each in [*reversed(needs[path].split()), path]:
        with open(root / each, "rb") as file:
            if _libc.syscall(FINIT_MODULE, file.fileno(), b"", 0) < 0 and ctypes.get_errno() != 17:  # it is there already
                raise OSError(ctypes.get_errno(), f"module {each}")


def stp(configuration, tell):
    """osmo-stp, as often as it is wanted."""
    file, process = Path("/run/osmo-stp.cfg"), None
    file.write_text(configuration)
    for line in sys.stdin:
        match line.strip():
            case "start":
                # Not with the console as its own: it would take that along when it ends.
                process = subprocess.Popen(["osmo-stp", "-c", str(file)], cwd="/run", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                threading.Thread(target=lambda: [print(line, end="", flush=True) for line in process.stdout], daemon=True).start()
                tell(event="started")
            case "kill":
                process.kill()
                process.wait()
                tell(event="killed")


def main(what, *addresses):
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    role, _, file = what.partition(":")
    # Before the host's /tmp is out of sight.
    configuration = Path(file).read_text() if file else ""
    for kind, place in [("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run"), ("tmpfs", "/tmp")]:
        mount(kind, place)
    for module in ("hmac", "sctp"):  # a listener signs its cookies
        load(module)
    Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("0")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # osmo-stp is administered there
    for interface, address in enumerate(addresses):
        subprocess.run(["ip", "address", "add", address, "dev", f"vec{interface}"], check=True)
        subprocess.run(["ip", "link", "set", f"vec{interface}", "up"], check=True)
    import kernel_sctp
    import sctp_peer

    sctp_peer.tell(event="up")
    if role == "stp":
        stp(configuration, sctp_peer.tell)
    else:
        sctp_peer.serve(kernel_sctp, sys.stdin)


if __name__ == "__main__":
    try:
        # user-mode Linux puts a console= behind all that it was given.
        main(*[it for it in sys.argv[1:] if "=" not in it])
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
    finally:
        _libc.reboot(POWER_OFF)
