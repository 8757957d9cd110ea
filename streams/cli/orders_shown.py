"""How an order looks: what is kept, until when, each line with what was refunded and which returns claim it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from contracts.orders import Order, OrderLine
from streams.cli.amounts import money
from streams.cli.letters_shown import harmless, instant
from streams.domain.orders import expires_at
from streams.story.orders import Claimed, KeptOrder

# Of a hash so much that two can be told apart; nobody need type it.
_OF_HASH = 8


def whole(key: str, found: KeptOrder, months: int) -> Iterator[RenderableType]:
    """All of one order. months: for how many orders are kept."""
    yield f"[bold]{_shown(f'order {key}')}[/]"
    order = found.order
    if order is None:
        yield _gone(found, months)
    else:
        yield from map(_shown, _head(order, months))
        yield ""
        yield _lines(order, found.claims)
    strangers = _strangers(order, found.claims)
    for claim in strangers:
        yield _shown(f"claimed on line {claim.line_id}, which the order does not have (any more): {_claim(claim)}")
    if found.claims:
        retailer, _, name = key.partition("/")
        rmas = dict.fromkeys(claim.rma for claim in found.claims)
        yield ""
        yield from (_shown(f"returnstreams returns show {retailer} {rma!r} --order {name!r}") for rma in rmas)


def line(key: str, found: KeptOrder, months: int) -> dict[str, object]:
    """The same for programs."""
    order = found.order
    hashes = {name: _short(getattr(order, name)) for name in ("email_hash", "postcode_hash")} if order else {}
    return {
        "order_key": key,
        "order": {**order.model_dump(mode="json"), **hashes} if order else None,
        "expires_on": expires_at(order.created_at, months).isoformat() if order else None,
        "deleted_at": found.gone_at.isoformat() if found.gone_at else None,
        "deleted_because": _why(found, months),
        "claims": [
            {
                "line_id": claim.line_id,
                "number": claim.number,
                "rma": claim.rma,
                "sku": claim.sku,
                "ordinal": claim.ordinal,
                "state": claim.state,
                "option": claim.option,
            }
            for claim in found.claims
        ],
        "from": "process" if found.asked else "topic",
    }


def _head(order: Order, months: int) -> Iterator[str]:
    yield f"id {order.id} of {order.shop}, named {order.name}"
    times = f"created {instant(order.created_at)}, updated {instant(order.updated_at)}"
    yield f"{times}; expires on {instant(expires_at(order.created_at, months))}"
    if order.cancelled_at:
        yield f"cancelled {instant(order.cancelled_at)}"
    if order.other_ids:
        yield f"ambiguous: orders {', '.join(order.other_ids)} have the same name; delete or rename all but one"
    discount = money(order.total_discounts, order.currency)
    tax = "tax included" if order.taxes_included else "tax on top"
    shown_in = f", shown in {order.presentment_currency}" if order.presentment_currency else ""
    yield f"total {money(order.total_price, order.currency)}, {tax}, discounts {discount}{shown_in}"
    yield f"codes: {', '.join(order.discount_codes) or 'none'}; tags: {', '.join(order.tags) or 'none'}"
    hashes = f"e-mail {_short(order.email_hash) or '-'}, postcode {_short(order.postcode_hash) or '-'}"
    yield f"country {order.country or '-'}; hashes: {hashes}"
    shipped = ", ".join(fulfilment.id for fulfilment in order.fulfilments)
    yield f"fulfilments: {shipped or 'none'}"


def _lines(order: Order, claims: list[Claimed]) -> Table:
    table = Table("line", "sku", "variant", "quantity", "refunded", "price", "discount", "tax", "claimed by", box=None)
    for each in order.lines:
        held = [_claim(claim) for claim in claims if claim.line_id == each.id]
        table.add_row(*(_shown(cell) for cell in _cells(each, order.currency)), _shown("; ".join(held)) or "-")
    return table


def _cells(line: OrderLine, currency: str) -> tuple[str, ...]:
    amounts = (money(amount, currency) for amount in (line.price, line.discount, line.tax))
    return line.id, line.sku or "-", line.variant_id or "-", str(line.quantity), str(line.refunded), *amounts


def _claim(claim: Claimed) -> str:
    stands = " ".join(filter(None, (claim.state.replace("_", " "), claim.option)))
    return f"number {claim.number}: return {claim.rma}, {claim.sku} {claim.ordinal}, {stands}"


def _strangers(order: Order | None, claims: list[Claimed]) -> list[Claimed]:
    known = {line.id for line in order.lines} if order else set()
    return [claim for claim in claims if claim.line_id not in known]


def _gone(found: KeptOrder, months: int) -> str:
    if found.gone_at is None:
        return "cannot be read: a newer release wrote it"
    why = {"expired": "expired on", "erased": "erased on"}.get(_why(found, months) or "", "expired, or was erased, on")
    return f"{why} {instant(found.gone_at)}; only its returns remain"


def _why(found: KeptOrder, months: int) -> str | None:
    """Whether it had become too old when it was deleted; None where there is nothing by which to tell."""
    if found.gone_at is None or found.last is None:
        return None
    # A timer fires at its millisecond, and the brokers stamp milliseconds.
    due = expires_at(found.last.created_at, months)
    return "expired" if found.gone_at >= _whole_ms(due) else "erased"


def _whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _short(hashed: str | None) -> str | None:
    return f"{hashed[:_OF_HASH]}…" if hashed else None


def _shown(text: str) -> str:
    """One line, whatever a stranger sent: for a terminal that only shows it, and for rich."""
    return escape(" ".join(harmless(text).splitlines()))
