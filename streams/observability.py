"""Logs of the agents and commands: one line an event with a stable `action` word; nothing personal, no secret."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog


def configure(format: Literal["auto", "console", "json"]) -> None:
    """Console for people, JSON for machines, both on stderr; the Kafka client is heard from warnings on."""
    as_json = format == "json" or (format == "auto" and not sys.stderr.isatty())
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING, stream=sys.stderr)
    exceptions = [structlog.processors.format_exc_info] if as_json else []
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *exceptions,
            structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
