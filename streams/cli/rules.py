"""`rules try`: what the rules would decide, and why, without deciding it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from contracts.retailers import Retailer
from streams.cli import rules_shown
from streams.cli.console import err
from streams.engine.errors import ConfigError
from streams.retailers_file import parse
from streams.retailers_topic import read_all
from streams.settings import load
from streams.trial.deciding import Trial, try_uploads
from streams.trial.files import read_order, read_return
from streams.trial.history import compare, read_past

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
    """Explain what one return would get, or what the last ones would have got under the rules of a file."""
    if (history is None) == (order is None or return_ is None):
        raise ConfigError("give either --order and --return, or --history N")
    known = _retailer(retailer, file)
    if history is not None:
        past = asyncio.run(read_past(load().cluster, known.id, history))
        rules_shown.comparison(compare(past, known), known)
    elif order is not None and return_ is not None:
        for trial in _trials(known, order, return_):
            rules_shown.tree(trial, known)


def _trials(retailer: Retailer, order_file: Path, return_file: Path) -> tuple[Trial, ...]:
    order = read_order(order_file, retailer)
    uploads = read_return(return_file, retailer, order)
    try:
        return try_uploads(retailer, order, uploads, datetime.now(UTC))
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _retailer(wanted: str, file: Path | None) -> Retailer:
    """As the file says, or as it is in force. ConfigError names those there are."""
    if file is None:
        found = asyncio.run(read_all(load().cluster))
        where = "in force"
    else:
        found = {retailer.id: retailer for retailer in _in_file(file)}
        where = f"in {file}"
    if wanted not in found:
        raise ConfigError(f"no retailer {wanted!r} is {where}; there are: {', '.join(sorted(found)) or 'none'}")
    return found[wanted]


def _in_file(file: Path) -> tuple[Retailer, ...]:
    try:
        parsed = parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"retailers file {file} cannot be read: {error}") from None
    if not parsed.ok:
        err.print(parsed.render(str(file)), markup=False)
        raise ConfigError(f"{file} has errors (above)")
    return parsed.retailers
