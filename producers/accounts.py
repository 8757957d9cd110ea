"""Who may speak, for whom, and the secret by which we know them. Each secret names the retailers it speaks for."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, model_validator

from contracts.tracking import EVERY_RETAILER, Source

Secret = Annotated[SecretStr, Field(min_length=1)]


class Account(BaseModel):
    """One party that was given a secret.

    name: stands in records and logs in the secret's place. retailers: ids it speaks for, or `["*"]`.
    networks: where it may speak from (`203.0.113.0/24`, `2001:db8::/32`); from anywhere where there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    retailers: tuple[str, ...] = Field(min_length=1)
    networks: tuple[IPvAnyNetwork, ...] = ()

    def reaches_us_from(self, host: str) -> bool:
        """Whether this address is in one of its networks; an address that cannot be read is in none."""
        if not self.networks:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        # A socket that serves both families shows IPv4 clients as ::ffff:a.b.c.d.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.networks)

    def speaks_for(self, retailer: str) -> bool:
        """Whether its word counts in this retailer's matters."""
        return EVERY_RETAILER in self.retailers or retailer in self.retailers

    def proofs(self) -> tuple[tuple[str, ...], ...]:
        """All that opens the door for it; what two accounts of a sender share would open it for either."""
        raise NotImplementedError

    def source(self, sender: str, *retailers: str) -> Source:
        """The verified source as it goes into records; narrowed to `retailers` where the request named some."""
        return Source(sender=sender, account=self.name, retailers=retailers or self.retailers)


class SigningAccount(Account):
    """A sender that signs bodies (Shopify, EasyPost, AfterShip). `previous` still counts while a rotation lasts."""

    secret: Secret
    previous: Secret | None = None

    def proofs(self) -> tuple[tuple[str, ...], ...]:
        """Its secrets."""
        return _told(*self.secrets())

    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets that count, the current one first."""
        return (self.secret,) if self.previous is None else (self.secret, self.previous)


class TokenAccount(Account):
    """A sender that shows a token (OmniRPS). `previous` still counts while a rotation lasts."""

    token: Secret
    previous: Secret | None = None

    def proofs(self) -> tuple[tuple[str, ...], ...]:
        """Its tokens."""
        return _told(self.token, self.previous)

    def shows(self, token: str) -> bool:
        """Whether this is its token, compared in constant time."""
        candidates = [self.token] if self.previous is None else [self.token, self.previous]
        return any([same(token, candidate.get_secret_value()) for candidate in candidates])


class LoginAccount(Account):
    """A sender that shows a user name and a password, or a token (OmniParcel)."""

    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError(f"account {self.name!r}: 'username' and 'password' go together")
        if self.password is None and self.token is None:
            raise ValueError(f"account {self.name!r}: give 'username' and 'password', or 'token'")
        return self

    def proofs(self) -> tuple[tuple[str, ...], ...]:
        """Its login and its token."""
        login = _told(self.password)
        return (*((self.username or "", *secret) for secret in login), *_told(self.token))

    def knows(self, username: str, password: str) -> bool:
        """Whether both are its own, compared in constant time."""
        if self.username is None or self.password is None:
            return False
        return same(username, self.username) & same(password, self.password.get_secret_value())

    def shows(self, token: str) -> bool:
        """Whether this is its token, compared in constant time."""
        return self.token is not None and same(token, self.token.get_secret_value())


class ShippoAccount(Account):
    """A sender that shows a token in the URL, signs bodies together with the time, or both: then both are wanted.

    The `previous_` ones still count while a rotation lasts. replay_window_s: how far the signed time may lie from ours.
    """

    token: Secret | None = None
    previous_token: Secret | None = None
    secret: Secret | None = None
    previous_secret: Secret | None = None
    replay_window_s: float = Field(default=300, gt=0)

    @model_validator(mode="after")
    def _a_way_in(self) -> Self:
        if self.token is None and self.secret is None:
            raise ValueError(f"account {self.name!r}: give 'token', or 'secret', or both")
        return self

    def proofs(self) -> tuple[tuple[str, ...], ...]:
        """Its tokens and its secrets."""
        return _told(self.token, self.previous_token, self.secret, self.previous_secret)

    def shows(self, token: str) -> bool:
        """Whether this is its token, compared in constant time."""
        candidates = [known for known in (self.token, self.previous_token) if known is not None]
        return any([same(token, candidate.get_secret_value()) for candidate in candidates])

    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets with which it signs, the current one first."""
        return tuple(known for known in (self.secret, self.previous_secret) if known is not None)


def _told(*secrets: SecretStr | None) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys((secret.get_secret_value(),) for secret in secrets if secret is not None))


def same(given: str, known: str) -> bool:
    """Equality that takes as long for a near miss as for a wild one.

    given: a parameter of the URL, or a header, which HTTP hands on as Latin-1 whatever its sender writes.
    """
    as_sent, as_text = given.encode("latin-1", "backslashreplace"), given.encode("utf-8", "surrogateescape")
    return hmac.compare_digest(as_text, known.encode()) | hmac.compare_digest(as_sent, known.encode())


A = TypeVar("A", TokenAccount, LoginAccount)


def holder(token: str, accounts: Iterable[A]) -> A | None:
    """The account whose token this is; None for no token."""
    if not token:
        return None
    return next((account for account in accounts if account.shows(token)), None)
