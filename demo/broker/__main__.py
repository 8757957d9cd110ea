"""A Kafka broker at the command line: `python -m demo.broker [--nodes 3] [--data DIR] [--resolve]`."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from demo.broker import BrokerError, BrokerOptions, jars, open_broker

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class StopRequestedError(Exception):
    """Ctrl-C or SIGTERM."""


def main(
    nodes: Annotated[int, typer.Option(help="1, or 3 with replication factor 3.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Keep the data there. Without it, it goes away at the end.")] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="Only fetch Kafka's jars and check their hashes.")] = False,
) -> None:
    """Run a real Kafka broker on loopback until Ctrl-C, and print its bootstrap servers."""
    try:
        if resolve:
            resolve_jars()
        else:
            run_broker(BrokerOptions(nodes=nodes, data=data))
    except (BrokerError, ValueError) as error:
        errors.print(f"broker: {error}", markup=False)
        raise typer.Exit(1) from error


def resolve_jars() -> None:
    """What `make broker` does."""
    started = time.monotonic()
    paths = jars.fetch(report=say)
    size = sum(path.stat().st_size for path in paths)
    say(f"{len(paths)} jars ({size / 1e6:.0f} MB) with the pinned hashes in {jars.cache_dir()}, {_since(started)}")


def run_broker(options: BrokerOptions) -> None:
    """Until somebody asks to stop."""
    with asked_to_stop():
        started = time.monotonic()
        broker = open_broker(options, report=say)
        try:
            broker.start()
            say(f"{broker.node_count} node(s) ready after {_since(started)}; Ctrl-C ends it")
            console.print(broker.bootstrap_servers)
            signal.pause()
        except StopRequestedError:
            say("stopping")
        finally:
            broker.stop()


@contextmanager
def asked_to_stop() -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into StopRequestedError."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise StopRequestedError

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say(line: str) -> None:
    """To stderr, so that stdout has the bootstrap servers alone and a script can read them."""
    errors.print(f"broker: {line}", markup=False)


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


if __name__ == "__main__":
    typer.run(main)
