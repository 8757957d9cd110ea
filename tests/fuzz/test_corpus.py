"""What fuzzing has found so far, and where it started, through the whole door once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.judge import Ingress, judge
from tests.fuzz.request import decode
from tests.fuzz.seeds import seeds

CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture(scope="module")
def ingress() -> Iterator[Ingress]:
    made = Ingress()
    yield made
    made.close()


@pytest.mark.parametrize(("name", "data"), list(seeds()), ids=lambda each: each if isinstance(each, str) else "")
def test_a_sample_of_each_sender_is_taken(ingress: Ingress, name: str, data: bytes) -> None:
    answer = judge(ingress, decode(data))
    # The status names its retailer in the body, and Bolt's token does not speak for Acme.
    assert answer.status == (401 if name == "omnirps_return_status-0-2" else 200)


def test_the_corpus(ingress: Ingress) -> None:
    found = sorted(CORPUS.iterdir())
    assert found
    for path in found:
        try:
            judge(ingress, decode(path.read_bytes()))
        except Exception as error:
            error.add_note(f"of {path.name}")
            raise
