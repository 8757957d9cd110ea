"""What runs an agent: checkpoints of one Kafka transaction each, stores, timers, outboxes, dead letters."""
