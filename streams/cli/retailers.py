"""`retailers check|diff|apply|show|remove`: bring retailers live, and let them go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from contracts.retailers import Retailer
from streams import event_loop
from streams.cli import removal_shown, retailers_shown
from streams.cli.console import out, print_table, showing_progress
from streams.cli.known_retailers import in_file, in_force, one_of
from streams.engine.kafka import Cluster
from streams.retailer_removal import LeftBehind, accounts_naming, left_behind
from streams.retailer_removal import remove as write_removal
from streams.retailers_topic import Difference, differences, used_versions, write
from streams.settings import load

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
    changes = _show_differences(retailers, in_force())
    if not changes:
        return
    if not yes:
        typer.confirm(f"Apply {len(changes)} of {len(retailers)} retailers?", abort=True)
    event_loop.run(write(load().cluster, changes))
    out.print(f"applied: {', '.join(f'{c.after.id} (version {c.after.version})' for c in changes)}")


@app.command()
def diff(file: FileArgument = None) -> None:
    """Show what `apply` would change, and change nothing. Exit code 0: nothing, 1: something, 78: it could not."""
    retailers, known = _read(file), in_force()
    changes = _show_differences(retailers, known)
    alone = sorted(known.keys() - {retailer.id for retailer in retailers})
    if alone:
        out.print(f"not in the file, and left alone: {', '.join(alone)}")
    if changes:
        raise typer.Exit(1)


@app.command()
def show(
    retailer: Annotated[str | None, typer.Argument(help="Its id: all of this one, as JSON.")] = None,
) -> None:
    """The retailers as they are in force now."""
    known = in_force()
    if retailer is not None:
        out.out(one_of(known, retailer, "in force").model_dump_json(indent=2))
        return
    if not known:
        out.print("no retailers yet; `returnstreams retailers apply FILE` brings them")
        return
    table = Table("id", "name", "portal", "return action", "choice", "rules", "hook", "shop", "version", box=None)
    for _, each in sorted(known.items()):
        table.add_row(*map(escape, _row(each)))
    print_table(table)


@app.command()
def remove(
    retailer: Annotated[str, typer.Argument(help="Its id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Show what the retailer would leave behind, ask for its id once more, and take it out of force.

    Nothing else is written or erased. Returns that were decided still pay: close them first where they must not.
    """
    known = one_of(in_force(), retailer, "in force")
    settings, now = load(), datetime.now(UTC)
    left = event_loop.run(_left_behind(settings.cluster, known.id, now))
    for line in removal_shown.before(known, left, accounts_naming(settings.ingress.accounts(), known.id), now):
        out.print(line, markup=False)
    if not yes and typer.prompt(f"Type {known.id} to remove it").strip() != known.id:
        raise typer.Abort
    event_loop.run(write_removal(settings.cluster, known))
    out.print(removal_shown.done(known), markup=False)


async def _left_behind(cluster: Cluster, retailer: str, now: datetime) -> LeftBehind:
    with showing_progress() as progress:
        return await left_behind(cluster, retailer, now, progress)


async def _used(cluster: Cluster, ids: set[str]) -> dict[str, int]:
    with showing_progress() as progress:
        return await used_versions(cluster, ids, progress)


def _read(file: Path | None) -> tuple[Retailer, ...]:
    return in_file(file or load().retailers_file)


def _show_differences(retailers: tuple[Retailer, ...], known: Mapping[str, Retailer]) -> list[Difference]:
    strangers = {retailer.id for retailer in retailers} - known.keys()
    changes = differences(retailers, known, event_loop.run(_used(load().cluster, strangers)) if strangers else None)
    for change in changes:
        _show(change)
    if not changes:
        out.print(f"{_count(retailers)} already as the file says")
    return changes


def _count(retailers: Sequence[Retailer]) -> str:
    return "1 retailer is" if len(retailers) == 1 else f"{len(retailers)} retailers are"


def _show(change: Difference) -> None:
    retailer = change.after
    if change.before is None:
        out.print(f"[green]+ {retailer.id}[/] {escape(retailer.name)}: {retailer.portal}, {retailer.return_action}")
        lines = retailers_shown.brought(retailer)
    else:
        out.print(f"[yellow]~ {retailer.id}[/] version {change.before.version} -> {retailer.version}")
        lines = retailers_shown.changed(change)
    for line in lines:
        out.print(f"  {line}", markup=False)


def _row(retailer: Retailer) -> tuple[str, ...]:
    choice = retailer.customer_choice
    offered = ("with exchange" if choice.exchange else "yes") if choice.enabled else "no"
    hook = retailer.hook.url.split("?")[0] if retailer.hook else "-"
    fixed = (retailer.id, retailer.name, retailer.portal.value, retailer.return_action.value, offered)
    return (*fixed, str(len(retailer.rules)), hook, retailer.shopify.shop, str(retailer.version))
