"""What a retailers file would change, as somebody reads it before saying yes: field by field, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import orjson

from contracts.retailers import Retailer, Rule
from streams.cli.rules_shown import wanted
from streams.retailers_topic import Difference


def changed(change: Difference) -> Iterator[str]:
    """The lines under a retailer that is known: what differs, and which returns it concerns."""
    if change.before is None:
        return
    for name, (before, after) in change.fields().items():
        if name == "rules":
            yield from _rules(change.before.rules, change.after.rules)
        else:
            yield from _field(name, before, after)
    if later := change.for_later_returns:
        yield f"  {', '.join(later)}: only for returns uploaded from now on."
        yield "  Returns already uploaded keep the settings they were uploaded under."


def brought(retailer: Retailer) -> Iterator[str]:
    """The lines under a new retailer: the rules that its units will be decided by."""
    yield from _rules((), retailer.rules)


def rule_text(rule: Rule, position: int) -> str:
    """`faulty goods: return_reason equal_to Faulty -> refund`; one without a name of its own is named by its place."""
    name = "" if rule.name == f"rule {position}" else f"{rule.name}: "
    return f"{name}{' and '.join(map(wanted, rule.conditions)) or 'always'} -> {rule.then}"


def _rules(before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[str]:
    """The rules that go and come, each with its number; an unnamed one that only moved up or down is the same rule."""
    old = [rule_text(rule, position) for position, rule in enumerate(before, start=1)]
    new = [rule_text(rule, position) for position, rule in enumerate(after, start=1)]
    if old != new:
        yield "  rules, the first that holds wins:"
    for what, low, high, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            yield from (f"    - {position + 1}. {old[position]}" for position in range(low, high))
            yield from (f"    + {position + 1}. {new[position]}" for position in range(start, end))


def _field(name: str, before: object, after: object) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for part in {**before, **after}:
            if before.get(part) != after.get(part):
                yield from _field(f"{name}.{part}", before.get(part), after.get(part))
        return
    yield f"  {name}: {_json(before)} -> {_json(after)}"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
