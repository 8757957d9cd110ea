"""A caller of hooks with secrets in memory, and one call for it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from streams.agents.tracking_forward import HookAnswer, HookCall
from streams.callers.hook import HookCaller, Timeouts
from streams.engine.outbox import Call
from streams.secrets import Secret, SecretUnreadable
from tests.builders import retailer
from tests.unit.callers.receiver import Answering, Receiver, receiver

SIGNING = "whsec_" + base64.b64encode(b"k" * 24).decode()
ROTATED = "whsec_" + base64.b64encode(b"r" * 24).decode()
PATIENT = Timeouts(connect_s=10, whole_s=20, drain_s=5)
QUICK = Timeouts(connect_s=10, whole_s=0.4, drain_s=0.3)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PAYLOAD = [{"OrderNo": "1001", "Code": "RT", "Status": "Return in Transit", "SourceLocation": "Zürich, Switzerland-CH"}]


class Kept:
    """Secrets in memory."""

    def __init__(self, **fields: object) -> None:
        self.secret = Secret(fields) if fields else None

    def get(self, ref: str) -> Secret | None:
        return self.secret


class Broken:
    """A secret that cannot be read."""

    def get(self, ref: str) -> Secret | None:
        raise SecretUnreadable("its file is not JSON")


def call(id: str = "call-1", attempt: int = 1) -> Call[HookCall]:
    """One attempt."""
    intent = HookCall(retailer="acme", order_key="acme/1001", rma="R1", code="RT", payload=PAYLOAD)
    return Call("hook", "acme/1001", 1, id, intent, attempt, NOW, NOW + timedelta(seconds=20))


@asynccontextmanager
async def calling(
    url: str | None, secrets: Kept | Broken | None = None, timeouts: Timeouts = PATIENT
) -> AsyncIterator[HookCaller]:
    """A caller that knows one retailer, with this hook."""
    known = {"acme": retailer("acme", hook=url, secret_ref="acme/hook" if secrets else None)}
    caller = HookCaller(known, secrets or Kept(), timeouts=timeouts)
    try:
        yield caller
    finally:
        await caller.aclose()


async def answer_of(
    answering: Answering, secrets: Kept | Broken | None = None, timeouts: Timeouts = PATIENT
) -> tuple[HookAnswer, Receiver]:
    """What one call to a receiver brings back."""
    async with receiver(answering) as it, calling(it.url, secrets, timeouts) as caller:
        return await caller(call()), it
