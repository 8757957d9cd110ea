"""The formats in which hooks are told: one adapter each, chosen by the retailer's `hook.format`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from contracts.retailers import HookFormat
from contracts.returns import Meaning, ReturnEvent
from streams.domain import loop_payload


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of receiver is told. Both are pure functions.

    code: the word for a meaning, None where the format has none. body: of the POST that tells an event under a meaning,
    any JSON; None where there is nothing to tell.
    """

    code: Callable[[Meaning], str | None]
    body: Callable[[ReturnEvent, Meaning], JsonValue]


def _omnirps_1(event: ReturnEvent, told_as: Meaning) -> JsonValue:
    told = loop_payload.payload(event, told_as=told_as)
    return None if told is None else [dict(element) for element in told]


FORMATS: Mapping[HookFormat, Format] = {HookFormat.OMNIRPS_1: Format(loop_payload.code_of, _omnirps_1)}
