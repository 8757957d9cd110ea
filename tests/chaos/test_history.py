"""The checker's own expectation against the agents in memory: it must hold before anything is broken."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from contracts import topics
from streams.agents.carrier_scans import carrier_scans
from streams.agents.order_table import order_table
from streams.agents.return_actions import return_actions
from streams.agents.return_rules import AGENT as RETURN_RULES
from streams.agents.tracking_forward import HookAnswer, tracking_forward
from streams.engine.driver import AgentTestDriver
from streams.engine.records import Record
from tests.builders import HASH_KEY
from tests.chaos.checker import Outputs, check
from tests.chaos.expected import expected
from tests.chaos.history import Input, inputs, stories
from tests.chaos.shops import SHOPS

HOOK = "http://127.0.0.1/hook"
DELIVERED = HookAnswer(status=200, url=HOOK)


def run_in_memory(told: list[Input], now: datetime) -> Iterator[Record]:
    """All agents on one partition; what one writes is handed to its readers, and comes out as a record."""
    shops = {shop.id: shop.settings(HOOK) for shop in SHOPS}
    agents = [order_table(HASH_KEY), RETURN_RULES, carrier_scans, return_actions, tracking_forward()]
    drivers = {agent.name: AgentTestDriver(agent, dict(shops), now) for agent in agents}
    readers: defaultdict[str, list[AgentTestDriver]] = defaultdict(list)
    for driver in drivers.values():
        for name in driver.agent.inputs:
            readers[name].append(driver)
    waiting = deque(_record(each) for each in told)
    counts: Counter[str] = Counter()
    while waiting:
        record = waiting.popleft()
        for driver in readers[record.topic]:
            topic = topics.named(record.topic)
            written = driver.pipe_record(topic, record.key, record.value, record.headers)
            while driver.calls:
                written += driver.answer(driver.calls[0], DELIVERED)
            for out in written:
                counts[out.topic] += 1
                found = out.record
                made = Record(out.topic, 0, counts[out.topic], 0, found.key, found.value, found.headers)
                if out.topic in readers:
                    waiting.append(made)
                yield made


def _record(told: Input) -> Record:
    kind = told.topic.event_for(type(told.value)).type.encode()
    value = told.value.model_dump_json().encode()
    return Record(told.topic.name, 0, 0, 0, told.key.encode(), value, (("ce_type", kind),))


@pytest.mark.parametrize("seed", range(2, 6))
def test_the_agents_in_memory_do_just_what_the_checker_expects(seed: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0)  # a call is due from the next millisecond on
    told = stories(seed, 100, now)

    verdict = check(expected(told), Outputs(run_in_memory(inputs(seed, told), now)))

    assert [tally for tally in verdict if not tally.clean] == []
    assert all(tally.found for tally in verdict if tally.expected)
