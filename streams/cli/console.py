"""How commands talk: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from streams.engine.kafka import Progress

# Into a file or a pipe a row is one line, however long, so that grep finds what it looks for.
UNBOUNDED = 10_000

out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def print_table(table: Table) -> None:
    """On a terminal long cells are wrapped, never cut off."""
    for column in table.columns:
        column.overflow = "fold"  # by default what has no blanks, as an id, loses its end
    out.print(table, soft_wrap=False)


def fail(message: str) -> None:
    """One line that says what is wrong and what to do."""
    err.print("error:", message, style="red", markup=False)


@contextmanager
def showing_progress() -> Iterator[Progress]:
    """On a terminal: how far a long reading is. Into a pipe nothing is said of it."""
    with err.status("connecting") as status:

        def show(topic: str, read: int, total: int) -> None:
            status.update(f"{topic}: {read:,} of {total:,} offsets read")

        yield show
