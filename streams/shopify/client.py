"""One shop's Admin API: a document and its variables in, a typed result out, in the shop's own time.

async with Shops(secrets, ShopifyOptions()) as shops:
    counted = await shops.of(retailer).execute(document("orders_count"), {...}, Counted)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, TypeVar

import httpx
import orjson
import structlog
from pydantic import BaseModel, ValidationError

from streams.shopify import answers
from streams.shopify.answers import Answer
from streams.shopify.documents import Document
from streams.shopify.errors import AccessDenied, Refused, ShopifyError, Throttled, Unreachable
from streams.shopify.options import Retries, Timeouts
from streams.shopify.throttle import Priority, Throttle
from streams.shopify.tokens import Granted, Tokens
from streams.shopify.transport import may_be_downloaded, never_sent, read_bounded, whole_lines

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=BaseModel)

USER_AGENT = f"returnstreams/{version('returnstreams')}"
# Where a 429 or a THROTTLED does not say for how long: a fiftieth of the smallest bucket is back by then.
THROTTLED_PAUSE_S = 1.0
# Shopify's tokens of the client credentials grant live a day; one that does not say is renewed after an hour.
TOKEN_LIFE_S = 3600.0


@dataclass(slots=True)
class AdminClient:
    """One shop. May be shared by any number of tasks of a loop; `Shops` hands out the same one for the same shop."""

    shop: str
    base: str
    api_version: str
    tokens: Tokens
    throttle: Throttle
    timeouts: Timeouts
    retries: Retries
    http: httpx.AsyncClient = field(repr=False)

    async def execute(
        self,
        document: Document,
        variables: Mapping[str, Any],
        model: type[T],
        *,
        priority: Priority = Priority.FOREGROUND,
        repeatable: bool | None = None,
    ) -> T:
        """Carry a document out and return its `data` as `model`. Raises the errors of `streams.shopify.errors`.

        repeatable: whether it does no harm twice; by default queries alone. What is not is sent again only when it
        surely was not carried out; otherwise Unreachable with `sent` says that it may have been.
        """
        again = not document.mutation if repeatable is None else repeatable
        attempt = throttled = 1
        while True:
            error = await self._once(document, variables, priority)
            if isinstance(error, Answer):
                return _typed(error.data, model, document)
            if isinstance(error, Throttled) and throttled <= self.retries.throttled:
                throttled += 1
                continue
            worth_it = isinstance(error, Unreachable) and (again or not error.sent)
            if not worth_it or attempt >= self.retries.attempts:
                raise error
            log.info(
                "shop called again",
                action="shopify_retry",
                shop=self.shop,
                document=document.name,
                attempt=attempt,
                error=type(error).__name__,
            )
            await asyncio.sleep(self.retries.pause_s(attempt))
            attempt += 1

    async def _once(
        self, document: Document, variables: Mapping[str, Any], priority: Priority
    ) -> Answer | ShopifyError:
        """One attempt, and a second one where a token turns out to be no longer valid."""
        for last in (False, True):
            token = await self.tokens.current()
            answer = await self._paid(document, variables, token, priority)
            if answer.error is None:
                return answer
            if not isinstance(answer.error, AccessDenied):
                return answer.error
            self.tokens.refused(token)
            if last or await self.tokens.current() == token:
                raise answer.error
        raise AssertionError("unreachable")

    async def _paid(self, document: Document, variables: Mapping[str, Any], token: str, priority: Priority) -> Answer:
        reservation = await self.throttle.reserve(_cost_key(document, variables), priority)
        answer = Answer({})
        try:
            answer = await self._post(document, variables, token)
        finally:
            self.throttle.settle(reservation, answer.cost)
        if isinstance(answer.error, Throttled):
            self.throttle.throttled += 1
            if answer.cost is None:
                pause_s = THROTTLED_PAUSE_S if answer.again_in_s is None else answer.again_in_s
                self.throttle.close_for(pause_s)
        return answer

    async def _post(self, document: Document, variables: Mapping[str, Any], token: str) -> Answer:
        url = f"{self.base}/admin/api/{self.api_version}/graphql.json"
        body = orjson.dumps({"query": document.text, "variables": variables, "operationName": document.name})
        headers = {"x-shopify-access-token": token}
        response = await self._request(url, body, headers, document.name)
        if isinstance(response, ShopifyError):
            return Answer({}, error=response)
        status, content, retry_after = response
        return answers.read(status, content, document.name, retry_after)

    async def _request(
        self, url: str, body: bytes, headers: Mapping[str, str], what: str
    ) -> tuple[int, bytes, str | None] | ShopifyError:
        headers = {"content-type": "application/json", "user-agent": USER_AGENT, **headers}
        try:
            async with (
                asyncio.timeout(self.timeouts.whole_s),
                self.http.stream("POST", url, content=body, headers=headers) as response,
            ):
                content = await read_bounded(response)
                if content is None:
                    return Unreachable(f"{what}: the answer is larger than any of an Admin API", sent=True)
                return response.status_code, content, response.headers.get("retry-after")
        except TimeoutError:
            return Unreachable(f"{what}: no answer within {self.timeouts.whole_s:g} s", sent=True)
        except (httpx.HTTPError, OSError) as error:
            # Its class alone: the messages of libraries may hold a header's value.
            return Unreachable(f"{what}: the connection failed ({type(error).__name__})", sent=not never_sent(error))

    async def download(self, url: str) -> AsyncGenerator[bytes, None]:
        """The lines of a bulk operation's result. Without the token: the address itself is the secret.

        Refused where the address is neither the shop's nor of the storage that Shopify uses; Unreachable where it
        breaks off, for a line that is not whole says nothing.
        """
        if not may_be_downloaded(url, self.base):
            raise Refused("a bulk operation's result lies under an address that may not be called")
        try:
            async with self.http.stream("GET", url, headers={"user-agent": USER_AGENT}) as response:
                if response.status_code != 200:
                    raise Unreachable(f"a bulk operation's result: HTTP {response.status_code}", sent=False)
                async for line in whole_lines(response, self.timeouts.whole_s):
                    yield line
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"a bulk operation's result broke off ({type(error).__name__})", sent=False) from None

    def requested(self, document: Document, variables: Mapping[str, Any]) -> float | None:
        """The points that this costs at most; None before its first answer."""
        return self.throttle.requested(_cost_key(document, variables))

    async def grant(self, client_id: str, client_secret: str) -> Granted:
        """A new token by the client credentials grant. AccessDenied or Unreachable."""
        body = orjson.dumps(
            {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        )
        for attempt in range(1, self.retries.attempts + 1):
            response = await self._request(f"{self.base}/admin/oauth/access_token", body, {}, "access token")
            status = None if isinstance(response, ShopifyError) else response[0]
            if status is not None and status < 500 and status != 429:
                return _granted(response)  # type: ignore[arg-type]
            if attempt < self.retries.attempts:
                await asyncio.sleep(self.retries.pause_s(attempt))
        raise Unreachable(f"shop {self.shop}: no access token could be had", sent=False)


def _cost_key(document: Document, variables: Mapping[str, Any]) -> Hashable:
    """Whatever of a query decides what it costs at most."""
    return document.name, variables.get("first"), variables.get("lines"), len(variables.get("ids", ()))


def _granted(response: tuple[int, bytes, str | None]) -> Granted:
    status, content, _ = response
    if status == 200:
        try:
            said = orjson.loads(content)
            return Granted(str(said["access_token"]), float(said.get("expires_in") or TOKEN_LIFE_S))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise Unreachable("access token: the answer cannot be read", sent=False) from None
    raise AccessDenied(f"access token: HTTP {status}: check client_id and client_secret, and that the app is installed")


def _typed(data: Mapping[str, Any], model: type[T], document: Document) -> T:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Without `input`: the value may be personal.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        # It was answered, and a mutation carried out: nobody may take this for a call that can be repeated.
        raise Unreachable(f"{document.name}: the answer cannot be read at {place}: {first['msg']}", sent=True) from None
