"""The plan for the topics: what is created, altered, kept and refused, from the catalogue and what is there."""

from __future__ import annotations

from contracts import topics
from streams.topics_admin import Found, Replication, Step, Wanted, compare, wanted

WANT = Wanted("p.orders", 12, {"cleanup.policy": "compact", "segment.ms": "10"})
AS_WANTED = Found({"cleanup.policy": "compact", "segment.ms": "10", "retention.ms": "7"}, {"segment.ms": "10"})


def test_what_is_missing_is_created() -> None:
    assert compare(WANT, None, Found({}, {})).step is Step.CREATE


def test_what_is_as_wanted_is_kept_whatever_else_is_set() -> None:
    change = compare(WANT, 12, AS_WANTED)

    assert (change.step, dict(change.differing)) == (Step.KEEP, {})


def test_what_differs_is_altered_and_says_from_what_to_what() -> None:
    change = compare(WANT, 12, Found({"cleanup.policy": "delete"}, {"retention.ms": "7"}))

    assert change.step is Step.ALTER
    assert change.differing == {"cleanup.policy": ("delete", "compact"), "segment.ms": (None, "10")}
    assert change.overrides == {"retention.ms": "7"}


def test_another_partition_count_is_refused_with_the_remedy() -> None:
    for count in (6, 24):
        change = compare(WANT, count, AS_WANTED)
        assert change.step is Step.REFUSE
        assert f"RETURNSTREAMS_TOPICS__PARTITIONS={count}" in change.reason


def test_an_installation_has_every_topic_of_the_catalogue_and_those_of_its_agents() -> None:
    found = {t.name: t for t in wanted(["toy"], "p.", 6, Replication(3, 2))}

    assert {f"p.{t.name}" for t in topics.CATALOGUE} <= set(found)
    assert {"p.toy-changelog", "p.dead-letters.toy", "p.dead-letters.ingress"} <= set(found)
    assert (found["p.orders"].partitions, found["p.retailers"].partitions) == (6, 1)
    assert (found["p.toy-changelog"].partitions, found["p.dead-letters.toy"].partitions) == (6, 1)
    assert {t.config["min.insync.replicas"] for t in found.values()} == {"2"}
    assert found["p.toy-changelog"].config["cleanup.policy"] == "compact"
