"""`retailers check|apply|show`: bring retailers live."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from contracts.retailers import Retailer
from streams.cli.console import err, out, print_table
from streams.engine.errors import ConfigError
from streams.retailers_file import parse
from streams.retailers_topic import Difference, differences, read_all, write
from streams.settings import load
from streams.yaml_places import Severity

app = typer.Typer(help="The retailers: their portal, rules, return action and hook.", no_args_is_help=True)

FileArgument = Annotated[
    Path | None, typer.Argument(help="The retailers file; RETURNSTREAMS_RETAILERS_FILE when left out.")
]


@app.command()
def check(file: FileArgument = None) -> None:
    """Tell everything that is wrong with a file, with line and remedy. Talks to nobody."""
    retailers = _read(file)
    names = ", ".join(retailer.id for retailer in retailers) or "none"
    noun = "retailer" if len(retailers) == 1 else "retailers"
    out.print(f"no errors; {len(retailers)} {noun}: {names}")


@app.command("apply")
def apply_(file: FileArgument = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Show what the file would change, ask, and write it to the topic. Retailers not in the file are left alone."""
    retailers = _read(file)
    cluster = load().cluster
    changes = differences(retailers, asyncio.run(read_all(cluster)))
    if not changes:
        out.print(f"{len(retailers)} retailers are already as the file says")
        return
    for change in changes:
        _show(change)
    if not yes:
        typer.confirm(f"Apply {len(changes)} of {len(retailers)} retailers?", abort=True)
    asyncio.run(write(cluster, changes))
    out.print(f"applied: {', '.join(f'{c.after.id} (version {c.after.version})' for c in changes)}")


@app.command()
def show() -> None:
    """The retailers as they are in force now."""
    known = asyncio.run(read_all(load().cluster))
    if not known:
        out.print("no retailers yet; `returnstreams retailers apply FILE` brings them")
        return
    table = Table("id", "name", "portal", "return action", "choice", "rules", "hook", "shop", "version", box=None)
    for retailer in sorted(known.values(), key=lambda r: r.id):
        table.add_row(*map(escape, _row(retailer)))
    print_table(table)


def _read(file: Path | None) -> tuple[Retailer, ...]:
    path = file or load().retailers_file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"retailers file {path} cannot be read: {error}") from None
    parsed = parse(text)
    if parsed.problems:
        err.print(parsed.render(str(path)), markup=False)
    if not parsed.ok:
        errors = sum(problem.severity is Severity.ERROR for problem in parsed.problems)
        noun = "error" if errors == 1 else "errors"
        raise ConfigError(f"{path} has {errors} {noun} (above); nothing was changed")
    return parsed.retailers


def _show(change: Difference) -> None:
    retailer = change.after
    if change.before is None:
        out.print(f"[green]+ {retailer.id}[/] {escape(retailer.name)}: {retailer.portal}, {retailer.return_action}")
        return
    out.print(f"[yellow]~ {retailer.id}[/] version {change.before.version} -> {retailer.version}")
    for name, (before, after) in change.fields().items():
        out.print(f"    {name}: {_json(before)} -> {_json(after)}", markup=False)
    if change.concerns_later_returns_only:
        out.print("    Returns already uploaded keep the settings they were uploaded under: this is for later ones.")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _row(retailer: Retailer) -> tuple[str, ...]:
    choice = retailer.customer_choice
    offered = ("with exchange" if choice.exchange else "yes") if choice.enabled else "no"
    hook = retailer.hook.url.split("?")[0] if retailer.hook else "-"
    fixed = (retailer.id, retailer.name, retailer.portal.value, retailer.return_action.value, offered)
    return (*fixed, str(len(retailer.rules)), hook, retailer.shopify.shop, str(retailer.version))
