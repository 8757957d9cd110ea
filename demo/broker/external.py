"""A broker that somebody else runs, named by the environment; we only make sure that it is there."""

from __future__ import annotations

import os
import socket
import time
from types import TracebackType
from typing import Self

from demo.broker import probe
from demo.broker.protocol import BrokerError

# The product's own settings, so that the demo and the tests go where the agents go.
BOOTSTRAP_VARIABLE = "RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS"
PROTOCOL_VARIABLE = "RETURNSTREAMS_KAFKA__SECURITY_PROTOCOL"
# A broker started in the same breath (compose) gets a moment; one that is down is reported before a person wonders.
REACH_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 3.0
RETRY_INTERVAL_S = 0.25


class ExternalBroker:
    """The cluster at RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS."""

    def __init__(self, bootstrap_servers: str, *, reach_timeout_s: float = REACH_TIMEOUT_S) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.node_count = 0
        self._reach_timeout_s = reach_timeout_s

    def start(self) -> None:
        """Returns when one of the servers answers; raises BrokerError when none does in time."""
        addresses = [_address(server) for server in self.bootstrap_servers.split(",")]
        deadline = time.monotonic() + self._reach_timeout_s
        while True:
            reasons = []
            for host, port in addresses:
                try:
                    self.node_count = _reach(host, port)
                except OSError as error:
                    reasons.append(f"{host}:{port}: {error}")
                else:
                    return
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"no Kafka broker answers at {self.bootstrap_servers} ({'; '.join(reasons)}): start it, correct "
                    f"{BOOTSTRAP_VARIABLE}, or unset it to have a broker started for you"
                )
            time.sleep(RETRY_INTERVAL_S)

    def stop(self) -> None:
        """Not ours to stop."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.strip().rpartition(":")
    if not host or not port.isdecimal():
        raise BrokerError(f"{BOOTSTRAP_VARIABLE} has {server.strip()!r}, which is not host:port")
    return host.strip("[]"), int(port)


def _reach(host: str, port: int) -> int:
    """How many nodes the cluster has. Behind TLS or SASL our bare request has no answer: there an open port must do."""
    if os.environ.get(PROTOCOL_VARIABLE, "PLAINTEXT") != "PLAINTEXT":
        with socket.create_connection((host, port), timeout=ANSWER_TIMEOUT_S):
            return 1
    return len(probe.ask(host, port, ANSWER_TIMEOUT_S).nodes)
