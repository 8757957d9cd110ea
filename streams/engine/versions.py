"""Which schema versions the rows of a task were written in, and whether this release can read them.

A release reads, beside its own version, those in `Store.reads`. A change that readers of the previous version survive
(a new field with a default) needs no new version. Any other takes two releases: the first reads the new version and
still writes the old one, the second writes the new one. So whichever of two neighbours is started next, it reads all.
"""

from __future__ import annotations

from typing import Any

import orjson

from streams.engine.agent import Agent, Store
from streams.engine.errors import StateRefused
from streams.engine.keyvalue import META, KeyValue
from streams.engine.overlay import Writes

WRITTEN = "versions"


def note(agent: Agent, stored: KeyValue, writes: Writes) -> None:
    """Have the batch say the newest version in which each store was ever written, where that is news."""
    known = _written(stored)
    own = {name: store.version for name in writes if (store := agent.stores.get(name)) is not None}
    newest = known | {name: version for name, version in own.items() if version > known.get(name, 0)}
    if newest != known:
        writes.setdefault(META, {})[WRITTEN] = orjson.dumps(newest)


def check(agent: Agent, stored: KeyValue) -> None:
    """StateRefused where a release wrote rows that this one cannot read: at the start, before anything goes by them."""
    for name, version in _written(stored).items():
        store = agent.stores.get(name)
        if store is not None and version != store.version and version not in store.reads:
            raise refusal(store, version, agent.name)


def refusal(store: Store[Any], version: int, agent: str = "") -> StateRefused:
    """The error for a row of a version that this release cannot read."""
    readable = ", ".join(map(str, sorted({store.version, *store.reads})))
    return StateRefused(
        f"{agent + ': ' if agent else ''}store {store.name} holds rows of schema version {version}, this release reads "
        f"{readable}: start a release that reads version {version} (docs/operators.md, Upgrade and rollback)"
    )


def _written(stored: KeyValue) -> dict[str, int]:
    row = stored.get(META, WRITTEN)
    return {} if row is None else orjson.loads(row)
