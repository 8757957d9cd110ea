"""A shop's webhook subscriptions over the Admin API: read them all, and carry out one step of a repair."""

from __future__ import annotations

from typing import Any

from streams.domain.subscriptions import JSON, Step, Subscription, Wanted, What
from streams.shopify.client import AdminClient
from streams.shopify.documents import document
from streams.shopify.results import Webhook, WebhookCreated, WebhookDeleted, Webhooks, WebhookUpdated

PAGE = 100


async def read(client: AdminClient) -> list[Subscription]:
    """All that our app has in this shop; those of other apps are not shown to it. Raises ShopifyError."""
    found: list[Subscription] = []
    after: str | None = None
    while True:
        answer = await client.execute(document("webhooks"), {"first": PAGE, "after": after}, Webhooks)
        page = answer.webhook_subscriptions
        found += map(_subscription, page.nodes)
        if not page.page_info.has_next_page:
            return found
        after = page.page_info.end_cursor


async def carry_out(client: AdminClient, step: Step) -> None:
    """Do what the step says. Raises ShopifyError."""
    if step.what is What.CREATE and step.wanted is not None:
        variables = {"topic": step.topic, "subscription": _input(step.wanted)}
        # Sent twice it would be refused as taken, which says what was to be reached: but only the next audit knows.
        await client.execute(document("webhook_create"), variables, WebhookCreated)
    elif step.what is What.UPDATE and step.wanted is not None and step.found is not None:
        variables = {"id": step.found.id, "subscription": _input(step.wanted, filtered=bool(step.found.filter))}
        await client.execute(document("webhook_update"), variables, WebhookUpdated, repeatable=True)
    elif step.what is What.DELETE and step.found is not None:
        await client.execute(document("webhook_delete"), {"id": step.found.id}, WebhookDeleted)


def _input(wanted: Wanted, *, filtered: bool = False) -> dict[str, Any]:
    asked = {"uri": wanted.uri, "format": JSON, "includeFields": list(wanted.include_fields), "name": wanted.name}
    return asked | ({"filter": ""} if filtered else {})


def _subscription(node: Webhook) -> Subscription:
    return Subscription(
        id=node.id,
        topic=node.topic,
        uri=node.uri,
        format=node.format,
        include_fields=node.include_fields,
        name=node.name or "",
        filter=node.filter or "",
        api_version=node.api_version.handle,
    )
