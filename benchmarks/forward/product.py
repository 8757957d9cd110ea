"""tracking-forward as a process on a real broker, told of returns whose updates it then owes to a receiver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.forward.receiver import Receiver
from benchmarks.forward.traffic import events
from benchmarks.latency.figures import cpu
from demo.credentials import Credentials
from demo.stack import Stack
from producers.settings import KafkaSettings
from streams.engine.kafka import Cluster, Transactions

AGENT = "tracking-forward"
# As `topics apply` makes them.
PARTITIONS = 12
PATIENCE_S = 300.0
ASK_AGAIN_S = 0.02
# Events are written in transactions as an agent's checkpoint has them.
AT_ONCE = 2_000
# What comes first finds cold connections and a queue that is still being filled; what comes last is alone.
COUNTED = (0.2, 0.9)

_RETAILER = """\
  - id: {id}
    name: "{id}"
    portal: loop
    shopify: {{shop: {id}.myshopify.com}}
    hook: {{url: "{url}", secret_ref: {id}/hook, allow_private: true}}
"""


class _Stack(Stack):
    """With as many partitions as an installation has."""

    def settings(self) -> dict[str, str]:
        """See Stack."""
        return {**super().settings(), "RETURNSTREAMS_TOPICS__PARTITIONS": str(PARTITIONS)}


class Forwarding:
    """The agent, up. Each turn's orders are new ones."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._cluster = Cluster(stack.options, stack.kafka.topic_prefix)
        self._turn = 0

    async def rate(self, retailer: str, receiver: Receiver, orders: int, updates: int) -> tuple[float, float]:
        """Deliveries a second of so many updates for each of so many orders, and the percent of a core for them."""
        self._turn += 1
        receiver.times()
        with cpu(self._stack.pids) as used:
            producer = Transactions(self._cluster, "benchmark")
            await producer.open()
            told = list(events(retailer, f"T{self._turn}", orders, updates))
            for start in range(0, len(told), AT_ONCE):
                await producer.commit(told[start : start + AT_ONCE], {}, "")
            await producer.close()
            deadline = time.monotonic() + PATIENCE_S
            while receiver.count() < len(told):
                assert time.monotonic() < deadline, f"{receiver.count()} of {len(told)} came; {self._stack.tail(AGENT)}"
                await asyncio.sleep(ASK_AGAIN_S)
        times = receiver.times()
        assert len(times) == len(told), f"{len(times)} calls for {len(told)} updates"
        first, last = (int(len(times) * share) for share in COUNTED)
        return (last - first) / (times[last] - times[first]), used[AGENT]


@contextmanager
def running(kafka: KafkaSettings, directory: Path, receivers: Mapping[str, Receiver]) -> Iterator[Forwarding]:
    """A retailer for each receiver, by its id."""
    with agent_running(kafka, directory, {name: receiver.url for name, receiver in receivers.items()}) as stack:
        yield Forwarding(stack)


@contextmanager
def agent_running(kafka: KafkaSettings, directory: Path, urls: Mapping[str, str]) -> Iterator[Stack]:
    """tracking-forward, with a retailer for each hook, by its id."""
    with _Stack(kafka, directory=directory, credentials=Credentials.fresh(urls)) as stack:
        rows = "".join(_RETAILER.format(id=name, url=url) for name, url in urls.items())
        stack.apply(f"retailers:\n{rows}")
        stack.start_agent(AGENT)
        stack.wait_ready(AGENT)
        yield stack
