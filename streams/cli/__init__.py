"""The command `returnstreams`: a module a subcommand, errors as one line, exit code 78 for configuration."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from producers.logs import configure
from streams.cli.console import fail, out
from streams.cli.later import Later, later
from streams.engine.errors import ConfigError, StateRefused
from streams.engine.kafka import Infrastructure

# sysexits.h: something in the configuration is wrong, starting again will not help.
EX_CONFIG = 78
_REMEDY = "are they up, and is RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS right?"

COMMANDS = {
    "serve": Later(
        "streams.cli.running:app",
        "The ingress: webhooks and uploads in, records out. Ends on SIGTERM after what is under way.",
        command="serve",
    ),
    "run": Later("streams.cli.running:app", "Run agents in this process until SIGTERM.", command="run"),
    "topics": Later("streams.cli.topics:app", "The topics of this installation."),
    "retailers": Later("streams.cli.retailers:app", "The retailers: their portal, rules, return action and hook."),
    "rules": Later("streams.cli.rules:app", "The retailers' rules, tried out."),
    "orders": Later("streams.cli.orders:app", "Orders, as the order table has them."),
    "subscriptions": Later("streams.cli.subscriptions:app", "Webhook subscriptions of the retailers' shops."),
    "returns": Later("streams.cli.returns:app", "Returns, and what became of them."),
    "members": Later("streams.cli.members:app", "Processes with an instance id, as members of the agents' groups."),
    "dead-letters": Later(
        "streams.cli.dead_letters:app", "What could not be processed, and tasks that stand still for it."
    ),
    "deliveries": Later(
        "streams.cli.deliveries:app", "Tracking updates: what is owed to hooks, and what became of it."
    ),
    "hooks": Later("streams.cli.hooks:app", "The retailers' hooks."),
    "config": Later("streams.cli.running:config", "What this environment says."),
}

app = typer.Typer(
    name="returnstreams",
    cls=later(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(version("returnstreams"))
        raise typer.Exit


@app.callback()
def returnstreams(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Kafka stream processors for product returns."""
    # A command says what it does in words of its own, and why it fails in one line; `run` and `serve` write a log.
    configure(ours=logging.WARNING, libraries=logging.CRITICAL)


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
