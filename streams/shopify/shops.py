"""The shops that this process calls: one client each, so that all who call a shop share its points and its token."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Self

import httpx

from contracts.retailers import ShopifyAccess
from streams.secrets import Secrets
from streams.shopify.client import AdminClient
from streams.shopify.options import ShopifyOptions
from streams.shopify.throttle import Throttle
from streams.shopify.tokens import Granted, Tokens
from streams.shopify.transport import base_of, http_client


class Shops:
    """Hands out the clients. To be used inside one running loop, and closed there."""

    def __init__(
        self, secrets: Secrets, options: ShopifyOptions | None = None, *, verify: ssl.SSLContext | None = None
    ) -> None:
        self.options = options or ShopifyOptions()
        self._secrets = secrets
        self._verify = verify
        self._http: httpx.AsyncClient | None = None
        self._clients: dict[tuple[str, str | None], AdminClient] = {}
        self._throttles: dict[str, Throttle] = {}

    def of(self, access: ShopifyAccess) -> AdminClient:
        """The client of this shop. NotConfigured where its name is no host's; whether its secret is there shows when it
        is called."""
        shop = access.shop.strip().lower()
        known = self._clients.get((shop, access.secret_ref))
        if known is None:
            known = self._make(shop, access.secret_ref)
            self._clients[shop, access.secret_ref] = known
        return known

    def _make(self, shop: str, ref: str | None) -> AdminClient:
        options = self.options
        base = base_of(shop, options.base_url)
        if self._http is None:
            self._http = http_client(options.timeouts, self._verify)
        # A retailer's new secret_ref is another client of the same bucket.
        throttle = self._throttles.setdefault(shop, Throttle())

        async def grant(client_id: str, client_secret: str) -> Granted:
            return await client.grant(client_id, client_secret)

        client = AdminClient(
            shop=shop,
            base=base,
            api_version=options.api_version,
            tokens=Tokens(self._secrets, ref, grant),
            throttle=throttle,
            http=self._http,
            timeouts=options.timeouts,
            retries=options.retries,
        )
        return client

    async def aclose(self) -> None:
        """Let go of all connections."""
        if self._http is not None:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
