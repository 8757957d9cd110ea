"""How the story of a return looks: a line for each thing that happened, and one for each unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from contracts.actions import ReturnAction, ReturnAlert
from contracts.model import Model
from contracts.retailers import Portal
from contracts.returns import (
    DecisionState,
    Meaning,
    ReturnDecision,
    ReturnEvent,
    ReturnUpload,
    UnitDecision,
    UnitState,
)
from contracts.tracking import Delivery
from streams.cli.amounts import money
from streams.cli.instants import long_ago
from streams.cli.letters_shown import harmless, instant
from streams.cli.rules_shown import condition_text
from streams.story.telling import Entry, Standing, Story

# What a customer may have written, and what of the goods tells nothing about the return.
_OF_UPLOADED_UNITS = {"sku", "reason", "return_action", "exchange_variant_id", "exchange_sku", "consignment_no"}
_KINDS: dict[type[Model], str] = {
    ReturnUpload: "upload",
    ReturnDecision: "decision",
    ReturnEvent: "event",
    ReturnAction: "action",
    Delivery: "delivery",
    ReturnAlert: "alert",
}

_OF_THE_ORDER = {
    DecisionState.WAITING_FOR_ORDER: "its order is not there",
    DecisionState.ORDER_NOT_FOUND: "its order did not come in time",
    DecisionState.ORDER_AMBIGUOUS: "two orders have its name",
    DecisionState.ORDER_CANCELLED: "its order was cancelled",
}


def whole(story: Story, now: datetime) -> Iterator[RenderableType]:
    """All of one return. now: for how long something has been waited for."""
    yield f"[bold]{_shown(f'return {story.rma} of order {story.order_key}')}[/]"
    for text in _head(story):
        yield _shown(text)
    yield ""
    happened = _two_columns()
    for entry in story.entries:
        first, *more = _sentences(entry)
        remark = f" ({entry.remark})" if entry.remark else ""
        times = f" (said {entry.times} times)" if entry.times > 1 else ""
        happened.add_row(instant(entry.at), _shown(f"{first}{remark}{times}"))
        for sentence in more:
            text = sentence.lstrip()
            indent = 2 + len(sentence) - len(text)
            happened.add_row("", Padding(_shown(text), (0, 0, 0, indent), expand=False))
    yield happened
    yield ""
    if not story.units:
        yield "no unit stands in return-units yet: the agents have not come to it, or could not (see dead-letters list)"
    units = _two_columns()
    for standing in story.units:
        name = f"{standing.unit.sku}, number {standing.unit.ordinal}"
        units.add_row(_shown(name), _shown(_stands(story, standing, now)))
    yield units


def _two_columns() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=30)
    table.add_column(overflow="fold")
    return table


def line(story: Story) -> dict[str, object]:
    """The same for programs."""
    return {
        "order_key": story.order_key,
        "rma": story.rma,
        "others": story.others,
        "units": [
            {
                **standing.unit.model_dump(mode="json"),
                "changed": standing.changed.isoformat(),
                "waiting_since": standing.since.isoformat() if standing.since else None,
            }
            for standing in story.units
        ],
        "story": [
            {
                "at": entry.at.isoformat(),
                "kind": _KINDS[type(entry.value)],
                "remark": entry.remark,
                "times": entry.times,
                "text": list(_sentences(entry)),
                "record": _record(entry.value),
            }
            for entry in story.entries
        ],
    }


def _head(story: Story) -> Iterator[str]:
    if story.decision is not None:
        settings = story.decision.settings
        stage = "Loop issues the outcome" if settings.portal is Portal.LOOP else f"paid at {settings.return_action}"
        parcels = ", ".join(story.decision.consignments) or "none"
        yield f"settings version {settings.version}: {stage}; parcels: {parcels}"
    if story.others:
        yield f"other returns of this order: {', '.join(story.others)}"


def _sentences(entry: Entry) -> Iterator[str]:
    match entry.value:
        case ReturnUpload() as upload:
            yield f"uploaded: {_count(len(upload.units))}; parcels: {', '.join(upload.consignments) or 'none'}"
            yield from (
                f"{unit.sku}: reason {unit.reason or '-'}, choice {unit.return_action or '-'}" for unit in upload.units
            )
        case ReturnDecision() as decision:
            yield f"decided (revision {decision.revision})"
            yield from (text for unit in decision.units for text in _decided(decision, unit))
        case ReturnEvent() as event:
            yield _event(event)
        case ReturnAction() as action:
            worth = f"{money(action.amount, action.currency)}, tax {money(action.tax, action.currency)}"
            yield f"acted: {action.option} {worth} for {action.sku}, number {action.ordinal}"
            code = f" ({action.evidence.code})" if action.evidence.code else ""
            yield f"because of {_words(action.evidence.milestone)}{code}; action_id {action.action_id}"
        case Delivery() as delivery:
            yield _delivery(delivery)
        case ReturnAlert() as alert:
            yield f"a person was called ({alert.kind}): {alert.message}"


def _decided(decision: ReturnDecision, unit: UnitDecision) -> Iterator[str]:
    name = f"{unit.sku}, number {unit.ordinal}"
    if unit.revision != decision.revision:
        yield f"{name}: as before, {unit.option or unit.state}"
        return
    yield f"{name}: {unit.option or _words(unit.state)} {_by(unit)}"
    if unit.rules and unit.rules[-1].matched:
        yield from (f"  {condition_text(condition)}" for condition in unit.rules[-1].conditions)


def _by(unit: UnitDecision) -> str:
    if unit.decided_by == "customer":
        return f"(the customer said {unit.return_action!r})"
    if unit.decided_by == "order":
        return f"({_OF_THE_ORDER[unit.state]})"
    if unit.decided_by == "nobody":
        return f"(none of {len(unit.rules)} rules holds)" if unit.rules else "(there are no rules)"
    passed = len(unit.rules) - 1
    return f"({unit.decided_by}{f', after {passed} that did not hold' if passed else ''})"


def _event(event: ReturnEvent) -> str:
    by = f"{event.source.sender} ({event.source.account})"
    if event.meaning is Meaning.LINKED:
        return f"history of parcel {event.consignment_no or event.consignment} came in"
    if event.meaning is Meaning.CREATED:
        return f"created, by {by}"
    at = instant(event.at) if event.at else f"{event.local_time} (local time)"
    where = f", {event.place}" if event.place else ""
    parcel = f", parcel {event.consignment_no or event.consignment}" if event.consignment else ""
    items = ", ".join(f"{item.count} of {item.sku}" for item in event.items)
    named = f"; items: {items}" if items else ""
    code = f"{event.code} " if event.code else ""
    return f"{_words(event.meaning)}: {code}at {at}{where}{parcel}, by {by}{named}"


def _delivery(delivery: Delivery) -> str:
    answer = f"HTTP {delivery.status}" if delivery.status is not None else delivery.error or "no answer"
    again = f", again at {instant(delivery.next_at)}" if delivery.next_at else ""
    where = f" to {delivery.url}" if delivery.url else ""
    return f"{delivery.code}{where}: {_words(delivery.result)}, {answer} (attempt {delivery.attempt}){again}"


def _stands(story: Story, standing: Standing, now: datetime) -> str:
    unit = standing.unit
    what = _words(unit.state)
    if unit.option is not None and unit.amount is not None:
        what += f", {unit.option} {money(unit.amount, unit.currency)}"
    what += " (needs a person)" if unit.needs_person else ""
    if unit.waiting_for is not None and standing.since is not None:
        return f"{what}; waits for {unit.waiting_for} since {_ago(standing.since, now)}"
    if unit.acted_at is not None:
        return f"{what} at {instant(unit.acted_at)}"
    loop = story.decision is not None and story.decision.settings.portal is Portal.LOOP
    waits = "Loop issues the outcome" if loop and unit.state is UnitState.DECIDED else "waits for nothing"
    return f"{what}; {waits}; last change {_ago(standing.changed, now)}"


def _ago(at: datetime, now: datetime) -> str:
    return f"{instant(at)} ({long_ago(now, at)})"


def _record(value: Model) -> dict[str, Any]:
    """The record as far as anybody may see it: free texts may hold what is personal."""
    if isinstance(value, ReturnUpload):
        units = [unit.model_dump(mode="json", include=_OF_UPLOADED_UNITS) for unit in value.units]
        return {**value.model_dump(mode="json", exclude={"units"}), "units": units}
    return value.model_dump(mode="json", exclude={"text"})


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _count(units: int) -> str:
    return f"{units} unit{'' if units == 1 else 's'}"


def _shown(text: str) -> str:
    """One line, whatever a stranger sent: for a terminal that only shows it, and for rich."""
    return escape(" ".join(harmless(text).splitlines()))
