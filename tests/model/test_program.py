"""`python -m tests.model`: the same histories for the same seed, a count of what they did, and a difference shown."""

from __future__ import annotations

import re

import pytest

from streams.domain.ledger import acting
from streams.domain.ledger.state import LedgerReturn, LedgerUnit
from tests.model.__main__ import main


def test_it_says_what_the_histories_did_and_that_nothing_differs(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--histories", "20", "--permuted", "10", "--seed", "3"]
    shown = []
    for _ in range(2):
        assert main(arguments) == 0
        shown.append(re.sub(r"in \d+ s", "", capsys.readouterr().out))

    assert shown[0] == shown[1]
    assert "histories 20, differences 0" in shown[0]
    assert "histories 10, differences 0" in shown[0]
    assert re.search(r"events: .*label \d+", shown[0])


def test_a_difference_is_shown_with_the_smallest_history_that_has_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_is_due(known: LedgerReturn, unit: LedgerUnit) -> None:
        return None

    monkeypatch.setattr(acting, "due", nothing_is_due)

    assert main(["--histories", "200", "--permuted", "0", "--seed", "3"]) == 1
    said = capsys.readouterr().out
    assert "DIFFERENCE" in said
    assert "history=(" in said
