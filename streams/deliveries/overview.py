"""Where all deliveries stand, folded into a temporary database: what a million of them take is disk, not memory."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from contracts.tracking import Delivery, DeliveryResult
from streams.agents.tracking_forward import CALL_TIMEOUT_S
from streams.engine.outbox import NEVER
from streams.engine.queued import Due, Queued


class State(StrEnum):
    """Where a delivery stands. owed: not tried yet, or just being tried for the first time."""

    OWED = "owed"
    FAILING = "failing"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


OPEN = frozenset({State.OWED, State.FAILING})


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries are meant. since: queued, or where they ended, ended then or later."""

    retailer: str | None = None
    order_key: str | None = None
    since: datetime | None = None

    def takes(self, key: bytes | None) -> bool:
        """Whether a record under this order key may be about one of them."""
        if self.order_key is not None and key != self.order_key.encode():
            return False
        return self.retailer is None or (key or b"").startswith(f"{self.retailer}/".encode())

    def after(self, at: datetime | None) -> bool:
        """Whether one of this time is. Rows of a release that did not say when are."""
        return self.since is None or at is None or at >= self.since


@dataclass(frozen=True, slots=True)
class Standing:
    """One delivery. since: when it was queued, or ended. next_at: when it may be tried, None while others come first.

    last: its newest attempt, where that was looked for.
    """

    state: State
    delivery_id: str
    order_key: str
    rma: str | None
    code: str
    attempt: int
    since: datetime | None
    next_at: datetime | None = None
    last: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one retailer. delivered: how often its hook took one. oldest: since when the oldest is owed or failing."""

    retailer: str
    owed: int = 0
    failing: int = 0
    delivered: int = 0
    given_up: int = 0
    oldest: datetime | None = None


# A million rows come in no order of their keys: with the 2 MB of its default the database would wait for the disk.
_CACHE_KIB = 64 * 1024
_TABLES = f"""
PRAGMA cache_size = -{_CACHE_KIB}; PRAGMA journal_mode = OFF;
CREATE TABLE open (order_key TEXT, number INTEGER, id TEXT, replay TEXT, retailer TEXT, rma TEXT, code TEXT,
                   state TEXT, attempt INTEGER, since REAL, PRIMARY KEY (order_key, number)) WITHOUT ROWID;
CREATE TABLE due (order_key TEXT PRIMARY KEY, at REAL) WITHOUT ROWID;
CREATE TABLE ended (id TEXT PRIMARY KEY, retailer TEXT, order_key TEXT, state TEXT, since REAL, delivery TEXT)
WITHOUT ROWID;
"""
# Afterwards: to keep an index while a million rows come in no order costs more than to make it once.
_INDICES = "CREATE INDEX open_id ON open (id); CREATE INDEX open_since ON open (since);"
_OPEN = """
SELECT state, id, order_key, rma, code, attempt, since,
       CASE WHEN number = (SELECT min(number) FROM open AS o WHERE o.order_key = open.order_key)
            THEN (SELECT at FROM due WHERE due.order_key = open.order_key) END
FROM open WHERE state IN (?, ?) ORDER BY since, order_key, number LIMIT ?
"""
# What waits for a person is in both: in its queue, and with the attempt after which it was given up.
_KEPT = "SELECT state, since, delivery FROM ended WHERE id NOT IN (SELECT id FROM open WHERE state != 'given-up') "
_ENDED = f"{_KEPT} AND state = ? "
_WAITS = """
UPDATE open SET state = 'given-up' WHERE number = (SELECT min(number) FROM open AS o WHERE o.order_key = open.order_key)
AND order_key IN (SELECT order_key FROM due WHERE at >= ?)
"""

_WAITING = "SELECT id, replay, retailer, order_key, rma, code, attempt, since FROM open WHERE state = 'given-up'"
_ENDS = "INSERT OR REPLACE INTO ended VALUES (?, ?, ?, ?, ?, ?)"
_ENDS_UNLESS_KNOWN = "INSERT OR IGNORE INTO ended VALUES (?, ?, ?, ?, ?, ?)"


class Overview:
    """Deliveries as the topics tell them. First all of the changelog, then all of tracking-deliveries.

    now: when the reading began. keep_delivered: whether single ones of those will be asked for.
    """

    def __init__(self, wanted: Filter, now: datetime, keep_delivered: bool = False) -> None:
        self._wanted = wanted
        self._now = now
        self._kept = {State.GIVEN_UP, State.DELIVERED} if keep_delivered else {State.GIVEN_UP}
        self._delivered: Counter[str] = Counter()
        self._last: dict[str, Delivery | None] = {}
        # Without a name: in memory as far as its cache goes, then in a file that is gone when it is closed.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- what is owed ------------------------------------------------------------------------------------------------

    def owes(self, said: Iterable[Queued | Due]) -> None:
        """Take over some of the changelog, in its order."""
        rows: dict[tuple[str, int], Queued] = {}
        dues: dict[str, Due] = {}
        for each in said:
            if isinstance(each, Due):
                dues[each.key] = each
            else:
                rows[each.key, each.number] = each
        self._db.execute("BEGIN")
        kept = {place: row for place, row in rows.items() if row.intent is not None and self._takes(row)}
        self._db.executemany("DELETE FROM open WHERE order_key = ? AND number = ?", rows.keys() - kept.keys())
        self._db.executemany("INSERT OR REPLACE INTO open VALUES (?,?,?,?,?,?,?,?,?,?)", map(self._row, kept.values()))
        self._db.executemany(
            "INSERT OR REPLACE INTO due VALUES (?, ?)",
            ((due.key, None if due.at is None else due.at.timestamp()) for due in dues.values()),
        )
        self._db.execute("COMMIT")

    def _takes(self, row: Queued) -> bool:
        return self._wanted.after(row.queued_at)

    def _row(self, row: Queued) -> tuple[object, ...]:
        intent = row.intent or {}
        since = None if row.queued_at is None else row.queued_at.timestamp()
        told = (row.id, intent.get("replay"), intent["retailer"], intent.get("rma"), intent["code"])
        return row.key, row.number, *told, self._state(row), row.attempt, since

    def _state(self, row: Queued) -> State:
        under_way = timedelta(seconds=CALL_TIMEOUT_S)
        first = row.attempt == 1 and row.first_at is not None and self._now - row.first_at <= under_way
        return State.OWED if row.attempt == 0 or first else State.FAILING

    def owed_read(self, limit: int) -> None:
        """All of it is there. limit: of how many the newest attempt will be asked for."""
        self._db.executescript(_INDICES)
        self._db.execute(_WAITS, (NEVER.timestamp(),))
        for row in self._db.execute(_WAITING).fetchall():
            self.waits(_waiting(*row, now=self._now))
        self._last = {each.delivery_id: None for each in self._first_open(OPEN, limit)}

    def waits(self, last: Delivery) -> None:
        """One that waits for a person, with all that its queue says of it: its attempts may be kept no longer."""
        self._db.execute(_ENDS_UNLESS_KNOWN, _ending(last, State.GIVEN_UP))

    # --- what became of it -------------------------------------------------------------------------------------------

    def told(self, deliveries: Iterable[Delivery]) -> None:
        """Take over some of tracking-deliveries, in their order."""
        self._db.execute("BEGIN")
        for each in deliveries:
            if each.delivery_id in self._last:
                self._last[each.delivery_id] = each
            if each.next_at is None:
                self._ended(each)
            else:  # it may have ended before, and be owed again because its hook was changed
                self._db.execute("DELETE FROM ended WHERE id = ?", (each.delivery_id,))
        self._db.execute("COMMIT")

    def _ended(self, last: Delivery) -> None:
        # It was owed when the changelog was read, and is no more: this is the newer word.
        if last.at > self._now - timedelta(minutes=1):
            waits = last.result is DeliveryResult.GIVEN_UP
            change = "UPDATE open SET state = 'given-up'" if waits else "DELETE FROM open"
            self._db.execute(f"{change} WHERE id = ? AND replay IS ?", (last.delivery_id, last.replay))
        delivered = last.result is DeliveryResult.DELIVERED
        state = State.DELIVERED if delivered else State.GIVEN_UP
        if last.replay is not None:
            self._db.execute("DELETE FROM ended WHERE id = ?", (last.delivery_id,))
        if not self._wanted.after(last.at):
            return
        if delivered:
            self._delivered[last.retailer] += 1
        if state in self._kept:
            self._db.execute(_ENDS, _ending(last, state))

    # --- what can be asked -------------------------------------------------------------------------------------------

    def totals(self) -> list[Totals]:
        """Of each retailer that has any, by its id."""
        found: dict[str, Counter[State]] = {name: Counter({State.DELIVERED: n}) for name, n in self._delivered.items()}
        counts = "SELECT retailer, state, count(*) FROM open WHERE state != 'given-up' GROUP BY 1, 2 "
        counts += "UNION ALL SELECT retailer, state, count(*) "
        given_up = f"FROM ({_ENDED.replace('SELECT', 'SELECT retailer,', 1)}) GROUP BY 1, 2"
        for retailer, state, count in self._db.execute(counts + given_up, (State.GIVEN_UP,)):
            found.setdefault(retailer, Counter())[State(state)] = count
        oldest = dict(self._db.execute("SELECT retailer, min(since) FROM open WHERE state != 'given-up' GROUP BY 1"))
        return [
            Totals(
                retailer,
                counted[State.OWED],
                counted[State.FAILING],
                counted[State.DELIVERED],
                counted[State.GIVEN_UP],
                _instant(oldest.get(retailer)),
            )
            for retailer, counted in sorted(found.items())
        ]

    def first(self, states: frozenset[State], limit: int) -> list[Standing]:
        """Some in these states: those owed and failing, the oldest first; then given up, then delivered, the newest."""
        found = list(self._first_open(states, limit))
        for state in (State.GIVEN_UP, State.DELIVERED):
            if state in states and len(found) < limit:
                rows = self._db.execute(f"{_ENDED} ORDER BY since DESC LIMIT ?", (state, limit - len(found)))
                found += [_ended(*row) for row in rows]
        return found

    def ended(self, states: frozenset[State]) -> Iterator[Standing]:
        """Those that ended in one of these states and are not owed again, each order's in the order of their ends."""
        for row in self._db.execute(f"{_KEPT} ORDER BY order_key, since, id"):
            if row[0] in states:
                yield _ended(*row)

    def _first_open(self, states: frozenset[State], limit: int) -> Iterator[Standing]:
        wanted = [state if state in states else "" for state in (State.OWED, State.FAILING)]
        for state, delivery_id, *about, attempt, since, due in self._db.execute(_OPEN, (*wanted, limit)):
            order_key, rma, code = about
            last = self._last.get(delivery_id)
            at = (_instant(since), _instant(due))
            yield Standing(State(state), delivery_id, order_key, rma, code, attempt, *at, last)


def _waiting(
    id: str,
    replay: str | None,
    retailer: str,
    order_key: str,
    rma: str | None,
    code: str,
    attempt: int,
    since: float | None,
    *,
    now: datetime,
) -> Delivery:
    return Delivery(
        delivery_id=id,
        retailer=retailer,
        order_key=order_key,
        rma=rma,
        code=code,
        url="",
        attempt=attempt,
        result=DeliveryResult.GIVEN_UP,
        error="its attempts are kept no longer",
        at=_instant(since) or now,
        replay=replay,
    )


def _ending(last: Delivery, state: State) -> tuple[object, ...]:
    return last.delivery_id, last.retailer, last.order_key, state, last.at.timestamp(), last.to_json()


def _ended(state: str, since: float, written: bytes) -> Standing:
    last = Delivery.model_validate_json(written)
    about = (last.delivery_id, last.order_key, last.rma, last.code, last.attempt)
    return Standing(State(state), *about, _instant(since), None, last)


def _instant(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
