"""What a task says when it stands still, and what lifts that."""

from __future__ import annotations

from contracts.model import Instant, Model


class TaskPaused(Model):
    """A task that consumes nothing more, because its handlers failed too often.

    pause: id of this pause; a later one has another. reason: how often. error: class of the last failure.
    """

    pause: str
    agent: str
    partition: int
    at: Instant
    reason: str
    error: str


class PauseLifted(Model):
    """That one pause is over. It says nothing of any other, so a task may read it as often as it likes."""

    pause: str
    agent: str
    partition: int
    at: Instant
