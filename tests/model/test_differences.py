"""What the comparison of agents and reference takes for the same: nothing says which of two events is the first."""

from __future__ import annotations

from random import Random

import pytest

from tests.model.differences import follow
from tests.model.knowledge import AnyStep
from tests.model.parcels import Report, Said
from tests.model.steps import Unit, Upload


def upload(units: int, *parcels: str) -> Upload:
    return Upload(
        rma="A",
        units=tuple(Unit(sku="TEE", content="faulty") for _ in range(units)),
        consignments=frozenset(parcels),
        stage="first_scan",
        loop=False,
        terms="usual",
    )


@pytest.mark.parametrize("seed", range(10))
def test_a_unit_taken_out_by_the_upload_that_brings_a_rejected_parcel_is_withdrawn_or_stopped(seed: int) -> None:
    rejected = Report(parcel="P2", said=(Said(word="omnirps RR", number=1, items=()),), order=None, foreign=False)
    history: list[AnyStep] = [upload(1, "P1"), rejected, upload(2, "P1"), upload(1, "P1", "P2")]

    follow(history, Random(seed))
