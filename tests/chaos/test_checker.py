"""The checker against the agents in memory: it agrees with them, and sees what is taken away, doubled or changed."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from contracts import topics
from contracts.actions import ReturnAction
from streams.agents.carrier_scans import carrier_scans
from streams.agents.order_table import order_table
from streams.agents.return_actions import return_actions
from streams.agents.return_rules import AGENT as RETURN_RULES
from streams.agents.tracking_forward import HookAnswer, tracking_forward
from streams.engine.driver import AgentTestDriver
from streams.engine.records import Record
from tests.builders import HASH_KEY
from tests.chaos.checker import Outputs, check, place
from tests.chaos.expected import Expected, expected
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


@pytest.fixture(scope="module")
def run() -> tuple[Expected, list[Record]]:
    """What must come of a history, and what did."""
    now = datetime.now(UTC).replace(microsecond=0)
    told = stories(1, 60, now)
    return expected(told), list(run_in_memory(inputs(1, told), now))


CHECKED = {
    "actions": topics.REFUNDS,
    "order rows": topics.ORDERS,
    "return events": topics.RETURN_EVENTS,
    "links": topics.CONSIGNMENTS,
    "decisions": topics.RETURN_DECISIONS,
    "deliveries": topics.TRACKING_DELIVERIES,
}


@pytest.mark.parametrize("what", list(CHECKED))
def test_the_checker_misses_what_is_not_there_and_counts_what_is_there_twice(
    what: str, run: tuple[Expected, list[Record]]
) -> None:
    wanted, records = run
    of_topic = [record for record in records if record.topic == CHECKED[what].name]
    # Of an order's versions the last one counts; how often a return is decided, nobody knows beforehand.
    victim = of_topic[-1 if what == "order rows" else 0]

    missing = check(wanted, Outputs(record for record in records if record is not victim))
    twice = check(wanted, Outputs([*records, victim]))

    assert [tally.what for tally in missing if tally.lost or tally.wrong] == [what]
    assert any(tally.duplicated for tally in twice)


def test_a_wrong_amount_and_a_dead_letter_are_told_with_their_place(run: tuple[Expected, list[Record]]) -> None:
    wanted, records = run
    action = next(record for record in records if record.topic == topics.REFUNDS.name)
    paid = ReturnAction.model_validate_json(action.value or b"")
    more = paid.model_copy(update={"amount": paid.amount + 1}).model_dump_json().encode()
    dead = action._replace(topic=topics.dead_letters("return-actions").name)
    changed = [record._replace(value=more) if record is action else record for record in records]

    verdict = {tally.what: tally for tally in check(wanted, Outputs([*changed, dead]))}

    assert [name for name, tally in verdict.items() if not tally.clean] == ["actions", "dead letters"]
    assert place(action) in verdict["actions"].wrong[0]
    assert place(dead) in verdict["dead letters"].wrong[0]
