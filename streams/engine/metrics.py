"""Every metric of the engine, with a sentence and a base unit each."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("returnstreams_records_total", "Input records whose batch was committed.", ["agent", "partition"])
EMITTED = Counter("returnstreams_emitted_total", "Records written to output topics.", ["agent", "partition"])
DEAD = Counter("returnstreams_dead_letters_total", "Records that could not be processed.", ["agent", "partition"])
BATCH_RECORDS = Histogram(
    "returnstreams_batch_records", "Input records of one checkpoint.", ["agent"], buckets=(1, 10, 100, 500, 1000, 2000)
)
HANDLER_SECONDS = Histogram("returnstreams_handler_seconds", "Time in the handlers of one batch.", ["agent"])
CHECKPOINT_SECONDS = Histogram("returnstreams_checkpoint_seconds", "One transaction, begin to commit.", ["agent"])
TASKS = Gauge("returnstreams_tasks", "Tasks of this process by state.", ["agent", "state"])
RESTARTS = Counter(
    "returnstreams_task_restarts_total",
    "Tasks that began anew, by what ended them.",
    ["agent", "error"],
)
CALLS = Counter("returnstreams_outbox_calls_total", "Calls to the outside that came back.", ["agent", "outbox"])
