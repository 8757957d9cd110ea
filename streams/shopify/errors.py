"""What can go wrong between us and a shop's Admin API, and whether it may have been done all the same.

ShopifyError
├── NotConfigured       no way to call this shop: no secret, an unusable one, a host that may not be called
├── Refused             the shop said no; the same request will be refused again
│   ├── AccessDenied        the token is not valid (any more), or lacks a scope
│   ├── TooCostly           one query asked for more points than a query may cost: ask for fewer at once
│   ├── BadDocument         this API version does not know what the document asks for
│   └── UserErrors          a mutation's own word on its input
├── Throttled           the bucket stayed empty for longer than we wait; nothing was done
└── Unreachable         no usable answer; `sent` says whether the shop may have acted on it

No message holds a token, a variable's value or anything that the shop said about a customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ShopifyError(Exception):
    """The root of all of them."""


class NotConfigured(ShopifyError):
    """This shop cannot be called as things are configured; nothing was sent."""


class Refused(ShopifyError):
    """The shop said no."""


class AccessDenied(Refused):
    """The token is not valid, or its app lacks a scope."""


class TooCostly(Refused):
    """More points than one query may cost."""


class BadDocument(Refused):
    """The API version does not take the document or its variables."""


@dataclass(frozen=True, slots=True)
class UserError:
    """One entry of `userErrors`. field: the path into the input, "" where none is named."""

    message: str
    field: str = ""
    code: str | None = None


class UserErrors(Refused):
    """A mutation ran and did nothing, for these reasons."""

    def __init__(self, document: str, errors: Sequence[UserError]) -> None:
        told = "; ".join(f"{e.field or 'input'}: {e.code or e.message}" for e in errors)
        super().__init__(f"{document} was refused: {told}")
        self.errors = tuple(errors)


class Throttled(ShopifyError):
    """The shop's bucket stayed empty; nothing was done."""


class Unreachable(ShopifyError):
    """No usable answer. sent: whether the request may have reached the shop, and been carried out."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent
