"""Every refusal is a line of the log, but those for load only one in a second, with how many were not said."""

from __future__ import annotations

from structlog.testing import capture_logs

from producers.problems import TooMany, Unauthenticated, Unavailable
from producers.refusals import Refusals


def test_refusals_for_load_are_said_once_a_second_for_each_sender() -> None:
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


def test_all_others_are_said_each_time() -> None:
    refusals = Refusals(lambda: 0.0)
    with capture_logs() as logs:
        for _ in range(3):
            refusals.say("shopify", Unauthenticated())
    assert [(line["action"], line["status"], line["problem"]) for line in logs] == [
        ("refused", 401, "unauthenticated")
    ] * 3
