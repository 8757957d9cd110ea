"""What senders hear from an ingress whose brokers are slow to write. Prints a line of JSON for each slowness.

python -m benchmarks.ingress.slow [--delays 50 200 500 1000 3000] [--kbytes 100] [--rate 100] [--seconds 15]

Each Produce request is held on its way, and what comes behind it on its connection: for so many ms (--delays), or as
long as its bytes take at so many kB a second (--kbytes). An open loop; time runs from when a request was due. Between
two of them the brokers are quick until nothing is in flight; then what was answered 2xx must be in the topic.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from benchmarks.engine import traffic
from benchmarks.ingress import load, orders, sides
from benchmarks.ingress.sides import Side
from benchmarks.latency.client import Request
from demo.broker import BrokerOptions, EmbeddedCluster
from demo.broker.ports import LOOPBACK, free_ports
from demo.credentials import Credentials
from tests.integration.engine.proxy import Proxy, running

HERE = Path(__file__).resolve().parents[2]
PRODUCE = 0
SETTLED_S = 60.0
IN_FLIGHT = "returnstreams_ingress_in_flight_bytes "


class _SlowDisk(Proxy):
    """Holds Produce requests alone. bytes_per_s: None for no bound."""

    bytes_per_s: float | None = None

    def pause_s(self, api: int, size: int) -> float:
        if api != PRODUCE:
            return 0.0
        return self.delay_s + (size / self.bytes_per_s if self.bytes_per_s else 0.0)


async def _measured(side: Side, bootstrap: str, proxy: _SlowDisk, made: Sequence[Request], arguments: Any) -> None:
    count = int(arguments.rate * arguments.seconds)
    turns = [(delay, 0.0) for delay in (0.0, *arguments.delays)] + [(0.0, kbytes) for kbytes in arguments.kbytes]
    for number, (delay_ms, kbytes) in enumerate(turns):
        before = await load.ends(bootstrap, str(side.topic))
        proxy.delay_s, proxy.bytes_per_s = delay_ms / 1000, 1000 * kbytes or None
        wanted = made[number * count : (number + 1) * count]
        samples = await load.steady(side, wanted, arguments.rate, connections=256)
        proxy.delay_s, proxy.bytes_per_s = 0.0, None
        await _settled(side)
        accepted = {sample.about for sample in samples if sample.status == 200}
        lost = accepted - (await load.keys(bootstrap, str(side.topic), before)).keys()
        said = {"answers": load.by_status(samples), "accepted_and_not_stored": len(lost)}
        found = {"delay_ms": delay_ms, "kbytes_per_s": kbytes, **said}
        print(json.dumps(found), flush=True)


async def _settled(side: Side) -> None:
    """Until nothing is in flight, and it takes requests."""
    deadline = time.monotonic() + SETTLED_S
    async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{side.port}", trust_env=False) as client:
        while True:
            lines = (await client.get("/metrics")).text.splitlines()
            idle = any(line.startswith(IN_FLIGHT) and float(line.split()[1]) == 0 for line in lines)
            if idle and (await client.get("/readyz")).is_success:
                return
            if time.monotonic() > deadline:
                raise TimeoutError("something is still in flight")
            await asyncio.sleep(0.1)


async def _run(arguments: argparse.Namespace) -> None:
    credentials = Credentials.fresh([traffic.RETAILER])
    count = int(arguments.rate * arguments.seconds) * (1 + len(arguments.delays) + len(arguments.kbytes))
    made = list(orders.orders(count, credentials.shopify))
    bound, told = free_ports(2)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with sides.pinned(sides.OTHERS):
            broker = stack.enter_context(EmbeddedCluster(BrokerOptions(outside=(bound, told))))
        proxy = _SlowDisk(told, bound)
        async with running(proxy):
            up = sides.ingress("product", HERE, proxy.address, directory, credentials)
            side = await asyncio.to_thread(stack.enter_context, up)
            try:
                await _measured(side, broker.bootstrap_servers, proxy, made, arguments)
            finally:
                await asyncio.to_thread(stack.close)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingress.slow")
    parser.add_argument("--delays", type=float, nargs="+", default=[50, 200, 500, 1000, 3000], help="in ms")
    parser.add_argument("--kbytes", type=float, nargs="*", default=[100], help="a second")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="for which each delay lasts")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
