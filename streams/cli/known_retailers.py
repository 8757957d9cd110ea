"""The retailers that commands speak of: as a file has them, or as they are in force."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from contracts.retailers import Retailer
from streams import event_loop
from streams.cli.console import err
from streams.engine.errors import ConfigError
from streams.retailers_file import parse
from streams.retailers_topic import read_all
from streams.settings import load
from streams.yaml_places import Severity


def in_file(path: Path) -> tuple[Retailer, ...]:
    """All of a file; its warnings go to stderr. ConfigError where it has an error or cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        remedy = "name another, or set RETURNSTREAMS_RETAILERS_FILE"
        raise ConfigError(f"retailers file {path} cannot be read ({error.strerror}): {remedy}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"retailers file {path} is not UTF-8 (its byte {error.start + 1} is not): save it as that"
        ) from None
    parsed = parse(text)
    if parsed.problems:
        err.print(parsed.render(str(path)), markup=False)
    if not parsed.ok:
        errors = sum(problem.severity is Severity.ERROR for problem in parsed.problems)
        noun = "error" if errors == 1 else "errors"
        raise ConfigError(f"{path} has {errors} {noun} (above); nothing was changed")
    return parsed.retailers


def in_force() -> dict[str, Retailer]:
    """All that were applied, by id."""
    return event_loop.run(read_all(load().cluster))


def one_of(known: Mapping[str, Retailer], wanted: str, where: str) -> Retailer:
    """The retailer with this id. ConfigError names those there are and the near one. where: `in force`, `in <file>`."""
    if wanted not in known:
        near = difflib.get_close_matches(wanted, sorted(known), n=1)
        hint = f"; near: {near[0]}" if near and len(known) > 1 else ""
        raise ConfigError(f"no retailer {wanted!r} is {where}; there are: {', '.join(sorted(known)) or 'none'}{hint}")
    return known[wanted]
