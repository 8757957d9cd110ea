"""An agent is data: its inputs, stores, timers and outboxes, and the small functions that handle them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from contracts.envelope import Letterhead
from contracts.model import Model
from contracts.topics import Topic

if TYPE_CHECKING:
    from streams.engine.context import Context, View
    from streams.engine.outbox import Call, Policy, Verdict
    from streams.engine.records import Event
    from streams.engine.timers import Timer

M = TypeVar("M", bound=Model)
I = TypeVar("I", bound=Model)  # noqa: E741 - the intent of an outbox, beside A for its answer
A = TypeVar("A", bound=Model)

EventHandler = Callable[["Event[Any]", "Context"], None]
TimerHandler = Callable[["Timer", "Context"], None]
AnswerHandler = Callable[["Call[Any]", Any, "Context"], "Verdict"]

NOT_PLAIN = "is empty, holds '/' or '|', or begins with '$'"
"""What a name may not be: names stand before keys in the rows, and those with '$' are the engine's own."""


@dataclass(frozen=True, slots=True)
class Store(Generic[M]):
    """A keyed table of this agent, one part of it in each task.

    changelog: an output topic that holds the same rows (a put is then also its record); None: the agent's own.
    mirrors: an input topic that this store follows by itself.
    version: of the row's schema, which is written. reads: how to read rows of other versions, older and newer ones
    (streams/engine/versions.py says which there must be).
    shown: whether a process gives its rows to who asks for them; only where nothing personal is in them.
    """

    name: str
    model: type[M]
    changelog: Topic | None = None
    mirrors: Topic | None = None
    version: int = 1
    reads: Mapping[int, Callable[[bytes], M]] = field(default_factory=dict, hash=False, compare=False)
    shown: bool = False


@dataclass(slots=True)
class TimerSpec:
    """A kind of timer; one may be set per key, and a later one for the same key replaces it."""

    name: str
    handler: TimerHandler | None = None

    def fires(self, handler: TimerHandler) -> TimerHandler:
        """Decorator: what happens when one is due."""
        self.handler = handler
        return handler


@dataclass(slots=True)
class Outbox(Generic[I, A]):
    """How the agent talks to the world: a durable queue, in order per key, whose calls the engine makes.

    intent: what is to be done, as stored before the call. answer: what the caller brings back.
    lane: of a key, the destination of its calls; the lanes take turns, and each has its own bounds and breaker.
    fails: whether an answer shows that the destination itself is not well, which is what its breaker counts.
    """

    name: str
    intent: type[I]
    answer: type[A]
    policy: Policy
    handler: AnswerHandler | None = None
    lane: Callable[[str], str] | None = None
    fails: Callable[[A], bool] | None = None
    held: Callable[[str, View], bool] | None = None

    def lane_of(self, key: str) -> str:
        """The lane of a key's calls; "" without lanes. ValueError where it could not stand in a row's key."""
        if self.lane is None:
            return ""
        lane = self.lane(key)
        if not lane or "|" in lane:
            raise ValueError(f"outbox {self.name}: lane {lane!r} of key {key!r} is empty or holds '|'")
        return lane

    def holds(self, handler: Callable[[str, View], bool]) -> Callable[[str, View], bool]:
        """Decorator: whether all calls of a lane wait. Asked before any of them begins."""
        self.held = handler
        return handler

    def answered(self, handler: Callable[[Call[I], A, Context], Verdict]) -> Callable[[Call[I], A, Context], Verdict]:
        """Decorator: what an answer means, and whether the call is done or to be made again."""
        self.handler = handler
        return handler


@dataclass(slots=True)
class Agent:
    """One agent: one consumer group, one task a partition."""

    name: str
    stores: dict[str, Store[Any]] = field(default_factory=dict)
    inputs: dict[str, Topic] = field(default_factory=dict)
    handlers: dict[tuple[str, type[Model]], EventHandler] = field(default_factory=dict)
    timers: dict[str, TimerSpec] = field(default_factory=dict)
    outboxes: dict[str, Outbox[Any, Any]] = field(default_factory=dict)
    letterhead: Letterhead = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.letterhead = Letterhead(f"returnstreams/{self.name}")

    def store(
        self,
        name: str,
        model: type[M],
        *,
        changelog: Topic | None = None,
        version: int = 1,
        reads: Mapping[int, Callable[[bytes], M]] | None = None,
        shown: bool = False,
    ) -> Store[M]:
        """Declare a store. ValueError when the name is taken or not plain."""
        return self._add(Store(name, model, changelog=changelog, version=version, reads=reads or {}, shown=shown))

    def mirror(self, topic: Topic, model: type[M]) -> Store[M]:
        """Declare a store that follows a compacted input; a handler sees the row as it was before its record."""
        if not topic.compacted:
            raise ValueError(f"{self.name} cannot mirror {topic.name}: it is not compacted")
        self.inputs[topic.name] = topic
        return self._add(Store(topic.name, model, mirrors=topic))

    def _add(self, store: Store[M]) -> Store[M]:
        if store.name in self.stores or not _plain(store.name):
            raise ValueError(f"{self.name}: store name {store.name!r} is taken, or {NOT_PLAIN}")
        self.stores[store.name] = store
        return store

    def on(self, topic: Topic, model: type[Model] | None = None) -> Callable[[EventHandler], EventHandler]:
        """Decorator: handle records of `topic` whose data is `model` (the topic's first one when left out)."""
        self.inputs[topic.name] = topic

        def register(handler: EventHandler) -> EventHandler:
            self.handlers[topic.name, model or topic.events[0].model] = handler
            return handler

        return register

    def timer(self, name: str) -> TimerSpec:
        """Declare a kind of timer; decorate its handler with `.fires`. ValueError as for a store."""
        if name in self.timers or not _plain(name):
            raise ValueError(f"{self.name}: timer name {name!r} is taken, or {NOT_PLAIN}")
        spec = TimerSpec(name)
        self.timers[name] = spec
        return spec

    def outbox(
        self,
        name: str,
        intent: type[I],
        answer: type[A],
        policy: Policy,
        *,
        lane: Callable[[str], str] | None = None,
        fails: Callable[[A], bool] | None = None,
    ) -> Outbox[I, A]:
        """Declare an outbox; decorate what its answers mean with `.answered`. ValueError as for a store."""
        if name in self.outboxes or not _plain(name) or "." in name:
            raise ValueError(f"{self.name}: outbox name {name!r} is taken, or holds '.', or {NOT_PLAIN}")
        outbox = Outbox(name, intent, answer, policy, lane=lane, fails=fails)
        self.outboxes[name] = outbox
        return outbox

    @property
    def changelog(self) -> str:
        """The name of the agent's own changelog topic."""
        return changelog_of(self.name)

    @property
    def restored_from(self) -> tuple[str, ...]:
        """The topics that this agent writes its rows to: its own changelog, and outputs that hold the same rows."""
        return (self.changelog, *(store.changelog.name for store in self.stores.values() if store.changelog))

    @property
    def mirrored(self) -> tuple[str, ...]:
        """The inputs that a store follows."""
        return tuple(store.mirrors.name for store in self.stores.values() if store.mirrors)

    def store_held_in(self, topic: str) -> str:
        """The name of the store whose rows this output or mirrored input holds. KeyError where it holds none."""
        for store in self.stores.values():
            if any(held is not None and held.name == topic for held in (store.changelog, store.mirrors)):
                return store.name
        raise KeyError(f"{self.name}: topic {topic} holds no store's rows")


def changelog_of(agent: str) -> str:
    """The name of the changelog topic of the agent with this name."""
    return f"{agent}-changelog"


def _plain(name: str) -> bool:
    return bool(name) and not name.startswith("$") and not set(name) & set("/|")
