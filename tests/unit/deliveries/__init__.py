"""Tests of what commands read of deliveries."""
