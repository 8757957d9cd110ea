"""The webhooks of a simulated shop's changes, as they arrive: some lost, some twice, some late, all by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from demo.shopify.webhooks import headers


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares, 0 to 1, of the changes whose webhook does so. reordered: arrives up to `late_by` others later."""

    lost: float = 0.1
    repeated: float = 0.1
    reordered: float = 0.2
    late_by: int = 50


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST. headers: signed; the topic among them."""

    raw: bytes
    headers: Mapping[str, str]


def deliveries(
    changes: Iterable[tuple[str, Mapping[str, Any]]], *, shop: str, secret: str, seed: int, faults: Faults | None = None
) -> list[Delivery]:
    """What arrives of these changes (topic and body, in the shop's order), in the order of arrival."""
    rng, faults = random.Random(seed), faults or Faults()
    arriving: list[tuple[float, Delivery]] = []
    for place, (topic, body) in enumerate(changes):
        if rng.random() < faults.lost:
            continue
        raw = orjson.dumps(body)
        at = datetime.fromisoformat(body["updated_at"])
        signed = headers(raw, secret=secret, shop=shop, topic=topic, webhook_id=f"{seed}-{place}", at=at)
        late = rng.randint(1, faults.late_by) if rng.random() < faults.reordered else 0
        arriving.append((place + late, Delivery(raw, signed)))
        if rng.random() < faults.repeated:
            arriving.append((place + late + rng.randint(1, faults.late_by), Delivery(raw, signed)))
    return [delivery for _, delivery in sorted(arriving, key=lambda each: each[0])]
