"""`returns show` and `rules try --history` against a real broker, on records as the agents write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import topics
from contracts.keys import order_key, unit_key
from contracts.model import Model
from contracts.orders import Order
from contracts.retailers import Retailer, Rule, RuleOutcome
from contracts.returns import Meaning
from contracts.topics import Topic
from streams import event_loop
from streams.domain.orders import slim
from streams.engine.kafka import Cluster, append, reading
from streams.engine.records import OutRecord
from streams.retailers_topic import differences, write
from streams.trial.deciding import try_uploads
from tests.builders import HASH_KEY, retailer, return_event, shopify_order, unit, upload
from tests.integration.conftest import Command

pytestmark = pytest.mark.kafka

ACME = retailer(rules=(Rule(name="everything", then=RuleOutcome.REFUND),))
NOW = datetime.now(UTC)
CHANGED = """\
retailers:
  - id: acme
    name: Acme
    portal: omnireturns
    shopify: {shop: acme.myshopify.com}
    return_action: first_scan
    rules:
      - name: large orders get store credit
        when: {order_value: {greater_than: 150}}
        then: store_credit
      - name: the others too, some day
        when: {tag: {in: [vip]}}
        then: no_action
      - {name: everything, when: always, then: refund}
"""


@pytest.fixture(autouse=True)
def _applied(installed: None, cluster: Cluster) -> None:
    event_loop.run(write(cluster, differences([ACME], {})))


def record(topic: Topic, key: str, value: Model | None) -> OutRecord:
    about = getattr(value, "order_key", key)
    return OutRecord(
        topic.name, key.encode(), value.to_json() if value is not None else None, partition_key=about.encode()
    )


def kept(name: str, **changes: Any) -> Order:
    order = shopify_order(name=name, **changes)
    return slim(order, retailer="acme", shop="acme.myshopify.com", hash_key=HASH_KEY)


def returned(rma: str, order: Order, day: int = 0, of: Retailer = ACME, **changes: Any) -> Iterator[OutRecord]:
    """Everything that stands in the topics once a return of one TEE-M was decided, and its order with it."""
    key, said = order_key("acme", order.name), upload(unit(**changes), rma=rma, order_name=order.name)
    [trial] = try_uploads(of, order, [said], NOW - timedelta(days=30 - day))
    yield record(topics.ORDERS, key, order)
    yield record(topics.RETURN_UPLOADS, key, said)
    yield record(topics.RETURN_DECISIONS, key, trial.decision)
    for each in trial.units:
        yield record(topics.RETURN_UNITS, unit_key(key, rma, each.row.sku, each.row.ordinal), each.row)


def written(cluster: Cluster, *records: Iterator[OutRecord] | OutRecord) -> None:
    flat = [each for some in records for each in ([some] if isinstance(some, OutRecord) else some)]
    event_loop.run(append(cluster, flat))


def ends(cluster: Cluster) -> dict[tuple[str, int], int]:
    """How much stands in every topic."""

    async def look() -> dict[tuple[str, int], int]:
        async with reading(cluster) as reader:
            places = [(topic.name, p) for topic in topics.CATALOGUE for p in await reader.partitions(topic.name)]
            return (await reader.bounds(places))[1]

    return event_loop.run(look())


class TestShow:
    def test_a_return_is_found_by_its_rma_alone(self, command: Command, cluster: Cluster) -> None:
        scan = return_event(Meaning.FIRST_SCAN, code="OP-10", order_key="acme/1001")
        written(cluster, returned("R1", kept("#1001")), record(topics.RETURN_EVENTS, "acme/1001", scan))
        outcome = command("returns", "show", "acme", " R1 ")

        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.startswith("return R1 of order acme/1001\nsettings version 1: paid at first_scan; parcels: ")
        for told in ("uploaded: 1 unit;", "refund (rule:everything)", "first scan: OP-10 at", "waits for history of"):
            assert told in outcome.out

    def test_two_orders_with_the_same_rma_are_both_told_or_the_one_that_is_named(
        self, command: Command, cluster: Cluster
    ) -> None:
        written(cluster, returned("R1", kept("#1001")), returned("R1", kept("#10%|x")))

        both = [json.loads(line) for line in command("returns", "show", "acme", "R1", "--json").out.splitlines()]
        assert [each["order_key"] for each in both] == ["acme/10%|X", "acme/1001"]
        [one] = command("returns", "show", "acme", "R1", "--json", "--order", "#10%|x").out.splitlines()
        assert json.loads(one)["order_key"] == "acme/10%|X"
        assert [each["kind"] for each in json.loads(one)["story"]] == ["upload", "decision"]
        since = datetime.fromisoformat(json.loads(one)["units"][0]["waiting_since"])
        assert NOW - timedelta(minutes=1) < since < datetime.now(UTC) + timedelta(minutes=1)

    def test_what_was_only_uploaded_is_found_too(self, command: Command, cluster: Cluster) -> None:
        written(cluster, record(topics.RETURN_UPLOADS, "acme/1001", upload()))
        out = command("returns", "show", "acme", "R1").out

        assert "uploaded: 1 unit" in out
        assert "no unit stands in return-units yet" in out

    def test_what_cannot_be_read_is_passed_over(self, command: Command, cluster: Cluster) -> None:
        poison = (
            OutRecord("return-uploads", b"acme/1001", value) for value in (b"{", b"[]", b'{"rma": "R1"}', b"\xff")
        )
        written(cluster, poison, record(topics.RETURN_UPLOADS, "acme/1001", upload()))

        assert "uploaded: 1 unit" in command("returns", "show", "acme", "R1").out

    def test_an_unknown_return_is_answered_with_what_was_looked_at_and_what_is_near(
        self, command: Command, cluster: Cluster
    ) -> None:
        written(cluster, returned("RMA-1001", kept("#1001")), returned("RMA-2002", kept("#1002")))

        unknown = command("returns", "show", "acme", "RMA-1010")
        assert unknown.code == 78
        assert unknown.err == (
            "error: acme has no return 'RMA-1010', neither in return-units nor in return-uploads (kept for 14 days); "
            "near: RMA-1001, RMA-2002\n"
        )
        elsewhere = command("returns", "show", "acme", "RMA-1001", "--order", "1002")
        assert elsewhere.err == "error: order '1002' has no return 'RMA-1001'; it is one of acme/1001\n"
        nobody = command("returns", "show", "acne", "RMA-1001")
        assert nobody.err == "error: no retailer 'acne' is in force; there are: acme\n"


class TestHistory:
    @pytest.fixture
    def file(self, tmp_path: Path) -> str:
        (tmp_path / "changed.yaml").write_text(CHANGED)
        return str(tmp_path / "changed.yaml")

    def test_other_rules_change_the_large_order_and_nothing_is_written(
        self, command: Command, cluster: Cluster, file: str
    ) -> None:
        small, large = kept("#1001"), kept("#10%|x", total_price="200.00")
        written(cluster, returned("R1", small, 1), returned("R2", large, 2))
        before = ends(cluster)
        outcome = command("rules", "try", "--retailer", "acme", "--history", "10", "--file", file)

        assert (outcome.code, outcome.err) == (0, "")
        rows = [line.split() for line in outcome.out.splitlines()]
        assert ["credit_note", "0", "1", "0.00", "USD", "50.00", "USD"] in rows
        assert ["refund", "2", "1", "100.00", "USD", "50.00", "USD"] in rows
        assert f"2 returns decided anew (2 units) by the rules in {file}" in outcome.out
        assert "1 unit would differ" in outcome.out
        assert ends(cluster) == before

    def test_the_rules_in_force_change_nothing(self, command: Command, cluster: Cluster) -> None:
        written(cluster, returned("R1", kept("#1001")))

        assert command("rules", "try", "--retailer", "acme", "--history", "10").out == (
            "1 return decided anew (1 unit) by the rules in force (version 1)\nnothing would differ\n"
        )

    def test_only_the_last_ones_are_looked_at(self, command: Command, cluster: Cluster, file: str) -> None:
        written(cluster, returned("R1", kept("#1001", total_price="200.00"), 1), returned("R2", kept("#1002"), 2))

        out = command("rules", "try", "--retailer", "acme", "--history", "1", "--file", file).out
        assert "1 return decided anew" in out
        assert "nothing would differ" in out

    def test_orders_that_are_not_kept_any_more_are_named(self, command: Command, cluster: Cluster, file: str) -> None:
        gone = record(topics.ORDERS, "acme/1001", None)
        written(cluster, returned("R1", kept("#1001")), gone, returned("R2", kept("#1002")))

        out = command("rules", "try", "--retailer", "acme", "--history", "9", "--file", file).out
        assert "1 return decided anew (1 unit)" in out
        assert "1 could not be, for their orders are not kept any more\n  not decided anew: acme/1001 R1\n" in out

    def test_a_retailer_without_returns_is_told_so(self, command: Command) -> None:
        assert command("rules", "try", "--retailer", "acme", "--history", "9").out == (
            "no returns of this retailer are kept (decisions are kept for 120 days)\n"
        )
