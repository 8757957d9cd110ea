"""A thread that sees whether the process moves: its event loop, and what must make turns on it.

What does not move for longer than the limit is told once, with the stacks of all threads and of the loop's tasks, and
until it moves again `/healthz` says so. Only what a restart would help counts: see `Pulses`.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import structlog

log = structlog.get_logger()

Pulses = Callable[[], Mapping[str, int | None]]
"""By name, a number that changes with every turn; None while it may wait for the brokers or a person without bound."""

LOOP = "the event loop"
EVERY_S = 1.0
JOIN_TIMEOUT_S = 5.0


class Watchdog:
    """Looks every `every_s`; `problems` and `loop_silence_s` may be read from any thread.

    on_stuck: called once for each incident.
    """

    def __init__(
        self,
        limit_s: float,
        pulses: Pulses = dict,
        on_stuck: Callable[[], None] = lambda: None,
        every_s: float = EVERY_S,
    ) -> None:
        self.problems: tuple[str, ...] = ()
        self._limit_s = limit_s
        self._pulses = pulses
        self._on_stuck = on_stuck
        self._every_s = min(every_s, limit_s / 4)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beats = 0
        self._seen: dict[str, int | None] = {}
        self._silence_s: dict[str, float] = {}
        self._ended = threading.Event()

    @property
    def loop_silence_s(self) -> float:
        """How long the loop has not turned, as far as it was looked at."""
        return self._silence_s.get(LOOP, 0.0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the loop that runs, until the end of the block."""
        self._loop = asyncio.get_running_loop()
        beating = self._loop.call_soon(self._beat)
        thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            beating.cancel()
            thread.join(JOIN_TIMEOUT_S)

    def _beat(self) -> None:
        self._beats += 1
        if self._loop is not None and not self._ended.is_set():
            self._loop.call_later(self._every_s, self._beat)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(self._every_s):
            now = time.monotonic()
            try:
                self.look(now - last)
            except Exception:  # the watch must go on: the next look may be the one that matters
                log.exception("the watchdog failed to look", action="watchdog_failed")
            last = now

    def look(self, elapsed_s: float) -> None:
        """Take note of what has moved in the `elapsed_s` since the last look."""
        # A process that was frozen as a whole (SIGSTOP, a suspended machine) has not been stuck for all that time.
        elapsed_s = min(elapsed_s, 2 * self._every_s)
        pulses: dict[str, int | None] = {LOOP: self._beats}
        if self._seen.get(LOOP) != self._beats:  # else it is the loop that holds up all of them
            pulses |= self._pulses()
        silence = {name: self._silence_s.get(name, 0.0) + elapsed_s for name in pulses if self._still(name, pulses)}
        kept = self._seen if len(pulses) == 1 else {}
        self._seen = {**kept, **pulses}
        self._silence_s = silence
        self._judge()

    def _still(self, name: str, pulses: Mapping[str, int | None]) -> bool:
        return pulses[name] is not None and self._seen.get(name) == pulses[name]

    def _judge(self) -> None:
        stuck = {name: silence for name, silence in self._silence_s.items() if silence > self._limit_s}
        before, self.problems = self.problems, tuple(f"{n} has made no turn for {s:.0f} s" for n, s in stuck.items())
        if self.problems and not before:
            self._on_stuck()
            threads, tasks = stacks(self._loop)
            log.error("stuck", action="stuck", problems=self.problems, threads=threads, tasks=tasks)
        elif before and not self.problems:
            log.warning("moves again", action="stuck_over")


def stacks(loop: asyncio.AbstractEventLoop | None) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Where all threads are, and all tasks of the loop: the outermost call first, without any values."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    threads = {
        f"{names.get(ident, 'unknown')} ({ident})": _calls(frame) for ident, frame in sys._current_frames().items()
    }
    tasks = {} if loop is None else {f"{t.get_name()} ({id(t)})": _waits(t) for t in asyncio.all_tasks(loop)}
    return threads, tasks


def _calls(frame: FrameType) -> list[str]:
    return [_place(f.filename, f.lineno, f.name) for f in traceback.extract_stack(frame)]


def _waits(task: asyncio.Task[Any]) -> list[str]:
    """From the task's own coroutine down to what it waits for; asyncio itself shows only the first."""
    found: list[str] = []
    awaited: Any = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        found.append(_place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        awaited = awaited.cr_await
    return found


def _place(file: str, line: int | None, name: str) -> str:
    return f"{file}:{line} {name}"
