"""What all tests share: one real broker for the whole run, a three-node cluster on demand, names nobody else uses."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hypothesis.core
import pytest
from hypothesis.vendor import pretty

from demo.broker import Broker, BrokerError, BrokerOptions, Cluster, EmbeddedCluster, open_broker
from demo.broker.external import BOOTSTRAP_VARIABLE
from streams import event_loop


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests run on the loop that the product runs on; this is for the systems that have only the other one."""
    parser.addoption("--without-uvloop", action="store_true", help="run on asyncio's own event loop")


def pytest_configure(config: pytest.Config) -> None:
    """As if it were not installed."""
    if config.getoption("without_uvloop"):
        sys.modules["uvloop"] = None  # type: ignore[assignment]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What async tests and fixtures run on."""
    return {"the product's": event_loop.new}


def pytest_collection_finish(session: pytest.Session) -> None:
    """A broker that the environment names and that does not answer is told before any test, not in their midst."""
    wanted = any("kafka" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and os.environ.get(BOOTSTRAP_VARIABLE) and not (session.config.option.collectonly or _one_of_several()):
        with _running(open_broker()):
            pass


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Counterexamples are printed: schemathesis gives hypothesis, process-wide, a printer that prints nothing."""
    if item.path.name != "test_openapi.py":
        setattr(hypothesis.core, "RepresentationPrinter", pretty.RepresentationPrinter)  # noqa: B010 - no export


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a broker that the whole run shares: use topic_prefix for topics, groups and ids."""
    with _running(open_broker()) as broker:
        yield broker.bootstrap_servers


@pytest.fixture(scope="session")
def _three_nodes() -> Iterator[EmbeddedCluster]:
    cluster = EmbeddedCluster(BrokerOptions(nodes=3))
    with _running(cluster):
        yield cluster


@pytest.fixture
def kafka_cluster(_three_nodes: EmbeddedCluster) -> Iterator[Cluster]:
    """Three nodes that may be killed and paused; whole again for the next test. Never the one the environment names."""
    yield _three_nodes
    _three_nodes.heal()


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """Unique to this test and this run, and tells in the broker's log whose topic it is."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{name[:40]}-{uuid.uuid4().hex[:8]}."


@contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    missing = ""
    try:
        broker.start()
    except BrokerError as error:
        missing = f"no Kafka broker for the tests: {error}"
    if missing and _one_of_several():
        # Of one that exits, the others hear only that it crashed.
        pytest.fail(missing, pytrace=False)
    if missing:
        # Not a skip, because nothing would be shown to work; not an error for each test, because one line says it.
        pytest.exit(missing, returncode=1)
    try:
        yield broker
    finally:
        broker.stop()


def _one_of_several() -> bool:
    """Whether pytest-xdist runs this process beside others."""
    return "PYTEST_XDIST_WORKER" in os.environ
