"""`deliveries list|show|replay`: what is owed to hooks, what became of it, and sending it once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import orjson
import typer

from contracts.tracking import Delivery
from streams import event_loop
from streams.cli import deliveries_shown
from streams.cli.console import err, out, print_table, showing_progress
from streams.cli.instants import ago
from streams.cli.known_retailers import in_force, one_of
from streams.deliveries import history, resending
from streams.deliveries.overview import OPEN, Filter, Standing, State, Totals
from streams.deliveries.reading import read_overview
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster
from streams.retailers_topic import read_all
from streams.settings import load

app = typer.Typer(help="Tracking updates: what is owed to hooks, and what became of it.", no_args_is_help=True)

# What needs somebody to look; those that were delivered are shown to who asks for them.
UNDELIVERED = OPEN | {State.GIVEN_UP}
# Of those that are about to be sent again: enough to see that they are the right ones.
_SHOWN = 20

Names = Annotated[list[str], typer.Argument(help="A delivery's id (its webhook-id), or RETAILER RMA.")]
Since = Annotated[str | None, typer.Option(help="Like 90m, 12h, 3d, or an instant like 2026-11-22T10:00Z.")]


@app.command("list")
def list_(
    retailer: Annotated[str | None, typer.Option(help="Only this retailer's.")] = None,
    state: Annotated[State | None, typer.Option(help="Only these; by default all but the delivered ones.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; the oldest of those that are owed.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON each, the totals first.")] = False,
) -> None:
    """Totals per retailer, and single ones: owed and failing by age, then given up and delivered, the newest first.

    Totals are exact. What ended is known for 30 days, what is owed for as long as it is.
    """
    now = datetime.now(UTC)
    wanted = Filter(retailer, since=ago(since, now) if since else None)
    states = UNDELIVERED if state is None else frozenset({state})
    totals, shown = event_loop.run(_overview(load().cluster, wanted, states, now, limit))
    if not totals and retailer is not None:
        one_of(in_force(), retailer, "in force")
    if as_json:
        for line in (*map(deliveries_shown.totals_line, totals), *map(deliveries_shown.line, shown)):
            out.out(orjson.dumps(line).decode())
        return
    if not totals:
        out.print("no deliveries" if wanted == Filter() else "no deliveries like that")
        return
    print_table(deliveries_shown.totals_table(totals, now))
    if shown:
        out.print()
        print_table(deliveries_shown.table(shown))
    there = sum(_count(each, states) for each in totals)
    if there > len(shown):
        err.print(f"{there - len(shown)} more are not shown; --limit {there} shows all", style="dim")


@app.command()
def show(
    names: Names,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a delivery.")] = False,
) -> None:
    """All of one delivery, or of those of one return: each attempt, what waits behind it, and its body."""
    cluster, now = load().cluster, datetime.now(UTC)
    found = event_loop.run(_histories(cluster, names))
    if not found:
        raise ConfigError(_unknown(names))
    for number, each in enumerate(found):
        if as_json:
            out.out(orjson.dumps(deliveries_shown.history_line(each)).decode())
            continue
        if number:
            out.print()
        for line in deliveries_shown.whole(each, now):
            out.out(line)


@app.command()
def replay(
    names: Annotated[
        list[str] | None, typer.Argument(help="A delivery's id (its webhook-id), or RETAILER RMA.")
    ] = None,
    retailer: Annotated[str | None, typer.Option(help="All of this retailer's that ended since --since.")] = None,
    since: Since = None,
    state: Annotated[State | None, typer.Option(help="Only these: given-up or delivered.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send what was given up, or delivered, once more: the same webhook-id and body, each order's in their order."""
    if bool(names) == (retailer is not None):
        raise ConfigError("say which: a delivery's id, RETAILER RMA, or --retailer with --since")
    if (since is None) != (retailer is None):
        raise ConfigError("--retailer and --since belong together")
    if state in OPEN:
        raise ConfigError(f"what is {state} is sent by itself; given-up and delivered ones can be sent once more")
    now = datetime.now(UTC)
    wanted = Filter(retailer, since=ago(since, now) if since else None)
    if names and len(names) == 2:
        wanted = Filter(names[0])
    event_loop.run(_replay(load().cluster, wanted, _meant(names), state, now, yes, names))


async def _overview(
    cluster: Cluster, wanted: Filter, states: frozenset[State], now: datetime, limit: int
) -> tuple[list[Totals], list[Standing]]:
    with showing_progress() as progress:
        overview = await read_overview(cluster, wanted, now, limit, State.DELIVERED in states, progress)
    try:
        return overview.totals(), overview.first(states, limit)
    finally:
        overview.close()


async def _histories(cluster: Cluster, names: list[str]) -> list[history.History]:
    with showing_progress() as progress:
        if len(names) == 1:
            return await history.of_delivery(cluster, names[0], progress)
        if len(names) == 2:
            return await history.of_return(cluster, names[0], names[1].strip(), progress)
    raise ConfigError("say which: a delivery's id, or RETAILER RMA")


def _meant(names: list[str] | None) -> Callable[[Delivery], bool]:
    match names or []:
        case []:
            return lambda _: True
        case [delivery_id]:
            return lambda each: each.delivery_id == delivery_id
        case [_, rma]:
            return lambda each: each.rma == rma.strip()
    raise ConfigError("say which: a delivery's id, or RETAILER RMA")


async def _replay(
    cluster: Cluster,
    wanted: Filter,
    meant: Callable[[Delivery], bool],
    state: State | None,
    now: datetime,
    yes: bool,
    names: list[str] | None,
) -> None:
    states = frozenset({state}) if state else frozenset({State.GIVEN_UP, State.DELIVERED})
    with showing_progress() as progress:
        chosen = await resending.choose(cluster, wanted, meant, states, now, progress)
    try:
        for reason, count in chosen.left_out.items():
            err.print(f"{count} left out: {reason}", markup=False, style="dim")
        if not chosen.count:
            if not chosen.left_out and names:
                raise ConfigError(await _why_none(cluster, names))
            if not chosen.left_out and wanted.retailer is not None:
                one_of(await read_all(cluster), wanted.retailer, "in force")
            out.print("nothing to send again")
            return
        print_table(deliveries_shown.table(islice(chosen.standings(), _SHOWN)))
        if chosen.count > _SHOWN:
            out.print(f"… and {chosen.count - _SHOWN} more")
        if not yes:
            typer.confirm(f"Send these {chosen.count} updates, of {chosen.orders} orders, once more?", abort=True)
        done = await resending.resend(cluster, chosen)
    finally:
        chosen.close()
    out.print(f"asked for: {done}; tracking-forward sends them, behind what their orders owe already")


async def _why_none(cluster: Cluster, names: list[str]) -> str:
    found = await _histories(cluster, names)
    owed = next((each for each in found if each.queued is not None), None)
    if owed is None:
        return _unknown(names)
    return f"delivery {owed.delivery_id} is owed still, and sent by itself: `returnstreams deliveries show` says when"


def _unknown(names: list[str]) -> str:
    if len(names) == 1:
        return (
            f"no delivery {names[0]!r} is owed, and none has ended within 30 days; `returnstreams deliveries list` "
            "shows those there are; a return goes by RETAILER RMA"
        )
    return f"no delivery of {names[0]} names return {names[1]!r}; `returnstreams deliveries list` shows those there are"


def _count(totals: Totals, states: frozenset[State]) -> int:
    counts = {
        State.OWED: totals.owed,
        State.FAILING: totals.failing,
        State.GIVEN_UP: totals.given_up,
        State.DELIVERED: totals.delivered,
    }
    return sum(counts[state] for state in states)
