"""A producer that was shut out says so once, to whoever commits with it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from streams.engine.kafka import Fenced, Transactions, read_topic
from streams.engine.records import OutRecord
from tests.integration.engine.toy import Toy
from tests.unit.engine.toys import ECHOES, NUMBERS

pytestmark = pytest.mark.kafka


async def test_a_fenced_commit_raises_and_leaves_no_error_that_nobody_looked_at(toy: Toy) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    first, second = (Transactions(toy.cluster, "toy-0") for _ in range(2))
    await first.open()
    await second.open()
    record = OutRecord(ECHOES.name, b"key", b"{}", partition=0)

    with pytest.raises(Fenced):
        await first.commit([record], {(NUMBERS.name, 0): 1}, "toy")
    await first.close()
    await second.close()
    del first

    gc.collect()
    assert told == []


async def test_one_that_is_shut_out_between_its_requests_commits_nothing_and_says_so_once(toy: Toy) -> None:
    """Its batch and its offsets are refused at the same time."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    first, second = (Transactions(toy.cluster, "toy-0") for _ in range(2))
    await first.open()
    sender = first._producer._sender
    sender._do_add_partitions_to_txn = _then(second.open, sender._do_add_partitions_to_txn)
    record = OutRecord(ECHOES.name, b"key", b"{}", partition=0)

    with pytest.raises(Fenced):
        await first.commit([record], {(NUMBERS.name, 0): 1}, "toy")
    await first.close()
    await second.close()
    del first, sender

    gc.collect()
    assert told == []
    assert [record async for record in read_topic(toy.cluster, ECHOES.name)] == []


def _then(after: Callable[[], Awaitable[None]], asked: Callable[[Any], Awaitable[bool]]) -> Callable[[Any], Any]:
    async def ask(partitions: Any) -> bool:
        added = await asked(partitions)
        await after()
        return added

    return ask
