"""HTTP in, Kafka out: the ingress and the order import."""
