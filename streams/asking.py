"""Asking the process that has a key for its row: the fast way to one row of a large table."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from streams.engine.kafka import Owner

# It is on our own network, and answers between two batches; whoever does not get through has the topic to read.
# On a machine with four times the work it can do, half a second was too short to connect (measured).
CONNECT_TIMEOUT_S = 1.0
TIMEOUT_S = 3.0
_TIMEOUT = httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
# It speaks plain HTTP: reading the certificates of all authorities took 56 ms of CPU, half of a look-up (measured).
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True)
class Answer:
    """The committed row of a key, None where there is none, and in which partition that is so."""

    partition: int
    row: dict[str, Any] | None


class NobodyTells(Exception):
    """No process could be asked for this row. partition: where it lies."""

    def __init__(self, partition: int, why: str) -> None:
        super().__init__(why)
        self.partition = partition


async def ask(owner: Owner, agent: str, store: str, key: str) -> Answer:
    """The row of this key from the process that has it. NobodyTells where it gives no answer."""
    if owner.address is None:
        raise NobodyTells(owner.partition, f"no process of {agent} that has partition {owner.partition} answers")
    url = f"http://{owner.address}/rows/{agent}/{store}/{owner.partition}"
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT, verify=_NO_CERTIFICATES, trust_env=False) as client:
            response = await client.get(url, params={"key": key})
        answer = orjson.loads(response.content)
    except (httpx.HTTPError, orjson.JSONDecodeError) as error:
        raise NobodyTells(owner.partition, f"{owner.address}: {type(error).__name__}") from None
    said = (response.status_code, *(_field(answer, name) for name in ("agent", "store", "partition")))
    if said != (200, agent, store, owner.partition):
        raise NobodyTells(owner.partition, f"{owner.address}: HTTP {response.status_code}, no row of {agent}")
    return Answer(owner.partition, answer["row"])


def _field(answer: object, name: str) -> object:
    return answer.get(name) if isinstance(answer, dict) else None
