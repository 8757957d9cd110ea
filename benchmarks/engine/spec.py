"""What a side is told, and how it says when it took its first record. Imports nothing that only one venv has."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from streams.garbage import collect_rarely

# As `RunnerOptions.max_batch`, for every loop that can be told.
BATCH = 2000
FETCH_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Spec:
    """One run of one side.

    name: of the run, in every group, topic and transactional id of its own. rows: its changelog, where it makes none
    itself. mark: the file to write the first record's times to. state: a directory of its own.
    """

    bootstrap: str
    name: str
    given: str
    actions: str
    rows: str
    partitions: int
    mark: str
    state: str

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def told() -> Spec:
    """From the command line. Every side collects garbage as rarely as the product's processes do."""
    collect_rarely()
    return Spec(**json.loads(sys.argv[1]))


class Mark:
    """Says once when the first record was taken: seconds of the monotonic clock, and of this process's CPU."""

    def __init__(self, path: str) -> None:
        self.waiting = True
        self._path = Path(path)

    def taken(self) -> None:
        """The first record is here."""
        self.waiting = False
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"at": time.monotonic(), "cpu": time.process_time(), "pid": os.getpid()}))
        fresh.replace(self._path)
