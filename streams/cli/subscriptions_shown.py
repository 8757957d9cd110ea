"""How an audit of subscriptions looks: a line for each thing that is to be done, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.retailers import Retailer
from streams.cli.letters_shown import harmless
from streams.domain.subscriptions import Audit, Step, What

_MARKS = {What.CREATE: "+", What.UPDATE: "~", What.DELETE: "-"}
# Of a path that is to be known to the shop alone: enough to tell two apart.
_OF_TOKEN = 4


def lines(retailer: Retailer, audit: Audit) -> Iterator[str]:
    """All of one shop."""
    kept = len(audit.steps) - len(audit.changes)
    head = "as they should be" if not audit.changes else f"{len(audit.changes)} to do, {kept} as they should be"
    yield f"{retailer.id} ({retailer.shopify.shop}): {head if audit.changes else f'{kept} {head}'}"
    yield from (f"  {_MARKS[step.what]} {_told(step)}" for step in audit.changes)
    if audit.stale:
        yield (
            f"  ! bodies of {', '.join(audit.stale)} have another API version: set it in the app (Webhooks API version)"
        )
    if audit.others:
        yield f"  {audit.others} more of this app lead elsewhere or have other topics, and are left alone"


def _told(step: Step) -> str:
    if step.what is What.CREATE and step.wanted is not None:
        return f"{step.topic}: missing; to {_short(step.wanted.uri)}"
    if step.what is What.DELETE and step.found is not None:
        return f"{step.topic}: double; {_short(step.found.uri)} goes"
    changed = (_change(step, name) for name in step.differs)
    return f"{step.topic}: {'; '.join(changed)}"


def _change(step: Step, name: str) -> str:
    found, wanted = step.found, step.wanted
    if found is None or wanted is None:
        return name
    match name:
        case "uri":
            return f"leads to {_short(found.uri)}, not {_short(wanted.uri)}"
        case "include_fields":
            asked, has = set(wanted.include_fields), set(found.include_fields)
            what = {"without": asked - has if has else set(), "with": has - asked if asked else has}
            told = ", ".join(f"{how} {', '.join(sorted(some))}" for how, some in what.items() if some)
            return f"fields: {told or 'the whole body'}"
        case "filter":
            return f"a filter leaves events out: {harmless(found.filter)}"
        case _:
            return f"{name} {harmless(str(getattr(found, name))) or 'none'}, not {getattr(wanted, name, 'JSON')}"


def _short(uri: str) -> str:
    """An address without what of its last part must not be read over a shoulder."""
    place, slash, token = harmless(uri).rpartition("/")
    return uri if len(token) <= 2 * _OF_TOKEN else f"{place}{slash}{token[:_OF_TOKEN]}…"
