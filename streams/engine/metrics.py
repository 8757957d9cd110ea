"""Every metric of the engine, with a sentence and a base unit each. What is set where: streams/engine/watch.py.

Labels are bounded: agents, topics, partitions, outboxes, retailers, states and classes of errors; never a key or an id.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# From a handful of records in memory up to the longest that a batch may take before its transaction times out.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A static member is back in a second; a restore from the first record of a large changelog takes minutes.
_STALLS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)

# --- what goes through ------------------------------------------------------------------------------------------------

INPUT_RECORDS = Counter(
    "returnstreams_input_records_total", "Input records whose batch was committed.", ["agent", "topic"]
)
INPUT_BYTES = Counter("returnstreams_input_bytes_total", "Bytes of key and value of those records.", ["agent", "topic"])
OUTPUT_RECORDS = Counter(
    "returnstreams_output_records_total",
    "Records committed to output topics, changelog and dead letters among them.",
    ["agent", "topic"],
)
OUTPUT_BYTES = Counter(
    "returnstreams_output_bytes_total", "Bytes of key and value of those records.", ["agent", "topic"]
)
BATCH_RECORDS = Histogram(
    "returnstreams_batch_records",
    "Input records of one checkpoint.",
    ["agent"],
    buckets=(0, 1, 10, 100, 500, 1000, 2000),
)
HANDLER_SECONDS = Histogram(
    "returnstreams_handler_seconds", "Time in the handlers of one batch.", ["agent"], buckets=_SECONDS
)
CHECKPOINT_SECONDS = Histogram(
    "returnstreams_checkpoint_seconds", "One transaction, begin to commit.", ["agent"], buckets=_SECONDS
)
DEAD = Counter(
    "returnstreams_dead_letters_total",
    "Records that could not be processed, by kind (poison, bug) and class of the error.",
    ["agent", "kind", "error"],
)
ALERTS = Counter("returnstreams_alerts_total", "Alerts raised for people, by kind.", ["agent", "kind"])
POISON = Counter(
    "returnstreams_poison_records_total",
    "Records that can never be processed, by who sent them: `ce_source`, of at most 50 senders a task.",
    ["agent", "source"],
)

# --- how far a task is ------------------------------------------------------------------------------------------------

LAG_RECORDS = Gauge(
    "returnstreams_lag_records",
    "Records that committed readers can see and whose batch is not committed yet.",
    ["agent", "partition", "topic"],
)
LAG_SECONDS = Gauge(
    "returnstreams_lag_seconds",
    "Age of the oldest record that the task has in hand, or how long it is behind without one; 0 with nothing to do.",
    ["agent", "partition"],
)
COMMIT_AGE = Gauge(
    "returnstreams_commit_age_seconds",
    "Time since the last commit while there is work, or while the task is not running; 0 with nothing to do.",
    ["agent", "partition"],
)
TASK_STATE = Gauge(
    "returnstreams_task_state",
    "1 for the state that the task is in, 0 for the others: opening, restoring, running, paused, stopping.",
    ["agent", "partition", "state"],
)
RESTORE_REMAINING = Gauge(
    "returnstreams_restore_remaining_records", "Records still to be read before the task runs.", ["agent", "partition"]
)
RESTORE_RECORDS = Counter(
    "returnstreams_restore_records_total", "Records read to bring rows up to date.", ["agent", "partition"]
)
RESTARTS = Counter(
    "returnstreams_task_restarts_total", "Tasks that began anew, by the class of what ended them.", ["agent", "error"]
)
RETENTION_GAPS = Counter(
    "returnstreams_retention_gap_records_total",
    "Offsets of inputs that retention took before the task came to them.",
    ["agent", "topic"],
)
CLOCK_AHEAD = Gauge(
    "returnstreams_clock_ahead_seconds",
    "How far this machine's clock is ahead of the brokers', as of the last commit; negative where it is behind.",
    ["agent", "partition"],
)
UNSTABLE_RECORDS = Gauge(
    "returnstreams_unstable_records",
    "High watermark minus last stable offset at the last fetch: what an open transaction hides from readers.",
    ["agent", "partition", "topic"],
)

# --- what is owed -----------------------------------------------------------------------------------------------------

TIMERS_DUE = Gauge(
    "returnstreams_timers_due",
    "Timers whose time has come and that have not fired, up to 1000.",
    ["agent", "partition"],
)
OUTBOX_DEPTH = Gauge(
    "returnstreams_outbox_depth", "Calls that are queued or under way.", ["agent", "partition", "outbox"]
)
OUTBOX_OLDEST = Gauge(
    "returnstreams_outbox_oldest_seconds",
    "Age of the call that was queued first of those still owed, to 10 s; 0 with none.",
    ["agent", "partition", "outbox"],
)
CALLS = Counter("returnstreams_outbox_calls_total", "Calls to the outside that came back.", ["agent", "outbox"])

LANE_OWED = Gauge(
    "returnstreams_lane_owed",
    "Calls of one lane (tracking-forward: one retailer) that are queued or under way.",
    ["agent", "partition", "outbox", "lane"],
)
LANE_OLDEST = Gauge(
    "returnstreams_lane_oldest_seconds",
    "Age of the call of that lane that was queued first, to 10 s; 0 with none.",
    ["agent", "partition", "outbox", "lane"],
)
BREAKER_STATE = Gauge(
    "returnstreams_breaker_state",
    "Of a lane's destination, as this process finds it: 0 closed, 1 half open (single probes), 2 open (calls wait).",
    ["outbox", "lane"],
)
DELIVERIES = Counter(
    "returnstreams_delivery_attempts_total",
    "Attempts to tell a retailer's hook, by what became of them.",
    ["retailer", "result"],
)

# --- the order table against the shops --------------------------------------------------------------------------------

ORDERS_CHECKED = Counter(
    "returnstreams_orders_checked_total", "Changes of orders that order-reconcile has compared.", ["retailer"]
)
ORDERS_MISSED = Counter(
    "returnstreams_orders_missed_total", "Those of them that no webhook had brought: it fetched them.", ["retailer"]
)

# --- the member and its process ---------------------------------------------------------------------------------------

READY = Gauge("returnstreams_agent_ready", "1 while the agent has its assignment and all its tasks run.", ["agent"])
REBALANCES = Counter("returnstreams_rebalances_total", "Assignments that the agent's member was given.", ["agent"])
REBALANCE_STALL = Histogram(
    "returnstreams_rebalance_stall_seconds",
    "From letting go of its partitions (or the first assignment) until all of the member's tasks run.",
    ["agent"],
    buckets=_STALLS,
)
LOOP_SILENCE = Gauge("returnstreams_loop_silence_seconds", "How long the process's event loop has not made a turn.")
STUCK = Counter("returnstreams_stuck_total", "Times that the loop or a task stood still for longer than the limit.")

CATALOGUE = tuple(metric for metric in list(globals().values()) if isinstance(metric, Counter | Gauge | Histogram))
# What a task takes along when it goes elsewhere: another process shows it then.
PER_TASK = tuple(metric for metric in CATALOGUE if "partition" in metric._labelnames)
