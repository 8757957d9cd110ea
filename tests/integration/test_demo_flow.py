"""The demo's story on a real Kafka: told plainly, with agents killed, with its hook down, and backwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from demo.app import SHOP_FAULTS
from demo.credentials import Credentials
from demo.hook import HookSimulator
from demo.reading import TopicReader
from demo.reconciling import reconciled
from demo.settling import settled
from demo.shopify.notifying import Faults
from demo.shopify.simulator import ShopifySimulator
from demo.stack import AGENTS, INGRESS, PARTITIONS, Stack
from demo.story import RETAILERS, Story, retailers_text, tell
from demo.traffic import Traffic, backwards
from producers.settings import KafkaSettings
from tests.integration.stories import check_stories
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

# After a SIGKILL the group waits for the dead member's session (10 s) before its partitions go to the next, and readers
# for its open transaction (10 s); some agents are killed twice.
AFTER_KILLS_S = 70.0
# In which the first update must have been tried in vain; a few seconds, on a machine with nothing beside it.
DOWN_FOR_S = 60.0


@dataclass(slots=True)
class Run:
    """One installation that runs, and everything to look at it with."""

    stack: Stack
    hook: HookSimulator
    story: Story
    reader: TopicReader
    traffic: Traffic

    async def play(self, seed: int) -> None:
        """All of it, and then ask the shops what their webhooks did not tell."""
        await self.traffic.play(self.story.scenes, seed)
        assert await reconciled(self.stack, self.reader, self.story.shops, self.traffic) == []

    async def differences(self, *, in_order: bool = True, bound_s: float = 30.0) -> list[str]:
        """What is left once all had its time, answers of the ingress and ends of processes too."""
        left = await settled(self.story.expected, self.reader, self.hook, in_order=in_order, bound_s=bound_s)
        faults = [f"{answer.step.what}: {answer.fault}" for answer in self.traffic.answers if answer.fault]
        return [*left, *faults, *(f"{name} ended with {code}" for name, code in self.stack.ended().items())]


@asynccontextmanager
async def installation(
    kafka: str, prefix: str, directory: Path, *, faults: Faults = SHOP_FAULTS, pause_s: float = 0.0
) -> AsyncIterator[Run]:
    """All processes on the shared broker, ready, with topics of this test's own."""
    credentials = Credentials.fresh(RETAILERS)
    settings = KafkaSettings(bootstrap_servers=kafka, topic_prefix=prefix)
    with (
        HookSimulator(credentials.hooks) as hook,
        ShopifySimulator() as shopify,
        Stack(
            settings,
            directory=directory,
            credentials=credentials,
            retry_delays_s=(0.2, 0.4),
            shopify_url=shopify.base_url,
        ) as stack,
    ):
        retailers = retailers_text(hook)
        story = tell(credentials, retailers, datetime.now(UTC))
        webhooks = story.open_shops(shopify, faults, seed=1)
        await asyncio.to_thread(stack.apply, retailers)
        stack.start_ingress()
        for name in AGENTS:
            stack.start_agent(name)
        reader = TopicReader(stack.options, prefix=prefix, partitions=PARTITIONS, agents=AGENTS)
        traffic = Traffic(
            stack.ingress_url, stack.options, prefix, webhooks, lambda: reader.seen.facts, pause_s=pause_s
        )
        async with reader, webhooks, traffic:
            await asyncio.to_thread(stack.wait_ready, INGRESS, *AGENTS)
            yield Run(stack, hook, story, reader, traffic)


async def test_the_story_gives_exactly_what_it_must(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    async with installation(kafka, topic_prefix, tmp_path) as run:
        await run.play(seed=7)

        assert await run.differences() == []
        assert run.hook.accepted_twice() == []
        await asyncio.to_thread(check_stories, run.stack)


async def test_agents_killed_in_mid_stream_lose_nothing_and_act_once(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with installation(kafka, topic_prefix, tmp_path, pause_s=0.03) as run:
        killing = asyncio.create_task(_kill_each(run.stack, Random(20261122)))
        await run.play(seed=8)
        await killing

        # Messages are compared by their webhook-id: one whose answer died with its agent may come again.
        assert await run.differences(bound_s=AFTER_KILLS_S) == []


async def test_a_hook_that_is_down_at_first_hears_everything_afterwards_in_order_and_once(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with installation(kafka, topic_prefix, tmp_path) as run:
        await asyncio.to_thread(run.hook.down)
        playing = asyncio.create_task(run.play(seed=9))
        await eventually(
            lambda: any(delivery.result == "retrying" for delivery in run.reader.seen.deliveries),
            "an update was tried in vain",
            DOWN_FOR_S,
        )
        await asyncio.to_thread(run.hook.up)
        await playing

        assert await run.differences() == []
        assert run.hook.accepted_twice() == []


async def test_everything_twice_and_backwards_gives_the_same_actions_once_each(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with installation(kafka, topic_prefix, tmp_path, faults=Faults(lost=0, repeated=0, reordered=0)) as run:
        for title, step in backwards(run.story.scenes):
            await run.traffic.send(title, step)
            if not step.once:
                await run.traffic.send(title, step, repeat=True)
        assert await reconciled(run.stack, run.reader, run.story.shops, run.traffic) == []

        assert await run.differences(in_order=False) == []
        assert run.hook.accepted_twice() == []


async def _kill_each(stack: Stack, random: Random) -> None:
    """SIGKILL to every agent once, and to two of them twice, each started again at once."""
    victims = [*AGENTS, *random.sample(AGENTS, 2)]
    random.shuffle(victims)
    for name in victims:
        await asyncio.sleep(random.uniform(0.1, 0.6))
        await asyncio.to_thread(stack.kill, name)
        stack.start_agent(name)
