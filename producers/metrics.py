"""Every metric of the ingress, a sentence each, in base units. An own registry, so that nothing else slips in."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Bounds around what is promised: 50 ms at p99, 2.5 s at the latest, 5 s when Shopify hangs up.
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The metrics of one ingress. Labels are few and fixed: a sender's word, a status, a topic, an outcome."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "returnstreams_ingress_requests",
            "Requests answered, by sender and HTTP status.",
            ["sender", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "returnstreams_ingress_request_seconds",
            "Time from the first byte of a request to its answer.",
            ["sender"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.outcomes = Counter(
            "returnstreams_ingress_outcomes",
            "What became of signed requests: published, ignored (nothing to do), or kept (in the dead letters).",
            ["sender", "outcome"],
            registry=self.registry,
        )
        self.kept = Counter(
            "returnstreams_ingress_kept_records",
            "Records kept in the dead letters instead of being refused, by sender and reason.",
            ["sender", "reason"],
            registry=self.registry,
        )
        self.records = Counter(
            "returnstreams_ingress_published_records",
            "Records acknowledged by all in-sync replicas, by topic.",
            ["topic"],
            registry=self.registry,
        )
        self.publish_seconds = Histogram(
            "returnstreams_ingress_publish_seconds",
            "Time until all records of a request were acknowledged.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.publish_failures = Counter(
            "returnstreams_ingress_publish_failures",
            "Requests whose records were not acknowledged in time, by cause: timeout, broker, full, slow, down.",
            ["cause"],
            registry=self.registry,
        )
        self.in_flight_bytes = Gauge(
            "returnstreams_ingress_in_flight_bytes",
            "Bytes given to the producer and not resolved yet, the abandoned ones included.",
            registry=self.registry,
        )
        self.producers_started = Counter(
            "returnstreams_ingress_producers_started",
            "Kafka producers started; more than one means that the last one broke for good.",
            registry=self.registry,
        )
        self.retailers = Gauge(
            "returnstreams_ingress_known_retailers",
            "Retailers known from the retailers topic.",
            registry=self.registry,
        )
        self.ready = Gauge(
            "returnstreams_ingress_ready",
            "1 while requests would be taken, 0 otherwise.",
            registry=self.registry,
        )
        # Looking a child up by its labels takes a lock and 3 us, for each request some five times.
        self._answered = cache(self.requests.labels)
        self._seconds = cache(self.request_seconds.labels)
        self._outcome = cache(self.outcomes.labels)
        self._topic = cache(self.records.labels)

    def answered(self, sender: str, status: int, seconds: float) -> None:
        """One request, from its first byte to its answer."""
        self._answered(sender, str(status)).inc()
        self._seconds(sender).observe(seconds)

    def took(self, sender: str, outcome: str) -> None:
        """One signed request, and what became of it."""
        self._outcome(sender, outcome).inc()

    def stored(self, topic: str) -> None:
        """One record, acknowledged."""
        self._topic(topic).inc()
