"""`members remove`: give up the place that a process with an instance id has in its groups."""

from __future__ import annotations

from typing import Annotated

import typer

from streams import event_loop
from streams.cli.console import out
from streams.engine.errors import ConfigError
from streams.engine.kafka import remove_member
from streams.settings import load
from streams.wiring import AGENTS

app = typer.Typer(help="Processes with an instance id, as members of the agents' groups.", no_args_is_help=True)


@app.command()
def remove(
    instance: Annotated[str, typer.Argument(help="The RETURNSTREAMS_INSTANCE_ID of a process that has ended.")],
) -> None:
    """Hand the tasks of a process that will not come back to the others now, not when its session ends."""
    removed = event_loop.run(_remove(instance))
    if not removed:
        raise ConfigError(f"no agent has a member {instance!r}: its session has ended, or the id is another one")
    out.print(f"removed from {', '.join(removed)}")


async def _remove(instance: str) -> list[str]:
    """The agents whose group had such a member."""
    cluster = load().cluster
    return [agent for agent in AGENTS if await remove_member(cluster, agent, instance)]
