"""The story of a return as somebody reads it at 80 columns, and as a program does; nothing personal in either."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from contracts.actions import AlertKind, ReturnAlert
from contracts.retailers import CustomerChoice, Portal, ReturnActionStage, Rule, RuleOutcome, freeze
from contracts.returns import EventItem, Meaning, ReturnUnit, UnitState
from contracts.tracking import DeliveryResult
from streams.cli import returns_shown
from streams.domain.kept_returns import OrderReturns
from streams.domain.ledger import Ledger, take_decision, take_event, units
from streams.retailers_file import parse
from streams.story.telling import Said, Story, tell
from tests.builders import retailer, return_event, source, unit, upload
from tests.unit.story.test_telling import AT, KEY, ORDER, at, delivery

FAULTY = "{return_reason: {equal_to: Faulty}, tag: {is_empty: true}}"
[ACME] = parse(
    f"""
retailers:
  - id: acme
    name: Acme
    portal: omnireturns
    shopify: {{shop: acme.myshopify.com}}
    customer_choice: {{enabled: true}}
    return_action: first_scan
    rules:
      - {{name: gifts, when: {{tag: {{in: [gift]}}}}, then: store_credit}}
      - {{name: faulty goods, when: {FAULTY}, then: refund}}
"""
).retailers
UPLOAD = upload(
    unit(reason="Faulty", comment="call Kim on 555-0100", description="Kim's tee"),
    unit(action="cash", reason=""),
    unit("CAP", "Too small"),
)
SCAN = return_event(Meaning.FIRST_SCAN, code="OP-10", place="Egham, GB", text="left with Kim Doe")
TEXT = """\
return R1 of order acme/1001
settings version 1: paid at first_scan; parcels: SEK1

2026-11-03T10:00:00Z  uploaded: 3 units; parcels: SEK-1
                        TEE-M: reason Faulty, choice -
                        TEE-M: reason -, choice cash
                        CAP: reason Too small, choice -
2026-11-03T10:01:00Z  decided (revision 1)
                        TEE-M, number 1: refund (rule:faulty goods, after 1
                        that did not hold)
                          return_reason equal_to Faulty; seen: Faulty
                          tag is_empty; seen: nothing
                        TEE-M, number 2: choice unknown (the customer said
                        'cash')
                        CAP, number 1: none (none of 2 rules holds)
2026-11-03T10:02:00Z  history of parcel SEK-1 came in
2026-11-03T10:03:00Z  first scan: OP-10 at 2026-11-02T09:14:00Z, Egham, GB,
                      parcel SEK-1, by omniparcel (seko) (said 2 times)
2026-11-03T10:04:00Z  acted: refund 50.00 USD, tax 0.00 USD for TEE-M, number
                      1
                        because of first scan (OP-10); action_id
                        ACTION
2026-11-03T10:05:00Z  RT to https://acme.example/hook: retrying, HTTP 503
                      (attempt 1), again at 2026-11-03T10:00:00Z
2026-11-03T10:06:00Z  a person was called (needs_person): CAP number 1; decide
                      by hand

CAP, number 1    item not in order (needs a person); waits for a person since
                 2026-11-03T10:01:00Z (3 d)
TEE-M, number 1  acted, refund 50.00 USD at 2026-11-03T10:04:00Z
TEE-M, number 2  choice unknown (needs a person); waits for a person since
                 2026-11-03T10:01:00Z (3 d)
"""


def story(of: Any = ACME) -> Story:
    """A return as the agents would have written it."""
    kept = OrderReturns().first("R1", freeze(of), AT).taking(UPLOAD, AT, ORDER)
    decision = kept.told(KEY, ORDER, 0, ())
    linked = return_event(Meaning.LINKED, code="")
    ledger, _ = take_decision(Ledger(order_key=KEY), decision, AT, AT)
    ledger, _ = take_event(ledger, linked, AT, AT)
    ledger, effects = take_event(ledger, SCAN, AT, AT + timedelta(minutes=4))
    alert = ReturnAlert(
        alert_id="a", kind=AlertKind.NEEDS_PERSON, retailer="acme", order_key=KEY, rma="R1", at=AT,
        message="CAP number 1; decide\nby hand",
    )  # fmt: skip
    tried = delivery(result=DeliveryResult.RETRYING, status=503, next_at=AT)
    said = [at(0, UPLOAD), at(1, decision), at(2, linked), at(3, SCAN), at(3.5, SCAN)]
    said += [at(4, action) for action in effects.actions]
    return tell(KEY, "R1", [*said, at(5, tried), at(6, alert), *rows(ledger)])


def rows(ledger: Ledger) -> list[Said]:
    return [at(7, row) for row in units.rows(ledger)]


def shown(told: Story, width: int = 80) -> str:
    console = Console(width=width, highlight=False, soft_wrap=True)
    with console.capture() as captured:
        for each in returns_shown.whole(told, AT + timedelta(days=3, minutes=10)):
            console.print(each, soft_wrap=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def test_the_whole_story_word_for_word() -> None:
    told = story()
    [action_id] = [each.unit.action_id for each in told.units if each.unit.action_id]

    assert shown(told, 80).replace(action_id, "ACTION") == TEXT


def test_nothing_personal_is_told() -> None:
    told = story()

    for text in (shown(told), json.dumps(returns_shown.line(told))):
        assert "Kim" not in text
        assert "555" not in text


def test_a_program_finds_every_record_and_where_each_unit_stands() -> None:
    line = json.loads(json.dumps(returns_shown.line(story())))

    assert (line["order_key"], line["rma"], line["others"]) == (KEY, "R1", [])
    kinds = [each["kind"] for each in line["story"]]
    assert kinds == ["upload", "decision", "event", "event", "action", "delivery", "alert"]
    assert line["story"][1]["record"]["units"][0]["rules"][1]["matched"] is True
    assert line["story"][3]["times"] == 2
    assert next((each["sku"], each["state"], each["waiting_since"]) for each in line["units"]) == (
        "CAP", "item_not_in_order", "2026-11-03T10:01:00+00:00",
    )  # fmt: skip


def unit_line(**changes: Any) -> str:
    [first, *_] = [each.unit for each in story().units if each.unit.action_id]
    row: ReturnUnit = first.model_copy(update={"acted_at": None, **changes})
    return shown(tell(KEY, "R1", [at(0, row)]), 200).splitlines()[-1]


def test_a_waiting_unit_says_for_what_and_since_when() -> None:
    line = unit_line(state=UnitState.DECIDED, waiting_for="first scan")

    assert line == "TEE-M, number 1  decided, refund 50.00 USD; waits for first scan since 2026-11-03T10:00:00Z (3 d)"


def test_a_stopped_unit_waits_for_nothing() -> None:
    line = unit_line(state=UnitState.STOPPED, option=None, amount=None, waiting_for=None)

    assert line == "TEE-M, number 1  stopped; waits for nothing; last change 2026-11-03T10:00:00Z (3 d)"


def test_on_loop_it_is_loop_that_issues() -> None:
    loop = retailer(portal=Portal.LOOP, rules=(Rule(name="all", then=RuleOutcome.REFUND),))
    text = shown(story(loop), 200)

    assert "settings version 1: Loop issues the outcome; parcels: SEK1" in text
    assert "TEE-M, number 1  decided, refund 50.00 USD; Loop issues the outcome; last change" in text


def test_before_the_first_row_it_says_where_to_look() -> None:
    text = shown(tell(KEY, "R1", [at(0, upload())]), 200)

    assert "no unit stands in return-units yet" in text
    assert "settings" not in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"at": None, "local_time": "2026-11-02 09:14"},
            "first scan: OP-10 at 2026-11-02 09:14 (local time), parcel SEK-1",
        ),
        ({"consignment": None}, "first scan: OP-10 at 2026-11-02T09:14:00Z, by omniparcel (seko)"),
        ({"code": ""}, "first scan: at 2026-11-02T09:14:00Z, parcel SEK-1"),
        ({"items": (EventItem(sku="TEE-M", count=2),)}, "by omniparcel (seko); items: 2 of TEE-M"),
        ({"place": "[red]\x1b[31mEgham"}, r"Z, [red]\x1b[31mEgham, parcel SEK-1"),
        ({"meaning": Meaning.CREATED}, "created, by omniparcel (seko)"),
        ({"source": source("other")}, "(ignored: seko may not speak for this retailer)"),
    ],
)
def test_evidence_is_told_as_far_as_there_is_any(changes: dict[str, Any], told: str) -> None:
    event = return_event(Meaning.FIRST_SCAN, code="OP-10").model_copy(update=changes)

    assert told in shown(tell(KEY, "R1", [at(0, upload()), at(1, event)]), 200)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "RT to https://acme.example/hook: delivered, HTTP 200 (attempt 1)"),
        ({"status": None, "error": "timed out", "result": DeliveryResult.GIVEN_UP}, "given up, timed out (attempt 1)"),
        ({"status": None, "url": "", "result": DeliveryResult.NO_HOOK}, "RT: no hook, no answer (attempt 1)"),
    ],
)
def test_an_attempt_says_what_became_of_it(changes: dict[str, Any], told: str) -> None:
    assert told in shown(tell(KEY, "R1", [at(0, upload()), at(1, delivery(**changes))]), 200)


def test_a_choice_that_counts_is_told_as_the_customer_said_it() -> None:
    of = retailer(customer_choice=CustomerChoice(enabled=True), return_action=ReturnActionStage.MANUAL)
    returned = upload(unit(action="Gift Card"))
    decision = OrderReturns().first("R1", freeze(of), AT).taking(returned, AT, ORDER).told(KEY, ORDER, 0, ())

    assert "TEE-M, number 1: credit_note (the customer said 'Gift Card')" in shown(
        tell(KEY, "R1", [at(1, decision)]), 200
    )


def test_a_missing_order_is_told_as_such_and_units_that_stay_as_before() -> None:
    first = OrderReturns().first("R1", freeze(ACME), AT).taking(upload(), AT, None)
    gone = first.given_up()
    edited = gone.model_copy(update={"revision": 3})
    said = [at(minute, each.told(KEY, None, 0, ())) for minute, each in enumerate((first, gone, edited))]
    text = shown(tell(KEY, "R1", said), 200)

    assert "TEE-M, number 1: waiting for order (its order is not there)" in text
    assert "TEE-M, number 1: order not found (its order did not come in time)" in text
    assert "decided (revision 3)\n                        TEE-M, number 1: as before, order_not_found" in text
