"""How dead letters look: a row of a table, a line of JSON, or all of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import orjson
from rich.markup import escape
from rich.table import Table

from streams.letters import Letter

# Enough of a message to tell one fault from another in a table.
_MESSAGE = 100
# Of bytes that are no text: a screen's worth, for `--raw` has them all.
_HEX_BYTES = 1024
_HEX_LINE = 16


def table(letters: Iterable[Letter]) -> Table:
    """A row each."""
    found = Table("time", "agent", "offset", "record", "key", "kind", "error", "message", "state", box=None)
    for each in letters:
        message = each.facts.get("message", "")
        short = message if len(message) <= _MESSAGE else f"{message[: _MESSAGE - 1]}…"
        row = (instant(each.at), each.agent, str(each.offset), each.place, text(each.key), each.kind, each.error)
        found.add_row(*(escape(_one_line(cell)) for cell in (*row, short, each.state.value)))
    return found


def line(letter: Letter) -> dict[str, object]:
    """The same for programs, with the whole message; everything but headers and value."""
    facts = letter.facts
    return {
        "agent": letter.agent,
        "offset": letter.offset,
        "at": letter.at.isoformat(),
        "topic": letter.topic,
        "partition": _number(facts.get("partition")),
        "record_offset": _number(facts.get("offset")),
        "key": None if letter.key is None else text(letter.key),
        "kind": letter.kind,
        "error": letter.error,
        "message": facts.get("message", ""),
        "attempt": letter.attempt,
        "bytes": letter.size,
        "state": letter.state.value,
    }


def whole(letter: Letter) -> Iterator[str]:
    """All of one letter, line by line."""
    facts = dict(letter.facts)
    stood = _number(facts.get("timestamp"))
    yield f"letter {letter.offset} of {letter.agent}, {letter.state.value}, written {instant(letter.at)}"
    of = f", of {instant(datetime.fromtimestamp(stood / 1000, UTC))}" if stood is not None else ""
    yield f"record   {letter.place}{of}"
    yield f"kind     {letter.kind}"
    yield f"error    {letter.error}"
    yield f"message  {harmless(facts.get('message', ''))}"
    yield f"attempt  {letter.attempt}" + (f", of letter {facts['replay_of']}" if "replay_of" in facts else "")
    if facts.get("path"):
        yield f"path     {facts['path']}"
    yield f"key      {text(letter.key)}"
    if "cut" in facts:
        yield f"headers, and value of {facts['cut']} bytes: too large for a letter, they stand in the record alone"
        return
    yield "headers" if letter.headers else "no headers"
    yield from (f"  {name}: {text(raw)}" for name, raw in letter.headers)
    yield f"value, {letter.size} bytes" if letter.value is not None else "no value"
    if letter.value is not None:
        yield from _value(letter.value)


def instant(at: datetime) -> str:
    """To the second, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def text(raw: bytes | None) -> str:
    """Bytes that are mostly text; what is none stands as escapes."""
    return "-" if raw is None else harmless(raw.decode(errors="backslashreplace"))


def harmless(said: str) -> str:
    """Whatever a stranger sent, a terminal must only show it: escape sequences could do more."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in said)


def _value(value: bytes) -> Iterator[str]:
    try:
        yield harmless(orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2).decode())
        return
    except orjson.JSONDecodeError:
        pass
    try:
        yield harmless(value.decode())
        return
    except UnicodeDecodeError:
        pass
    for start in range(0, min(len(value), _HEX_BYTES), _HEX_LINE):
        part = value[start : start + _HEX_LINE]
        plain = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{start:08x}  {part.hex(' '):<{3 * _HEX_LINE}} {plain}"
    if len(value) > _HEX_BYTES:
        yield f"… {len(value) - _HEX_BYTES} bytes more; --raw writes them all"


def _one_line(cell: str) -> str:
    return " ".join(harmless(cell).split())


def _number(said: str | None) -> int | None:
    return int(said) if said is not None and said.lstrip("-").isdigit() else None
