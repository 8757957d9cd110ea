"""`dead-letters list|show|replay|drop|resume`: what could not be processed, and tasks that stand still for it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from streams import event_loop, pauses, replays
from streams.cli import letters_shown
from streams.cli.console import err, out, print_table
from streams.cli.instants import ago
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster
from streams.letters import INGRESS, Filter, Kind, Letter, State, read
from streams.settings import load
from streams.wiring import AGENTS

app = typer.Typer(help="What could not be processed, and tasks that stand still for it.", no_args_is_help=True)

# A running task looks for its control twice a second, and then commits; a restore of its inputs' ends comes on top.
RESUME_TIMEOUT_S = 15.0

AgentArgument = Annotated[str, typer.Argument(help=f"{', '.join(AGENTS)}, or {INGRESS}.")]
KindOption = Annotated[Kind | None, typer.Option(help="Only these.")]
Error = Annotated[str | None, typer.Option(help="The error's class, as `list` shows it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_(
    agent: Annotated[str | None, typer.Option(help="Only this agent's, or `ingress`.")] = None,
    kind: KindOption = None,
    error: Error = None,
    key: Annotated[str | None, typer.Option(help="Only records with this key.")] = None,
    since: Annotated[str | None, typer.Option(help="Like 90m, 12h, 3d, or an instant like 2026-11-22T10:00Z.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    dropped: Annotated[bool, typer.Option("--dropped", help="Those that were dropped, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON each.")] = False,
) -> None:
    """What could not be processed, oldest first."""
    names = [_known(agent)] if agent else [*AGENTS, INGRESS]
    states = frozenset(State) if dropped else frozenset(State) - {State.DROPPED}
    wanted = Filter(kind, error, key, ago(since, datetime.now(UTC)) if since else None, states)
    cluster = load().cluster
    found = sorted(event_loop.run(_read_all(cluster, names, wanted)), key=lambda letter: (letter.at, letter.offset))
    shown = found[-limit:]
    if as_json:
        for letter in shown:
            out.out(orjson.dumps(letters_shown.line(letter)).decode())
    elif shown:
        print_table(letters_shown.table(shown))
    if len(found) > len(shown):
        err.print(f"{len(found) - len(shown)} older ones are not shown; --limit {len(found)} shows all", style="dim")
    if not found and not as_json:
        out.print("no dead letters" if wanted == Filter(states=states) else "no dead letters like that")
    _tell_of_pauses(cluster, names)


@app.command()
def show(
    agent: AgentArgument,
    offset: Annotated[int, typer.Argument(help="As `list` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="The value's bytes alone, as they came.")] = False,
) -> None:
    """All of one letter: where it stood, what was wrong, its headers and its value."""
    cluster = load().cluster
    known = event_loop.run(read(cluster, _known(agent), lambda number: number == offset))
    (letter,) = replays.choose(known, [offset], agent)
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        return
    for line in letters_shown.whole(letter):
        out.out(line)


@app.command()
def replay(
    agent: AgentArgument,
    offsets: Annotated[list[int] | None, typer.Argument(help="As `list` shows them.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All open ones that can be sent again.")] = False,
    kind: KindOption = None,
    error: Error = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed or dropped already.")] = False,
    yes: Yes = False,
) -> None:
    """Send records again, to the agent that failed at them and to no other."""
    if bool(offsets) == all_:
        raise ConfigError("say which letters: their offsets, or --all")
    if (kind or error) and not all_:
        raise ConfigError("--kind and --error choose among --all")
    cluster = load().cluster
    known = event_loop.run(read(cluster, _known(agent)))
    states = frozenset() if again else frozenset({State.OPEN})
    if all_:
        chosen = [letter for letter in known.values() if Filter(kind, error, states=states).takes(letter)]
    else:
        chosen = replays.choose(known, offsets or [], agent)
        _refuse_settled(chosen, again)
    sendable = _sendable(chosen, skip=all_)
    if not sendable:
        out.print("no letters to send again")
        return
    print_table(letters_shown.table(sendable))
    out.print(f"These records go to their topics again, for {agent} alone; others pass them over.")
    if not yes:
        typer.confirm(f"Send {len(sendable)} again?", abort=True)
    done = event_loop.run(replays.replay(cluster, agent, [letter.offset for letter in sendable], again))
    out.print(f"sent again: {done}; one that fails once more is a new letter with the next attempt's number")


@app.command()
def drop(
    agent: AgentArgument,
    offsets: Annotated[list[int], typer.Argument(help="As `list` shows them.")],
    yes: Yes = False,
) -> None:
    """Mark letters as of no further use: `list` shows them no more. They are kept until their twenty days are over."""
    cluster = load().cluster
    chosen = replays.choose(event_loop.run(read(cluster, _known(agent))), offsets, agent)
    left = [letter for letter in chosen if letter.state is State.OPEN]
    if not left:
        out.print("none of them is open; nothing to do")
        return
    print_table(letters_shown.table(left))
    if not yes:
        typer.confirm(f"Drop {len(left)}?", abort=True)
    out.print(f"dropped: {event_loop.run(replays.drop(cluster, agent, [letter.offset for letter in left]))}")


@app.command()
def resume(
    agent: Annotated[str, typer.Argument(help=f"{', '.join(AGENTS)}.")],
    partitions: Annotated[list[int] | None, typer.Argument(help="All that are paused when left out.")] = None,
    yes: Yes = False,
) -> None:
    """Let paused tasks go on, once the cause is mended: their count of failures begins anew."""
    name, cluster = _known(agent), load().cluster
    known = {pause.partition: pause for pause in event_loop.run(pauses.paused(cluster)) if pause.agent == name}
    wrong = sorted(set(partitions or ()) - set(known))
    if wrong:
        names = ", ".join(map(str, sorted(known))) or "none"
        raise ConfigError(f"partition {', '.join(map(str, wrong))} of {agent} is not paused; paused are: {names}")
    chosen = [known[partition] for partition in sorted(set(partitions or known))]
    if not chosen:
        out.print(f"no task of {agent} is paused")
        return
    table = Table("task", "since", "why", "last error", box=None)
    for pause in chosen:
        row = (f"{agent}[{pause.partition}]", letters_shown.instant(pause.at), pause.reason, pause.error)
        table.add_row(*map(escape, row))
    print_table(table)
    if not yes:
        typer.confirm(f"Let {len(chosen)} go on?", abort=True)
    event_loop.run(pauses.lift(cluster, chosen))
    left = event_loop.run(pauses.still_paused(cluster, chosen, RESUME_TIMEOUT_S))
    for pause in chosen:
        place = f"{agent}[{pause.partition}]"
        told = "will go on when a process runs it: none has said so yet" if pause in left else "goes on"
        out.print(f"{place} {told}", markup=False)


async def _read_all(cluster: Cluster, names: list[str], wanted: Filter) -> list[Letter]:
    return [letter for name in names for letter in (await read(cluster, name)).values() if wanted.takes(letter)]


def _tell_of_pauses(cluster: Cluster, names: list[str]) -> None:
    for pause in event_loop.run(pauses.paused(cluster)):
        if pause.agent in names:
            remedy = f"once mended: returnstreams dead-letters resume {pause.agent} {pause.partition}"
            err.print(f"{pause.agent}[{pause.partition}] is paused ({pause.reason}); {remedy}", markup=False)


def _known(agent: str) -> str:
    if agent not in AGENTS and agent != INGRESS:
        raise ConfigError(f"no agent {agent!r}; there are: {', '.join(AGENTS)}, and {INGRESS}")
    return agent


def _refuse_settled(chosen: list[Letter], again: bool) -> None:
    settled = [letter for letter in chosen if letter.state is not State.OPEN]
    if settled and not again:
        names = ", ".join(f"{letter.offset} ({letter.state})" for letter in settled)
        raise ConfigError(f"not open any more: {names}; --again sends them all the same")


def _sendable(chosen: list[Letter], skip: bool) -> list[Letter]:
    """Those that can be sent again. ConfigError for one that was named and cannot be; `skip` only tells of it."""
    found = []
    for letter in chosen:
        reason = replays.why_not(letter)
        if reason is None:
            found.append(letter)
        elif skip:
            err.print(f"letter {letter.offset} is left out: {reason}", markup=False, style="dim")
        else:
            raise ConfigError(f"letter {letter.offset} of {letter.agent} cannot be sent again: {reason}")
    return found
