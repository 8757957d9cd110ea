"""The command `returnstreams` as somebody at a terminal meets it: arguments and settings in, code and texts out."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest
import structlog

from producers.settings import PREFIX
from streams.cli import main


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


def returnstreams(*arguments: str, answer: str = "", **settings: str) -> Outcome:
    """Run one command in this process, with these settings (`KAFKA__TOPIC_PREFIX="x."`) and no others."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(f"{PREFIX}{name}", value)
        patch.setattr(sys, "argv", ["returnstreams", *arguments])
        patch.setattr(sys, "stdin", io.StringIO(answer))
        patch.setattr(logging.getLogger(), "handlers", [])
        level = logging.getLogger().level
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            structlog.reset_defaults()
            logging.getLogger().setLevel(level)
    assert isinstance(code, int)
    return Outcome(code, out.getvalue(), err.getvalue())
