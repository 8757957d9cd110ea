"""What a broker is to the demo and the tests: an address that works between start() and stop()."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Protocol, Self


class BrokerError(RuntimeError):
    """No broker can be had; the message is one line that says why and what to do (a log's tail may follow it)."""


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """How a broker that we start ourselves should be.

    nodes: 1, or 3 with replication factor 3 and min.insync.replicas 2.
    data: where its data lives and stays; None means a temporary directory that goes away with the broker.
    server_properties: Kafka settings on top of ours, e.g. {"transactional.id.expiration.ms": "10000"}.
    outside: one more listener, of a single node: the port it binds, and the port that clients who come by it are told,
    which may be a proxy's.
    start_timeout_s: a start takes 2-6 s on two idle cores; ten times that means it will never come.
    """

    nodes: int = 1
    data: Path | None = None
    server_properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    outside: tuple[int, int] | None = None
    start_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if self.outside is not None and self.nodes != 1:
            raise ValueError("a listener outside is of one node: several would bind the same port")
        if self.nodes not in (1, 3):
            raise ValueError(f"nodes is {self.nodes}: a broker has 1 node, or 3 of which any one may fail")


class Broker(Protocol):
    """A Kafka cluster. Every call is synchronous and bounded in time: a coroutine uses asyncio.to_thread()."""

    @property
    def bootstrap_servers(self) -> str:
        """`host:port,...` as clients want it; BrokerError before start()."""

    @property
    def node_count(self) -> int:
        """How many brokers form the cluster."""

    def start(self) -> None:
        """Returns when every node answers Kafka requests and knows the others; raises BrokerError otherwise."""

    def stop(self) -> None:
        """Ends all that start() began. May be called twice, and after a start that failed."""

    def __enter__(self) -> Self:
        """start()"""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """stop()"""


class Cluster(Broker, Protocol):
    """A broker whose nodes (numbered from 1) can be made to fail."""

    def kill(self, node: int) -> None:
        """SIGKILL; returns when the process is gone. Its data stays."""

    def restart(self, node: int) -> None:
        """Starts a killed node on its old port and data; returns when it has rejoined (its replicas may still lag)."""

    def pause(self, node: int) -> None:
        """SIGSTOP: connections stay open and nothing answers, as on a machine that hangs."""

    def resume(self, node: int) -> None:
        """SIGCONT for a paused node."""

    def heal(self) -> None:
        """Resumes what is paused, restarts what is dead; returns when all nodes know each other again."""
