"""Poison of every kind, and bugs past their limits, on a real Kafka: kept to the byte, and never too many."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs

from contracts import topics
from contracts.controls import PauseLifted, TaskPaused
from streams import pauses
from streams.engine.global_table import GlobalTable
from streams.engine.limits import Limits
from streams.engine.options import RunnerOptions
from streams.engine.records import Record
from streams.letters import letter_of
from tests.integration.engine.toy import Running, Toy, reply
from tests.integration.header_names import send_with_a_bad_name
from tests.unit.engine.toys import NUMBERS, Number
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

LETTERS = "dead-letters.toy"
Raw = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
GOOD = Number(n=1).model_dump_json().encode()
TEN_MB = b"x" * (10 * 1024 * 1024)
POISON: dict[str, Raw] = {
    "a key that is not UTF-8": (b"\xff\xfe", GOOD, []),
    "no key": (None, GOOD, []),
    "a header that is not UTF-8": (b"k", GOOD, [("ce_id", b"\xc3\x28"), ("x", b"\x00\x01")]),
    "a time that is none": (b"k", GOOD, [("ce_time", b"yesterday")]),
    "not JSON": (b"k", b'{"n": 1', []),
    "another shape": (b"k", b'{"n": "many"}', [("ce_source", b"seko")]),
    "ten megabytes of nothing": (b"k", TEN_MB, []),
    "no value": (b"k", None, []),
    "a kind that nobody knows": (b"k", GOOD, [("ce_type", b"toy.unheard-of")]),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Tracebacks rendered with their locals hold up the loop for a second each."""
    with capture_logs():
        yield


@pytest.fixture
async def toy(kafka: str, topic_prefix: str) -> Toy:
    """One partition, so that all stand in one line."""
    made = Toy(kafka, topic_prefix, partitions=1)
    await made.create()
    return made


@asynccontextmanager
async def running(toy: Toy, limits: Limits | None = None) -> AsyncIterator[Running]:
    """The toy in this process, listening to what lifts its pauses."""
    controls = GlobalTable(toy.cluster, topics.AGENT_CONTROLS, PauseLifted)
    following = asyncio.create_task(controls.follow())
    options = RunnerOptions(callers={"box": reply}, controls=controls, limits=limits or Limits())
    try:
        async with toy.running(options) as started:
            yield started
    finally:
        following.cancel()
        await asyncio.wait({following})


async def pipe(toy: Toy, records: Sequence[Raw]) -> None:
    """Write them as they are, in this order."""
    producer = AIOKafkaProducer(
        bootstrap_servers=toy.bootstrap, acks="all", linger_ms=5, max_request_size=topics.MAX_MESSAGE_BYTES
    )
    async with producer:
        name = toy.cluster.name(NUMBERS.name)
        sent = [await producer.send(name, v, k, partition=0, headers=list(headers)) for k, v, headers in records]
        await asyncio.gather(*sent)


async def letters(toy: Toy, count: int) -> list[Record]:
    """All of them, as soon as there are so many."""
    return await toy.read(LETTERS, lambda found: len(found) >= count)


async def announced(toy: Toy, known: Sequence[str] = ()) -> TaskPaused:
    """The pause of the task, as soon as it is another than those that are known."""
    found: list[TaskPaused] = []

    async def another() -> bool:
        found.extend(pause for pause in await pauses.paused(toy.cluster) if pause.pause not in known)
        return bool(found)

    await eventually(another, f"a pause that is none of {known}")
    return found[0]


async def test_poison_of_every_kind_is_kept_to_the_byte_and_what_follows_goes_on(toy: Toy) -> None:
    await pipe(toy, [*POISON.values(), (b"k", GOOD, [])])
    async with running(toy) as started:
        await started.ready(1)
        found = await letters(toy, len(POISON))
        assert await toy.echoes(1) == {1: 1}
        assert started.runner.ready

    kept = {letter_of("toy", record).facts["offset"]: record for record in found}
    assert len(found) == len(POISON)
    for offset, (what, (key, value, headers)) in enumerate(POISON.items()):
        record = kept[str(offset)]
        letter = letter_of("toy", record)
        assert (letter.key, letter.value, letter.headers) == (key, value, tuple(headers)), what
        assert (letter.kind, letter.place, letter.attempt) == ("poison", f"numbers[0]@{offset}", 1), what
        assert letter.error in ("Undecodable", "ContractViolation"), what
        assert int(letter.facts["timestamp"]) > 0
        assert letter.facts["message"].startswith(f"numbers[0]@{offset}: "), what


async def test_what_the_brokers_would_never_take_stops_nobody(toy: Toy) -> None:
    waits = Number(n=1, retailer="nobody", pad="x" * len(TEN_MB))  # as a row it is a third larger
    grows = Number(n=2, grow=topics.MAX_MESSAGE_BYTES)
    full = b"x" * (topics.MAX_MESSAGE_BYTES - 100)  # with the headers of a letter it is too large
    large: list[Raw] = [(b"k", raw, []) for raw in (waits.to_json(), grows.to_json(), full)]
    await pipe(toy, [*large, (b"k", GOOD, [])])
    async with running(toy) as started:
        await started.ready(1)
        found = await letters(toy, len(large))
        assert await toy.echoes(1) == {1: 1}

    kept = [letter_of("toy", record).facts for record in sorted(found, key=lambda record: record.offset)]
    assert [facts["error"] for facts in kept] == ["TooLarge", "TooLarge", "Undecodable"]
    assert [facts.get("cut") for facts in kept] == [None, None, str(len(full))]


@pytest.mark.parametrize("compression", [0, 1], ids=["plain", "gzip"])
async def test_a_header_whose_name_is_no_text_is_read_all_the_same(toy: Toy, compression: int) -> None:
    numbers = [(b"k", Number(n=n).to_json()) for n in range(3)]
    await send_with_a_bad_name(toy.bootstrap, toy.cluster.name(NUMBERS.name), numbers, compression=compression)
    await pipe(toy, [(b"k", Number(n=3).to_json(), []), (b"k", b"{", [])])
    async with running(toy) as started:
        await started.ready(1)
        assert await toy.echoes(4) == dict.fromkeys(range(4), 1)
        assert len(await letters(toy, 1)) == 1


async def test_a_thousand_records_of_poison_from_one_sender_hold_up_no_other(toy: Toy) -> None:
    poison: Raw = (b"k", b"{", [("ce_source", b"broken")])
    good = [(b"k", Number(n=n).model_dump_json().encode(), [("ce_source", b"sound")]) for n in range(20)]
    await pipe(toy, [*[poison] * 1000, *good])
    async with running(toy) as started:
        await started.ready(1)
        assert await toy.echoes(20) == dict.fromkeys(range(20), 1)
        assert started.runner.paused == {}
    assert len(await letters(toy, 1000)) == 1000


async def test_killed_and_started_again_and_again_a_handler_that_always_fails_drains_no_more_than_its_limit(
    toy: Toy, tmp_path: Path
) -> None:
    await toy.number(range(1000), fail=True)
    with toy.process(tmp_path, "a", instance_id="a") as process:
        for round_ in range(10):
            begun = process.log.count("task_ready")
            paused = process.log.count("task_paused")
            if round_ % 2:  # in the middle of its first batches
                await eventually(lambda begun=begun: process.log.count("task_ready") > begun, "it runs")  # type: ignore[misc]
            else:
                await eventually(lambda paused=paused: process.log.count("task_paused") > paused, "it stands still")  # type: ignore[misc]
            process.signal(signal.SIGKILL)
            process.start()
        await eventually(lambda: process.log.count("task_paused") > 5, "it stands still")
        assert process.partitions == [], "a paused task is not ready"

    limit = Limits().in_a_row
    assert len(await letters(toy, limit)) == limit
    (pause,) = await pauses.paused(toy.cluster)
    assert (pause.agent, pause.partition, pause.reason) == ("toy", 0, f"{limit} failures in a row")


async def test_resumed_it_goes_on_behind_the_last_letter_and_may_pause_again(toy: Toy) -> None:
    await toy.number(range(25), fail=True)
    await toy.number(range(25, 30))
    async with running(toy, Limits(in_a_row=10, share=1)) as started:
        seen: list[str] = []
        for _ in range(2):
            pause = await announced(toy, seen)
            seen.append(pause.pause)
            await pauses.lift(toy.cluster, [pause])
            assert await pauses.still_paused(toy.cluster, [pause], timeout_s=20) == []
        assert await toy.echoes(5) == dict.fromkeys(range(25, 30), 1)
        await started.ready(1)
        assert await pauses.paused(toy.cluster) == []
    offsets = [letter_of("toy", record).facts["offset"] for record in await letters(toy, 25)]
    assert offsets == [str(n) for n in range(25)], "each once"


async def test_a_pause_that_is_lifted_while_nobody_runs_is_over_at_the_next_start(toy: Toy) -> None:
    await toy.number(range(15), fail=True)
    async with running(toy) as started:
        await eventually(lambda: started.runner.paused != {}, "it stands still")
    known = await pauses.paused(toy.cluster)
    await pauses.lift(toy.cluster, known)
    assert await pauses.still_paused(toy.cluster, known, timeout_s=0.1) == known, "nobody runs it"

    async with running(toy) as started:
        await started.ready(1)
        assert len(await letters(toy, 15)) == 15
