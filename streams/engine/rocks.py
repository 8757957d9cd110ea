"""Rows on disk: one RocksDB a task, so that a restart restores only what it missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, count
from pathlib import Path

import structlog
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from streams.engine.clock import Clock, utc_now
from streams.engine.errors import StorageFailed
from streams.engine.keyvalue import KeyValue
from streams.engine.overlay import Writes
from streams.engine.state_directory import StateDirectory

log = structlog.get_logger()

MIB = 1024 * 1024
# Blocks of all tasks of a process together, and their write buffers, which count against it: this is the bound of
# RocksDB's memory, however many tasks there are. Twelve tasks' hot rows of 0.5 KB: 10,000 each.
CACHE_BYTES = 128 * MIB
# All write buffers of a process. Beyond it the fullest are flushed early: more and smaller files, never more memory.
WRITE_BUFFERS_BYTES = 64 * MIB
# One task's write buffer: 16,000 rows of 0.5 KB. It also bounds the log that a restart after a crash replays (0.1 s).
WRITE_BUFFER_BYTES = 8 * MIB
# Tables held open by a task (RocksDB keeps 10 for itself): 2.5 GB of rows. With -1 a restart would open them all first.
MAX_OPEN_FILES = 50
# A false positive of 1 % spares 99 of 100 disk reads for keys that are not there: most events ask for such.
BLOOM_BITS = 10
# Rows that one step of a scan holds at once: one for who asks only for the first, more as it goes on. What was deleted
# behind the first is then not stepped over.
_FIRST_STEP, _LAST_STEP = 1, 1024

_POSITION = b"\0position/"
_APPLIED = b"\0applied"

# What RocksDB says of files that are not what it wrote. All else (no space, no permission, too many files) is the
# machine's trouble: nothing is wiped for it, it is tried again.
_DAMAGED = ("Corruption:", "Invalid argument:", "Not implemented:", "NotFound:")
_MISSING = "No such file or directory"


class RocksStorage:
    """Makes the places for rows of all tasks of a process, under one directory and within one bound of memory."""

    def __init__(self, root: Path, prefix: str = "", clock: Clock = utc_now) -> None:
        self._root = root
        self._prefix = prefix
        self._clock = clock
        self._cache = Cache(CACHE_BYTES)
        # Without stalls: a writer that waits for a flush would hold up the loop, and its heartbeats.
        self._buffers = WriteBufferManager.new_write_buffer_manager_with_cache(WRITE_BUFFERS_BYTES, False, self._cache)

    def __call__(self, agent: str, partition: int) -> KeyValue:
        """The task's rows as they are on disk."""
        directory = StateDirectory(self._root, f"{self._prefix}{agent}", partition)
        return RocksKeyValue(directory, self._cache, self._buffers, self._clock)


class RocksKeyValue:
    """Rows in RocksDB, opened when first asked for something.

    After an error nothing is read or written any more until `open` has opened it anew, emptied if it was damaged.
    """

    def __init__(
        self, directory: StateDirectory, cache: Cache, buffers: WriteBufferManager, clock: Clock = utc_now
    ) -> None:
        self._directory = directory
        self._cache = cache
        self._buffers = buffers
        self._clock = clock
        self._open: Rdict | None = None
        self._broken: str | None = None
        self._closed = False
        # By store, a key that no row of it lies before. Timers and queues are deleted from the front, and RocksDB steps
        # over each deleted row until it has merged its files: 14 ms a look after 100,000 of them (measured).
        self._first: dict[str, bytes] = {}

    def open(self) -> None:
        """See KeyValue."""
        if self._broken is not None:
            self._mend(self._broken)
        self._database()

    def get(self, store: str, key: str) -> bytes | None:
        """See KeyValue."""
        return self._get(_row_key(store, key))

    def _get(self, key: bytes) -> bytes | None:
        database = self._database()
        try:
            row: bytes | None = database.get(key)
        except Exception as error:
            raise self._failed(error) from error
        return row

    def scan(self, store: str, prefix: str = "", after: str = "", before: str = "") -> Iterator[tuple[str, bytes]]:
        """See KeyValue."""
        whole, first = _row_key(store, ""), self._first.get(store, b"")
        # UTF-8 sorts as the text does, and nothing lies between a key and the same with a zero.
        start = max(_row_key(store, prefix), first, _row_key(store, after) + b"\0" if after else b"")
        end = min(_behind(_row_key(store, prefix)), _row_key(store, before) if before else _behind(whole))
        rows = self._scan(start, end)
        found = next(rows, None)
        if not prefix and not after:
            self._first[store] = found[0] if found else max(first, end)
        for key, row in chain([found] if found else [], rows):
            yield key[len(whole) :].decode(), row

    def _scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """In steps, each with an iterator of its own: one that outlives `close` would keep the files locked."""
        for step in count():
            limit = min(_LAST_STEP, _FIRST_STEP << step)
            rows = self._step(start, end, limit)
            yield from rows
            if len(rows) < limit:
                return
            start = rows[-1][0] + b"\0"

    def _step(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        rows: list[tuple[bytes, bytes]] = []
        bounds = ReadOptions()
        bounds.set_iterate_upper_bound(end)
        database = self._database()
        try:
            iterator = database.iter(bounds)
            iterator.seek(start)
            while iterator.valid():
                rows.append((iterator.key(), iterator.value()))
                if len(rows) == limit:
                    break  # not one further: a hundred thousand deleted rows may lie there
                iterator.next()
            iterator.status()  # an unreadable block ends an iteration as the last row does
        except Exception as error:
            raise self._failed(error) from error
        return rows

    def apply(self, writes: Writes, positions: Mapping[str, int], caught_up: bool = True) -> None:
        """See KeyValue."""
        batch = WriteBatch(raw_mode=True)
        for store, rows in writes.items():
            start = _row_key(store, "")
            for key, row in rows.items():
                if row is None:
                    batch.delete(start + key.encode())
                else:
                    batch.put(start + key.encode(), bytes(row))
            if store in self._first and rows:
                self._first[store] = min(self._first[store], _row_key(store, min(rows)))
        for topic, offset in positions.items():
            batch.put(_POSITION + topic.encode(), str(offset).encode())
        if caught_up:
            batch.put(_APPLIED, self._clock().isoformat().encode())
        database = self._database()
        try:
            # Into the log without fsync: it survives the process. A machine that dies may lose the newest batches, each
            # of them whole; the position then says so, and the changelog has them.
            database.write(batch)
        except Exception as error:
            raise self._failed(error) from error

    def positions(self) -> dict[str, int]:
        """See KeyValue."""
        return {key[len(_POSITION) :].decode(): int(row) for key, row in self._scan(_POSITION, _behind(_POSITION))}

    def age(self) -> timedelta | None:
        """See KeyValue."""
        applied = self._get(_APPLIED)
        return None if applied is None else self._clock() - datetime.fromisoformat(applied.decode())

    def wipe(self) -> None:
        """See KeyValue."""
        self._let_go()
        self._broken = None
        self._directory.claim()
        self._directory.wipe()

    def close(self) -> None:
        """See KeyValue."""
        self._let_go()
        self._closed = True
        self._directory.release()

    def _let_go(self) -> None:
        self._first.clear()
        database, self._open = self._open, None
        if database is None:
            return
        try:
            database.close()
        except Exception as error:  # it flushes; what that cannot write is in its log, or in the changelog
            log.warning("state closed with an error", action="state_close_error", **self._place(), error=str(error))

    def _database(self) -> Rdict:
        if self._open is not None and self._broken is None:
            return self._open
        if self._closed or self._broken is not None:
            raise StorageFailed(f"{self._directory.path}: {self._broken or 'closed'}")
        self._open = self._opened()
        return self._open

    def _opened(self) -> Rdict:
        self._directory.claim()
        path = self._directory.database
        if not self._directory.fresh and not (path / "CURRENT").exists():
            self._rebuild("lost")
        self._directory.fresh = False
        options = _options(self._cache, self._buffers)
        try:
            # Named, or the options that the last release left in the directory would win over ours.
            return Rdict(str(path), options, {"default": options})
        except Exception as error:
            if not _damaged(str(error)):
                raise self._failed(error) from error
            self._rebuild(str(error))
        try:
            return Rdict(str(path), options, {"default": options})
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StorageFailed:
        self._broken = str(error)
        return StorageFailed(f"{self._directory.path}: {error}")

    def _mend(self, why: str) -> None:
        self._let_go()
        self._broken = None
        if _damaged(why):
            self._rebuild(why)

    def _rebuild(self, why: str) -> None:
        log.warning("state is rebuilt from its topics", action="state_rebuilt", **self._place(), reason=why)
        self._directory.wipe()

    def _place(self) -> dict[str, str]:
        return {"directory": str(self._directory.path)}


def _row_key(store: str, key: str) -> bytes:
    """Store and key, apart whatever they hold. The engine's own rows begin with a zero: no store has an empty name."""
    name = store.encode()
    return bytes([len(name)]) + name + key.encode()


def _behind(prefix: bytes) -> bytes:
    """Where the keys that begin so end; no key holds 0xff."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def _damaged(why: str) -> bool:
    return why.startswith(_DAMAGED) or _MISSING in why


def _options(cache: Cache, buffers: WriteBufferManager) -> Options:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_bloom_filter(BLOOM_BITS, False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_manager(buffers)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_open_files(MAX_OPEN_FILES)
    options.set_compression_type(DBCompressionType.lz4())  # rows are JSON: half the disk for less than 1 µs a row
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())  # up to the last whole batch, no gaps
    # RocksDB's own log files, of use only to who develops it.
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(MIB)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options
