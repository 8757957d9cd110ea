"""The rows against the outputs: what the changelogs hold must say what the topics say, wherever it is restored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import orjson

from contracts import topics
from contracts.keys import unit_key
from contracts.model import Model
from contracts.returns import ReturnDecision, ReturnUnit
from streams.agents import carrier_scans, return_actions, return_rules
from streams.domain.ledger.units import rows as unit_rows
from streams.engine import positions, restore
from streams.engine.agent import Agent, Store
from streams.engine.context import decode
from streams.engine.kafka import Cluster, Reader, reading
from streams.engine.keyvalue import META, KeyValue, MemoryKeyValue
from streams.engine.records import Record
from streams.engine.rocks import RocksStorage
from streams.engine.timers import DUE, INDEX
from tests.chaos.checker import Outputs, Tally
from tests.chaos.expected import Expected

M = TypeVar("M", bound=Model)

Rows = dict[tuple[str, str], bytes]
"""Rows of one task by store and key."""


class States:
    """All rows of all tasks, folded from the changelogs and from the outputs that hold rows."""

    def __init__(self, agents: Iterable[Agent], partitions: int, records: Iterable[Record]) -> None:
        self.agents = {agent.name: agent for agent in agents}
        self.tasks: dict[tuple[str, int], Rows] = {(a, p): {} for a in self.agents for p in range(partitions)}
        holders = {topic: agent for agent in self.agents.values() for topic in agent.restored_from}
        for record in records:
            if (agent := holders.get(record.topic)) is not None:
                self._take(agent, record)

    def _take(self, agent: Agent, record: Record) -> None:
        rows, key = self.tasks[agent.name, record.partition], (record.key or b"").decode()
        store = agent.store_held_in(record.topic) if record.topic != agent.changelog else ""
        if not store:
            store, _, key = key.partition("/")
        if record.value is None:
            rows.pop((store, key), None)
        else:
            rows[store, key] = record.value

    def of(self, agent: str, store: str) -> Iterator[tuple[str, bytes]]:
        """The rows of one store, of all tasks."""
        for (name, _), rows in self.tasks.items():
            if name == agent:
                yield from ((key, row) for (held, key), row in rows.items() if held == store)

    def decoded(self, agent: str, store: Store[M]) -> Iterator[tuple[str, M]]:
        """The same as models."""
        for key, row in self.of(agent, store.name):
            yield key, decode(store, row)


def check_rows(expected: Expected, outputs: Outputs, states: States) -> list[Tally]:
    """What the rows say against what the outputs say."""
    return [
        _ledgers(outputs, states),
        _returns(outputs, states),
        _whereabouts(expected, states),
        _parcels(expected, states),
        _timers(states),
    ]


async def check_restores(cluster: Cluster, states: States, directories: Iterable[Path], prefix: str) -> Tally:
    """Each task restored afresh in memory, and each one that a process left on disk brought up to date."""
    tally = Tally("restored tasks")
    async with reading(cluster) as reader:
        for (name, partition), rows in states.tasks.items():
            agent = states.agents[name]
            await _restored(tally, "in memory", reader, agent, partition, MemoryKeyValue(), rows)
        for directory in directories:
            storage = RocksStorage(directory, prefix)
            for (name, partition), rows in states.tasks.items():
                stored = storage(name, partition)
                try:
                    stored.open()
                    await _restored(tally, directory.name, reader, states.agents[name], partition, stored, rows)
                finally:
                    stored.close()
    return tally


async def _restored(
    tally: Tally, where: str, reader: Reader, agent: Agent, partition: int, stored: KeyValue, rows: Rows
) -> None:
    await restore.restore(reader, agent, partition, stored)
    tally.found += 1
    own = {store for store, _ in rows} | {s.name for s in agent.stores.values() if s.mirrors is None} | {DUE, INDEX}
    found = {(store, key): row for store in own for key, row in stored.scan(store)}
    place = f"{agent.name}-{partition} {where}"
    tally.lost += [f"{place}: {name}" for name in rows.keys() - found.keys()]
    tally.wrong += [f"{place}: {name} is there" for name in found.keys() - rows.keys()]
    tally.wrong += [f"{place}: {name} differs" for name in found.keys() & rows.keys() if found[name] != rows[name]]


def check_positions(states: States, offsets: Mapping[str, Mapping[tuple[str, int], int]]) -> Tally:
    """The group's offsets, by agent, are those that the rows know: both are written in one transaction."""
    tally = Tally("positions")
    for (name, partition), rows in states.tasks.items():
        row = rows.get((META, positions.POSITION))
        known: dict[str, int] = {} if row is None else orjson.loads(row)
        for topic in states.agents[name].inputs:
            tally.found += 1
            committed = offsets[name].get((topic, partition))
            if committed != known.get(topic):
                place = f"{name} {topic}[{partition}]"
                tally.wrong.append(f"{place}: the group says {committed}, the rows {known.get(topic)}")
    return tally


def _ledgers(outputs: Outputs, states: States) -> Tally:
    """Each unit in the ledger stands just so in `return-units`."""
    told = {
        unit_key(unit.order_key, unit.rma, unit.sku, unit.ordinal): unit
        for unit, _ in outputs.of(topics.RETURN_UNITS.name, ReturnUnit)
    }
    kept = {
        unit_key(unit.order_key, unit.rma, unit.sku, unit.ordinal): unit
        for _, ledger in states.decoded(return_actions.return_actions.name, return_actions.ledgers)
        for unit in unit_rows(ledger)
    }
    tally = Tally("ledger units", len(told), len(kept), lost=sorted(told.keys() - kept.keys()))
    tally.wrong = sorted(kept.keys() - told.keys())
    tally.wrong += [f"{key}: {kept[key]} told as {told[key]}" for key in kept.keys() & told if kept[key] != told[key]]
    return tally


def _returns(outputs: Outputs, states: States) -> Tally:
    """Each return is kept in the revision that was decided last."""
    decided: Counter[tuple[str, str]] = Counter()
    for decision, _ in outputs.of(topics.RETURN_DECISIONS.name, ReturnDecision):
        decided[decision.order_key, decision.rma] += 1
    kept = {
        (key, known.rma): known.revision
        for key, row in states.decoded(return_rules.AGENT.name, return_rules.returns)
        for known in row.returns
    }
    tally = Tally("kept returns", len(decided), len(kept), lost=[str(name) for name in decided.keys() - kept.keys()])
    tally.wrong = [f"{n}: revision {r}, but decided {decided[n]} times" for n, r in kept.items() if r != decided[n]]
    return tally


def _whereabouts(expected: Expected, states: States) -> Tally:
    found = [key.split("|", 2)[2] for key, _ in states.of("order-table", "whereabouts")]
    tally = Tally("whereabouts", len(expected.orders), len(found))
    tally.lost = sorted(expected.orders.keys() - set(found))
    tally.wrong = sorted(set(found) - expected.orders.keys())
    return tally


def _parcels(expected: Expected, states: States) -> Tally:
    """Each scan is kept once under its parcel."""
    parcel_of = {tuple(link.split("|")[1:]): link.split("|")[0] for link in expected.links}
    wanted: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for order_key, rma, meaning, at in expected.events:
        if at:
            wanted[parcel_of[order_key, rma]].add((meaning, at))
    tally = Tally("kept scans", sum(map(len, wanted.values())))
    for key, parcel in states.decoded(carrier_scans.carrier_scans.name, carrier_scans.parcels):
        found = Counter((kept.event.meaning.value, kept.event.local_time) for kept in parcel.kept)
        tally.found += found.total()
        tally.lost += [f"{key}: {scan}" for scan in wanted[key] - found.keys()]
        tally.wrong += [f"{key}: {scan}" for scan in found.keys() - wanted[key]]
        tally.duplicated += [f"{key}: {scan}" for scan, count in found.items() if count > 1]
    return tally


def _timers(states: States) -> Tally:
    """Each timer stands under its time and in the index, or in neither."""
    tally = Tally("timers")
    for (name, partition), rows in states.tasks.items():
        due = {key.split("|", 1)[1]: key.split("|", 1)[0].encode() for store, key in rows if store == DUE}
        index = {key: row for (store, key), row in rows.items() if store == INDEX}
        tally.found += len(due)
        tally.lost += [f"{name}-{partition}: {key} has no index" for key in due.keys() - index.keys()]
        tally.wrong += [f"{name}-{partition}: {key}" for key in index if due.get(key) != index[key]]
    return tally
