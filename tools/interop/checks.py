"""Checks with a name each: one line a name, however often it was checked."""
import sys


class Checks:
    """Counts what was checked, under names; a name with a failure has failed."""

    def __init__(self, judge):
        self.judge = judge
        self.done = {}

    def that(self, name, holds, why=""):
        """One look at `name`. `why` says what was seen, if it does not hold."""
        good, bad = self.done.setdefault(name, [0, []])
        if holds:
            self.done[name][0] = good + 1
        else:
            bad.append(str(why))
        return bool(holds)

    def equal(self, name, seen, wanted, of=""):
        return self.that(name, seen == wanted, f"{of}{' ' if of else ''}seen {show(seen)}, wanted {show(wanted)}")

    def within(self, name, seen, wanted, of=""):
        return self.that(name, seen in wanted, f"{of}{' ' if of else ''}seen {show(seen)}, wanted one of {show(wanted)}")

    def print(self):
        """Prints all and returns how many names have passed and failed."""
        passed = failed = 0
        for name, (good, bad) in self.done.items():
            if bad:
                failed += 1
                print(f"FAIL {self.judge}: {name} ({len(bad)} of {good + len(bad)}): {bad[0]}")
                for other in bad[1:3]:
                    print(f"       also: {other}")
            else:
                passed += 1
                print(f"ok   {self.judge}: {name} ({good})")
        print(f"{self.judge}: {passed} passed, {failed} failed")
        sys.stdout.flush()
        return passed, failed


def show(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex() or "(nothing)"
    return repr(value)
