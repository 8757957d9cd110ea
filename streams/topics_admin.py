"""Make the cluster's topics what the catalogue says: plan, then apply. Creates and alters, never deletes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError, for_code

from contracts import topics
from streams.engine.agent import changelog_of
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster

REQUEST_TIMEOUT_MS = 15_000
# After a creation the brokers answer for a topic at once, but not all of them know its leaders yet.
SETTLE_TIMEOUT_S = 30.0
# DescribeConfigs (KIP-226): the source of a setting that stands on the topic itself.
_SET_ON_TOPIC = 1


class Step(StrEnum):
    """What is to be done about one topic."""

    CREATE = "create"
    ALTER = "alter"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as it must be; `name` with the prefix."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the plan. differing: setting -> (now, wanted). overrides: what is set on the topic itself now."""

    topic: Wanted
    step: Step
    differing: Mapping[str, tuple[str | None, str]]
    reason: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The settings of a topic as they are; overrides: those set on the topic itself, not inherited."""

    config: Mapping[str, str]
    overrides: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Replication:
    """How many copies, and how many of them must have a record before it is acknowledged."""

    factor: int
    min_insync: int


def wanted(agents: Iterable[str], prefix: str, partitions: int, replication: Replication) -> list[Wanted]:
    """Every topic of an installation: the catalogue, each agent's changelog, each writer's dead letters."""
    agents = list(agents)
    letters = [topics.dead_letters(name) for name in (*agents, "ingress")]
    extra = {"min.insync.replicas": str(replication.min_insync)}
    found = [
        Wanted(prefix + topic.name, topics.partitions_of(topic, partitions), {**topic.config, **extra})
        for topic in (*topics.CATALOGUE, *letters)
    ]
    changelog = {**topics.CHANGELOG, **extra}
    return found + [Wanted(prefix + changelog_of(agent), partitions, changelog) for agent in agents]


def compare(want: Wanted, partitions: int | None, found: Found) -> Change:
    """What is to be done about one topic that has (or is) this."""
    if partitions is None:
        return Change(want, Step.CREATE, {})
    if partitions != want.partitions:
        reason = (
            f"{partitions} partitions, not {want.partitions}: a keyed topic's count never changes, because its "
            f"keys would move; set RETURNSTREAMS_TOPICS__PARTITIONS={partitions}, or use a new prefix"
        )
        return Change(want, Step.REFUSE, {}, reason)
    config = found.config
    differing = {name: (config.get(name), value) for name, value in want.config.items() if config.get(name) != value}
    return Change(want, Step.ALTER if differing else Step.KEEP, differing, overrides=found.overrides)


class TopicsAdmin:
    """Reads and changes the topics of one installation. Use as `async with`."""

    def __init__(self, cluster: Cluster) -> None:
        options = {**cluster.options, "request_timeout_ms": REQUEST_TIMEOUT_MS}
        self._admin = AIOKafkaAdminClient(**options)

    async def __aenter__(self) -> TopicsAdmin:
        try:
            await self._admin.start()
        except KafkaError:
            await self._admin.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._admin.close()

    async def plan(self, want: Iterable[Wanted]) -> list[Change]:
        """One change for each wanted topic, in their order."""
        want = list(want)
        have = {t["topic"]: len(t["partitions"]) for t in await self._admin.describe_topics() if not t["error_code"]}
        configs = await self._configs([topic.name for topic in want if topic.name in have])
        return [compare(topic, have.get(topic.name), configs.get(topic.name, Found({}, {}))) for topic in want]

    async def _configs(self, names: list[str]) -> dict[str, Found]:
        if not names:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, Found] = {}
        for response in await self._admin.describe_configs(resources):
            for error_code, error, _, name, entries in response.resources:
                if error_code:
                    raise ConfigError(f"topic {name}: its settings cannot be read: {error}")
                own = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
                found[name] = Found({entry[0]: entry[1] for entry in entries}, own)
        return found

    async def apply(self, plan: Iterable[Change], replication: Replication) -> None:
        """Carry the plan out. ConfigError, with nothing changed, when it refuses something."""
        plan = list(plan)
        refused: dict[str, list[str]] = {}
        for change in plan:
            if change.step is Step.REFUSE:
                refused.setdefault(change.reason, []).append(change.topic.name)
        if refused:
            raise ConfigError("; ".join(f"{', '.join(names)}: {reason}" for reason, names in refused.items()))
        await self._create([c.topic for c in plan if c.step is Step.CREATE], replication)
        await self._alter([c for c in plan if c.step is Step.ALTER])

    async def _create(self, new: list[Wanted], replication: Replication) -> None:
        if not new:
            return
        requests = [NewTopic(t.name, t.partitions, replication.factor, topic_configs=dict(t.config)) for t in new]
        response = await self._admin.create_topics(requests)
        for name, code, *message in response.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise ConfigError(f"topic {name} could not be created: {_why_not_created(error, message)}")
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while not await self._settled({t.name for t in new}):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.1)

    async def _settled(self, names: set[str]) -> bool:
        found = [t for t in await self._admin.describe_topics() if t["topic"] in names and not t["error_code"]]
        return len(found) == len(names) and all(p["leader"] >= 0 for t in found for p in t["partitions"])

    async def _alter(self, changes: list[Change]) -> None:
        if not changes:
            return
        # AlterConfigs replaces all that is set on a topic: what an operator set beside the catalogue is sent again.
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, c.topic.name, configs={**c.overrides, **c.topic.config})
            for c in changes
        ]
        responses: Any = await self._admin.alter_configs(resources)
        for response in responses if isinstance(responses, list) else [responses]:
            for error_code, error, _, name in response.resources:
                if error_code:
                    raise ConfigError(f"topic {name}: its settings could not be changed: {error}")


def _why_not_created(error: type[KafkaError], said: Iterable[object]) -> str:
    if error is InvalidReplicationFactorError:
        names = "RETURNSTREAMS_TOPICS__REPLICATION and RETURNSTREAMS_TOPICS__MIN_INSYNC"
        return f"there are fewer brokers than copies wanted; set {names} to as many as there are, or start more brokers"
    return f"{error.__name__} {' '.join(map(str, said))}"
