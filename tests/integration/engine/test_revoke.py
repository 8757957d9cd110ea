"""A batch that hangs when its partition is taken away: dropped within the bound, and refused where it arrives late."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import EndTxnResponse_v0, TxnOffsetCommitResponse_v0

from streams.engine.kafka.consuming import REBALANCE_TIMEOUT_MS
from tests.integration.engine.load import Load
from tests.integration.engine.proxy import Answer, Proxy
from tests.integration.engine.toy import Toy, eventually

pytestmark = pytest.mark.kafka

# So long that nothing here ends by it: what moves a partition is the other member's joining.
SESSION_MS = 60_000
# What a rebalance may take, and the start of a process before it on a busy machine.
BOUND_S = REBALANCE_TIMEOUT_MS / 1000 + 10.0

PRODUCE, END, OFFSETS = 0, 26, 28


def codes(answer: Answer) -> set[int]:
    """The error codes of a response."""
    raw = io.BytesIO(answer.body)
    if answer.api == END:
        return {EndTxnResponse_v0.decode(raw).error_code}
    if answer.api == OFFSETS:
        return {code for _, places in TxnOffsetCommitResponse_v0.decode(raw).errors for _, code in places}
    kinds = {kind.API_VERSION: kind.RESPONSE_TYPE for kind in ProduceRequest._CLASSES}
    response = kinds[answer.version].decode(raw)
    return {place[1] for _, places in response.topics for place in places}


@pytest.mark.parametrize("held", [PRODUCE, OFFSETS, END], ids=["records", "offsets", "commit"])
async def test_a_batch_that_hangs_while_its_partition_moves_is_dropped_and_its_late_requests_are_refused(
    mortal_toy: Toy, network: Proxy, tmp_path: Path, held: int
) -> None:
    """The new owner has its partitions within the rebalance's bound, and no write of the old epoch lands after that."""
    toy = mortal_toy
    with toy.process(tmp_path, "a", SESSION_MS, bootstrap=network.address) as first:
        await eventually(lambda: len(first.partitions) == toy.partitions, "the first has all")
        async with Load(toy) as load:
            await load.grow(200)
            await toy.echoes(100)
            network.hold({held})
            await eventually(lambda: network.held >= toy.partitions, "every task hangs in a transaction")
            began = time.monotonic()
            with toy.process(tmp_path, "b", SESSION_MS) as second:
                await eventually(lambda: bool(second.partitions), "the second has some", BOUND_S)
                print(f"taken over {time.monotonic() - began:.1f} s after the other's start")  # noqa: T201
                await eventually(lambda: len(first.partitions + second.partitions) == toy.partitions, "shared")
                assert "action=revoke_timeout" in first.log
                await toy.echoes(load.count)
                network.release()
                await eventually(lambda: len(network.late) >= toy.partitions, "the late requests have been answered")
                assert all(0 not in codes(answer) for answer in network.late), network.late
                await load.grow(200)
                await toy.exactly_once(await load.end())
