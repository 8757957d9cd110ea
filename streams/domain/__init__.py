"""What is decided and how, without Kafka, HTTP, files or a clock: pure functions over the contracts."""
