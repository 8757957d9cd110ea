"""Where spans go, as OpenTelemetry's usual environment variables say; without any of them nowhere, at no cost.

The exporter is chosen here; its endpoint, headers and limits (OTEL_EXPORTER_OTLP_*, OTEL_BSP_*), the sampler
(OTEL_TRACES_SAMPLER) and the resource (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) the SDK reads itself.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog

from streams import observability

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

log = structlog.get_logger()

# A checkpoint hands over the spans of up to 2000 records at once; the SDK's own 2048 would lose some at the next.
QUEUE = "20000"
# A collector that is away must not hold up a stop: what is left is lost after this.
FLUSH_TIMEOUT_S = 3.0

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"


class CannotExport(ValueError):
    """The environment asks for what there is not; the message says what to change."""


def chosen(environment: Mapping[str, str]) -> str | None:
    """`otlp` or `console`; None where no spans are wanted. CannotExport for anything else."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if not named and any(environment.get(name) for name in _ENDPOINTS):
        named = "otlp"
    if named in ("", "none"):
        return None
    if named not in ("otlp", "console"):
        raise CannotExport(f"OTEL_TRACES_EXPORTER is {named!r}: it must be otlp, console or none")
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), _HTTP)
    if named == "otlp" and protocol != _HTTP:
        raise CannotExport(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}: it must be {_HTTP} (port 4318 of a collector)"
        )
    return named


@contextmanager
def exporting(service: str) -> Iterator[None]:
    """Collect and send spans until the end of the block, where the environment asks for it. CannotExport otherwise.

    service: the service's name where OTEL_SERVICE_NAME says none.
    """
    kind = chosen(os.environ)
    if kind is None:
        yield
        return
    os.environ.setdefault("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE)
    # Only here: they cost 0.2 s and 15 MB, which nobody should pay who does not use them.
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or service, "service.version": version("returnstreams")}
    try:
        provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(_exporter(kind)))
    except (ValueError, OSError) as error:
        raise CannotExport(f"OTEL_…: {error}") from None
    observability.collect(provider)
    log.info("spans are collected", action="tracing", exporter=kind)
    try:
        yield
    finally:
        observability.collect(None)
        last = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(FLUSH_TIMEOUT_S)


def _exporter(kind: str) -> SpanExporter:
    if kind == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr, formatter=lambda span: f"{span.to_json(indent=None)}\n")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
