"""What has come of it, at the end: a table a return, and what was refused and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.returns import ReturnUnit
from demo.compare import posts_of, unit_of
from demo.expected import Expected, Return
from demo.hook import Received
from demo.observed import Observed
from demo.traffic import Answer
from demo.view import paid

# So that a run without a terminal (CI) shows whole rows.
PLAIN_WIDTH = 160
# On a narrower terminal seven columns would hold half words: there three hold them whole, one under another.
WIDE = 120


def show(
    console: Console, expected: Expected, seen: Observed, posts: Sequence[Received], answers: Sequence[Answer]
) -> None:
    """Print the tables."""
    console.print(_returns(expected, seen, posts, narrow=console.width < WIDE))
    console.print(_refused(seen, answers))
    failed = sum(not post.accepted for post in posts)
    repeats = sum(answer.repeat for answer in answers)
    console.print(
        f"{len(answers)} requests and records sent, {repeats} of them repeats; {len(seen.actions)} actions; the hooks "
        f"accepted {len(posts) - failed} messages, and failed {failed} attempts, which were repeated."
    )


def _returns(expected: Expected, seen: Observed, posts: Sequence[Received], *, narrow: bool) -> Table:
    columns = ("return", "shows", "order", "decision, and by whom", "scan", "action", "told to the hook")
    stacked = ("return", "decision, and by whom", "scan, action, told to the hook")
    table = Table(title="What became of each return", title_justify="left", show_lines=True)
    for column in stacked if narrow else columns:
        table.add_column(column, overflow="fold")
    for known in expected.returns:
        rows = [unit_of(known, unit, seen) for unit in known.units]
        scans = {row.milestone.value: None for row in rows if row and row.milestone}
        ident = f"{known.order_key}\n{known.rma}"
        order = "found" if known.order_key in seen.orders else "not found"
        decisions = "\n".join(escape(_decision(row)) for row in rows)
        came = (
            " ".join(scans) or "none",
            paid(known, seen) or "none",
            " ".join(post.said("Code") for post in posts_of(known, posts)) or _why_untold(known),
        )
        if narrow:
            table.add_row(f"{ident}\n{known.shows}\norder {order}", decisions, _stacked(*came))
        else:
            table.add_row(ident, known.shows, order, decisions, *came)
    return table


def _stacked(scan: str, action: str, told: str) -> str:
    """The last three columns in one."""
    return f"scan: {scan}\n{'no action' if action == 'none' else action}\ntold: {told}"


def _why_untold(known: Return) -> str:
    return "no hook" if known.told is None else "nothing"


def _decision(row: ReturnUnit | None) -> str:
    if row is None:
        return "not there"
    option = f" {row.option.value}" if row.option else ""
    waits = f", waits for {row.waiting_for}" if row.waiting_for else ""
    return f"{row.sku}: {row.state.value}{option} ({row.decided_by}){waits}"


def _refused(seen: Observed, answers: Iterable[Answer]) -> Table:
    table = Table(title="What was refused or set aside, and why", title_justify="left")
    table.add_column("where", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("why", overflow="fold")
    for answer in answers:
        if answer.status >= 400 and not answer.repeat:
            table.add_row(f"HTTP {answer.status}", answer.step.what, escape(_why(answer.detail)))
    for letter in seen.letters:
        table.add_row(f"dead-letters.{letter.agent}", letter.reason, escape(letter.message))
    for alert in sorted(seen.alerts.values(), key=lambda alert: (alert.order_key, alert.kind)):
        about = " ".join(filter(None, (alert.order_key, alert.rma, alert.sku)))
        table.add_row(f"alert {alert.kind.value}", about, escape(alert.message))
    return table


def _why(problem: str) -> str:
    """Title, detail and fields of an RFC 9457 problem; the text itself where it is none."""
    try:
        said = orjson.loads(problem)
    except orjson.JSONDecodeError:
        return problem[:200]
    fields = "; ".join(f"{error['pointer']} {error['detail']}" for error in said.get("errors", ()))
    return ": ".join(filter(None, (said.get("title"), said.get("detail"), fields)))
