"""The one seam to the Kafka client: fetch, begin, send, send offsets, commit. Another client must fit behind it."""

from __future__ import annotations

from streams.engine.kafka.cluster import Cluster, Fenced, Infrastructure, NoBroker, TakesTooLittle, partition_of
from streams.engine.kafka.consuming import Committed, GroupConsumer, Standing
from streams.engine.kafka.members import remove_member
from streams.engine.kafka.owners import Owner, owners_of
from streams.engine.kafka.producing import Transactions, append
from streams.engine.kafka.reading import Progress, Reader, Row, read_rows, read_topic, reading

__all__ = [
    "Cluster",
    "Committed",
    "Fenced",
    "GroupConsumer",
    "Infrastructure",
    "NoBroker",
    "Owner",
    "Progress",
    "Reader",
    "Row",
    "Standing",
    "TakesTooLittle",
    "Transactions",
    "append",
    "owners_of",
    "partition_of",
    "read_rows",
    "read_topic",
    "reading",
    "remove_member",
]
