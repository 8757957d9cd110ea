"""A small agent of every kind of part, for the engine's own tests: it counts, rings, asks and follows labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contracts.model import Model
from contracts.topics import EventType, Keyed, Topic
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.outbox import Again, Call, Done, Policy, Verdict
from streams.engine.records import Event, Record
from streams.engine.timers import Timer

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Number(Model):
    """One input. fail: raise after everything was done. ring_s: set a timer. ask: queue a call with this id.

    grow: of how many bytes the label of its echo is. pad: nothing but bytes.
    """

    n: int = 0
    fail: bool = False
    ring_s: float | None = None
    ask: str | None = None
    retailer: str | None = None
    grow: int = 0
    pad: str = ""


class Nudge(Model):
    """The other kind of input on the same topic."""

    why: str = ""


class Label(Model):
    """A row of the mirrored topic. grow: of how many bytes the label of its echo is."""

    text: str
    grow: int = 0
    fail: bool = False


class Count(Model):
    """How many numbers a key has had."""

    n: int = 0


class Echo(Model):
    """What the agent says about each input."""

    what: str
    n: int = 0
    label: str | None = None


class Ask(Model):
    """The intent of a call."""

    text: str


class Reply(Model):
    """What a call brought back. again_s: try again after so many seconds. fail: the handler raises."""

    text: str = ""
    again_s: float | None = None
    fail: bool = False


def topic(name: str, *kinds: tuple[str, type[Model]], days: int | None = 1) -> Topic:
    """A topic of these kinds of records; compacted without days."""
    return Topic(name, "key", Keyed.ORDER, tuple(EventType(model, kind) for kind, model in kinds), days, (), ())


NUMBERS = topic("numbers", ("toy.number", Number), ("toy.nudge", Nudge))
LABELS = topic("labels", ("toy.label", Label), days=None)
ECHOES = topic("echoes", ("toy.echo", Echo))
TOTALS = topic("totals", ("toy.total", Count), days=None)

POLICY = Policy(timeout_s=10, delays_s=(5, 30), concurrency=4)


class Bug(Exception):
    """What a handler with a mistake in it raises."""


def lane_of(key: str) -> str:
    """What stands before a key's slash."""
    return key.split("/")[0]


def toy_agent(policy: Policy = POLICY, *, lanes: bool = False) -> Agent:
    """A new agent; each has its own declarations. lanes: its outbox has some; one whose row of totals is 99 is held."""
    agent = Agent("toy")
    counts = agent.store("counts", Count)
    totals = agent.store("totals", Count, changelog=TOTALS)
    labels = agent.mirror(LABELS, Label)
    bell = agent.timer("bell")
    box = agent.outbox(
        "box",
        Ask,
        Reply,
        policy,
        lane=lane_of if lanes else None,
        fails=lambda reply: reply.again_s is not None,
    )
    box.holds(lambda lane, view: view.get(totals, lane) == Count(n=99))

    @agent.on(NUMBERS)
    def count(event: Event[Number], ctx: Context) -> None:
        if event.value.retailer is not None:
            ctx.retailer(event.value.retailer)
        known = ctx.get(counts, event.key) or Count()
        ctx.put(counts, event.key, Count(n=known.n + 1))
        ctx.put(totals, event.key, Count(n=known.n + 1))
        label = ctx.get(labels, event.key)
        told = label.text if label else "x" * event.value.grow or None
        ctx.emit(ECHOES, Echo(what="counted", n=event.value.n, label=told), key=event.key)
        if event.value.ring_s is not None:
            due = ctx.now + timedelta(seconds=event.value.ring_s)
            ctx.set_timer(bell, event.key, due, b"fail" if event.value.fail else b"")
        elif event.value.fail:
            raise Bug("on purpose")
        if event.value.ask is not None:
            ctx.call(box, event.key, Ask(text=str(event.value.n)), id=event.value.ask)

    @agent.on(NUMBERS, Nudge)
    def nudge(event: Event[Nudge], ctx: Context) -> None:
        ctx.delete(counts, event.key)
        ctx.delete(totals, event.key)
        ctx.cancel_timer(bell, event.key)

    @agent.on(LABELS)
    def labelled(event: Event[Label | None], ctx: Context) -> None:
        before = ctx.get(labels, event.key)
        told = "x" * event.value.grow if event.value is not None and event.value.grow else None
        ctx.emit(ECHOES, Echo(what="labelled", label=before.text if before else told), key=event.key)
        if event.value is not None and event.value.fail:
            raise Bug("on purpose")

    @bell.fires
    def ring(timer: Timer, ctx: Context) -> None:
        ctx.emit(ECHOES, Echo(what="rang"), key=timer.key)
        ctx.put(counts, f"{timer.key}/rang", Count(n=1))
        if timer.payload == b"fail":
            raise Bug("on purpose")

    @box.answered
    def told(call: Call[Ask], answer: Reply, ctx: Context) -> Verdict:
        ctx.emit(ECHOES, Echo(what=f"told {answer.text}", n=call.attempt), key=call.key)
        if answer.fail:
            raise Bug("on purpose")
        if answer.again_s is not None:
            return Again(ctx.now + timedelta(seconds=answer.again_s))
        return Done()

    return agent


def record(
    value: Model | bytes | None,
    *,
    key: bytes | None = b"k",
    topic: str = "numbers",
    offset: int = 0,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Record:
    """One input record of partition 0."""
    raw = value.model_dump_json().encode() if isinstance(value, Model) else value
    return Record(topic, 0, offset, 1_793_534_400_000, key, raw, headers)
