"""Where a member of a group answers, by what it has told the group."""

from __future__ import annotations

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from streams.engine.kafka.owners import _address, _assigned, range_assignor


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("pod-0.agents:8081", "pod-0.agents:8081"),
        (":8081", "10.0.0.7:8081"),
        ("[fd00::7]:8081", "[fd00::7]:8081"),
        (None, None),
        ("pod-0", None),
        ("pod-0:http", None),
    ],
)
def test_a_member_tells_its_address_or_only_the_port(told: str | None, address: str | None) -> None:
    metadata = range_assignor(told).metadata(["order-events"]).encode()

    assert _address(metadata, "10.0.0.7") == address


def test_a_host_that_the_brokers_see_may_be_an_ipv6_address() -> None:
    assert _address(range_assignor(":8081").metadata([]).encode(), "fd00::7") == "[fd00::7]:8081"


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\1\0\0\0\1\0\5ab"])
def test_a_member_that_is_not_ours_answers_nowhere(raw: bytes) -> None:
    assert _address(raw, "10.0.0.7") is None


def test_whatever_they_tell_partitions_are_assigned_by_range() -> None:
    cluster = ClusterMetadata()
    cluster._partitions = {topic: dict.fromkeys(range(4)) for topic in ("orders", "uploads")}
    members = {
        "a": range_assignor(":8081").metadata(["orders", "uploads"]),
        "b": range_assignor(None).metadata(["orders", "uploads"]),
    }

    given = range_assignor(None).assign(cluster, members)

    assert _assigned(given["a"].encode()) == {(topic, p) for topic in ("orders", "uploads") for p in (0, 1)}
    assert _assigned(given["b"].encode()) == {(topic, p) for topic in ("orders", "uploads") for p in (2, 3)}
    assert _assigned(b"") == set()
    assert isinstance(given["a"], ConsumerProtocolMemberAssignment)
