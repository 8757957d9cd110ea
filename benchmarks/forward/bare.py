"""The bare loops: so many workers, each POSTs the same body and headers one after the other. Nothing is kept of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

Post = Callable[[], Awaitable[None]]

# As the product's caller has it.
WHOLE_S = 15


async def _httpx(stack: AsyncExitStack, url: str, body: bytes, headers: Mapping[str, str]) -> Post:
    limits = httpx.Limits(max_connections=None)
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=WHOLE_S, limits=limits))
    return _post(client, url, body, headers)


async def _httpx_on_aiohttp(stack: AsyncExitStack, url: str, body: bytes, headers: Mapping[str, str]) -> Post:
    transport = AiohttpTransport(client=lambda: aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=WHOLE_S, transport=transport))
    return _post(client, url, body, headers)


def _post(client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> Post:
    async def post() -> None:
        async with asyncio.timeout(WHOLE_S):
            response = await client.post(url, content=body, headers=dict(headers))
        assert response.status_code == 200

    return post


async def _aiohttp(stack: AsyncExitStack, url: str, body: bytes, headers: Mapping[str, str]) -> Post:
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))

    async def post() -> None:
        async with asyncio.timeout(WHOLE_S), session.post(url, data=body, headers=headers) as response:
            await response.read()
        assert response.status == 200

    return post


CLIENTS = {"httpx": _httpx, "httpx on aiohttp": _httpx_on_aiohttp, "aiohttp": _aiohttp}


async def rate(client: str, url: str, body: bytes, headers: Mapping[str, str], workers: int, seconds: float) -> float:
    """Calls a second, after a quarter of the time to warm up."""
    counted = 0
    began = time.perf_counter()
    counts_from, until = began + seconds / 4, began + seconds
    async with AsyncExitStack() as stack:
        post = await CLIENTS[client](stack, url, body, headers)

        async def work() -> None:
            nonlocal counted
            while time.perf_counter() < until:
                await post()
                if time.perf_counter() >= counts_from:
                    counted += 1

        await asyncio.gather(*(work() for _ in range(workers)))
        return counted / (time.perf_counter() - counts_from)
