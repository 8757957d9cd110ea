"""An installation of the toy agent for each test, and a broker that may be killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.broker import BrokerOptions, EmbeddedCluster
from tests.integration.engine.toy import Toy


@pytest.fixture
async def toy(kafka: str, topic_prefix: str) -> Toy:
    """On the broker that all tests share."""
    made = Toy(kafka, topic_prefix)
    await made.create()
    return made


@pytest.fixture(scope="session")
def _mortal() -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster(BrokerOptions()) as cluster:
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
