"""`returns show`: the whole story of one return."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer

from contracts import topics
from contracts.keys import order_key
from streams import event_loop
from streams.cli import returns_shown
from streams.cli.console import out
from streams.cli.known_retailers import in_force, one_of
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster
from streams.settings import load
from streams.story.reading import Found, find, read_order
from streams.story.telling import Story, tell

app = typer.Typer(help="Returns, and what became of them.", no_args_is_help=True)


@app.callback()
def returns() -> None:
    """Returns, and what became of them."""


@app.command()
def show(
    retailer: Annotated[str, typer.Argument(help="The retailer's id.")],
    rma: Annotated[str, typer.Argument(help="The return's RMA.")],
    order: Annotated[str | None, typer.Option(help="Its order's name: only that order, and much less is read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a return.")] = False,
) -> None:
    """Tell the story of one return in time order, and for what each of its units waits.

    Two orders may have a return with the same RMA: without --order, both are shown. Comments are never shown.
    """
    name = rma.strip()
    stories, found = event_loop.run(_search(load().cluster, retailer, name, order))
    if not stories:
        one_of(in_force(), retailer, "in force")
        raise ConfigError(_unknown(retailer, name, order, found))
    now = datetime.now(UTC)
    for number, story in enumerate(stories):
        if as_json:
            out.out(orjson.dumps(returns_shown.line(story)).decode())
            continue
        if number:
            out.print()
        for shown in returns_shown.whole(story, now):
            out.print(shown, soft_wrap=False)


async def _search(cluster: Cluster, retailer: str, rma: str, order: str | None) -> tuple[list[Story], Found]:
    """The stories, and where the RMA was found; with an order's name that is only looked for where there is none."""
    found = await find(cluster, retailer, rma) if order is None else Found()
    keys = sorted(found.orders) if order is None else [order_key(retailer, order)]
    told = [tell(key, rma, await read_order(cluster, key)) for key in keys]
    stories = [story for story in told if not story.empty]
    if not stories and order is not None:
        found = await find(cluster, retailer, rma)
    return stories, found


def _unknown(retailer: str, rma: str, order: str | None, found: Found) -> str:
    """What was looked at, and what is near."""
    if found.orders:
        return f"order {order!r} has no return {rma!r}; it is one of {', '.join(sorted(found.orders))}"
    near = difflib.get_close_matches(rma, sorted(found.rmas), n=3)
    hint = f"; near: {', '.join(near)}" if near else ""
    looked = f"neither in {topics.RETURN_UNITS.name} nor in {topics.RETURN_UPLOADS.name}"
    return f"{retailer} has no return {rma!r}, {looked} (kept for {topics.RETURN_UPLOADS.retention_days} days){hint}"
