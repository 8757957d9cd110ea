"""The official image as a broker: runs where a Docker daemon can have it, and is skipped, saying why, elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.broker import probe
from demo.broker.docker import DockerBroker, why_unavailable
from demo.broker.protocol import BrokerError


@pytest.fixture(scope="module")
def broker() -> Iterator[DockerBroker]:
    if (reason := why_unavailable()) is not None:
        pytest.skip(reason)
    broker = DockerBroker()
    try:
        broker.start()
    except BrokerError as error:
        if "cannot start" not in str(error):  # an image that came up and does not work is a failure
            raise
        pytest.skip(str(error))
    yield broker
    broker.stop()


@pytest.mark.docker
def test_the_official_image_answers_at_the_address_it_advertises(broker: DockerBroker) -> None:
    host, _, port = broker.bootstrap_servers.partition(":")

    assert probe.ask(host, int(port), timeout_s=5).nodes == {1}
