"""The command `returnstreams`: a module a subcommand, errors as one line, exit code 78 for configuration."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from producers.logs import configure
from streams.cli import (
    dead_letters,
    deliveries,
    hooks,
    members,
    orders,
    orders_sync,
    retailers,
    returns,
    rules,
    running,
    subscriptions,
    topics,
)
from streams.cli.console import fail, out
from streams.engine.errors import ConfigError, StateRefused
from streams.engine.kafka import Infrastructure

# sysexits.h: something in the configuration is wrong, starting again will not help.
EX_CONFIG = 78
_REMEDY = "are they up, and is RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS right?"

app = typer.Typer(
    name="returnstreams",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(topics.app, name="topics")
app.add_typer(retailers.app, name="retailers")
app.add_typer(rules.app, name="rules")
orders.app.command("import")(orders_sync.import_)
orders.app.command("reconcile")(orders_sync.reconcile)
app.add_typer(orders.app, name="orders")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(returns.app, name="returns")
app.add_typer(members.app, name="members")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(hooks.app, name="hooks")
app.add_typer(running.config, name="config")
app.command("serve")(running.serve)
app.command("run")(running.run)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(version("returnstreams"))
        raise typer.Exit


@app.callback()
def returnstreams(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Kafka stream processors for product returns."""
    # A command that fails says so in one line of ours; `run` and `serve` let the client be heard.
    configure(libraries=logging.CRITICAL)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Leave everything running at the end and say how to look inside.")] = False,
    broker: Annotated[str | None, typer.Option(help="embedded (default) or docker.")] = None,
    seed: Annotated[int, typer.Option(help="Decides in which order the traffic comes.")] = 1,
) -> None:
    """Start a broker, the whole pipeline and simulators, and watch returns go through; 0 when all came out right."""
    try:
        from demo.app import main as run_demo
    except ImportError as error:
        raise ConfigError(f"the demo is not installed ({error}): pip install 'returnstreams[demo]'") from error
    raise typer.Exit(run_demo(keep=keep, broker=broker, seed=seed))


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except (ConfigError, StateRefused) as error:
        fail(str(error))
        sys.exit(EX_CONFIG)
    except Infrastructure as error:
        fail(f"the Kafka brokers do not answer as they should ({_told(error)}); {_REMEDY}")
        sys.exit(EX_CONFIG)


def _told(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
