"""The command `returnstreams`: a module a subcommand, errors as one line, exit code 78 for configuration."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from producers.logs import configure
from streams.cli.console import fail, out
from streams.cli.later import Later, later
from streams.engine.errors import ConfigError, StateRefused
from streams.engine.kafka import Infrastructure, NoBroker

# sysexits.h: something in the configuration is wrong, starting again will not help.
EX_CONFIG = 78
_BOOTSTRAP = "RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS"
_PROTOCOL = "RETURNSTREAMS_KAFKA__SECURITY_PROTOCOL"
# What this machine's files and disks can do to us. All other errors of the system come from connections.
_OF_THIS_MACHINE = frozenset(
    {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.ENOSPC}
    | {errno.EISDIR, errno.ENOTDIR, errno.EPERM, errno.EROFS}
)

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
    with _hearing() as client:
        try:
            app()
        except (ConfigError, StateRefused) as error:
            fail(str(error))
            sys.exit(EX_CONFIG)
        except Infrastructure as error:
            if isinstance(error, OSError) and error.errno in _OF_THIS_MACHINE:
                fail(str(error))
                sys.exit(1)
            fail(_brokers(error, client.said))
            sys.exit(EX_CONFIG)


class _LastWord(logging.Handler):
    """Keeps what the Kafka client said last."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        # An error without words is what a broker causes that speaks TLS where we do not, or the other way round.
        wordless = [type(each).__name__ for each in record.args or () if isinstance(each, Exception) and not str(each)]
        self.said = " ".join((record.getMessage().strip(), *wordless))


@contextmanager
def _hearing() -> Iterator[_LastWord]:
    """Hear why the client cannot connect, also where its log is not written: its errors do not say it."""
    heard, log = _LastWord(logging.WARNING), logging.getLogger("aiokafka")
    level = log.level
    log.addHandler(heard)
    log.setLevel(logging.WARNING)
    try:
        yield heard
    finally:
        log.setLevel(level)
        log.removeHandler(heard)


def _brokers(error: BaseException, heard: str) -> str:
    """What is wrong with the brokers, at which address, and what to look at."""
    from streams.settings import load

    servers = load().kafka.bootstrap_servers
    if isinstance(error, NoBroker):
        ask = f"is it up, and are {_BOOTSTRAP} and {_PROTOCOL} right?"
        return f"no Kafka broker answers at {servers} ({_line(heard or error)}); {ask}"
    told = _line(error) or type(error).__name__
    return (
        f"the Kafka brokers at {servers} do not answer as they should ({told}); are they up, and is {_BOOTSTRAP} right?"
    )


def _line(text: object) -> str:
    return " ".join(str(text).split())
