"""The base of every wire model: immutable, tolerant of fields it does not know, strict about those it does."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

# More digits than any computed share of a price has, and few enough that writing an exponent out costs nothing:
# "1E+1000000" in a body would otherwise become a megabyte of zeros in each record made from it.
MOST_DIGITS = 60


class Model(BaseModel):
    """A value on a wire. Unknown fields are ignored, so that a reader survives a newer writer."""

    # The text of an error may end in a log: a value that was wrong may be personal.
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601", hide_input_in_errors=True)

    def to_json(self) -> bytes:
        """As it stands on the wire. What `model_dump_json` writes, without the way through a text: half the time."""
        return self.__pydantic_serializer__.to_json(self)


def _id_as_text(value: object) -> object:
    # Shopify's ids pass 2^53: a reader whose numbers are doubles would round them, so ours are text.
    if isinstance(value, bool):
        return value
    return str(value) if isinstance(value, int) else value


Id = Annotated[str, BeforeValidator(_id_as_text, json_schema_input_type=str | int)]
"""An identifier of another system, kept as text whatever it was."""

Text = Annotated[str, StringConstraints(strip_whitespace=True)]


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant; read with any offset, kept and written in UTC."""


def _plain(amount: Decimal) -> str:
    # str() would write 0E+2 for a zero that was computed, and 1E+3 for what came so. There is no money below zero zero.
    return format(amount if amount else amount.copy_abs(), "f")


_Digits = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
Amount = Annotated[
    Decimal, Field(max_digits=MOST_DIGITS), PlainSerializer(_plain, return_type=_Digits, when_used="json")
]
"""Money in major units; plain digits as a string in JSON, so that no reader makes a binary float of it."""
