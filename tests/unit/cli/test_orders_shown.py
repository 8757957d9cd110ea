"""How `orders show` tells of an order: until when it is kept, what was refunded, who claims it; nothing personal."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from rich.console import Console

from contracts.orders import Fulfilment, Order, OrderLine
from streams.cli.orders_shown import line, whole
from streams.story.orders import Claimed, KeptOrder
from tests.unit.domain.builders import order

KEY = "acme/1001"
CLAIM = Claimed("11", 2, "R[1]", "TEE-M", 1, "waiting_for_order", "refund")
EXPIRES = datetime(2027, 2, 1, 10, tzinfo=UTC)


def shown(found: KeptOrder, months: int = 3) -> str:
    console = Console(file=io.StringIO(), width=200)
    for each in whole(KEY, found, months):
        console.print(each)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def full() -> Order:
    tee = OrderLine(
        id="11", sku="TEE-M", quantity=2, price=Decimal("50.00"), discount=Decimal("5"), tax=Decimal(8), refunded=1
    )
    return order(
        lines=(tee, OrderLine(id="12", quantity=1, price=Decimal(10))),
        email_hash="a" * 64,
        postcode_hash="b" * 64,
        tags=("vip", "[red]x"),
        discount_codes=("TEN",),
        country="GB",
        fulfilments=(Fulfilment(id="31", lines={"11": 2}),),
        cancelled_at=datetime(2026, 11, 3, tzinfo=UTC),
        presentment_currency="EUR",
    )


def test_all_that_matters_of_an_order_is_told() -> None:
    text = shown(KeptOrder(full(), claims=[CLAIM], asked=True))

    for told in (
        "order acme/1001",
        "expires on 2027-02-01T10:00:00Z",
        "cancelled 2026-11-03T00:00:00Z",
        "total 100.00 USD, tax on top, discounts 0.00 USD, shown in EUR",
        "codes: TEN; tags: vip, [red]x",
        "country GB; hashes: e-mail aaaaaaaa…, postcode bbbbbbbb…",
        "fulfilments: 31",
        "number 2: return R[1], TEE-M 1, waiting for order refund",
        "returnstreams returns show acme 'R[1]' --order '1001'",
    ):
        assert told in text
    row = next(row.split() for row in text.splitlines() if row.lstrip().startswith("11 "))
    assert row[1:5] == ["TEE-M", "-", "2", "1"]
    assert "a" * 9 not in text


def test_the_setting_decides_when_it_expires() -> None:
    assert "expires on 2026-12-01T10:00:00Z" in shown(KeptOrder(full()), months=1)


def test_namesakes_are_told() -> None:
    assert "ambiguous: orders 7, 8 have the same name" in shown(KeptOrder(order(other_ids=("7", "8"))))


@pytest.mark.parametrize(
    ("last", "gone_at", "told"),
    [
        (order(), EXPIRES, "expired on 2027-02-01T10:00:00Z"),
        (order(), EXPIRES - timedelta(days=1), "erased on 2027-01-31T10:00:00Z"),
        (None, EXPIRES, "expired, or was erased, on 2027-02-01T10:00:00Z"),
    ],
)
def test_of_one_that_is_gone_is_told_when_and_why_as_far_as_can_be_known(
    last: Order | None, gone_at: datetime, told: str
) -> None:
    text = shown(KeptOrder(last=last, gone_at=gone_at, claims=[CLAIM]))

    assert told in text
    assert "claimed on line 11, which the order does not have" in text


def test_for_programs_the_same_with_short_hashes() -> None:
    found = json.loads(orjson.dumps(line(KEY, KeptOrder(full(), claims=[CLAIM], asked=True), 3)))

    assert (found["order"]["id"], found["order"]["email_hash"]) == ("1", "aaaaaaaa…")
    assert (found["expires_on"], found["deleted_at"], found["from"]) == ("2027-02-01T10:00:00+00:00", None, "process")
    assert [(claim["rma"], claim["number"]) for claim in found["claims"]] == [("R[1]", 2)]
    gone = line(KEY, KeptOrder(last=order(), gone_at=EXPIRES), 3)
    assert (gone["order"], gone["deleted_because"]) == (None, "expired")
