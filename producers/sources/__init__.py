"""One file per sender. A new one is one file here, and one line in this registry."""

from __future__ import annotations

from typing import Any

from producers.sources import (
    aftership,
    easypost,
    omniparcel,
    omnirps_events,
    omnirps_returns,
    omnirps_status,
    shippo,
    shopify,
)
from producers.sources.base import Sender

SENDERS: tuple[Sender[Any], ...] = (
    shopify.PLAIN,
    shopify.OWN_PATH,
    easypost.SENDER,
    aftership.SENDER,
    shippo.SENDER,
    omniparcel.SENDER,
    omnirps_returns.SENDER,
    omnirps_events.SENDER,
    omnirps_status.SENDER,
)
