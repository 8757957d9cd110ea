"""An installation of the toy agent for each test, a broker that may be killed, and a network that may fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from demo.broker import BrokerOptions, EmbeddedCluster
from demo.broker.ports import free_ports
from tests.integration.engine.proxy import Proxy, proxying
from tests.integration.engine.toy import Toy


@pytest.fixture
async def toy(kafka: str, topic_prefix: str) -> Toy:
    """On the broker that all tests share."""
    made = Toy(kafka, topic_prefix)
    await made.create()
    return made


@pytest.fixture(scope="session")
def _outside() -> tuple[int, int]:
    """Where our own node listens for what comes through a proxy, and where that proxy listens."""
    bound, told = free_ports(2)
    return bound, told


@pytest.fixture(scope="session")
def _mortal(_outside: tuple[int, int]) -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster(BrokerOptions(outside=_outside)) as cluster:
        yield cluster


@pytest.fixture
def mortal(_mortal: EmbeddedCluster) -> Iterator[EmbeddedCluster]:
    """One node of our own that may be killed; whole again for the next test."""
    yield _mortal
    _mortal.heal()


@pytest.fixture
async def mortal_toy(mortal: EmbeddedCluster, topic_prefix: str) -> Toy:
    """On a broker that may be killed."""
    made = Toy(mortal.bootstrap_servers, topic_prefix)
    await made.create()
    return made


@pytest.fixture
async def network(mortal: EmbeddedCluster, _outside: tuple[int, int]) -> AsyncIterator[Proxy]:
    """What stands between the mortal node and those who reach it by `network.address`."""
    bound, told = _outside
    async with proxying(told, bound) as proxy:
        yield proxy
