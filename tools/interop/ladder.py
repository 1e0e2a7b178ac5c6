"""Ladders: the steps of a procedure, each found in a capture after the one before, checked field by field, and drawn."""
from dataclasses import dataclass

# In the order of their lines.
NODES = ["UE", "S-CSCF", "IP-SM-GW", "HLR", "SMSC", "MSC", "SGSN", "Presence"]
WIDTH = 9


class Missing(Exception):
    """A step has not happened, or too early: nothing can be said about those after it."""


@dataclass
class Claim:
    """An event that is a step: after which other, and which of its fields were looked at."""

    event: object
    after: object
    fields: list
    ladder: str


class Trace:
    """The events of a run, and which of them are steps of a ladder."""

    def __init__(self, events, facts, checks):
        self.events, self.facts, self.checks = events, facts, checks
        self.place = {id(event): at for at, event in enumerate(events)}
        self.claims, self.ladders, self.files = {}, {}, {}

    def draw(self, name, act):
        """One ladder; `act(ladder)` takes its steps. What is missing is a failed check."""
        ladder = Ladder(self, name)
        try:
            act(ladder)
        except Missing as missing:
            self.checks.that(name, False, missing)
        self.ladders[name] = ladder
        return ladder

    def leftover(self, name):
        """Every event must be a step of something."""
        for event in self.events:
            self.checks.that(name, id(event) in self.claims, f"{event}: {event.fields}")


class Ladder:
    """The steps of a procedure."""

    def __init__(self, trace, name):
        self.trace, self.name = trace, name
        self.rows, self.last = [], None

    def that(self, holds, why):
        return self.trace.checks.that(self.name, holds, why)

    def step(self, number, source, destination, name, fields=(), of=None, after=None):
        """The next `name` from `source` to `destination`: of the dialogue of event `of`, if that is given, and after event `after`, or else after
        the step before. A field is (name, value) or (name, value, what is shown for it); a value may be a function that says whether another is right."""
        trace, after = self.trace, after or self.last
        begin = trace.place[id(after)] + 1 if after is not None else 0
        said = f"step {number}, {name} from {source} to {destination}"
        for event in trace.events[begin:]:
            if (event.name, event.source, event.destination) == (name, source, destination) and id(event) not in trace.claims and (of is None or event.dialogue == of.dialogue):
                break
        else:
            raise Missing(f"{said} is not there{f' after {after}' if after else ''}")
        shown = []
        for field, value, *instead in fields:
            seen = event.fields.get(field)
            self.that(value(seen) if callable(value) else seen == value, f"{said}: {field} is {seen!r}{'' if callable(value) else f', not {value!r}'}")
            if seen is not None:
                shown.append(f"{field}: {instead[0] if instead else spell(seen)}" if seen is not True else field)
        self.that(True, "")
        trace.claims[id(event)] = Claim(event, after, [field for field, *_ in fields], self.name)
        self.rows.append((number, source, destination, name, shown))
        self.last = event
        return event

    def note(self, number, node, text, holds=True, why=""):
        """A step that is no message between nodes; `holds` is where it is seen."""
        self.that(holds, f"step {number}, {text}: {why}")
        self.rows.append((number, node, None, text, []))

    def text(self):
        """The drawing: lines of the nodes that take part, arrows, and beside them what is sent."""
        taking = [node for node in NODES if any(node in row[1:3] for row in self.rows)]
        lines = "".join(f"{'|':^{WIDTH}}" for _ in taking)
        drawn = [self.name, "", "".join(f"{node:^{WIDTH}}" for node in taking).rstrip(), lines.rstrip()]
        for number, source, destination, name, shown in self.rows:
            row, margin = list(lines), " " * (2 + len(number) + 2)
            start = taking.index(source) * WIDTH + WIDTH // 2
            if destination is None:
                row[start] = "*"
            else:
                end = taking.index(destination) * WIDTH + WIDTH // 2
                low, high = sorted((start, end))
                row[low + 1 : high] = "-" * (high - low - 1)
                row[end - 1 if end > start else end + 1] = ">" if end > start else "<"
            drawn.append("".join(row) + f"  {number}  {name}")
            drawn += [lines + margin + field for field in shown]
        return "\n".join(drawn) + "\n"


def spell(value):
    return ", ".join(value) if isinstance(value, list) else str(value)
