"""A Kafka broker for the demo and the tests: one that is named, else a real one started here without Docker.

    with open_broker() as broker:
        connect(broker.bootstrap_servers)

RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS names a running broker; RETURNSTREAMS_DEMO__BROKER=docker asks for the official
image.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from demo.broker.docker import DockerBroker
from demo.broker.embedded import EmbeddedCluster
from demo.broker.external import BOOTSTRAP_VARIABLE, ExternalBroker
from demo.broker.protocol import Broker, BrokerError, BrokerOptions, Cluster

__all__ = ["Broker", "BrokerError", "BrokerOptions", "Cluster", "EmbeddedCluster", "open_broker"]

KIND_VARIABLE = "RETURNSTREAMS_DEMO__BROKER"


def open_broker(options: BrokerOptions | None = None, *, report: Callable[[str], None] = lambda line: None) -> Broker:
    """The broker to use on this machine, not started yet. One that the environment names takes no options."""
    if servers := os.environ.get(BOOTSTRAP_VARIABLE):
        return ExternalBroker(servers)
    kind = os.environ.get(KIND_VARIABLE, "embedded")
    if kind == "embedded":
        return EmbeddedCluster(options, report=report)
    if kind == "docker":
        return DockerBroker(options)
    raise BrokerError(f"{KIND_VARIABLE} is {kind!r}: it can be 'embedded' or 'docker'")
