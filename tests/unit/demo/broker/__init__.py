"""Brokers for the demo and the tests."""
