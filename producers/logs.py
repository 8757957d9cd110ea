"""Logs of every process and command: one line an event with a stable `action` word; nothing personal, no secret."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

Format = Literal["auto", "console", "json"]

# While the brokers are away each of aiokafka's connections says so several times a second: 3 MB a process in a minute.
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
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([structlog.processors.format_exc_info] if as_json else []),
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(ours),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    handler = _Stderr(libraries)
    handler.addFilter(_Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_library, *shared],
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


class _Seldom(logging.Filter):
    """Lets a library say the same (by its text without the values) once in REPEATED_EVERY_S, with how often it was."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        thing = record.name, record.levelno, str(record.msg)
        last, silenced = self._said.get(thing, (None, 0))
        if last is not None and 0 <= record.created - last < REPEATED_EVERY_S:
            self._said[thing] = last, silenced + 1
            return False
        if len(self._said) > _KNOWN_AT_MOST:  # a library that writes its values into the text
            self._said.clear()
        self._said[thing] = record.created, 0
        record.__dict__["silenced"] = silenced
        return True


def _library(_: object, __: str, event: EventDict) -> EventDict:
    """Somebody else's line: it has no action of its own, but a logger."""
    record = event["_record"]
    silenced = record.__dict__.get("silenced", 0)
    return {"action": "library", "logger": record.name, **({"silenced": silenced} if silenced else {}), **event}
