"""The catalogue: what other people's clusters and readers were promised, written down here a second time."""

from __future__ import annotations

import pytest

from contracts import topics
from contracts.retailers import Retailer
from contracts.topics import CATALOGUE, Keyed, Topic, dead_letters, named, partitions_of

DAY_MS = 86_400_000
COMPACT = None

# Name, key, cleanup (days kept, or compacted). A line changes only together with a migration of every installation.
PROMISED = [
    ("order-events", "order key", 7),
    ("orders", "order key", COMPACT),
    ("return-uploads", "order key", 14),
    ("carrier-events", "tracking key", 14),
    ("consignments", "<tracking key>|<order key>|<RMA>", COMPACT),
    ("return-events", "order key", 90),
    ("return-decisions", "order key", 120),
    ("return-units", "<order key>|<RMA>|<sku>|<n>", COMPACT),
    ("return-actions.refund", "order key", 90),
    ("return-actions.credit-note", "order key", 90),
    ("return-actions.exchange", "order key", 90),
    ("return-alerts", "order key", 30),
    ("tracking-deliveries", "order key", 30),
    ("tracking-replays", "order key", 14),
    ("retailers", "retailer id", COMPACT),
    ("agent-pauses", "<agent>/<partition>", COMPACT),
    ("agent-controls", "<agent>/<partition>", COMPACT),
    ("order-cursors", "<retailer>/<import or reconciliation>", COMPACT),
]
BY_TRACKING_KEY = {"carrier-events", "consignments"}
READ_WHOLE = {"retailers", "agent-pauses", "agent-controls", "order-cursors"}

ALL = [*CATALOGUE, dead_letters("order-table")]
every_topic = pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)


def test_the_catalogue_is_what_was_promised() -> None:
    assert [(topic.name, topic.key, topic.retention_days) for topic in CATALOGUE] == PROMISED


def test_topics_that_one_agent_reads_together_have_their_keys_in_the_same_partition() -> None:
    tracked = {topic.name for topic in CATALOGUE if topic.keyed is Keyed.TRACKING}
    ordered = {topic.name for topic in CATALOGUE if topic.keyed is Keyed.ORDER}
    assert tracked == BY_TRACKING_KEY
    assert ordered == {name for name, _, _ in PROMISED} - BY_TRACKING_KEY - READ_WHOLE
    for group in (tracked, ordered):
        assert len({partitions_of(named(name), 24) for name in group}) == 1


def test_keyed_topics_get_the_chosen_number_of_partitions_and_those_read_whole_get_one() -> None:
    assert topics.DEFAULT_PARTITIONS == 12
    assert partitions_of(topics.ORDERS) == 12
    assert partitions_of(topics.ORDERS, 48) == 48
    assert {partitions_of(named(name), 48) for name in READ_WHOLE} == {1}
    assert partitions_of(dead_letters("ingress"), 48) == 1


@every_topic
def test_the_brokers_settings_say_the_same(topic: Topic) -> None:
    config = topic.config
    if topic.compacted:
        assert config["cleanup.policy"] == "compact"
        assert "retention.ms" not in config
        # Hidden within a minute, off the disks within ten days: a segment, its compaction, its tombstones.
        steps = ("segment.ms", "max.compaction.lag.ms", "delete.retention.ms")
        assert [int(config[name]) for name in steps] == [DAY_MS, DAY_MS, 7 * DAY_MS]
        assert sum(int(config[name]) for name in steps) <= 10 * DAY_MS
    else:
        assert config["cleanup.policy"] == "delete"
        assert topic.retention_days is not None
        assert int(config["retention.ms"]) == topic.retention_days * DAY_MS
    # A body of 10 MiB and what stands around it.
    assert int(config["max.message.bytes"]) > 11 * 1024 * 1024


@every_topic
def test_what_is_personal_is_gone_after_twenty_days(topic: Topic) -> None:
    if topic.personal:
        # Retention takes a segment when its last record is old enough: its first one is older by this.
        assert int(topic.config["segment.ms"]) <= DAY_MS // 4
        assert not topic.compacted
        assert topic.retention_days is not None
        assert topic.retention_days <= 20


def test_what_may_hold_an_address_says_so() -> None:
    personal = {topic.name for topic in ALL if topic.personal}
    assert personal == {"order-events", "return-uploads", "carrier-events", "dead-letters.order-table"}


@every_topic
def test_every_topic_has_a_writer_and_a_reader(topic: Topic) -> None:
    assert topic.writers
    assert topic.readers


def test_event_types_are_named_alike_and_mean_one_model_each() -> None:
    events = [event for topic in CATALOGUE for event in topic.events]
    for event in events:
        family, _noun, _verb, version = event.type.removeprefix("com.").split(".")
        assert (family, version) == ("returnstreams", "v1")
        assert event.dataschema == f"urn:returnstreams:schema:{event.type}"
        assert {other.model for other in events if other.type == event.type} == {event.model}


def test_dead_letters_are_kept_as_they_came() -> None:
    topic = dead_letters("order-table")
    assert (topic.name, topic.retention_days, topic.keyed) == ("dead-letters.order-table", 20, Keyed.ORIGINAL)


def test_only_the_ledger_writes_actions() -> None:
    assert all(topic.writers == ("return-actions",) for topic in topics.ACTIONS.values())
    assert {option.value: topic.name for option, topic in topics.ACTIONS.items()} == {
        "refund": "return-actions.refund",
        "credit_note": "return-actions.credit-note",
        "exchange": "return-actions.exchange",
    }


def test_an_unknown_topic_or_model_is_answered_with_what_there_is() -> None:
    with pytest.raises(KeyError, match=r"no topic 'order' in the catalogue: order-events, orders"):
        named("order")
    with pytest.raises(KeyError, match=r"topic orders takes \['Order'\], not Retailer"):
        topics.ORDERS.event_for(Retailer)
