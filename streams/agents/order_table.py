"""order-table: the newest version of each order, by the shop's own clock, for months; no erased one returns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from contracts import topics
from contracts.actions import AlertKind
from contracts.keys import order_key, split_order_key
from contracts.model import Id, Instant, Model
from contracts.orders import AppUninstalled, DataRequest, Order, OrderErasure, OrderHint, ShopifyOrder
from streams.agents.alerts import raise_alert
from streams.agents.disk_sweep import DiskSweep
from streams.agents.order_fetching import OrderFetching, shop_of
from streams.agents.shop_matters import app_uninstalled, check_retailer, check_shop, data_requested
from streams.domain.erasure import MARKED_FOR, ErasureMark, covered, order_mark, shop_mark
from streams.domain.fields import instant
from streams.domain.namesakes import Namesakes
from streams.domain.orders import KEPT_MONTHS, expires_at, slim
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.errors import ContractViolation
from streams.engine.records import Event
from streams.engine.timers import Timer

NAME = "order-table"

# An order's deletion writes up to seven rows; with their commit 200 of them hold a task for 30-60 ms (measured), and
# two such erasures at once others' records for twice that.
ERASED_AT_ONCE = 200


class Whereabouts(Model):
    """Where an order lies that only its id names."""

    order_key: str
    order_id: Id


class Retention(Model):
    """For how many calendar months the orders of this partition were kept when the setting was last looked at."""

    months: int


class OwedErasure(Model):
    """Orders that an erasure named and that are still to be looked for. at: of the erasure."""

    retailer: str
    order_ids: tuple[Id, ...]
    at: Instant


def order_table(hash_key: bytes, kept_months: int = KEPT_MONTHS) -> Agent:
    """The agent. hash_key: the installation's secret, with which e-mail, postcode and erased ids are hashed.

    Changing it makes the marks of the last 60 days' erasures void. ValueError where it is empty.
    kept_months: calendar months from an order's creation to its deletion; a change holds for stored orders too.
    """
    return _OrderTable(hash_key, kept_months).agent


class _OrderTable:
    """The agent's stores and handlers, and the one secret they need.

    others: `<order key>|<id>`, further orders under a key. whereabouts: `<retailer>|<id>|<order key>`.
    marks: of erasures, by `order_mark` and `shop_mark`. owed: `<offset>|<number>`, the rest of long erasures.
    retention: one row under an empty key, none while orders are kept as long as they are by default.
    """

    def __init__(self, hash_key: bytes, kept_months: int) -> None:
        if not hash_key:
            raise ValueError("the hash key is empty: without a secret key every e-mail could be guessed from its hash")
        self.hash_key = hash_key
        self.kept_months = kept_months
        self.agent = Agent(NAME)
        self.orders = self.agent.store("orders", Order, changelog=topics.ORDERS, shown=True)
        self.others = self.agent.store("other-orders", Order)
        self.whereabouts = self.agent.store("whereabouts", Whereabouts)
        self.marks = self.agent.store("erasure-marks", ErasureMark)
        self.owed = self.agent.store("owed-erasures", OwedErasure)
        self.retention = self.agent.store("retention", Retention)
        self.disk = DiskSweep(self.agent, self.orders)
        self.expiry = self.agent.timer("expiry")
        self.new_expiry = self.agent.timer("new-expiry")
        self.owed_erasure = self.agent.timer("owed-erasure")
        self.shop_erasure = self.agent.timer("shop-erasure")
        self.mark_expiry = self.agent.timer("mark-expiry")
        self.agent.on(topics.ORDER_EVENTS, ShopifyOrder)(self.keep_newest)
        self.agent.on(topics.ORDER_EVENTS, OrderErasure)(self.erase)
        self.fetching = OrderFetching(self.agent)
        self.agent.on(topics.ORDER_EVENTS, OrderHint)(self.fetching.hinted)
        self.agent.on(topics.ORDER_EVENTS, DataRequest)(data_requested)
        self.agent.on(topics.ORDER_EVENTS, AppUninstalled)(app_uninstalled)
        self.expiry.fires(self.expire)
        self.new_expiry.fires(self.expire_anew)
        self.owed_erasure.fires(self.continue_erasure)
        self.shop_erasure.fires(self.continue_shop_erasure)
        self.mark_expiry.fires(self.forget_mark)

    def keep_newest(self, event: Event[ShopifyOrder], ctx: Context) -> None:
        """The newest version wins, by the shop's own clock; what is too old or was erased is not stored."""
        order = self._slimmed(event, ctx)
        check_shop(event, ctx.retailers.get(order.retailer))
        self._look_at_the_setting(ctx)
        if ctx.now >= expires_at(order.created_at, self.kept_months) or self._erased(order, ctx):
            return
        known = self._load(event.key, ctx)
        if self.fetching.takes(event, order, known, ctx):
            return
        now_known = known.taking(order)
        self._save(event.key, known, now_known, ctx)
        if len(known.orders) == 1 and len(now_known.orders) == 2:
            message = f"orders {' and '.join(o.id for o in now_known.orders)} have the same name: delete or rename one"
            ids = "|".join(order.id for order in now_known.orders)
            kind = AlertKind.ORDER_AMBIGUOUS
            raise_alert(ctx, kind, retailer=order.retailer, order_key=event.key, message=message, about=ids)

    def expire(self, timer: Timer, ctx: Context) -> None:
        """So many calendar months after its creation an order is deleted; a timer of a shorter setting is set anew."""
        self._look_at_the_setting(ctx)
        known = self._load(timer.key, ctx)
        kept = known.kept_at(max(ctx.now, timer.due), self.kept_months)
        self._save(timer.key, known, kept, ctx)
        self._expire_at(timer.key, kept.next_expiry(self.kept_months), ctx)

    def expire_anew(self, timer: Timer, ctx: Context) -> None:
        """The setting has changed: the next orders get their new timers, from where the last batch ended."""
        some = list(islice(ctx.scan(self.orders, after=timer.payload.decode()), ERASED_AT_ONCE))
        for key, _ in some:
            self._expire_at(key, self._load(key, ctx).next_expiry(self.kept_months), ctx)
        if len(some) == ERASED_AT_ONCE:
            ctx.set_timer(self.new_expiry, "", ctx.now, some[-1][0].encode())

    def erase(self, event: Event[OrderErasure], ctx: Context) -> None:
        """Orders that this partition has get their tombstones; a mark keeps late and repeated ones away."""
        erasure = event.value
        check_retailer(event.key, erasure.retailer)
        # A publisher whose clock is ahead must not keep tomorrow's orders out.
        at = min(event.at, ctx.now)
        now, later = erasure.order_ids[:ERASED_AT_ONCE], erasure.order_ids[ERASED_AT_ONCE:]
        self._erase(erasure.retailer, now, at, ctx)
        for number, order_ids in enumerate(_portions(later)):
            owed = OwedErasure(retailer=erasure.retailer, order_ids=order_ids, at=at)
            ctx.put(self.owed, f"{event.record.offset:020d}|{number:06d}", owed)
        if later:
            ctx.set_timer(self.owed_erasure, "", ctx.now)
        if erasure.whole_shop:
            self._mark(shop_mark(erasure.retailer), at, ctx)
            self._erase_some(erasure.retailer, "", ctx)

    def continue_erasure(self, timer: Timer, ctx: Context) -> None:
        """The next orders that an erasure named, the oldest erasure first. What came meanwhile is erased with them."""
        for key, owed in islice(ctx.scan(self.owed), 1):
            self._erase(owed.retailer, owed.order_ids, owed.at, ctx)
            ctx.delete(self.owed, key)
            ctx.set_timer(self.owed_erasure, "", ctx.now)

    def continue_shop_erasure(self, timer: Timer, ctx: Context) -> None:
        """The next orders of a shop that is being forgotten, from where the last batch ended."""
        self._erase_some(timer.key, timer.payload.decode(), ctx)

    def forget_mark(self, timer: Timer, ctx: Context) -> None:
        """Nothing that it keeps away can come any more."""
        ctx.delete(self.marks, timer.key)

    def _slimmed(self, event: Event[ShopifyOrder], ctx: Context) -> Order:
        retailer = _retailer_of(event)
        shop = shop_of(event, retailer, ctx)
        triggered_at = instant(event.envelope.extensions.get("triggeredat", ""))
        try:
            order = slim(event.value, retailer=retailer, shop=shop, triggered_at=triggered_at, hash_key=self.hash_key)
            expires_at(order.created_at, self.kept_months)
        except (OverflowError, ValueError) as error:  # a time at the end of the calendar
            raise ContractViolation(f"order {event.value.id} has an impossible time: {error}") from error
        return order

    def _erased(self, order: Order, ctx: Context) -> bool:
        if ctx.get(self.marks, order_mark(order.retailer, order.id, self.hash_key)) is not None:
            return True
        shop = ctx.get(self.marks, shop_mark(order.retailer))
        return shop is not None and covered(order, shop.at)

    def _mark(self, key: str, at: datetime, ctx: Context) -> None:
        earlier = ctx.get(self.marks, key)
        ctx.put(self.marks, key, ErasureMark(at=max(at, earlier.at) if earlier else at))
        ctx.set_timer(self.mark_expiry, key, ctx.now + MARKED_FOR)

    def _erase(self, retailer: str, order_ids: tuple[str, ...], at: datetime, ctx: Context) -> None:
        for order_id in order_ids:
            self._mark(order_mark(retailer, order_id, self.hash_key), at, ctx)
            for found in self._find(retailer, order_id, ctx):
                known = self._load(found.order_key, ctx)
                self._save(found.order_key, known, known.without(order_id), ctx)

    def _erase_some(self, retailer: str, done: str, ctx: Context) -> None:
        """Delete the next orders of a shop that its erasure covers; a timer goes on behind the last one looked at."""
        mark = ctx.get(self.marks, shop_mark(retailer))
        if mark is None:
            return
        some = list(islice(ctx.scan(self.whereabouts, f"{retailer}|", after=done), ERASED_AT_ONCE))
        for _, found in some:
            known = self._load(found.order_key, ctx)
            if any(order.id == found.order_id and covered(order, mark.at) for order in known.orders):
                self._save(found.order_key, known, known.without(found.order_id), ctx)
        if len(some) == ERASED_AT_ONCE:
            ctx.set_timer(self.shop_erasure, retailer, ctx.now, some[-1][0].encode())

    def _find(self, retailer: str, order_id: str, ctx: Context) -> list[Whereabouts]:
        rows = list(ctx.scan(self.whereabouts, f"{retailer}|{order_id}|"))
        return [found for _, found in rows if found.order_id == order_id]

    def _load(self, key: str, ctx: Context) -> Namesakes:
        row = ctx.get(self.orders, key)
        return Namesakes.read(row, lambda order_id: ctx.get(self.others, f"{key}|{order_id}"))

    def _save(self, key: str, before: Namesakes, after: Namesakes, ctx: Context) -> None:
        """Write what differs: the row that readers see, the others, where each lies, and when the next expires."""
        self._save_whereabouts(key, before, after, ctx)
        known_others, others = ({o.id: o for o in which.orders[1:]} for which in (before, after))
        for gone in known_others.keys() - others.keys():
            ctx.delete(self.others, f"{key}|{gone}")
        for order_id, order in others.items():
            if order != known_others.get(order_id):
                ctx.put(self.others, f"{key}|{order_id}", order)
        row = after.row
        if row is None and before.orders:
            ctx.delete(self.orders, key)
            ctx.cancel_timer(self.expiry, key)
        elif row is not None and row != before.row:
            ctx.put(self.orders, key, row)
        expiry = after.next_expiry(self.kept_months)
        if expiry != before.next_expiry(self.kept_months):
            self._expire_at(key, expiry, ctx)

    def _expire_at(self, key: str, at: datetime | None, ctx: Context) -> None:
        if at is not None:
            ctx.set_timer(self.expiry, key, at)

    def _look_at_the_setting(self, ctx: Context) -> None:
        """Go through the stored orders once where they are to be kept longer or shorter than when they came."""
        row = ctx.get(self.retention, "")
        if (row.months if row else KEPT_MONTHS) == self.kept_months:
            return
        if self.kept_months == KEPT_MONTHS:
            ctx.delete(self.retention, "")
        else:
            ctx.put(self.retention, "", Retention(months=self.kept_months))
        ctx.set_timer(self.new_expiry, "", ctx.now)

    def _save_whereabouts(self, key: str, before: Namesakes, after: Namesakes, ctx: Context) -> None:
        retailer, _ = split_order_key(key)
        for gone in sorted(before.ids - after.ids):
            ctx.delete(self.whereabouts, f"{retailer}|{gone}|{key}")
            self.disk.deleted(ctx)
        for met in sorted(after.ids - before.ids):
            ctx.put(self.whereabouts, f"{retailer}|{met}|{key}", Whereabouts(order_key=key, order_id=met))


def _portions(order_ids: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(order_ids), ERASED_AT_ONCE):
        yield order_ids[start : start + ERASED_AT_ONCE]


def _retailer_of(event: Event[ShopifyOrder]) -> str:
    try:
        retailer, _ = split_order_key(event.key)
    except ValueError as error:
        raise ContractViolation(str(error)) from error
    expected = order_key(retailer, event.value.name)
    if event.key != expected:
        raise ContractViolation(f"key {event.key!r} does not fit order {event.value.name!r}: it must be {expected!r}")
    return retailer
