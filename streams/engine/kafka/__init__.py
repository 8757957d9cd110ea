"""The one seam to the Kafka client: fetch, begin, send, send offsets, commit. Another client must fit behind it."""

from __future__ import annotations

from streams.engine.kafka.cluster import Cluster, Fenced, Infrastructure, partition_of
from streams.engine.kafka.consuming import GroupConsumer, Standing
from streams.engine.kafka.members import remove_member
from streams.engine.kafka.producing import Transactions, append
from streams.engine.kafka.reading import Reader, reading

__all__ = [
    "Cluster",
    "Fenced",
    "GroupConsumer",
    "Infrastructure",
    "Reader",
    "Standing",
    "Transactions",
    "append",
    "partition_of",
    "reading",
    "remove_member",
]
