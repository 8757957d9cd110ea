"""`returnstreams demo`: a broker, the whole pipeline and the simulators; returns go through; was all as it must be?"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from demo import inside
from demo.broker import KIND_VARIABLE, Broker, BrokerError, open_broker
from demo.broker.external import BOOTSTRAP_VARIABLE
from demo.credentials import Credentials
from demo.hook import HookSimulator
from demo.reading import TopicReader
from demo.reconciling import reconciled
from demo.report import PLAIN_WIDTH, show
from demo.settling import settled
from demo.shopify.notifying import Faults
from demo.shopify.sending import WebhookSender
from demo.shopify.simulator import ShopifySimulator
from demo.stack import AGENTS, INGRESS, PARTITIONS, Stack, StackError
from demo.story import RETAILERS, Story, retailers_text, tell
from demo.traffic import Answer, Traffic, TrafficError
from demo.view import Screen
from demo.watching import watching
from producers.settings import KafkaSettings, Settings

DEFAULT_SEED = 1
# So that a person can follow what comes; nothing in the story needs it.
PAUSE_S = 0.05
# What becomes of the shops' webhooks; which ones it is, the seed says. So many, that it is seen among twenty orders.
SHOP_FAULTS = Faults(lost=0.15, repeated=0.3, reordered=0.3, late_by=4)
# Acme's hook fails these first attempts.
HOOK_FAILURES = 2
INTERRUPTED = 130


@dataclass(slots=True)
class Talker:
    """Says what is being done, with the time since the start."""

    console: Console
    began: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        """One line."""
        self.console.print(f"[dim]{time.monotonic() - self.began:5.1f} s[/]  {escape(line)}")


def main(keep: bool = False, broker: str | None = None, seed: int = DEFAULT_SEED) -> int:
    """Run the demo; the exit code: 0 when everything came out as it had to, 1 when not, 130 after Ctrl-C."""
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    if broker is not None:
        os.environ[KIND_VARIABLE] = broker
    talker = Talker(console)
    before = signal.signal(signal.SIGTERM, _interrupt)
    directory = Path(tempfile.mkdtemp(prefix="returnstreams-demo-"))
    try:
        with _broker(talker) as kafka:
            code = asyncio.run(_demo(_settings(kafka), directory, talker, keep=keep, seed=seed))
    except (BrokerError, StackError, TrafficError) as error:
        console.print(f"the demo failed: {error}", style="red", markup=False)
        code = 1
    except KeyboardInterrupt:
        console.print("interrupted: all processes that the demo started have been ended")
        code = INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    if code == 1 and any(directory.iterdir()):
        console.print(f"the logs of all processes are in {directory}", markup=False, highlight=False)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return code


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _broker(talker: Talker) -> Broker:
    named = os.environ.get(BOOTSTRAP_VARIABLE)
    talker.say(f"using the Kafka broker at {named}" if named else "starting a Kafka broker of our own")
    return open_broker(report=talker.say)


def _settings(broker: Broker) -> KafkaSettings:
    """How to reach the broker. One that others use too gets topics of this run's own."""
    shared = BOOTSTRAP_VARIABLE in os.environ
    prefix = f"demo-{uuid.uuid4().hex[:8]}." if shared else ""
    given = Settings().kafka
    return given.model_copy(update={"bootstrap_servers": broker.bootstrap_servers, "topic_prefix": prefix})


async def _demo(kafka: KafkaSettings, directory: Path, talker: Talker, *, keep: bool, seed: int) -> int:
    credentials = Credentials.fresh(RETAILERS)
    with ExitStack() as ends:
        hook = ends.enter_context(HookSimulator(credentials.hooks))
        shopify = ends.enter_context(ShopifySimulator())
        stack = ends.enter_context(
            Stack(kafka, directory=directory, credentials=credentials, shopify_url=shopify.base_url, temporary=True)
        )
        retailers = retailers_text(hook)
        story = tell(credentials, retailers, datetime.now(UTC))
        named = f" (they begin with '{kafka.topic_prefix}', and stay there)" if kafka.topic_prefix else ""
        webhooks = story.open_shops(shopify, SHOP_FAULTS, seed)
        talker.say(f"the broker is {kafka.bootstrap_servers}; creating topics{named}, applying three retailers,")
        talker.say("and having their (simulated) shops send us their webhooks: `subscriptions repair`")
        await asyncio.to_thread(stack.apply, retailers)
        hook.fail(HOOK_FAILURES, retailer=RETAILERS[0])
        async with webhooks:
            code = await _watched(stack, story, hook, webhooks, talker, seed)
        if keep:
            inside.tell_how(talker.console, stack, story)
            with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C: how it went is known already
                await asyncio.Event().wait()
        return code


async def _watched(
    stack: Stack, story: Story, hook: HookSimulator, webhooks: WebhookSender, talker: Talker, seed: int
) -> int:
    expected, screen = story.expected, Screen(story.expected)
    answers: list[Answer] = []
    reader = TopicReader(stack.options, prefix=stack.kafka.topic_prefix, partitions=PARTITIONS, agents=AGENTS)

    def heard(answer: Answer) -> None:
        answers.append(answer)
        screen.sent += 1
        screen.refused += answer.status >= 400

    talker.say(f"starting the ingress and {len(AGENTS)} agents, each a process of its own")
    stack.start_ingress()
    for name in AGENTS:
        stack.start_agent(name)
    traffic = Traffic(
        stack.ingress_url, stack.options, stack.kafka.topic_prefix, webhooks, lambda: reader.seen.facts, heard, PAUSE_S
    )
    async with reader, watching(talker.console, stack, screen, reader, hook):
        screen.step = "waiting for the ingress"
        await asyncio.to_thread(stack.wait_ready, INGRESS)
        screen.step = f"sending {len(story.steps)} webhooks and more, some twice (seed {seed})"
        async with traffic:
            await traffic.play(story.scenes, seed)
        screen.step = "asking the shops what their webhooks did not tell"
        talker.say(f"{len(traffic.lost)} of the shops' {len(traffic.changes)} webhooks were lost: each shop is asked")
        faults = await reconciled(stack, reader, story.shops, traffic, talker.say)
        screen.step = "waiting until all has come out, and no more"
        left = await settled(expected, reader, hook)
    talker.say("done; this is what came out")
    show(talker.console, expected, reader.seen, list(hook.received), answers)
    return _verdict(talker, stack, [*faults, *left], answers, hook)


def _verdict(talker: Talker, stack: Stack, left: list[str], answers: list[Answer], hook: HookSimulator) -> int:
    faults = [f"{answer.step.what}: {answer.fault}" for answer in answers if answer.fault]
    faults += [f"process {name} ended with code {code}" for name, code in stack.ended().items()]
    faults += [f"hook: {ident} was accepted and came again" for ident in hook.accepted_twice()]
    for line in (*faults, *left):
        talker.console.print(f"  differs: {line}", style="red", markup=False)
    if faults or left:
        talker.say(f"{len(faults) + len(left)} differences from what had to come out")
        return 1
    talker.say("everything that came out equals what had to: nothing missing, nothing twice, nothing else")
    return 0
