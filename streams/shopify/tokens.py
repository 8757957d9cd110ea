"""The access token of a shop, from its secret: a lasting one, or one that the client credentials grant renews.

Secret of the first kind: `{"access_token": "shpat_…"}`; of the second: `{"client_id": "…", "client_secret": "…"}`
(RFC 6749, 4.4; Shopify's tokens of that kind live a day).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from streams.secrets import Secret, Secrets, SecretUnreadable
from streams.shopify.errors import NotConfigured

# A query under way must not lose its token; and a minute of clock drift is nothing.
RENEWED_BEFORE_S = 300.0


@dataclass(frozen=True, slots=True)
class Granted:
    """What the token endpoint gave. lives_s: from now on."""

    token: str = field(repr=False)
    lives_s: float


Grant = Callable[[str, str], Awaitable[Granted]]
"""Asks the shop for a token with a client's id and secret. AccessDenied or Unreachable."""


@dataclass(slots=True)
class Tokens:
    """The token of one shop, shared by all its users: a renewal is asked for once, however many wait for it."""

    secrets: Secrets
    ref: str | None
    grant: Grant
    clock: Callable[[], float] = time.monotonic
    _granted: tuple[str, str, str, float] | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def current(self) -> str:
        """A token that is valid as far as we know. NotConfigured, AccessDenied or Unreachable otherwise."""
        try:
            secret = self._secret()
            lasting = secret.text("access_token")
            if lasting is not None:
                return lasting
            client_id, client_secret = secret.text("client_id"), secret.text("client_secret")
        except SecretUnreadable as error:
            raise NotConfigured(f"the shop's secret {self.ref!r} cannot be used: {error}") from None
        if client_id is None or client_secret is None:
            raise NotConfigured(f"secret {self.ref!r} must hold access_token, or client_id and client_secret")
        async with self._lock:
            known = self._granted
            if known is not None and known[:2] == (client_id, client_secret) and self.clock() < known[3]:
                return known[2]
            granted = await self.grant(client_id, client_secret)
            until = self.clock() + max(granted.lives_s - RENEWED_BEFORE_S, granted.lives_s / 2)
            self._granted = client_id, client_secret, granted.token, until
            return granted.token

    def refused(self, token: str) -> None:
        """The shop did not take this one (401): it is not handed out again, unless it is a lasting one."""
        if self._granted is not None and self._granted[2] == token:
            self._granted = None

    def _secret(self) -> Secret:
        if self.ref is None:
            raise NotConfigured("the retailer's shopify has no secret_ref: name the secret that holds its access token")
        secret = self.secrets.get(self.ref)
        if secret is None:
            raise NotConfigured(f"there is no secret {self.ref!r}: put it into the directory RETURNSTREAMS_SECRETS_DIR")
        return secret
