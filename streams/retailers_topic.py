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
    def concerns_later_returns_only(self) -> bool:
        """Whether something changed that each return keeps as it was at its first upload."""
        return self.before is not None and any(name in FROZEN for name in self.fields())


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
    shops: dict[str, str] = {}
    names: dict[str, str] = {}
    for retailer in retailers:
        for taken, value, what in ((shops, retailer.shopify.shop, "shop"), (names, retailer.name, "name")):
            other = taken.setdefault(value, retailer.id)
            if other != retailer.id:
                raise ConfigError(
                    f"retailers {other!r} and {retailer.id!r} would have the same {what} {value!r}: an event could "
                    "belong to either; change one of them"
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
