"""Of one sender's refusals of one kind, one in a second is a line of the log, with how many were not said."""

from __future__ import annotations

from structlog.testing import capture_logs

from producers.problems import TooMany, Unauthenticated, Unavailable
from producers.refusals import Refusals


def test_refusals_are_said_once_a_second_for_each_sender_and_kind() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    with capture_logs() as logs:
        for _ in range(3):
            refusals.say("shopify", TooMany())
        refusals.say("shopify", Unavailable())
        refusals.say("easypost", TooMany())
        now[0] = 1.0
        refusals.say("shopify", TooMany())
    said = [(line["sender"], line["status"], line.get("silenced")) for line in logs]
    assert said == [("shopify", 429, None), ("shopify", 503, None), ("easypost", 429, None), ("shopify", 429, 2)]


def test_who_proves_nothing_cannot_fill_the_disk() -> None:
    refusals = Refusals(lambda: 0.0)
    with capture_logs() as logs:
        for _ in range(1_000):
            refusals.say("shopify", Unauthenticated())
    assert [(line["action"], line["status"], line["problem"]) for line in logs] == [("refused", 401, "unauthenticated")]
