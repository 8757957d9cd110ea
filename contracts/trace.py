"""W3C trace context (the Recommendation's level 1): which trace a request, a record or a call belongs to."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import NamedTuple

PARENT = "traceparent"
STATE = "tracestate"

# version - trace id - parent id - flags; version 00 ends there, ff is none, and ids of zeros mean nobody.
_FIELDS = r"-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_VERSION_00 = re.compile(f"00{_FIELDS}").fullmatch
_LATER = re.compile(f"(?!ff|00)[0-9a-f]{{2}}({_FIELDS})(-.*)?").fullmatch
# The least that everybody has to pass on; whoever sends more may lose it.
_LONGEST_STATE = 512


class Trace(NamedTuple):
    """What stands in the two headers: `parent` as of version 00, `state` as others left it."""

    parent: str
    state: str | None = None

    @property
    def id(self) -> str:
        """The trace's, 32 hexadecimal digits."""
        return self.parent[3:35]

    @property
    def headers(self) -> dict[str, str]:
        """For the next request or record."""
        return {PARENT: self.parent} if self.state is None else {PARENT: self.parent, STATE: self.state}

    @property
    def record_headers(self) -> tuple[tuple[str, bytes], ...]:
        """The same for a record's."""
        parent = PARENT, self.parent.encode()
        return (parent,) if self.state is None else (parent, (STATE, self.state.encode()))


def read(parent: str | None, state: str | None = None) -> Trace | None:
    """The context that these headers say; None where there is none, or what there is cannot be one."""
    if not parent:
        return None
    if _VERSION_00(parent) is None:
        later = _LATER(parent)
        if later is None:
            return None
        parent = f"00{later[1]}"  # of a later version we understand these four fields, and so speak ours
    if state and (len(state) > _LONGEST_STATE or not (state.isascii() and state.isprintable())):
        state = None
    return Trace(parent, state or None)


def of(headers: Iterable[tuple[str, bytes | None]]) -> Trace | None:
    """The context of a record."""
    parent = state = None
    for name, value in headers:
        if name == PARENT:
            parent = value
        elif name == STATE:
            state = value
    if parent is None:
        return None
    return read(parent.decode(errors="replace"), None if state is None else state.decode(errors="replace"))


def begin() -> Trace:
    """A trace of its own, which nobody records so far (flags 00)."""
    digits = secrets.token_hex(24)  # both ids at once: each asks the kernel
    return Trace(f"00-{digits[:32]}-{digits[32:]}-00")
