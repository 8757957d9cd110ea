"""/rows of a process: the committed row of a store that is declared to be shown, or a plain "not here"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from streams import health
from streams.engine.errors import NotHere
from streams.serving import serving
from streams.settings import HealthSettings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens


@contextmanager
def answering(rows: health.Rows) -> Iterator[httpx.Client]:
    port = health.listen(HealthSettings(port=0))
    with (
        serving(health.app(lambda: {}, rows=rows), port),
        httpx.Client(base_url=f"http://127.0.0.1:{port.getsockname()[1]}") as client,
    ):
        yield client


async def rows(agent: str, store: str, partition: int, key: str) -> bytes | None:
    if agent != "order-table":
        raise NotHere(f"{agent} does not run here")
    if key == "acme/slow":
        raise TimeoutError
    return b'{"id":"1"}' if (store, partition, key) == ("orders", 3, "acme/10 & 11/ü#?") else None


def test_a_row_is_given_whatever_its_key_is_and_its_absence_is_an_answer_too() -> None:
    with answering(rows) as client:
        found = client.get("/rows/order-table/orders/3", params={"key": "acme/10 & 11/ü#?"})
        none = client.get("/rows/order-table/orders/3", params={"key": "acme/12"})

    assert found.json() == {"agent": "order-table", "store": "orders", "partition": 3, "row": {"id": "1"}}
    assert none.json() == {"agent": "order-table", "store": "orders", "partition": 3, "row": None}


@pytest.mark.parametrize(("path", "why"), [("return-rules", "does not run here"), ("order-table", "no answer in time")])
def test_what_cannot_be_told_here_is_misdirected(path: str, why: str) -> None:
    with answering(rows) as client:
        answer = client.get(f"/rows/{path}/orders/3", params={"key": "acme/slow"})

    assert answer.status_code == 421
    assert why in answer.json()["title"]


def test_a_process_that_shows_no_rows_says_so() -> None:
    with answering(health.no_rows) as client:
        assert client.get("/rows/order-table/orders/0").status_code == 421
        assert client.get("/rows/order-table/orders/x").status_code == 404


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (HealthSettings(), None),
        (HealthSettings(port=8081), "127.0.0.1:8081"),
        (HealthSettings(host=EVERYWHERE, port=8081), ":8081"),
        (HealthSettings(host="::", port=8081), ":8081"),
        (HealthSettings(host=EVERYWHERE, port=8081, advertise="pod-0.agents:9000"), "pod-0.agents:9000"),
        (HealthSettings(advertise="pod-0.agents:9000"), None),
    ],
)
def test_where_a_process_answers(settings: HealthSettings, address: str | None) -> None:
    assert settings.address == address
