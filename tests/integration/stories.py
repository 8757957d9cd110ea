"""What `returns show` and `rules try --history` must say of the demo's story, once it has been played."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.stack import Stack
from tests.command_line import Outcome, returnstreams

Ask = Callable[..., Outcome]


def check_stories(stack: Stack) -> None:
    """One return that was paid, one that was stopped and yet scanned, one that waits, one whose order never came."""

    def ask(*arguments: str) -> Outcome:
        settings = {name.removeprefix("RETURNSTREAMS_"): value for name, value in stack.settings().items()}
        return returnstreams(*arguments, **settings)

    _paid(ask)
    _stopped(ask)
    _waiting(ask)
    _without_order(ask)
    _history(ask, stack.directory / "retailers.yaml")


def story(ask: Ask, retailer: str, rma: str, order: str) -> dict[str, Any]:
    """As a program gets it; both forms are printed without an error."""
    outcome = ask("returns", "show", retailer, rma, "--order", order, "--json")
    assert outcome.code == 0, outcome
    found: dict[str, Any] = json.loads(outcome.out)
    assert found["story"] == sorted(found["story"], key=lambda entry: str(entry["at"]))
    return found


def kinds(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["record"] for entry in found["story"] if entry["kind"] == kind]


def _paid(ask: Ask) -> None:
    """Uploaded before its order came, then scanned, then paid."""
    found = story(ask, "bergwerk", "BW-R1", "BW-1001")

    states = [record["units"][0]["state"] for record in kinds(found, "decision")]
    assert states[-1] == "decided"
    assert set(states[:-1]) <= {"waiting_for_order"}
    [action] = kinds(found, "action")
    assert (action["amount"], action["option"]) == ("108.00", "refund")
    meanings = [record["meaning"] for record in kinds(found, "event")]
    assert {"created", "label", "in_transit", "linked"} <= set(meanings)
    assert [(r["code"], r["result"]) for r in kinds(found, "delivery") if r["result"] == "delivered"] == [
        ("RC", "delivered"),
        ("RT", "delivered"),
    ]
    [unit] = found["units"]
    assert (unit["state"], unit["action_id"], unit["waiting_for"]) == ("acted", action["action_id"], None)
    text = ask("returns", "show", "bergwerk", "BW-R1").out
    assert text.startswith("return BW-R1 of order bergwerk/BW-1001\n")
    assert f"action_id {action['action_id']}" in text
    assert "because of in transit (in_transit)" in text


def _stopped(ask: Ask) -> None:
    found = story(ask, "cordwain", "CW-R5", "CW-5")

    assert [unit["state"] for unit in found["units"]] == ["stopped"]
    assert kinds(found, "action") == []
    assert "scan_of_stopped_return" in [record["kind"] for record in kinds(found, "alert")]
    assert "waits for nothing" in ask("returns", "show", "cordwain", "CW-R5", "--order", "CW-5").out


def _waiting(ask: Ask) -> None:
    """The hub found one of two: the other waits, since the row that says so was written."""
    found = story(ask, "cordwain", "CW-R4", "CW-4")

    first, second = found["units"]
    assert (first["state"], second["state"]) == ("acted", "decided")
    assert second["waiting_for"] == "processing of this unit"
    assert any(entry["at"] <= second["waiting_since"] for entry in found["story"] if entry["kind"] == "decision")
    assert "waits for processing of this unit since 20" in ask("returns", "show", "cordwain", "CW-R4").out


def _without_order(ask: Ask) -> None:
    found = story(ask, "acme", "AC-R3", "AC-9999")

    assert [record["kind"] for record in kinds(found, "alert")] == ["order_not_found"]
    assert found["units"][0]["waiting_for"] == "order"


def _history(ask: Ask, file: Path) -> None:
    for retailer in ("acme", "bergwerk", "cordwain"):
        same = ask("rules", "try", "--retailer", retailer, "--history", "50")
        assert same.code == 0
        assert "nothing would differ" in same.out, same.out
    changed = file.with_name("changed.yaml")
    changed.write_text(file.read_text().replace("{equal_to: Faulty}", "{equal_to: Scratched}"))
    other = ask("rules", "try", "--retailer", "cordwain", "--history", "50", "--file", str(changed)).out
    assert "refund (rule:faulty goods)" in other
    assert "none (nobody)" in other
