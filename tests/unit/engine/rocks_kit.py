"""A task's rows on disk, for tests that look at the files."""

from __future__ import annotations

import os

from streams.engine.rocks import RocksStorage

ROW = os.urandom(250).hex().encode()


def filled(storage: RocksStorage, batches: int = 10) -> None:
    """1,000 rows a batch, closed: then they lie in tables."""
    kept = storage("toy", 3)
    for n in range(batches):
        kept.apply({"s": {f"{n * 1000 + i:08}": ROW for i in range(1000)}}, {"changelog": n + 1})
    kept.close()
