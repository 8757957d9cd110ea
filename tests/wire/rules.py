"""The rules of the retailers file as it is written, on a Shopify order as it is received."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.wire.words import Body, fold

COUNTRIES = {
    "CA": ("ca", "canada"),
    "GB": ("gb", "united kingdom", "great britain"),
    "DE": ("de", "germany"),
    "US": ("us", "united states"),
}
NUMBERS = ("order_value", "order_discount_value", "order_discount_percent")


def outcome(rules: list[Body], order: Body, reason: str) -> str:
    """`refund`, `credit_note` or `no_action` of the first rule that holds, `none` where none does."""
    for rule in rules:
        if rule["when"] == "always" or all(_holds(name, said, order, reason) for name, said in rule["when"].items()):
            then: str = rule["then"]
            return "credit_note" if then == "store_credit" else then
    return "none"


def _holds(dimension: str, said: Body, order: Body, reason: str) -> bool:
    if said.get("currency", order["currency"]) != order["currency"]:
        return False
    conditions = [(operator, wanted) for operator, wanted in said.items() if operator != "currency"]
    if dimension in NUMBERS:
        return all(_number(operator, _value(dimension, order), wanted) for operator, wanted in conditions)
    if dimension == "order_country":
        return all(_one(operator, _country(order), _codes(wanted)) for operator, wanted in conditions)
    if dimension == "return_reason":
        return all(_one(operator, fold(reason), _texts(wanted)) for operator, wanted in conditions)
    members = order["tags"].split(",") if dimension == "tag" else [c["code"] or "" for c in order["discount_codes"]]
    known = {fold(member) for member in members} - {""}
    return all(_set(operator, known, _texts(wanted)) for operator, wanted in conditions)


def _value(dimension: str, order: Body) -> Fraction:
    discounts, undiscounted = Fraction(order["total_discounts"]), Fraction(order["total_line_items_price"])
    if dimension == "order_value":
        return Fraction(order["total_price"])
    if dimension == "order_discount_value":
        return discounts
    return discounts / undiscounted * 100 if undiscounted else Fraction(0)


def _number(operator: str, seen: Fraction, wanted: Any) -> bool:
    if operator == "between":
        return Fraction(str(wanted[0])) <= seen <= Fraction(str(wanted[1]))
    number = Fraction(str(wanted))
    return {
        "equal_to": seen == number,
        "not_equal_to": seen != number,
        "greater_than": seen > number,
        "greater_or_equal": seen >= number,
        "less_than": seen < number,
        "less_or_equal": seen <= number,
    }[operator]


def _country(order: Body) -> str:
    addresses = [order["shipping_address"] or {}, order["billing_address"] or {}]
    return next((str(address["country_code"]) for address in addresses if address.get("country_code")), "")


def _codes(wanted: Any) -> list[str]:
    return [code for code, names in COUNTRIES.items() for text in _texts(wanted) if text in names]


def _texts(wanted: Any) -> list[str]:
    return [fold(text) for text in wanted] if isinstance(wanted, list) else [fold(str(wanted))]


def _one(operator: str, seen: str, wanted: list[str]) -> bool:
    """A missing value is the empty text: it meets `is_empty` and nothing else."""
    return not seen if operator == "is_empty" else bool(seen) and _set(operator, {seen}, wanted)


def _set(operator: str, members: set[str], wanted: list[str]) -> bool:
    if operator == "is_empty":
        return not members
    if operator in ("not_equal_to", "not_in"):
        return members.isdisjoint(wanted)
    if operator in ("equal_to", "in"):
        return not members.isdisjoint(wanted)
    if operator == "contains":
        return any(wanted[0] in member for member in members)
    assert operator == "starts_with"
    return any(member.startswith(wanted[0]) for member in members)
