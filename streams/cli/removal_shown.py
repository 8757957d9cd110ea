"""What somebody reads before a retailer is removed: what it leaves behind, what happens then, and what to do first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from contracts.retailers import Retailer
from producers.accounts import Account
from streams.cli.instants import long_ago
from streams.engine.parking import LONGEST_WAIT
from streams.retailer_removal import LeftBehind, OpenUnits


def before(
    retailer: Retailer, left: LeftBehind, accounts: Sequence[tuple[str, Account]], now: datetime
) -> Iterator[str]:
    """All of it, line by line. accounts: those in the settings that name the retailer, with their senders."""
    yield f"{retailer.id} ({retailer.name}), version {retailer.version}, would leave behind"
    yield f"  orders in the table: {left.orders:,}"
    yield from _units(left.units)
    yield from _deliveries(retailer, left, now)
    yield from _accounts(retailer, accounts)
    if retailer.shopify.secret_ref is not None:
        yield f"  webhook subscriptions in {retailer.shopify.shop}, if it has any: the shop was not asked"
    yield "first, as far as it is not done"
    yield from _first(retailer, left)
    yield "then"
    yield from _then()


def done(retailer: Retailer) -> str:
    """What was written, and the way back."""
    return (
        f"removed: {retailer.id} (version {retailer.version}); every process follows without a restart. "
        f"`returnstreams retailers apply` of a file with it brings it back, as version {retailer.version + 1}"
    )


def _units(units: OpenUnits) -> Iterator[str]:
    states = units.states
    if not states:
        yield "  returns that are not through: 0"
        return
    told = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in sorted(states.items()))
    yield f"  returns that are not through: {units.returns:,}; their units: {told}"
    yield f"  of these units, decided and paid once their milestone comes: {units.waiting:,}"


def _deliveries(retailer: Retailer, left: LeftBehind, now: datetime) -> Iterator[str]:
    each = left.deliveries
    oldest = "" if each.oldest is None else f", the oldest for {long_ago(now, each.oldest)}"
    where = "its hook" if retailer.hook else "a hook, though it has none"
    yield f"  deliveries owed to {where}: {each.owed + each.failing:,} ({each.failing:,} of them failing{oldest})"
    yield f"  deliveries that were given up: {each.given_up:,}"


def _accounts(retailer: Retailer, accounts: Sequence[tuple[str, Account]]) -> Iterator[str]:
    if not accounts:
        yield "  accounts of senders that name it in these settings: none"
    for sender, account in accounts:
        others = [name for name in account.retailers if name != retailer.id]
        beside = f"beside {', '.join(others)}" if others else "and nobody else: it would speak for no one"
        yield f"  account {account.name!r} of {sender} names it {beside}"


def _first(retailer: Retailer, left: LeftBehind) -> Iterator[str]:
    id = retailer.id
    yield "  have its portal upload no more returns, and its shop send no more webhooks (remove the app there; the"
    yield "  request to erase the shop comes 48 hours later, and is refused once the retailer is gone)"
    if left.units.states:
        yield "  let its open returns come to an end, or withdraw or reject those that must not pay"
    if left.deliveries.owed or left.deliveries.failing or left.deliveries.given_up:
        yield f"  have what is owed delivered: `returnstreams deliveries list --retailer {id}`"


def _then() -> Iterator[str]:
    yield "  the ingress refuses its uploads and its shop's webhooks; its scheduled reconciliation ends"
    yield "  returns that were decided go on under the settings they keep: what falls due is still paid"
    yield f"  its new returns and tracking updates on the way wait {LONGEST_WAIT.days} days for it to come back, and"
    yield "  become dead letters then"
    yield "  each delivery that is owed ends as no_hook, with an alert; `deliveries replay` sends it for 30 days"
    yield "  nothing is erased: orders stay until they expire, topics keep what they keep"
