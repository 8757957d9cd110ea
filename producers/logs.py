"""Logs of every process and command: one line an event with a stable `action` word; nothing personal, no secret."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

Format = Literal["auto", "console", "json"]


def configure(format: Format = "auto", *, libraries: int = logging.WARNING) -> None:
    """Console for people, JSON for machines (`auto` looks for a terminal), all on stderr: stdout is for results.

    libraries: from which level on aiokafka, uvicorn and the like are heard; their lines look like ours.
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
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    handler = _Stderr()
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

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _library(_: object, __: str, event: EventDict) -> EventDict:
    """Somebody else's line: it has no action of its own, but a logger."""
    return {"action": "library", "logger": event["_record"].name, **event}
