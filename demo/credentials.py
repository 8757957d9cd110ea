"""The secrets of one run: made up anew each time, for both ends of every wire."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from demo.hook import Access


@dataclass(frozen=True, slots=True)
class Credentials:
    """What senders sign and log in with. omnirps: a token for each retailer. hooks: how each hook wants to be told.

    shops: the token of each retailer's shop for its Admin API. paths: the key of the retailers' own webhook paths.
    """

    shopify: str = field(repr=False)
    easypost: str = field(repr=False)
    shippo: str = field(repr=False)
    omniparcel_user: str
    omniparcel_password: str = field(repr=False)
    omnirps: Mapping[str, str] = field(repr=False)
    hooks: Mapping[str, Access]
    shops: Mapping[str, str] = field(repr=False)
    paths: str = field(repr=False)
    hash_key: str = field(repr=False)

    @staticmethod
    def fresh(retailers: Iterable[str]) -> Credentials:
        """Secrets that nobody else has. The first retailer's hook asks for a user name and password as well."""
        names = list(retailers)
        return Credentials(
            shopify=secrets.token_hex(16),
            easypost=f"s\u00e9cret-{secrets.token_hex(8)}",
            shippo=secrets.token_hex(16),
            omniparcel_user="seko",
            omniparcel_password=secrets.token_hex(16),
            omnirps={name: secrets.token_hex(16) for name in names},
            hooks={
                name: Access(
                    signing=f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
                    username=name if name == names[0] else None,
                    password=secrets.token_hex(8) if name == names[0] else None,
                )
                for name in names
            },
            shops={name: f"shpat_{secrets.token_hex(16)}" for name in names},
            paths=secrets.token_hex(16),
            hash_key=secrets.token_hex(16),
        )

    def environment(self) -> dict[str, str]:
        """The settings with which the ingress knows these senders, and the agents' hash key."""
        tokens = [
            {"name": f"{retailer}-portal", "token": token, "retailers": [retailer]}
            for retailer, token in self.omnirps.items()
        ]
        login = {"username": self.omniparcel_user, "password": self.omniparcel_password}
        accounts = {
            "SHOPIFY_SECRETS": [{"name": "demo-app", "secret": self.shopify, "retailers": ["*"]}],
            "EASYPOST_SECRETS": [{"name": "easypost", "secret": self.easypost, "retailers": ["*"]}],
            "SHIPPO_ACCOUNTS": [{"name": "shippo", "token": self.shippo, "retailers": ["*"]}],
            "OMNIPARCEL_ACCOUNTS": [{"name": "seko", **login, "retailers": ["*"]}],
            "OMNIRPS_TOKENS": tokens,
        }
        ingress = {f"RETURNSTREAMS_INGRESS__{name}": orjson.dumps(value).decode() for name, value in accounts.items()}
        ingress["RETURNSTREAMS_INGRESS__SHOPIFY_PATH_KEY"] = self.paths
        return {**ingress, "RETURNSTREAMS_HASH_KEY": self.hash_key}

    def write(self, directory: Path) -> None:
        """The secrets as the agents read them: `<retailer>/hook` and `<retailer>/shopify`, one JSON object each."""
        hooks = {f"{retailer}/hook": access.fields() for retailer, access in self.hooks.items()}
        shops = {f"{retailer}/shopify": {"access_token": token} for retailer, token in self.shops.items()}
        for name, fields in {**hooks, **shops}.items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(orjson.dumps(fields))
            file.chmod(0o600)
