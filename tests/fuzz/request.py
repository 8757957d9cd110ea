"""Any bytes as one request to the ingress: which sender, which secret, headers and a body; signed as that sender does.

Its form is `<path> <digit: how it is signed>`, lines `name: value`, an empty line, the body: so a corpus can be read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from producers.accounts import Account
from producers.retailers import path_token
from producers.sources import SENDERS
from producers.sources.base import Sender
from tests.unit.producers import support

NOW = 1_790_000_000.0
# What h11 lets through: tokens as names, and values without the bytes that end a line.
_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-z]+").fullmatch
_ENDS = bytes.maketrans(b"\r\0\x0b\x0c", b"    ")
RIGHT, PREVIOUS, OTHER, TAMPERED, NONE = range(5)

_PATHS = {sender.path.encode(): sender for sender in SENDERS}

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as an ASGI server hands it on. signed: whether its proof of origin is right."""

    path: str
    query: str
    headers: Headers
    body: bytes
    signed: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a body is a sender's: headers, or parameters of the URL."""

    headers: Headers = ()
    query: str = ""


def _shopify(body: bytes, how: int) -> Proof:
    secret = "old-hush" if how == PREVIOUS else "hush"
    return Proof(((b"x-shopify-hmac-sha256", support.shopify_signature(body, secret).encode()),))


def _easypost(body: bytes, how: int) -> Proof:
    key = unicodedata.normalize("NFKD", "sécret").encode()
    mac = hmac.digest(key, body, hashlib.sha256).hex()
    return Proof(((b"x-hmac-signature", f"hmac-sha256-hex={mac}".encode()),))


def _aftership(body: bytes, how: int) -> Proof:
    return Proof(((b"aftership-hmac-sha256", base64.b64encode(hmac.digest(b"after", body, hashlib.sha256))),))


def _shippo(body: bytes, how: int) -> Proof:
    if how == OTHER:
        return Proof(((b"shippo-auth-signature", support.shippo_signature(body, NOW).encode()),))
    return Proof(query="token=" + quote("ship-token-before" if how == PREVIOUS else "ship-token"))


def _omniparcel(body: bytes, how: int) -> Proof:
    if how == OTHER:
        return Proof(((b"token", b"seko-token"),))
    return Proof(((b"username", b"seko"), (b"password", b"pass")))


def _omnirps(body: bytes, how: int) -> Proof:
    return Proof(((b"token", b"bolt-token" if how == OTHER else b"acme-token"),))


PROOFS: dict[str, Callable[[bytes, int], Proof]] = {
    "shopify": _shopify,
    "easypost": _easypost,
    "aftership": _aftership,
    "shippo": _shippo,
    "omniparcel": _omniparcel,
    "omnirps": _omnirps,
}
ACCOUNTS: Mapping[str, Sequence[Account]] = {
    "shopify": [support.APP],
    "easypost": [support.EASYPOST],
    "aftership": [support.AFTERSHIP],
    "shippo": [support.SHIPPO, support.SHIPPO_SIGNED],
    "omniparcel": [support.SEKO, support.SEKO_TOKEN],
    "omnirps": [support.ACME_TOKEN, support.BOLT_TOKEN],
}
# Whatever proves something is ours to write: a fuzzer that guessed a secret would only have read it here.
_PROVING = frozenset(
    {
        b"x-shopify-hmac-sha256",
        b"x-hmac-signature",
        b"aftership-hmac-sha256",
        b"shippo-auth-signature",
        b"token",
        b"username",
        b"password",
    }
)


def decode(data: bytes) -> Request:
    """The request that these bytes mean; any bytes mean one."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    path, _, how = first.partition(b" ")
    sender = _PATHS.get(path) or SENDERS[sum(path) % len(SENDERS)]
    headers = tuple(pair for pair in map(_header, lines) if _NAME(pair[0]) and pair[0] not in _PROVING)
    return _signed(sender, sum(how) % 5, headers, body)


def encode(sender: Sender[Any], how: int, headers: dict[str, str], body: bytes) -> bytes:
    """Bytes that `decode` makes this request of."""
    # "2" is 50: the digits from there on leave 0, 1, … when divided by 5.
    first = f"{sender.path} {chr(50 + how)}"
    lines = (f"{name}: {value}" for name, value in headers.items())
    return "\n".join((first, *lines)).encode() + b"\n\n" + body


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.translate(_ENDS).strip()


def _signed(sender: Sender[Any], how: int, headers: Headers, body: bytes) -> Request:
    path = sender.path.replace("{path_token}", path_token(support.PATH_KEY, "acme"))
    proof = PROOFS[sender.accounts](body + b"!" if how == TAMPERED else body, how)
    tampered = how == TAMPERED and sender.accounts in ("shopify", "easypost", "aftership")
    made = Request(path, proof.query, (*headers, *proof.headers), body, not tampered)
    return replace(made, query="", headers=headers, signed=False) if how == NONE else made
