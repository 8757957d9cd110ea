"""A one-node broker from the official apache/kafka image, by testcontainers, where a Docker daemon runs."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from demo.broker import probe
from demo.broker.ports import LOOPBACK, free_ports
from demo.broker.properties import shared_properties
from demo.broker.protocol import BrokerError, BrokerOptions

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

# The same Kafka as in jars.txt.
IMAGE = os.environ.get("RETURNSTREAMS_DEMO__KAFKA_IMAGE", "apache/kafka:4.1.2")
DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock"
CONTROLLER_PORT = 9093
PROBE_TIMEOUT_S = 2.0
PROBE_INTERVAL_S = 0.2


class DockerBroker:
    """Its data goes away with the container; testcontainers' reaper removes that even after a kill -9 of ours."""

    def __init__(self, options: BrokerOptions | None = None) -> None:
        self._options = options or BrokerOptions()
        if self._options.nodes != 1 or self._options.data is not None:
            raise BrokerError(
                "a broker in Docker has one node and no data directory: use the embedded broker for those"
            )
        self._container: DockerContainer | None = None
        self._port = 0

    @property
    def bootstrap_servers(self) -> str:
        """Loopback, at a port that is the same inside and outside, so that the advertised address is right."""
        if self._container is None:
            raise BrokerError("the broker is not running: call start() first")
        return f"{LOOPBACK}:{self._port}"

    @property
    def node_count(self) -> int:
        """Always 1."""
        return 1

    def start(self) -> None:
        """See Broker."""
        reason = why_unavailable()
        if reason is not None:
            raise BrokerError(reason)
        from docker.errors import DockerException
        from testcontainers.core.container import DockerContainer

        (self._port,) = free_ports(1)
        container = DockerContainer(IMAGE)
        container.with_envs(**_environment(self._port, self._options))
        # testcontainers' own method knows only ports, which Docker then opens to the whole network.
        container.ports.update(cast("dict[str, int | None]", {f"{self._port}/tcp": (LOOPBACK, self._port)}))
        try:
            container.start()
        except DockerException as error:
            container.stop()
            raise BrokerError(f"Docker cannot start {IMAGE}: {' '.join(str(error).split())[:300]}") from error
        self._container = container
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """See Broker."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._options.start_timeout_s
        while time.monotonic() < deadline:
            # Docker's proxy accepts connections before Kafka does, and closes them: only an answer counts.
            with contextlib.suppress(OSError):
                if probe.ask(LOOPBACK, self._port, PROBE_TIMEOUT_S).nodes:
                    return
            time.sleep(PROBE_INTERVAL_S)
        raise BrokerError(f"{IMAGE} does not answer after {self._options.start_timeout_s:.0f} s")


def why_unavailable() -> str | None:
    """Why Docker cannot be used here, in one line; None when its daemon answers."""
    try:
        import docker
    except ImportError:
        return "testcontainers is not installed: pip install 'returnstreams[docker]'"
    host = os.environ.get("DOCKER_HOST", DEFAULT_DOCKER_HOST)
    try:
        if host.startswith("unix://"):
            # docker-py leaks its socket where nobody listens; ours is closed.
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(host.removeprefix("unix://"))
        with contextlib.closing(docker.from_env()) as client:
            client.ping()
    except OSError as error:
        return f"no Docker daemon answers at {host}: {error.strerror}"
    except docker.errors.DockerException as error:
        return f"no Docker daemon answers: {' '.join(str(error).split())[:200]}"
    return None


def _environment(port: int, options: BrokerOptions) -> dict[str, str]:
    """The image turns KAFKA_FOO_BAR into foo.bar."""
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@localhost:{CONTROLLER_PORT}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:{CONTROLLER_PORT}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        **shared_properties(1),
        **options.server_properties,
    }
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in properties.items()}
