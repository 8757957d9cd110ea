"""Tokens: a lasting one as it stands in its file, one that is granted renewed in time and for all users once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from streams.secrets import Secret
from streams.shopify.errors import NotConfigured
from streams.shopify.tokens import RENEWED_BEFORE_S, Granted, Tokens


@dataclass(slots=True)
class Files:
    """A secrets directory."""

    fields: dict[str, Any] | None

    def get(self, ref: str) -> Secret | None:
        return None if self.fields is None else Secret(self.fields)


@dataclass(slots=True)
class Endpoint:
    """Grants tokens that live for a day."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, client_id: str, client_secret: str) -> Granted:
        self.asked.append((client_id, client_secret))
        await asyncio.sleep(0)
        return Granted(f"granted-{len(self.asked)}", 86_399)


APP = {"client_id": "app", "client_secret": "of the app"}


async def test_a_lasting_token_is_read_again_when_its_file_changes() -> None:
    files = Files({"access_token": "one"})
    tokens = Tokens(files, "acme/shopify", Endpoint())

    assert await tokens.current() == "one"
    files.fields = {"access_token": "two"}
    assert await tokens.current() == "two"


async def test_a_granted_token_is_shared_and_renewed_before_it_ends() -> None:
    now = 0.0
    endpoint = Endpoint()
    tokens = Tokens(Files(APP), "acme/shopify", endpoint, clock=lambda: now)

    found = await asyncio.gather(*(tokens.current() for _ in range(20)))
    assert set(found) == {"granted-1"}
    now = 86_399 - RENEWED_BEFORE_S - 1
    assert await tokens.current() == "granted-1"
    now += 1
    assert await tokens.current() == "granted-2"
    assert endpoint.asked == [("app", "of the app")] * 2


async def test_a_token_that_the_shop_refused_is_not_handed_out_again() -> None:
    tokens = Tokens(Files(APP), "acme/shopify", Endpoint())
    first = await tokens.current()

    tokens.refused(first)
    second = await tokens.current()
    tokens.refused(first)  # a slow call that had the old one

    assert (second, await tokens.current()) == ("granted-2", "granted-2")


@pytest.mark.parametrize(
    ("ref", "fields", "why"),
    [
        (None, APP, "has no secret_ref"),
        ("acme/shopify", None, "there is no secret 'acme/shopify'"),
        ("acme/shopify", {"client_id": "app"}, "must hold access_token, or client_id and client_secret"),
        ("acme/shopify", {"access_token": 7}, "cannot be used: field 'access_token' must be a text"),
    ],
)
async def test_what_is_missing_is_named(ref: str | None, fields: dict[str, Any] | None, why: str) -> None:
    with pytest.raises(NotConfigured, match=why):
        await Tokens(Files(fields), ref, Endpoint()).current()


def test_a_token_shows_in_no_repr() -> None:
    tokens = Tokens(Files(APP), "acme/shopify", Endpoint(), _granted=("app", "s", "granted-secret", 1.0))

    assert "granted-secret" not in repr(tokens) + repr(Granted("granted-secret", 1.0))
