"""The base of every wire model: immutable, tolerant of fields it does not know, strict about those it does."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints


class Model(BaseModel):
    """A value on a wire. Unknown fields are ignored, so that a reader survives a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601")


def _id_as_text(value: object) -> object:
    # Shopify's ids pass 2^53: a reader whose numbers are doubles would round them, so ours are text.
    if isinstance(value, bool):
        return value
    return str(value) if isinstance(value, int) else value


Id = Annotated[str, BeforeValidator(_id_as_text)]
"""An identifier of another system, kept as text whatever it was."""

Text = Annotated[str, StringConstraints(strip_whitespace=True)]
Instant = AwareDatetime
"""An instant with an offset; we write UTC."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Amount = Decimal
"""Money in major units; a string in JSON, so that no reader makes a binary float of it."""
