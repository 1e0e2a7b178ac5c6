"""Records what the gateway has its disk do while hundreds register, refresh and leave: strace of the whole process, and a ledger of what was asked and answered when.

power_judge.py BINARY DIRECTORY SEED OPTION…: the store is DIRECTORY/room/registrations, a copy of that in `before`; strace gets these options. In two lives, the first of
which is killed, everybody changes again and again. The caller is the test `whatever_a_power_cut_leaves_of_the_gateway_is_recovered_or_refused`, which takes the recording
apart and looks at what a disk may have of it. Left in DIRECTORY: `strace-N`, `after-N` with the store as the life left it, the configuration, and `ledger`:

    ue IMSI MSISDN IDENTITY NETWORK
    asked IMSI SECONDS SENT ANSWERED STATUS     a REGISTER for so long; microseconds since 1970; "-" without an answer
    hlr IMSI REGISTERED HEARD"""
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import lab as labs
import stage as stages
from restart_judge import SETTLE, START, RestartJudge

# REGISTERs without an answer at a time, and answers in each life.
OUTSTANDING, ANSWERED = 20, 2_000
# What a refresh changes is written within a second; in so many the disk has it.
QUIET = 2.5


def now():
    return time.time_ns() // 1000


class PowerJudge(RestartJudge):
    """The run."""

    def __init__(self, lab, checks, seed, directory, options):
        super().__init__(lab, checks, seed, 0)
        self.directory, self.options = directory, options
        self.store = directory / "room/registrations"
        self.held = f'\n[store]\npath = "{self.store}"\n'
        self.ledger = [f"ue {ue.imsi} {ue.msisdn} {ue.identity} {ue.network}" for ue in self.ues]
        self.asked, self.answers = Counter(), Counter()

    async def prepare(self):
        await super().prepare()
        self.copy("before", "room")
        for path in [self.lab.directory / "gateway.toml", *self.lab.directory.glob("*.csv")]:
            shutil.copy(path, self.directory)

    # The gateway under strace.

    def start(self):
        self.within = ("strace", *self.options, "-o", str(self.directory / f"strace-{self.lives + 1}"))
        super().start()

    def signal(self, number):
        """strace would let the gateway go and leave it."""
        strace = self.lab.gateway.pid
        for child in Path(f"/proc/{strace}/task/{strace}/children").read_text().split():
            os.kill(int(child), number)

    def end(self):
        self.signal(signal.SIGKILL)
        self.lab.gateway.wait()
        self.lab.children.remove(self.lab.gateway)

    async def stop(self):
        self.signal(signal.SIGTERM)
        await labs.until("the gateway ends", lambda: not self.lab.gateway_runs(), START)
        self.checks.equal("the gateway ends with code 0 when told to", self.lab.gateway.poll(), 0)
        self.hlr.cancel()

    # The ledger.

    def period(self, ue):
        """Each time for a minute more: what is found says which REGISTER granted it."""
        self.asked[ue] += 1
        return 60 * (10_000 + self.asked[ue])

    def note(self, ue, expires):
        at, sent = len(self.ledger), now()
        self.ledger.append(f"asked {ue.imsi} {expires} {sent} - -")

        def noted(status):
            self.ledger[at] = f"asked {ue.imsi} {expires} {sent} {now()} {status}"
            self.answers[ue.asks, status] += 1

        return noted

    def believe(self, imsi, registered):
        super().believe(imsi, registered)
        self.ledger.append(f"hlr {imsi} {int(registered)} {now()}")

    # Under load.

    async def load(self, answers):
        """REGISTERs until there are so many answers; each answer brings another one, of anybody of whom it is known what he is."""
        loop = asyncio.get_running_loop()
        free, left, everybody = list(self.ues), [answers + OUTSTANDING], loop.create_future()

        def one():
            at = self.random.randrange(len(free))
            free[at], free[-1] = free[-1], free[at]
            ue = free.pop()

            def answered():
                left[0] -= 1
                if ue.registered is not None:
                    free.append(ue)
                if left[0] >= OUTSTANDING:
                    one()
                elif left[0] == 0:
                    everybody.set_result(None)

            self.register(ue, answered)

        for _ in range(OUTSTANDING):
            one()
        await asyncio.wait_for(everybody, 3 * SETTLE)

    async def quiet(self):
        """Until what is written behind is written."""
        newest = lambda: max(path.stat().st_mtime for path in self.store.rglob("*"))
        await labs.until("nothing is written", lambda: time.time() - newest() > QUIET, SETTLE)

    async def life(self, end):
        await self.begin()
        await self.compare(self.ues)
        await self.load(ANSWERED)
        await self.settled()
        await self.quiet()
        await end()
        self.copy("room", f"after-{self.lives}")

    def copy(self, one, other):
        shutil.rmtree(self.directory / other, ignore_errors=True)
        subprocess.run(["cp", "-a", "--sparse=always", self.directory / one, self.directory / other], check=True)

    async def killed(self):
        self.kill()

    async def play(self):
        await self.prepare()
        try:
            await self.life(self.killed)
            await self.life(self.stop)
        finally:
            if self.lab.gateway and self.lab.gateway_runs():
                self.end()
        for what in ("register", "refresh", "leave"):
            self.checks.that(f"recorded: {what}, answered 200, hundreds of times", self.answers[what, 200] > 300, self.answers)
        (self.directory / "ledger").write_text("".join(f"{line}\n" for line in self.ledger))
        print(f"{dict(self.answers)}, the HLR was told {self.told} times", flush=True)


def main(binary, directory, seed, *options):
    async def act(lab, checks):
        await PowerJudge(lab, checks, int(seed), Path(directory), options).play()

    _, failed = asyncio.run(stages.perform("power_judge", binary, labs.FILES / "power_judge", int(seed), act))
    sys.stdout.flush()
    # usrsctp's threads would keep the process.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
