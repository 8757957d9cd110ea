"""A simulated shop at the command line, until Ctrl-C: `python -m demo.shopify [--orders 100] [--lost 0.1]`.

For trying `orders import`, `orders reconcile`, `subscriptions audit|repair` and the ingress by hand: docs/retailers.md.
It sends webhooks to whoever subscribed.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from demo.broker.__main__ import StopRequestedError, asked_to_stop
from demo.shopify.live import fill, next_change
from demo.shopify.notifying import Faults
from demo.shopify.sending import WebhookSender
from demo.shopify.simulator import ShopifySimulator

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def main(
    shop: Annotated[str, typer.Option(help="Its domain.")] = "acme.myshopify.com",
    orders: Annotated[int, typer.Option(min=0, help="Of the last 20 days.")] = 100,
    changes: Annotated[float, typer.Option(min=0, help="New and changed orders a second.")] = 1.0,
    lost: Annotated[float, typer.Option(min=0, max=1, help="Share of webhooks that never come.")] = 0.1,
    repeated: Annotated[float, typer.Option(min=0, max=1, help="That come twice.")] = 0.1,
    reordered: Annotated[float, typer.Option(min=0, max=1, help="That come after later ones.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Decides which.")] = 1,
    token: Annotated[str, typer.Option(help="Of the Admin API.")] = "shpat_simulated",  # noqa: S107 - of a simulator
    secret: Annotated[str, typer.Option(help="With which webhooks are signed.")] = "hush",  # noqa: S107
) -> None:
    """Run a simulated shop on loopback until Ctrl-C; say how to reach it, and what it does."""
    with ShopifySimulator() as shopify, asked_to_stop():
        simulated = shopify.add(shop, access_token=token)
        rng = fill(simulated, orders, datetime.now(UTC), seed)
        console.print(f"export RETURNSTREAMS_SHOPIFY__BASE_URL='{shopify.base_url}'", markup=False)
        sender = WebhookSender(shopify.shops, secret, Faults(lost, repeated, reordered, late_by=5), seed)
        try:
            asyncio.run(_go_on(sender, shop, changes, rng))
        except StopRequestedError:
            errors.print("shop: stopping")


async def _go_on(sender: WebhookSender, shop: str, changes: float, rng: random.Random) -> None:
    simulated, count = sender.shops[shop], 0
    async with sender:
        if not changes:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(1 / changes)
            count += 1
            change = next_change(simulated, count, datetime.now(UTC), rng)
            sent = await sender.changed(change)
            told = ", ".join(f"{each.arrival.change.body['name']} {each.status or each.text}" for each in sent)
            line = f"shop: {change.topic} {change.body['name']}; webhooks sent: {told or 'none'}"
            errors.print(line, markup=False)


if __name__ == "__main__":
    typer.run(main)
