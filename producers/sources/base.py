"""What every sender is to the door: a path, a way to tell that it is him, and a way to make records of what he says."""

from __future__ import annotations

import codecs
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import orjson
from pydantic import SecretStr
from pydantic_core import from_json

from producers.accounts import Account
from producers.messages import Kept, Message
from producers.problems import NotJson
from producers.retailers import Directory

A = TypeVar("A", bound=Account)


@dataclass(frozen=True, slots=True)
class Received:
    """A request's matter, without HTTP: header names in lower case, the body's bytes as they came.

    query: the parameters behind the path. at: when it came by our clock, in seconds since 1970.
    """

    headers: Mapping[str, str]
    raw: bytes
    path_token: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    at: float = 0.0

    def header(self, name: str) -> str:
        """A header's value, "" where there is none."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Split:
    """What is to be written before the sender hears 2xx, and what he hears.

    kept: the reasons of those messages that go to the dead letters. answer: the JSON of the 200, None for an empty one.
    """

    messages: tuple[Message, ...] = ()
    kept: tuple[str, ...] = ()
    answer: Any = None

    @property
    def outcome(self) -> str:
        """A metric's word: published, kept (at least in part), or ignored."""
        if self.kept:
            return "kept"
        return "published" if self.messages else "ignored"


@dataclass(frozen=True, slots=True)
class Sender(Generic[A]):
    """One line of the registry.

    name: of the path in metrics and logs. accounts: under which word its accounts stand in the settings.
    verify: whose request this is, None for nobody's. split: raises a Problem only where nothing is to be written.
    keeps: a 4xx would make it switch us off. What is proved to be its own and cannot be used is kept and answered 200,
    and it may call its body what it likes.
    """

    path: str
    name: str
    accounts: str
    verify: Callable[[Received, Sequence[A]], A | None]
    split: Callable[[A, Received, Directory], Split]
    keeps: bool = False


class Misfit(Exception):
    """Signed JSON that cannot be used: it is kept for a person. Its text holds nothing from the body."""

    def __init__(self, reason: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path

    def kept(self, sender: str, account: Account, about: Mapping[str, str] | None = None) -> Kept:
        """The same for the dead letters."""
        return Kept(self.reason, str(self), self.path, sender, account.name, about or {})


@dataclass(slots=True)
class Collector:
    """Gathers what becomes of the elements of one body of a sender whom a 4xx would make switch us off."""

    sender: str
    account: Account
    messages: list[Message] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def keep(
        self, misfit: Misfit, value: bytes, key: str | None = None, about: Mapping[str, str] | None = None
    ) -> None:
        """Into the dead letters with it."""
        self.messages.append(misfit.kept(self.sender, self.account, about).message_of(value, key))
        self.reasons.append(misfit.reason)

    def split(self) -> Split:
        """All that was gathered."""
        return Split(tuple(self.messages), tuple(self.reasons))


def without_mark(raw: bytes) -> bytes:
    """The body without the byte order mark that .NET writes where nobody forbids it; it is no JSON."""
    return raw.removeprefix(codecs.BOM_UTF8)


def parse(raw: bytes) -> Any:
    """The body as JSON. NotJson otherwise; its text holds a position and no content.

    The agents' own parser, so that what is taken here can be read there: some 200 levels deep, integers exact up to
    4,300 digits. (orjson makes a float of an integer beyond 64 bits, without a word.)
    """
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise NotJson(str(error)) from None


def parse_or_keep(raw: bytes) -> Any:
    """The same, of a sender whom a 4xx would make switch us off: Misfit instead of NotJson."""
    try:
        return parse(raw)
    except NotJson as problem:
        raise Misfit("not_json", f"the body is not JSON: {problem}") from None


def dump(value: object, *, canonical: bool = False) -> bytes:
    """JSON of what was parsed. Misfit where it holds an integer beyond 64 bits, which orjson does not write."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if canonical else None)
    except TypeError as error:
        raise Misfit("unwritable", "the JSON holds an integer beyond 64 bits, or is nested too deep") from error


def digest(value: bytes) -> str:
    """A short fingerprint of content, for ids of facts that have no id of their own."""
    return hashlib.blake2b(value, digest_size=16).hexdigest()


def instant(text: object) -> datetime | None:
    """An RFC 3339 instant with its offset; None for anything else, and where its UTC could lie outside the calendar."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None and 1 < at.year < 9999 else None


class Signs(Protocol):
    """An account that signs what it sends."""

    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets that count, the current one first."""
        ...


S = TypeVar("S", bound=Signs)


def signer(
    given: str,
    raw: bytes,
    accounts: Sequence[S],
    encode: Callable[[bytes], str],
    key: Callable[[str], bytes] = str.encode,
) -> S | None:
    """The account whose current or previous secret signed these bytes (HMAC-SHA256), compared in constant time."""
    if not given:
        return None
    presented = given.encode("utf-8", "surrogateescape")
    for account in accounts:
        for secret in account.secrets():
            expected = encode(hmac.digest(key(secret.get_secret_value()), raw, hashlib.sha256))
            if hmac.compare_digest(presented, expected.encode()):
                return account
    return None
