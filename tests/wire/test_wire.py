"""Random bodies through the doors and the agents, and through a reference written from semantics.md alone."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.wire.__main__ import main
from tests.wire.differences import drawn, follow

HISTORIES = 40


def test_bodies_that_come_in_pay_what_the_reference_pays() -> None:
    # `python -m tests.wire` runs as many as wanted.
    states = Counter[str]()
    for number in range(HISTORIES):
        states.update(unit.state.value for unit in follow(drawn(number), number).units.values())

    assert states.keys() >= {"acted", "decided", "already_claimed", "already_refunded", "withdrawn", "order_cancelled"}


def test_a_difference_is_found_and_told_by_the_steps_that_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # As if refunds of the shop took no index: then units are paid that it has refunded itself.
    monkeypatch.setattr("tests.wire.reference.refunded", lambda order, line: 0)

    assert main(["--histories", "50"]) == 1

    told = capsys.readouterr().out
    assert '["order", ["acme", {' in told
    assert '["upload", ["acme", [{' in told
    assert '["carrier", ' not in told
