"""The calls that tell hooks: what is asked of the caller, what it brings back, and what an answer means."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from contracts.model import Model
from contracts.retailers import Hook, Retailer, Schedule
from contracts.tracking import DeliveryResult
from streams.domain.hook_schedule import pause_s
from streams.domain.loop_payload import Payload
from streams.engine.outbox import Call

GONE = 410
# The same body cannot be understood better by repeating it. Thrice, because a receiver being deployed says 404 too.
REFUSALS: frozenset[int] = frozenset({400, 404, 422})
MOST_REFUSALS = 3

# What says that the receiver itself, or our way to it, is not well. A refusal of one body says the contrary.
_FAILING: frozenset[int] = frozenset({401, 403, 408, 425, 429})


class HookCall(Model):
    """One POST that is owed. payload: its body; address and secrets are the retailer's when it is made.

    replay: the request because of which it is sent once more, None for the first time.
    """

    retailer: str
    order_key: str
    rma: str | None = None
    code: str
    payload: Payload
    replay: str | None = None


class HookAnswer(Model):
    """What became of one POST.

    status: of HTTP, None when there was no answer; `error` then says why. url: where it went, without query and
    userinfo; None where the retailer has no hook any more. retry_after_s: what the receiver asked for.
    hook: the version of the hook that was called (`version_of`); "" where a caller does not say.
    """

    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None
    duration_ms: float = 0
    url: str | None = None
    hook: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


def outcome(
    schedule: Schedule, call: Call[HookCall], answer: HookAnswer, now: datetime, refused: int
) -> tuple[DeliveryResult, datetime | None]:
    """What an answer means, and when to try again (None: never). refused: how often this call was, with this time."""
    if answer.accepted:
        return DeliveryResult.DELIVERED, None
    if answer.url is None:
        return DeliveryResult.NO_HOOK, None
    if answer.status == GONE or refused >= MOST_REFUSALS:
        return DeliveryResult.GIVEN_UP, None
    at = now + timedelta(seconds=pause_s(schedule, call.id, call.attempt - call.before, answer.retry_after_s))
    if schedule.give_up_after_s is not None and at > call.first_at + timedelta(seconds=schedule.give_up_after_s):
        return DeliveryResult.GIVEN_UP, None
    return DeliveryResult.RETRYING, at


def is_failing(answer: HookAnswer) -> bool:
    """Whether every other call to this hook would come back so, as far as one answer can tell."""
    if answer.status is None:
        return answer.url is not None
    return answer.status >= 500 or 300 <= answer.status < 400 or answer.status in _FAILING


def version_of(retailer: Retailer | None) -> str:
    """Of a retailer's hook: another one whenever a person changes anything of it. "" where there is none."""
    if retailer is None or retailer.hook is None:
        return ""
    known = _versions.get(retailer.id)
    if known is None or known[0] is not retailer.hook:
        known = _versions[retailer.id] = retailer.hook, _version(retailer.hook)
    return known[1]


def _version(hook: Hook) -> str:
    # Without defaults: a field that a later release adds is no change of anybody's.
    return blake2b(hook.model_dump_json(exclude_defaults=True).encode(), digest_size=8).hexdigest()


# Of each retailer the hook that was asked about last: each call asks, and a hook hardly ever changes.
_versions: dict[str, tuple[Hook, str]] = {}
