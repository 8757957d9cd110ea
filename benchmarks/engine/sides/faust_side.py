"""Faust, at least once, with a table in memory and its changelog.

python -m benchmarks.engine.sides.faust_side SPEC     (in the venv of requirements/bench.txt)

JSON by orjson in the agent, bytes on the wire: its own serializers are slower. No headers, nothing validated.
"""

from __future__ import annotations

import faust  # type: ignore[import-not-found]
import orjson

from benchmarks.engine import work
from benchmarks.engine.spec import FETCH_BYTES, Mark, Spec, told


def build(spec: Spec) -> faust.App:
    """The application."""
    app = faust.App(
        spec.name,
        broker=f"kafka://{spec.bootstrap}",
        store="memory://",
        datadir=spec.state,
        topic_partitions=spec.partitions,
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        processing_guarantee="at_least_once",
        broker_commit_interval=1.0,
        stream_wait_empty=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        producer_acks=-1,
        producer_max_batch_size=900_000,
        producer_linger=0.02,
    )
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    given = app.topic(spec.given, partitions=spec.partitions, **raw)
    actions = app.topic(spec.actions, partitions=spec.partitions, **raw)
    rows = app.Table("rows", partitions=spec.partitions, key_type=bytes, value_type=bytes)
    mark = Mark(spec.mark)

    @app.agent(given, concurrency=1)
    async def each(stream):  # type: ignore[no-untyped-def]
        async for event in stream.events():
            if mark.waiting:
                mark.taken()
            key, message = event.key, event.message
            body = orjson.loads(event.value)
            if work.is_order(message.headers):
                rows[key] = bytes(memoryview(orjson.dumps(work.slim(body))))
                continue
            for action in work.decide(key.decode(), orjson.loads(rows[key]), body):
                await actions.send(key=key, value=orjson.dumps(action), partition=message.partition)

    return app


if __name__ == "__main__":
    faust.Worker(build(told()), loglevel="WARN").execute_from_commandline()
