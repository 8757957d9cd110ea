"""What a person sees while the demo runs: the processes, the topics as they grow, the returns as they fill up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contracts import topics
from demo.compare import action_of, posts_of, unit_of
from demo.expected import Expected, Return
from demo.hook import Received
from demo.observed import Observed

_STYLES = {"ready": "green", "starting": "yellow"}


@dataclass(slots=True)
class Screen:
    """Everything that the live view shows. step: what is being done now. states: of each process, by name."""

    expected: Expected
    step: str = ""
    states: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    refused: int = 0

    def render(self, seen: Observed, posts: Iterable[Received]) -> RenderableType:
        """One picture."""
        known = list(posts)
        return Group(
            Text(f"{self.step}   sent {self.sent}, refused {self.refused}", style="bold"),
            Columns([_processes(self.states), _topics(seen)], padding=(0, 2)),
            _returns(self.expected, seen, known),
        )


def _processes(states: Mapping[str, str]) -> Table:
    table = Table("process", "state", title="processes", title_justify="left")
    for name, state in states.items():
        table.add_row(name, Text(state, style=_STYLES.get(state, "red")))
    return table


def _topics(seen: Observed) -> Table:
    table = Table("topic", "records", "topic", "records", title="topics (read_committed)", title_justify="left")
    names = [topic.name for topic in topics.CATALOGUE if topic is not topics.RETAILERS]
    names += sorted(name for name in seen.counts if name not in names)
    half = (len(names) + 1) // 2
    for left, right in zip(names[:half], [*names[half:], ""], strict=False):
        table.add_row(left, str(seen.counts[left]), right, str(seen.counts[right]) if right else "")
    return table


def _returns(expected: Expected, seen: Observed, posts: list[Received]) -> Table:
    table = Table("return", "order", "units", "scan", "actions", "told", title="returns", title_justify="left")
    for known in expected.returns:
        rows = [unit_of(known, unit, seen) for unit in known.units]
        states = ", ".join(row.state.value for row in rows if row) or "…"
        milestones = {row.milestone.value for row in rows if row and row.milestone}
        table.add_row(
            f"{known.order_key} {known.rma}",
            "yes" if known.order_key in seen.orders else "…",
            states,
            " ".join(milestones),
            paid(known, seen),
            " ".join(post.said("Code") for post in posts_of(known, posts)),
        )
    return table


def paid(known: Return, seen: Observed) -> str:
    """What has been given for a return, one line a unit."""
    actions = [action_of(known, unit, seen) for unit in known.units]
    return "\n".join(f"{a.option.value} {a.amount} {a.currency}" for a in actions if a is not None)
