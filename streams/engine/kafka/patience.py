"""How soon a transaction begins behind another of the same producer.

A commit is answered before its markers are in every partition. Whoever begins meanwhile is refused for a moment
(CONCURRENT_TRANSACTIONS) and asks again. aiokafka 0.14 does so after 20 ms, while the markers of a healthy broker take
less than 2: of transactions one after the other nearly all of the time was this pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.producer.sender import BACKOFF_OVERRIDE, AddPartitionsToTxnHandler

# Short at first, then aiokafka's own: brokers that are slow anyway must not be asked a thousand times a second.
PAUSES_S = (0.001, 0.001, 0.002, 0.004, 0.008)


def pauses() -> Iterator[float]:
    """Before each time that one transaction's beginning is asked for again, in seconds."""
    return chain(PAUSES_S, repeat(BACKOFF_OVERRIDE))


def ask_again_soon(producer: Any) -> None:
    """Have an aiokafka producer, not yet started, begin its transactions with these pauses."""
    sender = producer._sender
    sender._do_add_partitions_to_txn = _Beginning(sender)


class _Beginning:
    """Adds partitions to the transactions of one sender, in place of its own method, which has the fixed pause."""

    def __init__(self, sender: Any) -> None:
        self._sender = sender
        self._pauses = pauses()

    async def __call__(self, partitions: Iterable[TopicPartition]) -> bool:
        """One request; whether they are in. aiokafka comes again while they are not."""
        sender = self._sender
        kind, transactional_id = CoordinationType.TRANSACTION, sender._txn_manager.transactional_id
        node = await sender._find_coordinator(kind, transactional_id)
        added = bool(await _Adding(sender, partitions, self._pauses).do(node))
        if added:
            self._pauses = pauses()
        return added


class _Adding(AddPartitionsToTxnHandler):  # type: ignore[misc] # aiokafka has no types
    def __init__(self, sender: Any, partitions: Iterable[TopicPartition], between: Iterator[float]) -> None:
        super().__init__(sender, partitions)
        self._between = between

    def handle_response(self, response: Any) -> float | None:
        """The pause before this is asked again, in seconds; None when it is done."""
        return None if super().handle_response(response) is None else next(self._between)
