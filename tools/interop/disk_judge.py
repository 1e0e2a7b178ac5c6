"""The disk under the store of registrations stalls, fails and fills up: what is registered then, what is refused, and that messages go on.

disk_judge.py BINARY [SEED]: the gateway runs on a disk of failing_disk.c, and on one that is too small."""
import asyncio
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import lab as labs
import stage as stages
from restart_judge import GATEWAY, SETTLE, START, RestartJudge

HERE = Path(__file__).resolve().parent
# What a REGISTER waits for the disk at most, by default, and what it may take beyond that on a machine that is busy.
WAIT, BUSY = 2.0, 1.5
SHORT, LONG = 1_000, 6_000
T1, T2 = 0.5, 4.0
# Octets of the disk that is too small, and how much of them are left.
SMALL, LEFT = 8 << 20, 16 << 10
FAILED, AGAIN = b"the store of registrations has failed", b"the store of registrations writes again"


class DiskJudge(RestartJudge):
    """The run."""

    async def prepare(self):
        await super().prepare()
        self.faults = self.lab.directory / "faults"
        shim = self.lab.directory / "failing_disk.so"
        labs.run("cc", "-O2", "-shared", "-fPIC", "-o", str(shim), str(HERE / "failing_disk.c"), "-ldl")
        # `nsenter` hands its environment on.
        self.within = ("env", f"LD_PRELOAD={shim}", f"DISK_FAULTS={self.faults}")

    def say(self, what):
        """What the disk does from now on."""
        new = self.faults.with_suffix(".new")
        new.write_text(what)
        new.rename(self.faults)

    async def ask(self, ues, asks):
        """REGISTERs of these, all at once, and again by Timer E of RFC 3261; each one's status, and when it came."""
        began, seen, sent = time.monotonic(), {}, {}
        everybody = asyncio.Event()
        for ue in ues:
            core = self.cores[ue.network]

            def done(status, ue=ue):
                seen[ue] = (status, time.monotonic() - began)
                if status == 200:
                    ue.registered = asks != "leave"
                if len(seen) == len(ues):
                    everybody.set()

            if asks != "refresh":
                # The gateway has begun what it has not confirmed.
                ue.registered = None
            headers = [f"Contact: <{core.uri}>", f"Expires: {0 if asks == 'leave' else 600000}"]
            _, sent[ue] = core.ask("REGISTER", stages.GATEWAY_URI[ue.network], core.uri, ue.identity, done, headers)
        pause = T1
        while not everybody.is_set():
            try:
                await asyncio.wait_for(everybody.wait(), pause)
            except asyncio.TimeoutError:
                missing = sent.keys() - seen.keys()
                if time.monotonic() > began + SETTLE:
                    raise TimeoutError(f"{len(missing)} of {len(sent)} have no answer after {SETTLE} s") from None
                for ue in missing:
                    self.cores[ue.network].transport.sendto(sent[ue], GATEWAY)
                pause = min(2 * pause, T2)
        return seen

    def among(self, network, registered, count):
        """So many of whom that is known."""
        found = [ue for ue in self.ues if ue.network == network and ue.registered is registered]
        return self.random.sample(found, count)

    def answers(self, what, seen, status, least, most):
        self.checks.equal(f"{what}: {status}", {status for status, _ in seen.values()}, {status})
        times = [at for _, at in seen.values()]
        self.checks.that(f"{what}: after {least:g} to {most:g} s", least <= min(times) and max(times) <= most, (min(times), max(times)))

    async def refreshes(self, what, most=BUSY):
        self.answers(f"{what}: a refresh", await self.ask(self.among(0, True, 20), "refresh"), 200, 0, most)

    # The steps.

    async def sound(self):
        self.answers("a disk that is sound: who registers", await self.ask(self.among(0, False, 200), "register"), 200, 0, WAIT + BUSY)

    async def during(self, stall, ues):
        """REGISTERs of these, with which the disk has begun to stall for so long; what becomes of them."""
        self.say(f"once {stall}")
        asked = asyncio.create_task(self.ask(ues, "register"))
        await labs.until("the disk stalls", lambda: not self.faults.read_text(), START)
        return asked

    async def stalls(self):
        """A second, and everybody waits for it; several, and everybody is refused in time."""
        asked = await self.during(SHORT, self.among(0, False, 50))
        await self.refreshes("it stalls for a second")
        await self.sample(3)
        self.answers("it stalls for a second: who registers", await asked, 200, 0, SHORT / 1000 + BUSY)
        self.checks.equal("it stalls for a second: it did", self.faults.read_text(), "")
        came, left = self.among(0, False, 50), self.among(0, True, 20)
        first = await self.during(LONG, came)
        second = asyncio.create_task(self.ask(left, "leave"))
        await self.sample(3)
        self.answers("it stalls for long: who registers", await first, 503, WAIT - 0.1, WAIT + BUSY)
        self.answers("it stalls for long: who leaves", await second, 503, WAIT - 0.1, WAIT + BUSY)
        self.answers("it stalls for long: who comes later", await self.ask(self.among(0, False, 20), "register"), 503, 0, BUSY)
        # What was refused may have been written; whoever asks again is told.
        await labs.until("the store writes again", lambda: AGAIN in self.log.read_bytes(), LONG / 1000 + START)
        self.answers("it is sound again: who was refused", await self.ask(came, "register"), 200, 0, WAIT + BUSY)
        self.answers("it is sound again: who wanted to leave", await self.ask(left, "leave"), 200, 0, WAIT + BUSY)

    async def fails(self):
        """One fdatasync, and nothing is written any more though the next would succeed."""
        self.say("fail")
        came, left = self.among(0, False, 30), self.among(0, True, 10)
        self.answers("it fails: who registers", await self.ask(came, "register"), 503, 0, WAIT + BUSY)
        await self.fenced("it fails", left)
        self.checks.that("it fails: it is never tried again", not Path(f"{self.faults}.again").exists())

    async def fenced(self, what, left):
        self.answers(f"{what}: who comes later", await self.ask(self.among(0, False, 20), "register"), 503, 0, BUSY)
        self.answers(f"{what}: who leaves", await self.ask(left, "leave"), 503, 0, BUSY)
        await self.refreshes(what)
        await self.sample(6)
        self.checks.equal(f"{what}: the log says so, once", self.log.read_bytes().count(FAILED), 1)
        self.checks.that(f"{what}: the gateway runs", self.lab.gateway_runs())

    async def next_life(self, what):
        """Whoever was told 200 is there, on a disk that is sound."""
        self.kill()
        self.say("sound")
        Path(f"{self.faults}.again").unlink(missing_ok=True)
        await self.begin()
        await self.compare(self.ues)
        self.answers(f"{what}, the next life: who registers", await self.ask(self.among(0, False, 20), "register"), 200, 0, WAIT + BUSY)

    async def full(self):
        """A disk with little room left: whoever has none is refused."""
        store = self.lab.directory / "registrations"
        self.kill()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", store], check=True)
        for ue in self.ues:
            ue.registered = False
        try:
            await self.begin()
            await self.sound()
            room = os.statvfs(store)
            (store / "filler").write_bytes(bytes(room.f_bavail * room.f_bsize - LEFT))
            refused = 0
            for _ in range(10):
                seen = await self.ask(self.among(0, False, 40), "register")
                refused = sum(status != 200 for status, _ in seen.values())
                if refused:
                    break
            self.checks.that("it is full: who has no room is refused", refused and {status for status, _ in seen.values()} <= {200, 503}, refused)
            await self.fenced("it is full", self.among(0, True, 10))
            (store / "filler").unlink()
            await self.next_life("it is full")
        finally:
            self.end()
            subprocess.run(["umount", store], check=True)

    async def play(self):
        await self.prepare()
        await self.begin()
        await self.sound()
        await self.stalls()
        await self.fails()
        await self.next_life("it fails")
        await self.full()
        self.hlr.cancel()


def main(binary, seed=None):
    seed = int(seed) if seed else secrets.randbits(32)
    keep = labs.FILES / "disk_judge"
    for old in keep.glob("gateway-*.log"):
        old.unlink()

    async def act(lab, checks):
        await DiskJudge(lab, checks, seed, 0).play()

    _, failed = asyncio.run(stages.perform("disk_judge", binary, keep, seed, act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
