"""`orders show`: one order as the table has it, and which returns claim its units."""

from __future__ import annotations

import difflib
from typing import Annotated

import orjson
import typer

from contracts.keys import order_key, order_name
from streams import event_loop
from streams.cli import orders_shown
from streams.cli.console import out
from streams.cli.later import Later, later
from streams.engine.errors import ConfigError
from streams.settings import load
from streams.story.orders import KeptOrder, look_up

COMMANDS = {
    "import": Later(
        "streams.cli.orders_sync:app",
        "Fetch the shop's orders and write them to order-events; started again, it goes on where it was.",
        command="import",
    ),
    "reconcile": Later(
        "streams.cli.orders_sync:app",
        "Compare the order table with the shop's changes since the last run, fetch and write what it lacks.",
        command="reconcile",
    ),
}

app = typer.Typer(cls=later(COMMANDS), help="Orders, as the order table has them.", no_args_is_help=True)


@app.callback()
def orders() -> None:
    """Orders, as the order table has them."""


@app.command()
def show(
    retailer: Annotated[str, typer.Argument(help="The retailer's id.")],
    name: Annotated[str, typer.Argument(help="The order's name, with or without its '#'.")],
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Show one order: what is kept of it, until when, what was refunded, and which returns claim its units.

    The process that has it is asked; without one that answers, its partition of the topic is read.
    """
    settings = load()
    key, months = order_key(retailer, name), settings.orders.kept_months
    if not order_name(name):
        raise ConfigError("the order's name is blank: give it as in Shopify, with or without its '#'")
    found = event_loop.run(look_up(settings.cluster, key))
    if found.order is None and found.gone_at is None:
        # YAML and all that reads the retailers file come with it: 30 ms that a found order does not wait for.
        from streams.cli.known_retailers import in_force, one_of

        one_of(in_force(), retailer, "in force")
        raise ConfigError(_unknown(retailer, name, found))
    if as_json:
        out.out(orjson.dumps(orders_shown.line(key, found, months)).decode())
        return
    if not found.asked:
        out.print("[dim]read from the topic: no process answered, or it has no such order[/]")
    for shown in orders_shown.whole(key, found, months):
        out.print(shown, soft_wrap=False)


def _unknown(retailer: str, name: str, found: KeptOrder) -> str:
    """What was looked at, and what is near."""
    near = difflib.get_close_matches(order_name(name), found.names, n=3)
    hint = f"; near: {', '.join(near)}" if near else ""
    return (
        f"{retailer} has no order {name!r}, nor was one deleted within the last week{hint}. It is older than orders "
        f"are kept, or its webhook never came: then `returnstreams orders reconcile --retailer {retailer}` fetches it"
    )
