"""The formats in which hooks are told: one adapter each, chosen by the retailer's `hook.format`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.retailers import HookFormat
from contracts.returns import Meaning, ReturnEvent
from streams.domain import loop_payload
from streams.domain.loop_payload import Payload


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of receiver is told. Both are pure functions.

    code: the word for a meaning, None where the format has none. body: of the POST that tells an event under a meaning,
    an array of flat objects; None where there is nothing to tell.
    """

    code: Callable[[Meaning], str | None]
    body: Callable[[ReturnEvent, Meaning], Payload | None]


def _omnirps_1(event: ReturnEvent, told_as: Meaning) -> Payload | None:
    return loop_payload.payload(event, told_as=told_as)


FORMATS: Mapping[HookFormat, Format] = {HookFormat.OMNIRPS_1: Format(loop_payload.code_of, _omnirps_1)}
