"""The settings of a Kafka node that is small, quick to start, and strict where it must be like production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.broker.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Node:
    """Where one node (numbered from 1) listens and keeps its files."""

    id: int
    port: int
    controller_port: int
    directory: Path

    @property
    def name(self) -> str:
        """For logs and for the supervisor."""
        return f"kafka-{self.id}"

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """What the node writes about itself; grows over restarts."""
        return self.directory / "kafka.log"

    @property
    def properties_file(self) -> Path:
        """server.properties"""
        return self.directory / "server.properties"


def shared_properties(nodes: int) -> dict[str, str]:
    """What every node of a cluster of that size has in common, whoever runs it."""
    replicas = str(nodes)
    # With three nodes one may fail and acks=all still means two disks; with one node there is only itself.
    in_sync = "2" if nodes == 3 else "1"
    return {
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        # Kafka makes 50 partitions of each by default, and creates them while the first client waits.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "1",
        # A group's first member does not wait 3 s for more.
        "group.initial.rebalance.delay.ms": "0",
        # A killed node is declared dead after 6 s (9 s by default); below that a busy two-core machine loses live ones.
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        "num.io.threads": "4",
        "num.network.threads": "2",
        "log.cleaner.threads": "1",
        # 128 MB by default, half of the heap; this still cleans 700 k keys in one pass.
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        # The default reserves 10 MB of address space for each of two indexes for each partition.
        "log.index.size.max.bytes": str(1 << 20),
    }


def node_properties(
    node: Node, nodes: list[Node], extra: Mapping[str, str], outside: tuple[int, int] | None = None
) -> dict[str, str]:
    """Everything in the node's server.properties. extra wins. outside: see BrokerOptions."""
    bound, told = outside or (0, 0)
    more = outside is not None
    voters = ",".join(f"{each.id}@{LOOPBACK}:{each.controller_port}" for each in nodes)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{LOOPBACK}:{node.controller_port}"
        + f",OUTSIDE://{LOOPBACK}:{bound}" * more,
        "advertised.listeners": f"PLAINTEXT://{node.address}" + f",OUTSIDE://{LOOPBACK}:{told}" * more,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT" + ",OUTSIDE:PLAINTEXT" * more,
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(node.directory / "data"),
        **shared_properties(len(nodes)),
        **extra,
    }


def render(properties: Mapping[str, str]) -> str:
    """As a Java properties file, in which a backslash has to be doubled."""
    return "".join(f"{name}={value}\n".replace("\\", "\\\\") for name, value in properties.items())
