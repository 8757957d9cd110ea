"""Which addresses may be called, and a result that comes in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.shopify.transport import may_be_downloaded, whole_lines

SHOP = "https://acme.myshopify.com"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://storage.googleapis.com/shopify/result?signature=x", True),
        ("https://acme.myshopify.com/bulk/1.jsonl", True),
        ("http://storage.googleapis.com/shopify/result", False),
        ("https://storage.googleapis.com:8443/shopify/result", False),
        ("https://storage.googleapis.com.evil.example/result", False),
        ("https://storage.googleapis.com@evil.example/result", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("http://acme.myshopify.com/bulk/1.jsonl", False),
        ("file:///etc/passwd", False),
        ("https://[bad", False),
    ],
)
def test_a_result_is_only_fetched_from_the_shop_or_shopifys_storage(url: str, allowed: bool) -> None:
    assert may_be_downloaded(url, SHOP) is allowed


def response(chunks: Sequence[bytes], silent: bool = False) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        if silent:
            await asyncio.Event().wait()

    return httpx.Response(200, content=body())


@given(st.lists(st.binary(min_size=1, max_size=8).filter(lambda line: b"\n" not in line), max_size=8), st.data())
async def test_lines_are_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    rest, chunks = b"".join(line + b"\n" for line in lines), []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        chunks.append(rest[:size])
        rest = rest[size:]

    assert [line async for line in whole_lines(response(chunks), 1)] == lines


async def test_a_last_line_without_an_end_is_a_line() -> None:
    assert [line async for line in whole_lines(response([b"a\nb"]), 1)] == [b"a", b"b"]


async def test_silence_ends_it() -> None:
    with pytest.raises(httpx.ReadTimeout):
        _ = [line async for line in whole_lines(response([b"a\n"], silent=True), 0.05)]
