"""Quix Streams, exactly once, with its RocksDB state and changelog (it offers an application no other).

python -m benchmarks.engine.sides.quix_side SPEC     (in the venv of requirements/bench.txt)

JSON by orjson in the function, bytes on the wire. No headers, nothing validated.
"""

from __future__ import annotations

from typing import Any

import orjson
from quixstreams import Application, State  # type: ignore[import-not-found]

from benchmarks.engine import work
from benchmarks.engine.spec import BATCH, Mark, Spec, told

# By default it commits every 5 s, which the last action would wait for. Tried: see the README.
COMMIT_INTERVAL_S = 0.25


def main(spec: Spec) -> None:
    """Until SIGTERM."""
    app = Application(
        spec.bootstrap,
        consumer_group=spec.name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_INTERVAL_S,
        commit_every=spec.partitions * BATCH,
        state_dir=spec.state,
        consumer_poll_timeout=0.05,
        loglevel="WARNING",
    )
    given = app.topic(spec.given, key_deserializer="bytes", value_deserializer="bytes")
    actions = app.topic(spec.actions, key_serializer="bytes", value_serializer="bytes")
    mark = Mark(spec.mark)

    def each(value: bytes, key: bytes, timestamp: int, headers: Any, state: State) -> list[bytes]:
        if mark.waiting:
            mark.taken()
        body = orjson.loads(value)
        if work.is_order(headers):
            state.set_bytes("row", orjson.dumps(work.slim(body)))
            return []
        row = orjson.loads(state.get_bytes("row"))
        return [orjson.dumps(action) for action in work.decide(key.decode(), row, body)]

    frame = app.dataframe(given)
    frame = frame.apply(each, stateful=True, metadata=True, expand=True)
    frame.to_topic(actions)
    app.run()


if __name__ == "__main__":
    main(told())
