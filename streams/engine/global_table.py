"""A compacted topic read whole by every process, outside the groups: here, the retailers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

import structlog
from pydantic import ValidationError

from contracts.model import Model
from contracts.topics import Topic
from streams.engine.decoding import describe
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster, Infrastructure, Reader
from streams.engine.records import Record

log = structlog.get_logger()

M = TypeVar("M", bound=Model)

_POLL_S = 0.5
# Only how long a tail of control records may cost: a fetch returns as soon as there is something.
_CATCH_UP_S = 0.05
_RETRY_S = 1.0


class GlobalTable(Mapping[str, M], Generic[M]):
    """The rows of a compacted topic, kept current while `follow` runs. Looked up by key like any mapping."""

    def __init__(self, cluster: Cluster, topic: Topic, model: type[M]) -> None:
        self._cluster = cluster
        self._topic = topic
        self._model = model
        self._rows: dict[str, M] = {}
        self._ready = asyncio.Event()

    def __getitem__(self, key: str) -> M:
        return self._rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    async def wait_ready(self) -> None:
        """Return once everything that was there at the start has been read."""
        await self._ready.wait()

    async def follow(self) -> None:
        """Read for ever; starts over by itself when the brokers were away. ConfigError when there is no such topic."""
        while True:
            reader = Reader(self._cluster)
            try:
                await reader.open()
                await self._read(reader)
            except Infrastructure as error:
                log.warning(
                    "global table lost its broker",
                    action="table_retry",
                    topic=self._cluster.name(self._topic.name),
                    error=type(error).__name__,
                )
            finally:
                await reader.close()
            await asyncio.sleep(_RETRY_S)

    async def _read(self, reader: Reader) -> None:
        await self.read_to_end(reader)
        self._ready.set()
        while True:
            for record in await reader.fetch(_POLL_S):
                self.apply(record)

    async def read_to_end(self, reader: Reader) -> None:
        """Take over everything that the topic holds now, at once. ConfigError when there is no such topic.

        The topic begins with rows that were replaced long ago. Read again, they must not be in force for a moment: that
        is when a return would be fixed to rules, and an update sent to an address, that nobody has any more.
        """
        partitions = await reader.partitions(self._topic.name)
        if not partitions:
            name = self._cluster.name(self._topic.name)
            raise ConfigError(f"there is no topic {name!r}: run `returnstreams topics apply` first")
        ends = await reader.assign({(self._topic.name, p): None for p in partitions})
        rows: dict[str, M] = {}
        while not await self._reached(reader, ends):
            for record in await reader.fetch(_CATCH_UP_S):
                self._apply(rows, record)
        self._rows = rows

    async def _reached(self, reader: Reader, ends: Mapping[tuple[str, int], int]) -> bool:
        for (topic, partition), end in ends.items():
            if await reader.position(topic, partition) < end:
                return False
        return True

    def apply(self, record: Record) -> None:
        """Take one record over. One that cannot be read changes nothing: the last good row stays in force."""
        self._apply(self._rows, record)

    def _apply(self, rows: dict[str, M], record: Record) -> None:
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            rows.pop(key, None)
            return
        try:
            rows[key] = self._model.model_validate_json(record.value)
        except ValidationError as error:
            log.error("unreadable row ignored", action="table_bad_row", key=key, reason=describe(error))
            if key not in rows and key in self._rows:  # the last good one was compacted away, and is known from before
                rows[key] = self._rows[key]
