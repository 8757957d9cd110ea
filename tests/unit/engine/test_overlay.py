"""Layers of changes: what is read through them is what a plain dict would hold, however deep they nest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.overlay import Overlay

KEYS = st.text(alphabet="ab|/é", max_size=4)
CHANGES = st.lists(st.tuples(st.sampled_from(["s", "t"]), KEYS, st.none() | st.binary(max_size=2)), max_size=12)


def test_a_layer_hides_what_lies_below_and_leaves_it_alone() -> None:
    stored = MemoryKeyValue()
    stored.apply({"s": {"a": b"1", "b": b"2"}}, {})
    layer = Overlay(stored)
    layer.put("s", "a", b"new")
    layer.put("s", "b", None)

    assert (layer.get("s", "a"), layer.get("s", "b")) == (b"new", None)
    assert (stored.get("s", "a"), stored.get("s", "b")) == (b"1", b"2")


def test_a_dropped_upper_layer_leaves_no_trace() -> None:
    batch = Overlay(MemoryKeyValue())
    batch.put("s", "a", b"1")
    upper = Overlay(batch)
    upper.put("s", "a", None)
    upper.put("t", "x", b"2")

    assert batch.writes == {"s": {"a": b"1"}}


def test_a_scan_may_change_what_it_scans() -> None:
    layer = Overlay(MemoryKeyValue())
    for key in "abc":
        layer.put("s", key, b"1")

    for key, _ in layer.scan("s"):
        layer.put("s", key, None)

    assert list(layer.scan("s")) == []


def test_a_scan_shows_what_was_there_when_it_began() -> None:
    stored = MemoryKeyValue()
    stored.apply({"s": {"a": b"1", "c": b"1", "e": b"1"}}, {})
    layer = Overlay(stored)
    layer.put("s", "b", b"1")
    seen = []
    for key, row in layer.scan("s"):
        seen.append((key, row))
        for other in "abcde":
            layer.put("s", other, b"2")

    assert seen == [(key, b"1") for key in "abce"]
    assert list(layer.scan("s")) == [(key, b"2") for key in "abcde"]


@given(
    changes=st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=2)), max_size=20),
    upper=st.sets(st.integers(0, 19)),
    prefix=KEYS,
    after=KEYS,
)
def test_what_is_written_between_scans_stands_in_the_next_one(
    changes: list[tuple[str, bytes | None]], upper: set[int], prefix: str, after: str
) -> None:
    """Written into the layer itself, or taken over from one above it."""
    layer = Overlay(MemoryKeyValue())
    model: dict[str, bytes | None] = {}
    for number, (key, row) in enumerate(changes):
        if number in upper:
            above = Overlay(layer)
            above.put("s", key, row)
            layer.absorb(above)
        else:
            layer.put("s", key, row)
        model[key] = row
        behind = sorted((k, r) for k, r in model.items() if r is not None and (k > after or not after))
        assert list(layer.scan("s", after=after)) == behind
        assert list(layer.scan("s", prefix, after)) == [(k, r) for k, r in behind if k.startswith(prefix)]


@given(layers=st.lists(CHANGES, min_size=1, max_size=4), kept=st.integers(0, 4), prefix=KEYS, after=KEYS, before=KEYS)
def test_layers_read_like_one_dict(
    layers: list[list[tuple[str, str, bytes | None]]], kept: int, prefix: str, after: str, before: str
) -> None:
    """The lowest layer is stored; of those above, the first `kept` are absorbed and the rest only read through."""
    stored = MemoryKeyValue()
    model: dict[tuple[str, str], bytes] = {}
    top: Overlay = Overlay(stored)
    stack = [top]
    for changes in layers:
        for store, key, row in changes:
            stack[-1].put(store, key, row)
            if row is None:
                model.pop((store, key), None)
            else:
                model[store, key] = row
        stack.append(Overlay(stack[-1]))
    for _ in range(min(kept, len(stack) - 1)):
        upper = stack.pop()
        stack[-1].absorb(upper)

    for store in ("s", "t"):
        expected = sorted((k, row) for (s, k), row in model.items() if s == store and k.startswith(prefix))
        assert list(stack[-1].scan(store, prefix)) == expected
        behind = [(k, r) for k, r in expected if k > after or not after]
        assert list(stack[-1].scan(store, prefix, after)) == behind
        assert list(stack[-1].scan(store, prefix, after, before)) == [p for p in behind if p[0] < before or not before]
        for key in {k for changes in layers for _, k, _ in changes}:
            assert stack[-1].get(store, key) == model.get((store, key))
