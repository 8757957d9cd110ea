"""JSON Schema of every record and AsyncAPI of every topic, generated from the models and checked in."""

from __future__ import annotations

from contracts.schemas.generate import rendered

__all__ = ["rendered"]
