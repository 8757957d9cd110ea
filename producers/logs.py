"""Logs of every process and command: one line an event with a stable `action` word; nothing personal, no secret."""

from __future__ import annotations

import logging
import sys
import time
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

Format = Literal["auto", "console", "json"]

# While the brokers are away each of aiokafka's connections says so several times a second (3 MB a process in a minute),
# and each of our own loops that tries again once or twice: 8 lines a second of a process with all agents.
REPEATED_EVERY_S = 10.0
_KNOWN_AT_MOST = 1000


def configure(format: Format = "auto", *, ours: int = logging.INFO, libraries: int = logging.WARNING) -> None:
    """Console for people, JSON for machines (`auto` looks for a terminal), all on stderr: stdout is for results.

    ours, libraries: from which level on our own lines are written, and those of aiokafka, uvicorn and the like; these
    look like ours.
    """
    as_json = format == "json" or (format == "auto" and not sys.stderr.isatty())
    # Rich's tracebacks would show local variables: orders, addresses, secrets.
    people = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderer: Processor = structlog.processors.JSONRenderer() if as_json else people
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([structlog.processors.format_exc_info] if as_json else []),
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _seldom(), *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(ours),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    handler = _Stderr(libraries)
    handler.addFilter(_Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_library, structlog.contextvars.merge_contextvars, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [known for known in root.handlers if not isinstance(known, _Stderr)] + [handler]
    root.setLevel(libraries)


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg] # generic in the stubs alone
    """Writes to what stderr is at the moment."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class Repeats:
    """What was said when, so that the same is written once in so many seconds, with how often it was left out."""

    def __init__(self, every_s: float = REPEATED_EVERY_S) -> None:
        self._every_s = every_s
        self._said: dict[object, tuple[float, int]] = {}

    def left_out(self, thing: object, now: float) -> int | None:
        """How often this was left out since it was last written; None where it is to be left out once more."""
        last, silenced = self._said.get(thing, (None, 0))
        if last is not None and 0 <= now - last < self._every_s:
            self._said[thing] = last, silenced + 1
            return None
        if len(self._said) > _KNOWN_AT_MOST:  # a text or a value that is another each time
            self._said.clear()
        self._said[thing] = now, 0
        return silenced


class _Seldom(logging.Filter):
    """Lets a library say the same (by its text without the values) seldom."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()

    def filter(self, record: logging.LogRecord) -> bool:
        silenced = self._repeats.left_out((record.name, record.levelno, str(record.msg)), record.created)
        record.__dict__["silenced"] = silenced
        return silenced is not None


def _seldom() -> Processor:
    """Lets us say the same warning or error, equal in every value, seldom: what is tried each second fails as often."""
    repeats = Repeats()

    def process(_: object, method: str, event: EventDict) -> EventDict:
        if method not in ("warning", "error"):
            return event
        silenced = repeats.left_out(frozenset((name, repr(value)) for name, value in event.items()), time.time())
        if silenced is None:
            raise structlog.DropEvent
        return {**event, "silenced": silenced} if silenced else event

    return process


def _library(_: object, __: str, event: EventDict) -> EventDict:
    """Somebody else's line: it has no action of its own, but a logger."""
    record = event["_record"]
    silenced = record.__dict__.get("silenced", 0)
    return {"action": "library", "logger": record.name, **({"silenced": silenced} if silenced else {}), **event}
