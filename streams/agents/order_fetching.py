"""Orders of retailers with `order_source: admin_api`: a notification says that there is something to fetch, no more.

However many notifications come of one order while it is being fetched, it is fetched once more at most. What comes back
is written to order-events under the order's own key, for only there is it known what the table has of it.
"""

from __future__ import annotations

from datetime import timedelta

from contracts import keys, topics
from contracts.actions import AlertKind
from contracts.model import Id, Instant, Model
from contracts.orders import Order, OrderHint, ShopifyOrder
from contracts.retailers import OrderSource
from streams.agents.alerts import raise_alert
from streams.agents.shop_matters import check_retailer
from streams.domain.namesakes import Namesakes
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.outbox import Again, Call, Done, Policy, Verdict
from streams.engine.records import Event

# What this agent itself wrote: an order that was fetched.
OWN_SOURCE = "returnstreams/order-table"
# `ce_via` of orders that come from the Admin API already (producers/order_records.py).
FETCHED_VIA = frozenset({"import", "reconcile"})

HOUR_S = 60 * 60
# A caller gives up after 45 s; the rest is for its answer to be committed before the call counts as lost.
CALL_TIMEOUT_S = 45 + 15
POLICY = Policy(
    timeout_s=CALL_TIMEOUT_S,
    delays_s=(5, 30, 120, 600, HOUR_S, 6 * HOUR_S),
    give_up_after_s=24 * HOUR_S,
    concurrency=8,
)
# Right after its creation an order may not be found yet; one that was deleted never will be.
LOOKED_FOR = 3


class OrderFetch(Model):
    """One order to be fetched. order_key: where its notification stood; of a hint that is no order's key."""

    retailer: str
    order_id: Id
    order_key: str


class FetchedOrder(Model):
    """What a fetch brought: the order, or why there is none. Both None: the shop has no such order.

    final: whether another attempt is pointless, because the retailer is gone or does not want it any more.
    """

    order: ShopifyOrder | None = None
    error: str | None = None
    final: bool = False


class Asked(Model):
    """A fetch that is queued or under way. newest: of the versions that notifications told of meanwhile.

    again: something told of a change without a version.
    """

    number: int = 1
    newest: Instant | None = None
    again: bool = False


class OrderFetching:
    """The part of order-table that fetches. asked: `<retailer>|<order id>`."""

    def __init__(self, agent: Agent, policy: Policy = POLICY) -> None:
        self.asked = agent.store("order-fetches", Asked)
        self.outbox = agent.outbox("order", OrderFetch, FetchedOrder, policy)
        self.outbox.answered(self.answered)

    def takes(self, event: Event[ShopifyOrder], order: Order, known: Namesakes, ctx: Context) -> bool:
        """Whether this is only a notification: then the order is fetched, unless the table has that version."""
        envelope = event.envelope
        if envelope.source == OWN_SOURCE or envelope.extensions.get("via") in FETCHED_VIA:
            return False
        if not _by_fetching(order.retailer, ctx):
            return False
        if not any(o.id == order.id and o.updated_at >= order.updated_at for o in known.orders):
            wanted = OrderFetch(retailer=order.retailer, order_id=order.id, order_key=event.key)
            self._ask(wanted, ctx, Asked(newest=order.updated_at))
        return True

    def hinted(self, event: Event[OrderHint], ctx: Context) -> None:
        """Something happened to an order that only its id names: fetch it, where orders are fetched.

        Otherwise a hint changes nothing: orders/updated follows with the whole order.
        """
        hint = event.value
        check_retailer(event.key, hint.retailer)
        if _by_fetching(hint.retailer, ctx):
            wanted = OrderFetch(retailer=hint.retailer, order_id=hint.order_id, order_key=event.key)
            self._ask(wanted, ctx, Asked(again=True))

    def answered(self, call: Call[OrderFetch], answer: FetchedOrder, ctx: Context) -> Verdict:
        """Write what came; try again what failed, and call a person about what failed for a day."""
        row = _row(call.intent)
        if answer.order is not None:
            self._write(call.intent.retailer, answer.order, ctx)
            return self._next(call, answer.order, ctx)
        at = ctx.now + timedelta(seconds=self.outbox.policy.delay_s(call.attempt))
        if answer.error is None and call.attempt < LOOKED_FOR:
            return Again(at)
        if answer.error is None or answer.final:
            ctx.delete(self.asked, row)
            return Done()
        patience = self.outbox.policy.give_up_after_s
        if patience is None or at <= call.first_at + timedelta(seconds=patience):
            return Again(at)
        ctx.delete(self.asked, row)
        _call_about_given_up(call, answer.error, ctx)
        return Done()

    def _ask(self, wanted: OrderFetch, ctx: Context, told: Asked) -> None:
        row = _row(wanted)
        known = ctx.get(self.asked, row)
        if known is None:
            # What it is asked for is what comes; only what is told from here on may need another fetch.
            ctx.put(self.asked, row, told.model_copy(update={"again": False}))
            self._call(wanted, 1, ctx)
            return
        newest = max(filter(None, (known.newest, told.newest)), default=None)
        ctx.put(self.asked, row, known.model_copy(update={"newest": newest, "again": known.again or told.again}))

    def _call(self, wanted: OrderFetch, number: int, ctx: Context) -> None:
        ctx.call(self.outbox, _row(wanted), wanted, id=keys.fact_id("order-fetch", _row(wanted), number, ctx.cause.id))

    def _next(self, call: Call[OrderFetch], fetched: ShopifyOrder, ctx: Context) -> Verdict:
        """Fetch once more what was told of meanwhile and is not in what came."""
        row = _row(call.intent)
        asked = ctx.get(self.asked, row) or Asked()
        if asked.again or (asked.newest is not None and fetched.updated_at < asked.newest):
            # A version that the shop tells of and does not show is not asked for for ever: only what is newly told is.
            ctx.put(self.asked, row, Asked(number=asked.number + 1))
            self._call(call.intent, asked.number + 1, ctx)
        else:
            ctx.delete(self.asked, row)
        return Done()

    def _write(self, retailer: str, order: ShopifyOrder, ctx: Context) -> None:
        if keys.order_name(order.name):
            ident = keys.fact_id("shopify-admin", retailer, order.id, order.updated_at.isoformat())
            ctx.emit(topics.ORDER_EVENTS, order, key=keys.order_key(retailer, order.name), id=ident)


def shop_of(event: Event[ShopifyOrder], retailer: str, ctx: Context) -> str:
    """The shop that an order record is of; those that this agent wrote are of the retailer's."""
    source = event.envelope.source
    if source == OWN_SOURCE:
        known = ctx.retailers.get(retailer)
        return known.shopify.shop.lower() if known else ""
    return event.envelope.extensions.get("shop", source.removeprefix("shopify://"))


def _by_fetching(retailer: str, ctx: Context) -> bool:
    known = ctx.retailers.get(retailer)
    return known is not None and known.shopify.order_source is OrderSource.ADMIN_API


def _row(of: OrderFetch) -> str:
    return f"{of.retailer}|{of.order_id}"


def _call_about_given_up(call: Call[OrderFetch], error: str, ctx: Context) -> None:
    raise_alert(
        ctx,
        AlertKind.ORDER_NOT_FETCHED,
        retailer=call.intent.retailer,
        order_key=call.intent.order_key,
        message=f"order {call.intent.order_id} could not be fetched from its shop in {call.attempt} attempts; the last "
        f"one met: {error}; mend that and run `returnstreams orders reconcile --retailer {call.intent.retailer}`",
        about=call.id,
    )
