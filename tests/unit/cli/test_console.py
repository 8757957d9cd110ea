"""Tables on a terminal: whatever its width, nothing of an id, an order or an error is missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from contracts.tracking import Delivery, DeliveryResult
from streams.cli import console, deliveries_shown
from streams.deliveries.overview import Standing, State

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ID = "75b8291f-8c8b-5600-9632-94da97ed2641"


@pytest.mark.parametrize("width", [80, 120, 200])
def test_nothing_is_cut_off_on_a_narrow_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    last = Delivery(
        delivery_id=ID,
        retailer="acme",
        order_key="acme/1001-WITH-A-LONG-NAME",
        code="RDTPF",
        url="",
        attempt=3,
        result=DeliveryResult.RETRYING,
        error="connecting failed (ClientConnectorDNSError)",
        at=NOW,
    )
    standing = Standing(State.FAILING, ID, last.order_key, "RMA-100200", "RDTPF", 3, NOW, NOW, last)
    monkeypatch.setattr(console, "out", terminal := Console(width=width, highlight=False, soft_wrap=True))
    with terminal.capture() as captured:
        console.print_table(deliveries_shown.table([standing]))

    shown = captured.get()
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    # Folded, each cell stands in a column of its own, in pieces one below the other.
    columns = [re.sub(r"\s", "", "".join(pieces)) for pieces in zip(*_cells(shown), strict=True)]
    for wanted in (ID, last.order_key, "RMA-100200", "2026-11-22T10:00:00Z", "(ClientConnectorDNSError)"):
        assert any(wanted in column for column in columns), wanted


def _cells(shown: str) -> list[list[str]]:
    """The lines of a table, cut where a column of blanks goes through all of them."""
    lines = [line.ljust(max(map(len, shown.splitlines()))) for line in shown.splitlines()]
    blank = [all(line[at] == " " for line in lines) for at in range(len(lines[0]))]
    begins = [at for at in range(len(blank)) if not blank[at] and (at == 0 or blank[at - 1])]
    return [[line[a:b] for a, b in zip(begins, [*begins[1:], len(line)], strict=True)] for line in lines]
