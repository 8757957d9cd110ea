"""`retailers remove` against a real broker: what it counts, what it asks, and the versions of one that comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts import topics
from contracts.retailers import ReturnActionStage
from streams import event_loop
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster, append
from streams.engine.records import OutRecord
from streams.retailer_removal import remove
from streams.retailers_topic import differences, read_all, write
from tests.command_line import Outcome
from tests.integration.conftest import Command

pytestmark = pytest.mark.kafka

ACME = """\
  - id: acme
    name: Acme
    portal: omnireturns
    shopify: {shop: acme.myshopify.com}
    return_action: first_scan
"""
BERGWERK = ACME.replace("acme", "bergwerk").replace("Acme", "Bergwerk")


@pytest.fixture
def apply(command: Command, tmp_path: Path) -> Callable[..., Outcome]:
    """Applies a file of these retailers."""

    def write_and_apply(*retailers: str) -> Outcome:
        file = tmp_path / "retailers.yaml"
        file.write_text("retailers:\n" + "".join(retailers))
        return command("retailers", "apply", str(file), "--yes")

    return write_and_apply


@pytest.mark.usefixtures("installed")
def test_it_says_what_is_left_behind_asks_for_the_id_and_the_version_goes_on(
    command: Command, apply: Callable[..., Outcome], cluster: Cluster
) -> None:
    apply(ACME, BERGWERK)
    apply(ACME.replace("first_scan", "processing"))
    unit = b'{"state": "decided", "waiting_for": "processing", "settings_version": 2}'
    rows = [(topics.ORDERS, "acme/1", b"{}"), (topics.ORDERS, "acme/2", b"{}"), (topics.ORDERS, "acme/2", None)]
    rows += [(topics.RETURN_UNITS, "acme/1|R1|TEE|1", unit), (topics.RETURN_UNITS, "bergwerk/1|R1|TEE|1", unit)]
    event_loop.run(append(cluster, [OutRecord(topic.name, key.encode(), value) for topic, key, value in rows]))

    unknown = command("retailers", "remove", "acne", "--yes")
    assert (unknown.code, "near: acme" in unknown.err) == (78, True)
    kept = command("retailers", "remove", "acme", answer="bergwerk\n")
    assert kept.code == 1
    assert "orders in the table: 1\n" in kept.out
    assert "returns that are not through: 1; their units: 1 decided" in kept.out
    assert "acme" in command("retailers", "show").out

    gone = command("retailers", "remove", "acme", answer="acme\n")
    assert gone.code == 0
    assert "removed: acme (version 2)" in gone.out
    assert [line.split()[0] for line in command("retailers", "show").out.splitlines()[1:]] == ["bergwerk"]
    assert "applied: acme (version 3)" in apply(ACME).out


@pytest.mark.usefixtures("installed")
def test_when_the_topic_has_forgotten_a_version_the_units_still_know_it(
    apply: Callable[..., Outcome], cluster: Cluster
) -> None:
    unit = OutRecord(topics.RETURN_UNITS.name, b"acme/1|R1|TEE|1", b'{"state": "acted", "settings_version": 7}')
    event_loop.run(append(cluster, [unit]))
    assert "applied: acme (version 8), bergwerk (version 1)" in apply(ACME, BERGWERK).out


@pytest.mark.usefixtures("installed")
def test_of_two_who_change_the_same_at_once_the_second_is_told_and_no_version_means_two_things(
    apply: Callable[..., Outcome], cluster: Cluster
) -> None:
    apply(ACME)
    known = event_loop.run(read_all(cluster))
    one, other = (
        differences([known["acme"].model_copy(update={"return_action": stage})], known)
        for stage in (ReturnActionStage.PROCESSING, ReturnActionStage.MANUAL)
    )
    event_loop.run(write(cluster, one))
    with pytest.raises(ConfigError, match="acme was changed meanwhile"):
        event_loop.run(write(cluster, other))
    with pytest.raises(ConfigError, match="acme was changed meanwhile"):
        event_loop.run(remove(cluster, known["acme"]))
    after = event_loop.run(read_all(cluster))["acme"]
    assert (after.version, after.return_action) == (2, ReturnActionStage.PROCESSING)
