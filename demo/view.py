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
        """One picture; what matters most comes first, for a low terminal cuts the rest off."""
        return Group(
            Text(f"{self.step} · sent {self.sent}, refused {self.refused}", style="bold", no_wrap=True),
            _processes(self.states),
            _returns(self.expected, seen, list(posts)),
            _topics(seen),
        )


def _processes(states: Mapping[str, str]) -> Text:
    words = [part for name, state in states.items() for part in ((f"{name} ", ""), (f"{state}  ", _style(state)))]
    return Text.assemble(*words)


def _style(state: str) -> str:
    return _STYLES.get(state, "red")


def _returns(expected: Expected, seen: Observed, posts: list[Received]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold cyan")
    for name in ("return", "order", "units", "scan", "paid", "told"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for known in expected.returns:
        rows = [unit_of(known, unit, seen) for unit in known.units]
        milestones = {row.milestone.value: None for row in rows if row and row.milestone}
        table.add_row(
            f"{known.retailer} {known.rma}",
            "found" if known.order_key in seen.orders else "",
            ", ".join(row.state.value for row in rows if row),
            " ".join(milestones),
            paid(known, seen).replace("\n", ", "),
            " ".join(post.said("Code") for post in posts_of(known, posts)),
        )
    return table


def _topics(seen: Observed) -> RenderableType:
    names = [topic.name for topic in topics.CATALOGUE if topic is not topics.RETAILERS]
    names += sorted(name for name in seen.counts if name not in names)
    return Columns([Text(f"{name} {seen.counts[name]}", style="dim") for name in names], padding=(0, 2))


def paid(known: Return, seen: Observed) -> str:
    """What has been given for a return, one line a unit."""
    actions = [action_of(known, unit, seen) for unit in known.units]
    return "\n".join(f"{a.option.value} {a.amount} {a.currency}" for a in actions if a is not None)
