"""How deliveries look: totals, a row of a table, a line of JSON, or all of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime

import orjson
from rich.markup import escape
from rich.table import Table

from contracts.tracking import Delivery, DeliveryResult
from streams.cli.instants import long_ago
from streams.cli.letters_shown import harmless, instant
from streams.deliveries.history import History
from streams.deliveries.overview import Standing, Totals
from streams.engine.outbox import NEVER
from streams.engine.queued import Queued


def totals_table(totals: Iterable[Totals], now: datetime) -> Table:
    """A row a retailer."""
    table = Table("retailer", "owed", "failing", "given up", "delivered", "oldest owed", box=None)
    for each in totals:
        counts = map(str, (each.owed, each.failing, each.given_up, each.delivered))
        oldest = "-" if each.oldest is None else long_ago(now, each.oldest)
        table.add_row(escape(each.retailer), *counts, oldest)
    return table


def table(standings: Iterable[Standing]) -> Table:
    """A row a delivery. `since` is when it was queued, or when it ended."""
    found = Table("state", "since", "order", "return", "code", "attempts", "last answer", "next", "id", box=None)
    for each in standings:
        since = "-" if each.since is None else instant(each.since)
        about = (each.order_key, each.rma or "-", each.code, str(each.attempt))
        answer = "-" if each.last is None else answer_of(each.last)
        row = (each.state.value, since, *about, answer, _next(each), each.delivery_id)
        found.add_row(*(escape(_one_line(cell)) for cell in row))
    return found


def line(standing: Standing) -> dict[str, object]:
    """The same for programs."""
    return {"kind": "delivery", **asdict(standing), "last": _record(standing.last)}


def totals_line(totals: Totals) -> dict[str, object]:
    """A retailer's totals for programs."""
    return {"kind": "totals", **asdict(totals)}


def history_line(history: History) -> dict[str, object]:
    """All of one for programs."""
    return {
        "delivery_id": history.delivery_id,
        "order_key": history.order_key,
        "rma": history.rma,
        "code": history.code,
        "owed": history.queued is not None,
        "next_at": history.due,
        "attempts": [_record(each) for each in history.attempts],
        "ahead": [each.id for each in history.ahead],
        "behind": [each.id for each in history.behind],
        "body": history.body,
    }


def whole(history: History, now: datetime) -> Iterator[str]:
    """All of one delivery, line by line."""
    named = f"return {history.rma}" if history.rma else "names no return"
    yield harmless(f"delivery {history.delivery_id}: {history.code} of order {history.order_key}, {named}")
    yield f"state     {_state(history, now)}"
    yield "attempts" if history.attempts else "no attempts yet" if history.queued else "no attempts are kept"
    yield from (f"  {_attempt(each)}" for each in history.attempts)
    if history.ahead:
        yield f"waits for {len(history.ahead)} of its order before it: {_names(history.ahead)}"
    if history.behind:
        yield f"behind it {len(history.behind)} of its order: {_names(history.behind)}"
    if history.body is None:
        yield "its body was not kept"
        return
    yield "body"
    yield harmless(orjson.dumps(history.body, option=orjson.OPT_INDENT_2).decode())


def answer_of(attempt: Delivery) -> str:
    """What came back."""
    return f"HTTP {attempt.status}" if attempt.status is not None else attempt.error or "no answer"


def _state(history: History, now: datetime) -> str:
    if history.queued is None:
        last = history.attempts[-1]
        words = "delivered" if last.result is DeliveryResult.DELIVERED else last.result.replace("_", " ")
        return f"{words} at {instant(last.at)}"
    begun = history.queued.attempt
    queued_at = history.queued.queued_at
    since = "" if queued_at is None else f", queued {instant(queued_at)} ({long_ago(now, queued_at)})"
    tried = f"{begun} attempt{'' if begun == 1 else 's'} begun{since}"
    if history.due == NEVER:
        return f"given up, waits for a person with all that is behind it; `deliveries replay` sends it again ({tried})"
    return f"owed, {tried}" if history.due is None else f"owed, {tried}; next not before {instant(history.due)}"


def _attempt(attempt: Delivery) -> str:
    error = (
        f" ({attempt.error})" if attempt.status is not None and attempt.error not in (None, answer_of(attempt)) else ""
    )
    took = "" if attempt.duration_ms is None else f" in {attempt.duration_ms:.0f} ms"
    again = f", again at {instant(attempt.next_at)}" if attempt.next_at else f": {attempt.result.replace('_', ' ')}"
    where = f" to {attempt.url}" if attempt.url else ""
    replay = " of a replay" if attempt.replay else ""
    told = f"{instant(attempt.at)}  attempt {attempt.attempt}{replay}{where}: {answer_of(attempt)}{error}{took}{again}"
    return _one_line(told)


def _names(queued: Iterable[Queued]) -> str:
    return ", ".join(harmless(f"{(each.intent or {}).get('code')} {each.id}") for each in queued)


def _next(standing: Standing) -> str:
    if standing.next_at is not None:
        return instant(standing.next_at)
    return "after others of its order" if standing.state in ("owed", "failing") else "-"


def _record(attempt: Delivery | None) -> dict[str, object] | None:
    return None if attempt is None else attempt.model_dump(mode="json", exclude={"payload"})


def _one_line(cell: str) -> str:
    return " ".join(harmless(cell).split())
