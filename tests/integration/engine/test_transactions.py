"""What a transaction's requests come to on a real broker: in which order they go, and that none is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import TxnOffsetCommitRequest

from streams.engine.kafka import Transactions
from streams.engine.records import OutRecord
from tests.integration.engine.toy import Toy
from tests.unit.engine.toys import ECHOES, NUMBERS

pytestmark = pytest.mark.kafka

# On two connections 1 to 3 of 100 were refused: of so many, one was in every run.
TRANSACTIONS = 500


async def test_no_batch_and_no_offset_is_refused_because_both_are_looked_up_at_once(toy: Toy) -> None:
    transactions = Transactions(toy.cluster, "toy-0")
    answers: Counter[tuple[str, str]] = Counter()
    order: list[type] = []
    client: Any = transactions._producer.client
    send = client.send

    async def watched(node: int, request: Any, **more: Any) -> Any:
        if isinstance(request, ProduceRequest | TxnOffsetCommitRequest):
            order.append(type(request))
        response = await send(node, request, **more)
        if isinstance(request, ProduceRequest | TxnOffsetCommitRequest):
            topics = response.topics if isinstance(request, ProduceRequest) else response.errors
            answers.update(
                (type(request).__name__, for_code(each[1]).__name__) for _, found in topics for each in found
            )
        return response

    record = OutRecord(ECHOES.name, b"key", b"{}", partition=0)
    await transactions.open()
    try:
        await transactions.commit([record], {(NUMBERS.name, 0): 1}, "toy")  # the group has a coordinator now
        client.send = watched
        for number in range(TRANSACTIONS):
            await transactions.commit([record], {(NUMBERS.name, 0): number}, "toy")
    finally:
        await transactions.close()

    sent = {("ProduceRequest", "NoError"): TRANSACTIONS, ("TxnOffsetCommitRequest", "NoError"): TRANSACTIONS}
    assert answers == sent
    assert order == [ProduceRequest, TxnOffsetCommitRequest] * TRANSACTIONS
