"""`topics plan|apply|tail`: what the cluster has, what it should have, and what stands in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import orjson
import typer
from rich.table import Table

from streams import event_loop
from streams.cli.console import err, out, print_table
from streams.engine.errors import ConfigError
from streams.engine.kafka import reading
from streams.engine.records import Record
from streams.settings import Settings, load
from streams.topics_admin import Change, Step, TopicsAdmin, wanted
from streams.wiring import AGENTS

app = typer.Typer(help="The topics of this installation.", no_args_is_help=True)

_STYLES = {Step.CREATE: "green", Step.ALTER: "yellow", Step.REFUSE: "red", Step.KEEP: "dim"}
_POLL_S = 0.5


@app.command()
def plan() -> None:
    """Show what `apply` would do."""
    settings = load()
    show(event_loop.run(_plan(settings)))


@app.command("apply")
def apply_(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Create what is missing, alter what differs. Deletes nothing, changes no partition count."""
    settings = load()
    changes = event_loop.run(_plan(settings))
    show(changes)
    if all(change.step is Step.KEEP for change in changes):
        return
    if not yes and not any(change.step is Step.REFUSE for change in changes):
        typer.confirm("Do this?", abort=True)
    event_loop.run(_apply(settings, changes))
    out.print("done")


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="A topic's name, without the prefix.")],
    follow: Annotated[bool, typer.Option(help="Go on with what comes.")] = False,
) -> None:
    """Print the committed records of a topic, one JSON line each, from the first one on."""
    event_loop.run(_tail(load(), topic, follow))


async def _plan(settings: Settings) -> list[Change]:
    topics = settings.topics
    async with TopicsAdmin(settings.cluster) as admin:
        return await admin.plan(wanted(AGENTS, settings.kafka.topic_prefix, topics.partitions, topics.copies))


async def _apply(settings: Settings, changes: list[Change]) -> None:
    async with TopicsAdmin(settings.cluster) as admin:
        await admin.apply(changes, settings.topics.copies)


def show(changes: Collection[Change]) -> None:
    """The plan as a table; what is as it should be is only counted."""
    table = Table("", "topic", "partitions", "what", box=None)
    kept = 0
    for change in changes:
        if change.step is Step.KEEP:
            kept += 1
            continue
        differing = "; ".join(f"{name}: {now} -> {want}" for name, (now, want) in change.differing.items())
        row = (change.step.value, change.topic.name, str(change.topic.partitions), change.reason or differing)
        table.add_row(*row, style=_STYLES[change.step])
    if table.row_count:
        print_table(table)
    refused = sum(change.step is Step.REFUSE for change in changes)
    told = f", {refused} refused" if refused else ""
    out.print(f"{table.row_count - refused} to do, {kept} as they should be{told}")


async def _tail(settings: Settings, topic: str, follow: bool) -> None:
    async with reading(settings.cluster) as reader:
        partitions = await reader.partitions(topic)
        if not partitions:
            name = settings.cluster.name(topic)
            raise ConfigError(f"there is no topic {name!r}: check its name, or run `returnstreams topics apply` first")
        ends = await reader.assign({(topic, partition): None for partition in partitions})
        while follow or any([await reader.position(*place) < end for place, end in ends.items()]):
            for record in await reader.fetch(_POLL_S):
                out.out(_line(record))
    err.print(f"end of {topic}", style="dim")


def _line(record: Record) -> str:
    line = {
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "value": _value(record.value),
    }
    return orjson.dumps(line).decode()


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="backslashreplace")


def _value(raw: bytes | None) -> object:
    try:
        return None if raw is None else orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _text(raw)
