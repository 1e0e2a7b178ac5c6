"""First process of a Linux kernel in user-mode Linux, whose root is the host's file system: loads SCTP, takes the addresses, and is the peer of
sctp_judge.py with its console as input and output. guest.py ADDRESS/LENGTH…, one for each of its interfaces vec0, vec1…"""
import ctypes
import os
import subprocess
import sys
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


def main(*addresses):
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    for kind, place in [("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run"), ("tmpfs", "/tmp")]:
        mount(kind, place)
    for module in ("hmac", "sctp"):  # a listener signs its cookies
        load(module)
    Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("0")
    for interface, address in enumerate(addresses):
        subprocess.run(["ip", "address", "add", address, "dev", f"vec{interface}"], check=True)
        subprocess.run(["ip", "link", "set", f"vec{interface}", "up"], check=True)
    import kernel_sctp
    import sctp_peer

    sctp_peer.tell(event="up")
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
