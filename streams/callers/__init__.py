"""What makes the calls that agents queue: one file per outbox. Here is the I/O that agents do not do."""
