"""Where spans go, by the usual variables; refused is what would silently send none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import ClassVar

import pytest
from opentelemetry.trace import SpanKind

from streams import exporting, observability
from streams.exporting import CannotExport, chosen


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what the machine's environment says."""
    for name in (
        "OTEL_SDK_DISABLED",
        "OTEL_TRACES_EXPORTER",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_SERVICE_NAME",
        "OTEL_BSP_MAX_QUEUE_SIZE",
    ):
        monkeypatch.setenv(name, "")  # so that it is as before in the end, whoever sets it
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "x"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "otlp"),
    ],
)
def test_what_the_environment_asks_for(environment: dict[str, str], exporter: str | None) -> None:
    assert chosen(environment) == exporter


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin'"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "must be http/protobuf"),
    ],
)
def test_what_there_is_not_is_refused_with_the_remedy(environment: dict[str, str], named: str) -> None:
    with pytest.raises(CannotExport, match=named):
        chosen(environment)


def test_nothing_is_collected_unless_asked_for() -> None:
    with exporting.exporting("ours"):
        assert not observability.collecting()


def test_the_console_gets_a_line_a_span(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    with exporting.exporting("ours"), observability.step("work", SpanKind.INTERNAL, None, {}):
        pass

    assert not observability.collecting()
    (span,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith('{"name"')]
    assert (span["name"], span["resource"]["attributes"]["service.name"]) == ("work", "ours")


class Collector(BaseHTTPRequestHandler):
    """A collector that takes everything, or nothing."""

    bodies: ClassVar[list[tuple[str, bytes]]]
    hang: Event | None = None

    def do_POST(self) -> None:
        if self.hang is not None:
            self.hang.wait(30)
        self.bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Collector]]:
    class Mine(Collector):
        bodies: ClassVar[list[tuple[str, bytes]]] = []

    kind = Mine
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield kind
    if kind.hang is not None:
        kind.hang.set()
    server.shutdown()
    serving.join()
    server.server_close()


def test_a_collector_gets_all_that_was_recorded_before_the_end(
    collector: type[Collector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "named by the operator")
    with exporting.exporting("ours"):
        for number in range(3000):
            with observability.step(f"work {number}", SpanKind.INTERNAL, None, {}):
                pass

    assert {path for path, _ in collector.bodies} == {"/v1/traces"}
    sent = b"".join(body for _, body in collector.bodies)
    assert all(f"work {number}".encode() in sent for number in range(3000))
    assert b"named by the operator" in sent


def test_a_collector_that_hangs_does_not_hold_up_the_end(
    collector: type[Collector], monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.hang = Event()
    monkeypatch.setattr(exporting, "FLUSH_TIMEOUT_S", 0.1)
    with exporting.exporting("ours"), observability.step("work", SpanKind.INTERNAL, None, {}):
        pass

    assert collector.bodies == [], "and we are here already"
