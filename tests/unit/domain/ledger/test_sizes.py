"""What is large must cost no more than its size: heartbeats share the loop with the handlers."""

from __future__ import annotations

import pytest

from contracts.keys import folded_sku
from contracts.returns import ReturnUpload, UploadedUnit
from streams.domain import kept_returns
from streams.domain.ledger import matching, state, uploads
from tests.unit.domain.ledger.builders import NOON, Book, decision, event, facts, line, settings

MILLIONS = 2_000_000_000


def test_a_line_of_two_thousand_million_is_matched_and_priced_without_counting_it_up() -> None:
    book = Book()
    book.take(decision("TEE", "TEE", order=facts(line(quantity=MILLIONS, price="0.01"))))
    assert book.claims == {"R1/TEE/1": "line-TEE/1", "R1/TEE/2": "line-TEE/2"}

    refunded = facts(line(quantity=MILLIONS, refunded=MILLIONS - 1))
    book.take(decision("TEE", rma="R2", order=refunded), decision("TEE", rma="R3", order=refunded))
    assert book.states["R2/TEE/1"] == "already_refunded"
    assert book.row("R1/TEE/1").amount is not None


def folds(monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """How many skus are folded while a return of so many units is uploaded, changed, paid for and stopped."""
    calls: list[None] = []

    def folding(sku: str) -> str:
        calls.append(None)
        return folded_sku(sku)

    for module in (matching, state, uploads):
        monkeypatch.setattr(module, "folded_sku", folding)
    order = facts(*(line(id=str(number), quantity=1) for number in range(count)))
    said = ["TEE"] * count
    for last in ("first_scan", "rejected"):
        Book().take(decision(*said, order=order), decision(*said, revision=2, order=order), event(last))
    return len(calls)


def kept_folds(monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """The same for the uploads alone, where their order has not come."""
    calls: list[None] = []

    def folding(sku: str) -> str:
        calls.append(None)
        return folded_sku(sku)

    monkeypatch.setattr(kept_returns, "folded_sku", folding)
    first, second = (
        ReturnUpload(retailer="acme", order_name="1", rma="R1", units=(UploadedUnit(sku="TEE", reason=reason),) * count)
        for reason in ("Faulty", "Late")
    )
    known = kept_returns.OrderReturns().first("R1", settings(), NOON).taking(first, NOON, None)
    assert known.taking(second, NOON, None).units != known.units
    return len(calls)


def test_the_work_for_a_return_grows_with_its_units_and_not_with_their_square(monkeypatch: pytest.MonkeyPatch) -> None:
    few = folds(monkeypatch, 20)
    assert folds(monkeypatch, 200) < 15 * few


def test_the_same_for_what_return_rules_keeps_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    few = kept_folds(monkeypatch, 20)
    assert kept_folds(monkeypatch, 200) < 15 * few
