"""Any value of any wire model, from the model's own fields."""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import MinLen
from hypothesis import strategies as st

from contracts.model import Model
from contracts.orders import MOST_OF_A_LINE, ShopifyLine
from contracts.retailers import Retailer, Schedule, Watchdogs
from contracts.returns import MOST_OF_A_SKU, EventItem

Values = st.SearchStrategy[Any]

# Computed amounts come with all sorts of exponents: 0E+2 is a zero, 1E+3 a thousand.
AMOUNTS = st.builds(
    lambda negative, digits, exponent: Decimal(digits).scaleb(exponent).copy_sign(-1 if negative else 1),
    st.booleans(),
    st.integers(0, 10**12),
    st.integers(-8, 8),
)
ZONES = st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(timezones=ZONES).filter(lambda at: 1 < at.year < 9999)
JSON = st.none() | st.booleans() | st.text(max_size=5) | st.integers(-(2**53), 2**53)
SPECIAL: dict[tuple[type[Model], str], Values] = {
    (Retailer, "id"): st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,62}\Z"),
    (Retailer, "hold_hours"): st.floats(0.5, 24 * 90),
    (EventItem, "count"): st.integers(1, MOST_OF_A_SKU),
    (ShopifyLine, "quantity"): st.integers(0, MOST_OF_A_LINE),
    **{(Watchdogs, name): st.floats(0.5, 365) for name in Watchdogs.model_fields},
    **{(Schedule, name): st.floats(0.5, 1e7) for name in ("cap_s", "give_up_after_s")},
}
PLAIN: dict[Any, Values] = {
    int: st.integers(0, 2**62),
    bool: st.booleans(),
    float: st.floats(0, 1e9),
    Decimal: AMOUNTS,
    type(None): st.none(),
    Any: JSON,
}


def values_of(model: type[Model]) -> st.SearchStrategy[Model]:
    """Values of a model, every field drawn."""
    fields = {name: _field(model, name) for name in model.model_fields}
    return st.fixed_dictionaries(fields).map(model.model_validate)


def _field(model: type[Model], name: str) -> Values:
    field = model.model_fields[name]
    if (model, name) in SPECIAL:
        return SPECIAL[model, name]
    least = max((limit.min_length for limit in field.metadata if isinstance(limit, MinLen)), default=0)
    return _values(field.annotation, least)


def _values(kind: Any, least: int = 0) -> Values:
    if kind is str:
        return st.text(min_size=least, max_size=8)
    if kind in PLAIN:
        return PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _values(arguments[0])
    if origin in (Union, UnionType):
        return st.one_of(*map(_values, arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_values(arguments[0]), min_size=least, max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=2)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if issubclass(kind, Model):
        return values_of(kind)
    return INSTANTS
