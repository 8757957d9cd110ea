"""The retailers as they stand in the topic, what a file would change in them, and writing that down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from contracts import keys, topics
from contracts.envelope import Envelope
from contracts.retailers import Retailer
from streams.engine.errors import ConfigError
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, Fenced, Progress, Transactions, read_rows, read_topic, reading
from streams.engine.records import OutRecord, Record
from streams.retailers_file import folded_name

# A change of one of these decides about money, and only for returns whose first upload is still to come.
FROZEN = ("portal", "customer_choice", "return_action", "hold_hours", "rules")

LAST_VERSION = "last-version"
"""Header of a removed retailer's tombstone: the version that it had."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One retailer that a file would change. before: None for a new one. after: with its new version."""

    before: Retailer | None
    after: Retailer

    def fields(self) -> dict[str, tuple[object, object]]:
        """The fields that differ: before and after."""
        old = self.before.model_dump(mode="json") if self.before else {}
        new = self.after.model_dump(mode="json")
        return {name: (old.get(name), new[name]) for name in new if name != "version" and old.get(name) != new[name]}

    @property
    def for_later_returns(self) -> tuple[str, ...]:
        """The changed fields that each return keeps as they were at its first upload."""
        return tuple(name for name in self.fields() if name in FROZEN) if self.before else ()


def differences(
    file: Iterable[Retailer], known: Mapping[str, Retailer], used: Mapping[str, int] | None = None
) -> list[Difference]:
    """What applying `file` would change; retailers that are not in it are left alone.

    used: the highest version that a retailer had which is not known any more; it goes on behind that.
    ConfigError where one retailer of the result would share its shop or its name with another.
    """
    found: list[Difference] = []
    result = dict(known)
    for retailer in file:
        before = known.get(retailer.id)
        version = (used or {}).get(retailer.id, 0) + 1 if before is None else before.version
        if before is not None and retailer.model_copy(update={"version": version}) != before:
            version += 1
        after = retailer.model_copy(update={"version": version})
        result[retailer.id] = after
        if after != before:
            found.append(Difference(before, after))
    _refuse_shared(result.values())
    return found


def _refuse_shared(retailers: Iterable[Retailer]) -> None:
    shops: dict[str, Retailer] = {}
    names: dict[str, Retailer] = {}
    for retailer in retailers:
        other = shops.setdefault(retailer.shopify.shop, retailer)
        if other is not retailer:
            raise _shared(other, retailer, f"the same shop {retailer.shopify.shop!r}")
        other = names.setdefault(folded_name(retailer.name), retailer)
        if other is not retailer:
            same = other.name == retailer.name
            near = f"names that differ only by blanks or case, {other.name!r} and {retailer.name!r}"
            raise _shared(other, retailer, f"the same name {retailer.name!r}" if same else near)


def _shared(one: Retailer, other: Retailer, what: str) -> ConfigError:
    return ConfigError(
        f"retailers {one.id!r} and {other.id!r} would have {what}: an event could belong to either; change one of them"
    )


async def read_all(cluster: Cluster) -> dict[str, Retailer]:
    """The retailers as they are now. ConfigError where the topic is not there."""
    table = GlobalTable(cluster, topics.RETAILERS, Retailer)
    async with reading(cluster) as reader:
        await table.read_to_end(reader)
    return dict(table)


async def used_versions(cluster: Cluster, ids: Set[str], progress: Progress | None = None) -> dict[str, int]:
    """The highest version that each of these ever had, as far as it can be known; those that had none are left out.

    A removed one's tombstone says it. After some days that is gone; then its units tell under which they were decided,
    and `return-units` is read whole. ConfigError where a topic is missing.
    """
    found: dict[str, int] = {}
    if not ids:
        return found
    async for record in read_topic(cluster, topics.RETAILERS.name):
        _raise(found, ids, record.key, _version_said(record))
    forgotten = ids - found.keys()
    if forgotten:
        async for rows in read_rows(cluster, topics.RETURN_UNITS.name, progress=progress):
            for row in rows:
                owner = (row.key or b"").partition(b"/")[0]
                if row.value is not None and owner.decode(errors="replace") in forgotten:
                    _raise(found, forgotten, owner, _number_in(row.value, "settings_version"))
    return found


def _raise(found: dict[str, int], ids: Set[str], key: bytes | None, version: int) -> None:
    name = (key or b"").decode(errors="replace")
    if name in ids and version > found.get(name, 0):
        found[name] = version


def _version_said(record: Record) -> int:
    if record.value is not None:
        return _number_in(record.value, "version")
    said = dict(record.headers).get(LAST_VERSION, b"")
    return int(said) if said.isdigit() else 0


def _number_in(value: bytes, name: str) -> int:
    """A whole number of a JSON object; 0 where there is none, for what cannot be read says nothing."""
    try:
        number = orjson.loads(value)[name]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return 0
    return number if isinstance(number, int) else 0


async def write(cluster: Cluster, changes: Iterable[Difference]) -> None:
    """Write the changed retailers, all or none; on all in-sync replicas when this returns.

    ConfigError where one of them is no more what it would be changed from: somebody else has applied meanwhile, and two
    different settings would have the same version.
    """
    wanted = list(changes)
    await replace(cluster, {c.after.id: c.before for c in wanted}, [_record(change.after) for change in wanted])


async def replace(cluster: Cluster, before: Mapping[str, Retailer | None], records: Iterable[OutRecord]) -> None:
    """Write rows in one transaction, if these retailers are still as they were `before`; else ConfigError."""
    # One id for all who do this: who comes later shuts the earlier one out, and sees what that one has written.
    producer = Transactions(cluster, "retailers-apply")
    try:
        await producer.open()
        known = await read_all(cluster)
        changed = sorted(name for name, row in before.items() if known.get(name) != row)
        if changed:
            raise ConfigError(f"{', '.join(changed)} was changed meanwhile, nothing was written: look at it again")
        await producer.commit(records, {}, "")
    except Fenced:
        raise ConfigError("somebody else applies retailers at this moment, nothing was written: try again") from None
    finally:
        await producer.close()


def _record(retailer: Retailer) -> OutRecord:
    event = topics.RETAILERS.event_for(Retailer)
    envelope = Envelope(
        id=keys.fact_id("retailer", retailer.id, retailer.version, retailer.model_dump_json()),
        source="returnstreams/retailers-apply",
        type=event.type,
        time=datetime.now(UTC),
        subject=retailer.id,
        dataschema=event.dataschema,
    )
    value = retailer.model_dump_json().encode()
    return OutRecord(topics.RETAILERS.name, retailer.id.encode(), value, envelope.to_headers())
