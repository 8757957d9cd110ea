"""A process that freezes at the worst points of a transaction: what it began is undone, nobody waits long."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from demo.broker import EmbeddedCluster
from streams.engine.kafka import append
from streams.engine.kafka.producing import TRANSACTION_TIMEOUT_MS
from streams.engine.records import OutRecord
from tests.integration.engine.load import Load
from tests.integration.engine.toy import Process, Toy
from tests.unit.engine.toys import ECHOES, Echo
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.kafka

LONG_SESSION_MS = 60_000
SHORT_SESSION_MS = 6_000
# How often brokers look for timed-out transactions: transaction.abort.timed.out.transaction.cleanup.interval.ms.
SWEEP_S = 10.0
# For the abort itself, and for the reader to see it, on a busy machine.
MARGIN_S = 5.0


async def freeze(process: Process) -> None:
    """Have it stop itself in its next transaction."""
    process.freeze_next()
    await eventually(lambda: process.frozen, "the process frozen in a transaction")


async def test_a_task_frozen_in_an_open_transaction_delays_readers_by_the_stated_bound_and_then_redoes_its_batch(
    toy: Toy, tmp_path: Path
) -> None:
    """The broker aborts after the transaction timeout and one sweep; what others committed behind it is seen then.

    Nobody takes the partitions over (the session is long): the same task wakes, and does its batch again, once.
    """
    with toy.process(tmp_path, "a", LONG_SESSION_MS, freeze_at="commit") as process:
        await eventually(lambda: len(process.partitions) == toy.partitions, "all partitions")
        await toy.number(range(100))
        await toy.exactly_once(100)
        process.freeze_next()
        await toy.number(range(100, 200), keys=1)  # one key, so one partition: the frozen one
        await eventually(lambda: process.frozen, "the process frozen in a transaction")
        began = time.monotonic()
        other = Echo(what="from another producer", n=1)
        value = other.model_dump_json().encode()
        await append(toy.cluster, [OutRecord(ECHOES.name, b"k", value, partition_key=b"key0")])
        committed = time.monotonic()
        await toy.echoes(1, other.what, timeout_s=60)
        hidden = time.monotonic() - committed
        print(f"records behind a frozen transaction were hidden for {hidden:.1f} s")  # noqa: T201
        assert hidden > 1.0, "nothing was hidden: the transaction was not open"
        assert time.monotonic() - began <= TRANSACTION_TIMEOUT_MS / 1000 + SWEEP_S + MARGIN_S
        process.signal(signal.SIGCONT)
        await toy.exactly_once(200)
        assert "action=task_restart" in process.log, "it must have taken a new producer"
        assert process.exit_code is None, process.log


async def test_a_broker_that_dies_in_an_open_transaction_until_the_task_gives_its_producer_up(
    mortal: EmbeddedCluster, mortal_toy: Toy, tmp_path: Path
) -> None:
    """The task finds no broker to commit to, begins anew by itself, and has lost and doubled nothing."""
    toy = mortal_toy
    with toy.process(tmp_path, "a", LONG_SESSION_MS, freeze_at="commit") as process:
        await eventually(lambda: len(process.partitions) == toy.partitions, "all partitions")
        process.freeze_next()
        await toy.number(range(100))
        await eventually(lambda: process.frozen, "the process frozen in a transaction")
        await asyncio.to_thread(mortal.kill, 1)
        process.signal(signal.SIGCONT)
        await eventually(lambda: "action=task_restart" in process.log, "the task gives its producer up")
        await asyncio.to_thread(mortal.restart, 1)
        await toy.number(range(100, 200))
        await toy.exactly_once(200, timeout_s=60)
        assert process.exit_code is None, process.log


async def zombie(toy: Toy, tmp_path: Path, own_ids: bool) -> None:
    """One freezes with a batch computed and not begun; another takes over and does it; the first one wakes."""
    async with Load(toy) as load:
        with toy.process(tmp_path, "a", SHORT_SESSION_MS, freeze_at="begin", own_ids=own_ids) as first:
            await eventually(lambda: len(first.partitions) == toy.partitions, "one has all")
            await load.grow(300)
            await freeze(first)
            with toy.process(tmp_path, "b", SHORT_SESSION_MS, own_ids=own_ids) as second:
                await eventually(lambda: len(second.partitions) == toy.partitions, "the other has taken over")
                await load.grow(300)
                await toy.echoes(load.count)
                first.signal(signal.SIGCONT)
                await load.grow(300)
                count = await load.end()
                await toy.exactly_once(count, timeout_s=PATIENCE_S)


async def test_a_zombie_with_a_batch_in_its_hands_commits_nothing(toy: Toy, tmp_path: Path) -> None:
    await zombie(toy, tmp_path, own_ids=False)


async def test_proof_that_the_zombie_test_can_fail_where_each_process_has_its_own_transactional_ids(
    toy: Toy, tmp_path: Path
) -> None:
    """A mutant of the engine, whose next owner takes no id over, must be caught with numbers that were echoed twice."""
    with pytest.raises(AssertionError, match=r"^lost \d+, twice [1-9]"):
        await zombie(toy, tmp_path, own_ids=True)
