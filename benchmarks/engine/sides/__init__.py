"""One file a side. Each is a process of its own that works until SIGTERM."""

from __future__ import annotations

import contextlib
import cProfile
import os
from collections.abc import Iterator

PROFILE = "BENCH_PROFILE"


@contextlib.contextmanager
def profiled() -> Iterator[None]:
    """Under cProfile where the environment names a file for it. Costs about as much as it measures."""
    path = os.environ.get(PROFILE)
    if not path:
        yield
        return
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(path)
