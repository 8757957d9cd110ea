"""The retailers as they stand in the topic, what a file would change in them, and writing that down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts import keys, topics
from contracts.envelope import Envelope
from contracts.retailers import Retailer
from streams.engine.errors import ConfigError
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, append, reading
from streams.engine.records import OutRecord
from streams.retailers_file import folded_name

# A change of one of these decides about money, and only for returns whose first upload is still to come.
FROZEN = ("portal", "customer_choice", "return_action", "hold_hours", "rules")


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


def differences(file: Iterable[Retailer], known: Mapping[str, Retailer]) -> list[Difference]:
    """What applying `file` would change; retailers that are not in it are left alone.

    ConfigError where one retailer of the result would share its shop or its name with another.
    """
    found: list[Difference] = []
    result = dict(known)
    for retailer in file:
        before = known.get(retailer.id)
        version = 1 if before is None else before.version
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


async def write(cluster: Cluster, changes: Iterable[Difference]) -> None:
    """Write the changed retailers; on all in-sync replicas when this returns."""
    await append(cluster, [_record(change.after) for change in changes])


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
