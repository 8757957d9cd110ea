"""A stand-in for return-rules: turns uploads and versions of an order into the decisions that it would write."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from contracts.orders import OrderLine
from contracts.retailers import CustomerChoice, FrozenSettings, Portal, ReturnActionStage
from contracts.returns import (
    DecisionState,
    EventItem,
    Meaning,
    Option,
    OrderFacts,
    ReturnDecision,
    ReturnEvent,
    UnitDecision,
)
from contracts.tracking import Source
from tests.model.steps import CONTENTS, HoldEnds, Line, OrderVersion, Step, Told, Upload

ORDER = "acme/1001"


@dataclass
class Known:
    """One return as return-rules knows it: its newest upload, and of each unit in which revision it was decided."""

    first: Upload
    uploaded_at: datetime
    upload: Upload
    seen: list[object]
    revision: int = 1
    decided: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    waiting: bool = True
    held: bool = True


@dataclass
class RulesDouble:
    """The decisions of one order."""

    returns: dict[str, Known] = field(default_factory=dict)
    order: OrderFacts | None = None

    def tell(self, at: datetime, step: Step) -> list[ReturnDecision]:
        """What return-rules writes because of this step."""
        if isinstance(step, Upload):
            return self._upload(at, step)
        if isinstance(step, HoldEnds):
            return self._again([k for k in self.returns.values() if k.waiting and k.held], held=False)
        if isinstance(step, OrderVersion):
            first = self.order is None
            if first or (self.order is not None and at + step.updated > self.order.updated_at):
                self.order = facts(step.lines, at + step.updated)
            return self._again([k for k in self.returns.values() if k.waiting], held=True) if first else []
        return []

    def _upload(self, at: datetime, upload: Upload) -> list[ReturnDecision]:
        content = [(unit.sku.strip().casefold(), unit.content) for unit in upload.units], upload.consignments
        known = self.returns.get(upload.rma)
        if known is None:
            known = self.returns[upload.rma] = Known(upload, at, upload, [content], revision=0)
        elif content in known.seen:
            return []
        known.seen.append(content)
        known.upload = upload
        known.revision += 1
        known.waiting = self.order is None
        before, known.decided = known.decided, {}
        for unit_id, said in numbered(upload):
            kept = before.get(unit_id)
            known.decided[unit_id] = kept if kept and kept[0] == said else (said, known.revision)
        return [self._decision(known, more=0)]

    def _again(self, waiting: list[Known], *, held: bool) -> list[ReturnDecision]:
        written: list[ReturnDecision] = []
        for number, known in enumerate(waiting, start=1):
            known.revision += 1
            known.held = held
            known.waiting = self.order is None
            known.decided = {unit: (said, known.revision) for unit, (said, _) in known.decided.items()}
            written.append(self._decision(known, more=len(waiting) - number))
        return written

    def _decision(self, known: Known, more: int) -> ReturnDecision:
        spelt = {
            unit_id: unit.sku for (unit_id, _), unit in zip(numbered(known.upload), known.upload.units, strict=True)
        }
        return ReturnDecision(
            retailer="acme",
            order_key=ORDER,
            rma=known.upload.rma,
            revision=known.revision,
            uploaded_at=known.uploaded_at,
            settings=settings(known.first),
            units=tuple(self._unit(known, i, spelt[i], *decided) for i, decided in known.decided.items()),
            consignments=tuple(sorted(known.upload.consignments)),
            order=self.order,
            more=more,
        )

    def _unit(self, known: Known, unit_id: tuple[str, int], sku: str, content: str, revision: int) -> UnitDecision:
        state, option = CONTENTS[content]
        if self.order is None:
            state, option = ("waiting_for_order" if known.held else "order_not_found"), None
        return UnitDecision(
            sku=sku,
            ordinal=unit_id[1],
            revision=revision,
            content=content,
            state=DecisionState(state),
            option=Option(option) if option else None,
        )


def numbered(upload: Upload) -> list[tuple[tuple[str, int], str]]:
    """Each unit's folded sku and ordinal, and its content."""
    found: list[tuple[tuple[str, int], str]] = []
    for unit in upload.units:
        sku = unit.sku.strip().casefold()
        found.append(((sku, 1 + sum(known[0] == sku for known, _ in found)), unit.content))
    return found


def facts(lines: tuple[Line, ...], updated_at: datetime) -> OrderFacts:
    """The order's facts as a decision carries them."""
    return OrderFacts(
        id="1",
        updated_at=updated_at.astimezone(UTC),
        currency="USD",
        taxes_included=False,
        lines=tuple(
            OrderLine(
                id=line.id,
                sku=line.sku,
                quantity=line.quantity,
                refunded=line.refunded,
                price=Decimal(line.price) / 100,
                discount=Decimal(line.discount) / 100,
                tax=Decimal(line.tax) / 100,
            )
            for line in lines
        ),
    )


def settings(upload: Upload) -> FrozenSettings:
    """The settings that an upload was taken under."""
    return FrozenSettings(
        version=1,
        portal=Portal.LOOP if upload.loop else Portal.OMNIRETURNS,
        customer_choice=CustomerChoice(),
        return_action=ReturnActionStage(upload.stage),
        hold_hours=48,
        rules=(),
    )


def event_of(told: Told) -> ReturnEvent:
    """The event as it stands on its topic."""
    return ReturnEvent(
        event_id=told.id,
        retailer="acme",
        order_key=ORDER,
        rma=told.rma,
        consignment=told.consignment,
        meaning=Meaning(told.meaning),
        code=told.meaning,
        items=tuple(EventItem(sku=sku, count=count) for sku, count in told.items),
        source=Source(sender="omnirps", account="hub", retailers=("other" if told.foreign else "acme",)),
    )
