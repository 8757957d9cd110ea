"""The tables at the end say whole names, on a wide terminal and on a narrow one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from contracts.returns import Meaning, Option, ReturnUnit, UnitState
from demo.expected import Expected, Return, Unit
from demo.observed import DeadLetter, Observed
from demo.report import show

COAT = Unit("COAT", "acted", "credit_note", "rule:everything else", evidence="first_scan")
KNOWN = Return("bergwerk", "BW-1001", "BW-R7A", "P-1", "upload before order", 1, (COAT,), "first_scan", ())
SAID = ReturnUnit(
    retailer="bergwerk",
    order_key="bergwerk/BW-1001",
    rma="BW-R7A",
    sku="COAT",
    ordinal=1,
    state=UnitState.ACTED,
    needs_person=False,
    option=Option.CREDIT_NOTE,
    decided_by="rule:everything else",
    milestone=Meaning.FIRST_SCAN,
    settings_version=1,
)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_names_are_whole_at_every_width(width: int) -> None:
    seen = Observed(units={("bergwerk/BW-1001", "BW-R7A", "COAT", 1): SAID})
    seen.letters.append(DeadLetter("carrier-scans", "ContractViolation", "not a CarrierReport", None))
    written = io.StringIO()

    show(Console(file=written, width=width), Expected((KNOWN,), (), (), ()), seen, [], [])

    for name in ("bergwerk/BW-1001", "BW-R7A", "credit_note", "first_scan", "dead-letters.carrier-scans"):
        assert name in written.getvalue()
    assert "…" not in written.getvalue()
    assert max(map(len, written.getvalue().splitlines())) <= width
