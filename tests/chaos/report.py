"""The verdict as tables: what was done, what was counted, and by name whatever is lost, double or wrong."""

from __future__ import annotations

import re
from collections import Counter

from rich.console import Console
from rich.table import Table

from tests.chaos.soak import Verdict

MOST_NAMED = 20
_ORDER_KEY = re.compile(r"[a-z]+/\d+")


def show(verdict: Verdict, out: Console) -> None:
    """Print it."""
    out.print(_done(verdict))
    out.print(_counted(verdict))
    for tally in verdict.tallies:
        for kind, found in (("lost", tally.lost), ("duplicated", tally.duplicated), ("wrong", tally.wrong)):
            for entry in found[:MOST_NAMED]:
                out.print(f"{kind} {tally.what}: {entry}", markup=False, highlight=False)
            if len(found) > MOST_NAMED:
                out.print(f"{kind} {tally.what}: and {len(found) - MOST_NAMED} more")
    for order_key in _concerned(verdict)[:MOST_NAMED]:
        out.print(f"inputs of {order_key}: {', '.join(verdict.inputs[order_key])}", markup=False, highlight=False)
    for entry in verdict.misbehaved:
        out.print(entry, markup=False, highlight=False)
    if verdict.unsettled:
        out.print(f"not still after {verdict.plan.settle_s:.0f} s: {verdict.unsettled}", markup=False)
    lost, duplicated, wrong = verdict.counts
    out.print(f"seed {verdict.plan.seed}: lost/duplicated/wrong = {lost}/{duplicated}/{wrong}", highlight=False)


def _concerned(verdict: Verdict) -> list[str]:
    """The orders whose keys stand in what is lost, double or wrong."""
    entries = [entry for tally in verdict.tallies for entry in (*tally.lost, *tally.duplicated, *tally.wrong)]
    named = [key for entry in entries for key in _ORDER_KEY.findall(entry)]
    return [key for key in dict.fromkeys(named) if key in verdict.inputs]


def _done(verdict: Verdict) -> Table:
    plan, faults = verdict.plan, Counter(fault.kind for fault in verdict.faults)
    table = Table(title=f"done (engine {plan.engine}, rows in {plan.state}, {plan.partitions} partitions)")
    table.add_column("what")
    table.add_column("how often", justify="right")
    for kind in plan.kinds:
        table.add_row(f"fault: {kind}", str(faults[kind]))
    table.add_row("starts of workers", str(verdict.starts))
    table.add_row("records published", str(verdict.records))
    table.add_row("records in all topics", str(verdict.outputs))
    table.add_row("messages that came again", str(verdict.posted_again))
    table.add_row("seconds", f"{verdict.seconds:.0f}")
    return table


def _counted(verdict: Verdict) -> Table:
    table = Table(title="counted")
    for name in ("what", "expected", "found", "lost", "duplicated", "wrong"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for tally in verdict.tallies:
        wanted = "" if tally.expected is None else str(tally.expected)
        counts = (len(tally.lost), len(tally.duplicated), len(tally.wrong))
        table.add_row(tally.what, wanted, str(tally.found), *map(str, counts), style="" if tally.clean else "red")
    return table
