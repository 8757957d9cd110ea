"""Sends the story: the scenes shuffled into each other by a seed, some requests twice; or all of it backwards.

What happens in shops happens in the simulated ones, which send their webhooks themselves, by a seed of their own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaProducer

from demo.scene import Raw, Scene, Step
from demo.senders import Post
from demo.shopify.sending import Sent, WebhookSender
from demo.shopify.webhooks import Change

# Every sender of ours repeats what was not taken (503) or not answered, as the real ones do.
ATTEMPTS = 40
RETRY_S = 0.25
# An ingress answers within 2.5 s or says 503.
TIMEOUT_S = 10.0
# A fact that does not come out in this time never will.
FACT_TIMEOUT_S = 60.0
FACT_INTERVAL_S = 0.02
# About so many of the requests that may be are sent again later.
REPEATED = 0.3


class TrafficError(RuntimeError):
    """The story cannot go on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ingress said to a step; status 0 where it was not asked. fault: what is wrong with that, None when it is
    as it must be."""

    scene: str
    step: Step
    status: int
    detail: str
    repeat: bool = False
    fault: str | None = None


@dataclass(slots=True)
class Traffic:
    """Sends steps to an ingress and, past it, to a broker. pause_s: between two of them.

    webhooks: what sends for the shops. changes: what has happened there; heard_of: what they have told.
    facts: what has come out so far, as `Observed.facts` has it. told: hears of each answer.
    """

    ingress_url: str
    options: dict[str, Any]
    prefix: str
    webhooks: WebhookSender
    facts: Callable[[], set[str]]
    told: Callable[[Answer], None] = lambda answer: None
    pause_s: float = 0.0
    answers: list[Answer] = field(default_factory=list)
    changes: dict[Change, tuple[str, Step]] = field(default_factory=dict)
    heard_of: set[Change] = field(default_factory=set)
    _client: httpx.AsyncClient = field(init=False)

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(base_url=self.ingress_url, timeout=TIMEOUT_S, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def lost(self) -> list[Change]:
        """What has happened in shops without that a webhook has told so (yet)."""
        return [change for change in self.changes if change not in self.heard_of]

    async def play(self, scenes: Sequence[Scene], seed: int, repeated: float = REPEATED) -> None:
        """Send everything: each scene in its own order, the scenes interleaved, what came before now and then again."""
        random = Random(seed)
        waiting = {scene.title: list(scene.steps) for scene in scenes if scene.steps}
        again: list[tuple[str, Step]] = []
        while waiting or again:
            ready = [title for title, steps in waiting.items() if self.facts().issuperset(steps[0].after)]
            if again and (not ready or random.random() < 0.2):
                title, step = again.pop(random.randrange(len(again)))
                await self.send(title, step, repeat=True)
                continue
            if not ready:
                await self._await_any([steps[0] for steps in waiting.values()])
                continue
            title = random.choice(ready)
            step = waiting[title].pop(0)
            if not waiting[title]:
                del waiting[title]
            await self.send(title, step)
            if step.twice:
                await self.send(title, step, repeat=True)
            elif not step.once and not isinstance(step.send, Change) and random.random() < repeated:
                again.append((title, step))
        self._hear_all(await self.webhooks.rest())

    async def send(self, scene: str, step: Step, *, repeat: bool = False) -> None:
        """Send one step, again as long as it is not taken, and note whether the answer is as it must be."""
        if isinstance(step.send, Change):
            self.changes[step.send] = scene, step
            self._hear_all(await self.webhooks.changed(step.send))
        elif isinstance(step.send, Raw):
            await self._publish(step.send)
            self._hear(Answer(scene, step, 0, "published past the ingress", repeat))
        else:
            response = await self._post(step.send)
            status, text = response.status_code, response.text
            self._hear(Answer(scene, step, status, text, repeat, _fault(step, status, text)))
        if self.pause_s:
            await asyncio.sleep(self.pause_s)

    def _hear_all(self, sent: Iterable[Sent]) -> None:
        for each in sent:
            change = each.arrival.change
            scene, step = self.changes[change]
            fault, repeat = _fault(step, each.status, each.text), change in self.heard_of
            self.heard_of.add(change)
            self._hear(Answer(scene, step, each.status, each.text, repeat, fault))

    def _hear(self, answer: Answer) -> None:
        self.answers.append(answer)
        self.told(answer)

    async def _post(self, post: Post) -> httpx.Response:
        for _ in range(ATTEMPTS):
            try:
                headers = [(name.encode(), value.encode()) for name, value in post.headers.items()]
                response = await self._client.post(post.path, content=post.raw, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(RETRY_S)
                continue
            if response.status_code != 503:
                return response
            await asyncio.sleep(RETRY_S)
        path = post.path.partition("?")[0]
        raise TrafficError(f"the ingress at {self.ingress_url} does not take {path}: {ATTEMPTS} attempts")

    async def _publish(self, raw: Raw) -> None:
        producer = AIOKafkaProducer(**self.options, acks="all")
        await producer.start()
        try:
            await producer.send_and_wait(f"{self.prefix}{raw.topic}", raw.value, raw.key.encode())
        finally:
            await producer.stop()

    async def _await_any(self, heads: Sequence[Step]) -> None:
        deadline = asyncio.get_running_loop().time() + FACT_TIMEOUT_S
        while not any(self.facts().issuperset(step.after) for step in heads):
            if asyncio.get_running_loop().time() > deadline:
                missing = sorted({fact for step in heads for fact in step.after} - self.facts())
                raise TrafficError(f"not within {FACT_TIMEOUT_S:.0f} s: {', '.join(missing)}")
            await asyncio.sleep(FACT_INTERVAL_S)


def backwards(scenes: Sequence[Scene]) -> Iterator[tuple[str, Step]]:
    """All steps from the last to the first; only within a sequence, where the order decides, it stays."""
    turned = [(scene.title, step) for scene in reversed(scenes) for step in reversed(scene.steps)]
    kept: defaultdict[str, list[tuple[str, Step]]] = defaultdict(list)
    for title, step in _steps(scenes):
        if step.sequence is not None:
            kept[step.sequence].append((title, step))
    for title, step in turned:
        yield kept[step.sequence].pop(0) if step.sequence is not None else (title, step)


def _steps(scenes: Iterable[Scene]) -> Iterator[tuple[str, Step]]:
    return ((scene.title, step) for scene in scenes for step in scene.steps)


def _fault(step: Step, status: int, text: str) -> str | None:
    if status != step.status:
        return f"HTTP {status} instead of {step.status}: {text[:300]}"
    missing = [word for word in step.says if word not in text]
    return f"its answer does not say {', '.join(missing)}: {text[:300]}" if missing else None
