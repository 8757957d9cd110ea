"""`hooks test`: whether a retailer's hook would take its updates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from streams import event_loop
from streams.callers.hook import public_url
from streams.callers.hook_trial import TEST, try_hook
from streams.cli import hooks_shown
from streams.cli.console import out
from streams.cli.known_retailers import in_file, in_force, one_of
from streams.engine.errors import ConfigError
from streams.secrets import secrets_in
from streams.settings import load

app = typer.Typer(help="The retailers' hooks.", no_args_is_help=True)


@app.callback()
def hooks() -> None:
    """The retailers' hooks."""


@app.command("test")
def try_out(
    retailer: Annotated[str, typer.Argument(help="The retailer's id.")],
    file: Annotated[Path | None, typer.Option(help="A retailers file, instead of what is in force.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Send one marked test update, as a real one is sent, and tell what came back. Exit code 0 only for 2xx, else 1.

    It is a first scan (RT) of an order and a parcel that are called RETURNSTREAMS-TEST.
    """
    where = f"in {file}" if file else "in force"
    known = {each.id: each for each in in_file(file)} if file else in_force()
    chosen = one_of(known, retailer, where)
    if chosen.hook is None:
        raise ConfigError(f"retailer {retailer!r} has no hook {where}: write one into the retailers file")
    if not yes:
        typer.confirm(f"Send a test update ({TEST}) to {public_url(chosen.hook.url)}?", abort=True)
    now = datetime.now(UTC)
    trial = event_loop.run(try_hook(chosen, secrets_in(load().secrets_dir), now))
    if as_json:
        out.out(hooks_shown.line(trial, now))
    else:
        for line in hooks_shown.whole(trial, chosen.hook, now):
            out.out(line)
    if not trial.answer.accepted:
        raise typer.Exit(1)
