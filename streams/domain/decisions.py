"""Which option one returned unit gets, and why; and what of an upload counts as its content."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from contracts.keys import folded_sku, tracking_key
from contracts.orders import Order
from contracts.retailers import CustomerChoice, FrozenSettings
from contracts.returns import DecisionState, Option, ReturnUpload, UnitDecision, UploadedUnit
from streams.domain.options import OUTCOMES, Choice, choice_of
from streams.domain.rules import evaluate


def decide_unit(
    unit: UploadedUnit,
    order: Order | None,
    settings: FrozenSettings,
    *,
    ordinal: int,
    revision: int,
    holding: bool = False,
) -> UnitDecision:
    """What is decided about a unit before it is matched to what was bought: the first of these that applies.

    The order's own state (not there, ambiguous, cancelled); the customer's choice; the rules; nothing.
    holding: a missing order is still waited for. ValueError where a rule of the settings is not well-formed.
    """
    undecided = UnitDecision(
        sku=unit.sku.strip(),
        ordinal=ordinal,
        revision=revision,
        content=content_of_unit(unit),
        state=DecisionState.NONE,
        reason=unit.reason,
        return_action=unit.return_action,
        exchange_variant_id=unit.exchange_variant_id,
        exchange_sku=unit.exchange_sku,
    )
    state = order_state(order, holding=holding)
    if order is None or state is not None:
        return undecided.model_copy(update={"state": state, "decided_by": "order"})
    choice = choice_of(unit.return_action)
    if settings.customer_choice.enabled and not choice.blank:
        state, option = _chosen(choice, settings.customer_choice)
        return undecided.model_copy(update={"state": state, "option": option, "decided_by": "customer"})
    outcome, traces = evaluate(settings.rules, order, unit)
    if outcome is None:
        return undecided.model_copy(update={"rules": traces})
    option = OUTCOMES[outcome]
    state = DecisionState.DECIDED if option else DecisionState.NO_ACTION
    decided_by = f"rule:{traces[-1].name}"
    return undecided.model_copy(update={"state": state, "option": option, "decided_by": decided_by, "rules": traces})


def order_state(order: Order | None, *, holding: bool = False) -> DecisionState | None:
    """What the order alone says about every unit of a return; None where it leaves the decision open."""
    if order is None:
        return DecisionState.WAITING_FOR_ORDER if holding else DecisionState.ORDER_NOT_FOUND
    if order.other_ids:
        return DecisionState.ORDER_AMBIGUOUS
    if order.cancelled_at is not None:
        return DecisionState.ORDER_CANCELLED
    return None


def ordinals(units: Iterable[UploadedUnit]) -> tuple[int, ...]:
    """For each unit which one of its sku it is in the upload, from 1; skus compare trimmed and case-folded."""
    seen: Counter[str] = Counter()
    numbers: list[int] = []
    for unit in units:
        sku = folded_sku(unit.sku)
        seen[sku] += 1
        numbers.append(seen[sku])
    return tuple(numbers)


def content_of_unit(unit: UploadedUnit) -> str:
    """A digest of what decides about a unit: two units with the same one get the same decision.

    The sku and the reason are folded because that is how they compare in matching and in rules: another spelling
    could never decide otherwise. A word counts as what it means. A blank variant is none.
    """
    return _digest(_content(unit))


def content_of_upload(upload: ReturnUpload) -> str:
    """A digest of an upload's units in their order and of its consignments as a set of tracking keys."""
    return _digest([list(map(_content, upload.units)), sorted(consignments_of(upload))])


def consignments_of(upload: ReturnUpload) -> frozenset[str]:
    """The tracking keys that an upload names, in its list or with its units."""
    named = (*upload.consignments, *(unit.consignment_no for unit in upload.units))
    return frozenset(filter(None, map(tracking_key, named)))


def _chosen(choice: Choice, offered: CustomerChoice) -> tuple[DecisionState, Option | None]:
    if choice.option is None:
        return DecisionState.CHOICE_UNKNOWN, None
    if choice.option is Option.EXCHANGE and not offered.exchange:
        return DecisionState.CHOICE_NOT_OFFERED, None
    return DecisionState.DECIDED, choice.option


def _content(unit: UploadedUnit) -> list[str]:
    return [
        folded_sku(unit.sku),
        unit.reason.strip().casefold(),
        choice_of(unit.return_action).content,
        (unit.exchange_variant_id or "").strip(),
        folded_sku(unit.exchange_sku or ""),
    ]


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()
