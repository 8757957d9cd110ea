"""The command `returnstreams`: a module a subcommand, errors as one line, exit code 78 for configuration."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from streams.cli import retailers, running, topics
from streams.cli.console import fail
from streams.engine.errors import ConfigError, StateRefused

# sysexits.h: something in the configuration is wrong, starting again will not help.
EX_CONFIG = 78

app = typer.Typer(
    name="returnstreams",
    help="Kafka stream processors for product returns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(topics.app, name="topics")
app.add_typer(retailers.app, name="retailers")
app.add_typer(running.config, name="config")
app.command("serve")(running.serve)
app.command("run")(running.run)


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
