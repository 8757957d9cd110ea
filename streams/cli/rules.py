"""`rules try`: what the rules would decide, and why, without deciding it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from contracts.retailers import Retailer
from streams import event_loop
from streams.cli import rules_shown
from streams.cli.console import out
from streams.cli.known_retailers import in_file, in_force, one_of
from streams.engine.errors import ConfigError
from streams.settings import load
from streams.trial.deciding import Trial, try_uploads
from streams.trial.files import read_order, read_return
from streams.trial.history import Comparison, compare, read_past

app = typer.Typer(help="The retailers' rules, tried out.", no_args_is_help=True)


@app.callback()
def rules() -> None:
    """The retailers' rules, tried out."""


@app.command("try")
def try_(
    retailer: Annotated[str, typer.Option(help="The retailer's id.")],
    order: Annotated[Path | None, typer.Option(help="A Shopify order as JSON, or a row of `orders`.")] = None,
    return_: Annotated[
        Path | None, typer.Option("--return", help="An OmniRPS upload, or a `return-uploads` record.")
    ] = None,
    history: Annotated[int | None, typer.Option(min=1, help="Decide the last N returns anew.")] = None,
    file: Annotated[Path | None, typer.Option(help="Rules from this retailers file, not those in force.")] = None,
) -> None:
    """Explain what one return would get, or what the last ones would have got under the rules of a file.

    Nothing is decided and nothing is written. With --file, --order and --return no broker is needed.
    """
    if (order is None) != (return_ is None) or (history is None) == (order is None):
        raise ConfigError("give either --order and --return, or --history N")
    where = f"in {file}" if file else "in force"
    known = one_of({each.id: each for each in in_file(file)} if file else in_force(), retailer, where)
    rules_from = f"the rules in {file}" if file else f"the rules in force (version {known.version})"
    if history is not None:
        for shown in rules_shown.comparison(_compared(known, history), rules_from):
            out.print(shown, soft_wrap=False)
    elif order is not None and return_ is not None:
        for trial in _trials(known, order, return_):
            out.print(rules_shown.tree(trial, known, rules_from), soft_wrap=False)


def _trials(retailer: Retailer, order_file: Path, return_file: Path) -> tuple[Trial, ...]:
    order = read_order(order_file, retailer)
    uploads = read_return(return_file, retailer, order)
    try:
        return try_uploads(retailer, order, uploads, datetime.now(UTC))
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _compared(retailer: Retailer, count: int) -> Comparison:
    past = event_loop.run(read_past(load().cluster, retailer.id, count))
    try:
        return compare(past, retailer)
    except ValueError as error:
        raise ConfigError(str(error)) from None
