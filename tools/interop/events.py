"""What has arrived, and who waits for it: every wait has a deadline."""
import asyncio


class Deadline(Exception):
    """What was waited for has not come."""


class Inbox:
    """Keeps what nobody waits for yet; at the end of a run it must be empty."""

    def __init__(self, name):
        self.name = name
        self.unclaimed = []
        self.waiting = []

    def put(self, item):
        for waiter in self.waiting:
            matches, future = waiter
            if not future.done() and matches(item):
                self.waiting.remove(waiter)
                future.set_result(item)
                return
        self.unclaimed.append(item)

    async def get(self, what, matches, seconds):
        """The next item that `matches`; `what` names it in the error if none comes."""
        for item in self.unclaimed:
            if matches(item):
                self.unclaimed.remove(item)
                return item
        waiter = (matches, asyncio.get_running_loop().create_future())
        self.waiting.append(waiter)
        try:
            return await asyncio.wait_for(waiter[1], seconds)
        except asyncio.TimeoutError:
            raise Deadline(f"{what}: nothing in {seconds} s; unclaimed on {self.name}: {self.unclaimed[:3]}") from None
        finally:
            if waiter in self.waiting:
                self.waiting.remove(waiter)
