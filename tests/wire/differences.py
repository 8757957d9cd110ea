"""One random history through the product and through the reference: what differs, and the shortest that still does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from contracts.actions import AlertKind
from tests.wire.chain import Chain
from tests.wire.histories import Histories, Step
from tests.wire.reference import Reference


def drawn(seed: int) -> list[Step]:
    """The history of this number."""
    random = Random(seed)
    return Histories(random).draw(random.randint(4, 30))


def follow(steps: Sequence[Step], seed: int) -> Chain:
    """The product at the end. AssertionError at the first step after which it stands elsewhere than the reference."""
    chain = Chain(Random(seed))
    reference = Reference(chain.now)
    for name, told in steps:
        for subject in (reference, chain):
            getattr(subject, name)(*json.loads(json.dumps(told)))
        chain.advance(0)
        assert chain.refused == []
        assert chain.states == reference.states
        assert chain.paid == reference.paid
        assert len(chain.actions) == len(chain.paid), "a unit was paid twice"
        assert bool(chain.called(AlertKind.AMBIGUOUS_EVENT)) == any(
            event.to == "ambiguous" for event in reference.events.values()
        )
    return chain


def shortest(steps: list[Step], seed: int) -> list[Step]:
    """Without each step that the difference does not need."""
    for at in reversed(range(len(steps))):
        fewer = steps[:at] + steps[at + 1 :]
        try:
            follow(fewer, seed)
        except AssertionError:
            return shortest(fewer, seed)
        except (KeyError, IndexError):  # a history that could not have been
            continue
    return steps
