"""`serve`, `run` and `config check`: the long-running processes, and what they would start with."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from producers.logs import configure
from producers.service import CannotListen
from producers.service import serve as serve_ingress
from producers.settings import PREFIX
from streams import event_loop, process
from streams.cli import EX_CONFIG
from streams.cli.console import err, fail, out
from streams.engine.errors import ConfigError
from streams.exporting import CannotExport, exporting
from streams.settings import Settings, ignored, load
from streams.topics_admin import Step, TopicsAdmin, wanted
from streams.wiring import AGENTS, build

app = typer.Typer()
config = typer.Typer(help="What this environment says.", no_args_is_help=True)


@app.command()
def serve() -> None:
    """The ingress: webhooks and uploads in, records out. Ends on SIGTERM after what is under way."""
    settings = load()
    configure(settings.log.format)
    try:
        with exporting("returnstreams-ingress"):
            serve_ingress(settings)
    except (CannotExport, CannotListen) as error:
        raise ConfigError(str(error)) from None


@app.command()
def run(agents: Annotated[list[str], typer.Argument(help=f"{', '.join(AGENTS)}, or all")]) -> None:
    """Run agents in this process until SIGTERM."""
    settings = load()
    configure(settings.log.format)
    chosen = build(agents, settings)
    name = chosen[0].name if len(chosen) == 1 else "agents"
    try:
        with exporting(f"returnstreams-{name}"):
            event_loop.run(process.run(chosen, settings))
    except CannotExport as error:
        raise ConfigError(str(error)) from None


@config.command("check")
def check() -> None:
    """Show the settings (secrets as ***), and whether brokers and topics are as they say."""
    settings = load()
    for name, value in _flat(settings.model_dump(mode="json")):
        out.print(f"{PREFIX}{name}={value}", markup=False)
    for name, near in ignored().items():
        hint = f"; is {near} meant?" if near else ""
        err.print(f"warning: {name} is no setting, and is ignored{hint}", style="yellow", markup=False)
    unfit = None
    try:
        build(["all"], settings)
    except ConfigError as error:
        unfit = error
        fail(str(error))
    event_loop.run(_check_topics(settings))
    if unfit is not None:
        raise typer.Exit(EX_CONFIG)


async def _check_topics(settings: Settings) -> None:
    topics = settings.topics
    async with TopicsAdmin(settings.cluster) as admin:
        plan = await admin.plan(wanted(AGENTS, settings.kafka.topic_prefix, topics.partitions, topics.copies))
    wrong = [change.topic.name for change in plan if change.step is not Step.KEEP]
    if wrong:
        raise ConfigError(f"{len(wrong)} topics are not as they should be (run `returnstreams topics plan`)")
    out.print(f"brokers answer, {len(plan)} topics are as they should be")


def _flat(values: object, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(values, dict):
        return [row for name, value in values.items() for row in _flat(value, f"{prefix}__{name}".lstrip("_"))]
    # Lists as they are written in the environment, so that a line can be copied.
    text = orjson.dumps(values).decode() if isinstance(values, list | bool) else str(values)
    return [(prefix.upper(), "" if values is None else text)]
