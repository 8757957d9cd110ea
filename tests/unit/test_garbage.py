"""Cycles are looked for rarely, and still looked for."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.garbage import THRESHOLDS, collect_rarely


class Node:
    """May be in a cycle."""

    me: Node


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_cycle_made_afterwards_goes_once_there_are_so_many_new_objects() -> None:
    collect_rarely()
    node = Node()
    node.me = node
    seen = weakref.ref(node)
    del node

    kept: list[object] = []
    while seen() is not None and len(kept) < 3 * THRESHOLDS[0]:
        kept.append([kept])

    assert seen() is None
    assert len(kept) > THRESHOLDS[0] // 2
    assert gc.get_freeze_count() > 0
