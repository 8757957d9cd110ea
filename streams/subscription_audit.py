"""The audit of a retailer's webhook subscriptions: where they should lead, by the settings, and what the shop has."""

from __future__ import annotations

import secrets

from contracts.retailers import Retailer
from producers.retailers import path_token
from producers.settings import PREFIX
from producers.sources import shopify as source
from streams.domain.subscriptions import Audit, audit, wanted
from streams.engine.errors import ConfigError
from streams.secrets import SecretDirectory
from streams.settings import Settings
from streams.shopify import Shops
from streams.shopify.subscriptions import read


def shops_of(settings: Settings) -> Shops:
    """The shops of this installation. ConfigError without the directory that their secrets are in."""
    if settings.secrets_dir is None:
        raise ConfigError(f"{PREFIX}SECRETS_DIR is not set: the access to a shop's Admin API is in it")
    return Shops(SecretDirectory(settings.secrets_dir), settings.shopify.options)


async def audit_of(shops: Shops, retailer: Retailer, settings: Settings) -> Audit:
    """Compare what the retailer's shop has. ShopifyError where it cannot be asked, ConfigError as `own_uri`."""
    found = await read(shops.of(retailer.shopify))
    door = f"{_public_url(settings)}{source.PLAIN.path}"
    return audit(wanted(own_uri(retailer, settings)), found, door, settings.shopify.api_version)


def own_uri(retailer: Retailer, settings: Settings) -> str:
    """Where this retailer's webhooks come in: a path that nobody can guess, made anew from the id and one key.

    So there is nothing to store, and no moment at which the shop knows a path that the ingress does not: the ingress
    opens it as soon as it knows the retailer. ConfigError where the public address or the key is not set.
    """
    keys = settings.ingress.path_keys()
    if settings.ingress.shopify_path_key is None:
        raise ConfigError(
            f"{PREFIX}INGRESS__SHOPIFY_PATH_KEY is not set: the retailers' own paths are made with it. Set it for the "
            f"ingress too and restart that first; a good one, made just now: {secrets.token_urlsafe(32)}"
        )
    return f"{_public_url(settings)}{source.OWN_PATH.path.format(path_token=path_token(keys[0], retailer.id))}"


def _public_url(settings: Settings) -> str:
    url = settings.ingress.public_url
    if url is None:
        raise ConfigError(
            f"{PREFIX}INGRESS__PUBLIC_URL is not set: it is the address at which Shopify reaches the ingress, like "
            "https://hooks.example.com"
        )
    return url.rstrip("/")
