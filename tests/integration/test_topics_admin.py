"""`topics plan` and `apply` on a real broker: what is there is kept, what an operator set beside it survives."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts import topics
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster
from streams.topics_admin import Replication, Step, TopicsAdmin, Wanted
from tests.integration.administration import admin
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

ONE_COPY = Replication(1, 1)


async def test_create_keep_alter_and_refuse(kafka: str, topic_prefix: str) -> None:
    want = [Wanted(f"{topic_prefix}{t.name}", 2, t.config) for t in (topics.ORDERS, topics.RETURN_EVENTS)]
    async with TopicsAdmin(Cluster({"bootstrap_servers": kafka}, topic_prefix)) as admin:
        fresh = await admin.plan(want)
        assert [c.step for c in fresh] == [Step.CREATE, Step.CREATE]
        await admin.apply(fresh, ONE_COPY)
        await admin.apply(fresh, ONE_COPY)  # somebody else applied the same plan meanwhile
        assert [c.step for c in await admin.plan(want)] == [Step.KEEP, Step.KEEP]

        # AlterConfigs replaces all that stands on the topic: the operator's own setting, and none of the catalogue's.
        await set_config(kafka, want[1].name, {"segment.bytes": "2097152", "retention.ms": "1000"})
        await eventually(
            partial(steps, admin, want, Step.KEEP, Step.ALTER), "the broker knows what the controller does"
        )
        kept, altered = await admin.plan(want)
        assert altered.differing["retention.ms"] == ("1000", want[1].config["retention.ms"])
        await admin.apply([kept, altered], ONE_COPY)
        now = [replace(want[1], config={**want[1].config, "segment.bytes": "2097152"})]
        await eventually(partial(steps, admin, now, Step.KEEP), "both are on the topic")

        more = [*(replace(each, partitions=3) for each in want), Wanted(f"{topic_prefix}new", 1, {})]
        plan = await admin.plan(more)
        assert [c.step for c in plan] == [Step.REFUSE, Step.REFUSE, Step.CREATE]
        with pytest.raises(ConfigError) as refused:
            await admin.apply(plan, ONE_COPY)
        assert str(refused.value).startswith(f"{want[0].name}, {want[1].name}: 2 partitions, not 3: ")
        assert str(refused.value).count("not 3") == 1, "what is wrong with all of them is said once"
        assert [c.step for c in await admin.plan(more)] == [Step.REFUSE, Step.REFUSE, Step.CREATE], (
            "nothing was created"
        )


async def steps(admin: TopicsAdmin, want: list[Wanted], *expected: Step) -> bool:
    """Whether this is the plan."""
    return [change.step for change in await admin.plan(want)] == list(expected)


async def set_config(bootstrap: str, topic: str, config: dict[str, str]) -> None:
    """What an operator would do by hand."""
    async with admin(bootstrap) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=config)])


async def test_more_copies_than_brokers_names_the_settings_to_change(kafka: str, topic_prefix: str) -> None:
    want = [Wanted(f"{topic_prefix}new", 1, {})]
    async with TopicsAdmin(Cluster({"bootstrap_servers": kafka}, topic_prefix)) as admin:
        plan = await admin.plan(want)
        with pytest.raises(ConfigError, match="set RETURNSTREAMS_TOPICS__REPLICATION and"):
            await admin.apply(plan, Replication(100, 1))
