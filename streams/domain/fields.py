"""Reading a sender's JSON: each field has its type or is named, by JSON pointer, as what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

Element = Mapping[str, object]

# As many as one POST of the hub may hold; no parcel has a hundredth. To read a body full of them outlasts a session.
MOST_ENTRIES = 10_000


class BadField(ValueError):
    """A field is not what the format says. pointer: where (RFC 6901), from the element's root."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or '/'}: {message}")
        self.pointer = pointer


def text(element: Element, name: str, pointer: str = "") -> str:
    """A text field, trimmed; absent and null are ""."""
    value = element.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadField(f"{pointer}/{name}", f"must be a text, not {_json_type(value)}")
    return value.strip()


def child(element: Element, name: str, pointer: str = "") -> Element | None:
    """An object field; None where it is absent or null."""
    value = element.get(name)
    return None if value is None else as_object(value, f"{pointer}/{name}")


def required_child(element: Element, name: str, pointer: str = "") -> Element:
    """An object field that must be there."""
    value = child(element, name, pointer)
    if value is None:
        raise BadField(f"{pointer}/{name}", "must be there: without it nothing is known of the parcel")
    return value


def children(element: Element, name: str, pointer: str = "") -> list[tuple[Element, str]]:
    """The objects of a list field, each with its pointer; absent and null are none."""
    value = element.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadField(f"{pointer}/{name}", f"must be a list, not {_json_type(value)}")
    if len(value) > MOST_ENTRIES:
        raise BadField(f"{pointer}/{name}", f"must hold at most {MOST_ENTRIES} entries, not {len(value)}")
    pointers = [f"{pointer}/{name}/{index}" for index in range(len(value))]
    return [(as_object(item, where), where) for item, where in zip(value, pointers, strict=True)]


def as_object(value: object, pointer: str) -> Element:
    """The value, if it is an object."""
    if not isinstance(value, Mapping):
        raise BadField(pointer, f"must be an object, not {_json_type(value)}")
    return value


def instant(written: str) -> datetime | None:
    """The UTC instant of an ISO 8601 time with an offset; None for a local time and for anything else."""
    at = _parsed(written)
    try:
        return at.astimezone(UTC) if at and at.tzinfo else None
    except OverflowError:  # year 1 or 9999, and an offset across its end
        return None


def local_datetime(written: str) -> str | None:
    """`YYYY-MM-DD HH:MM:SS` as the clock at the place showed it, without zone; None where it is no ISO 8601 time."""
    at = _parsed(written)
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds") if at else None


def _parsed(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written.strip())
    except ValueError:
        return None


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
