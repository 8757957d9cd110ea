"""The one place where a key is made: orders, parcels, links between them, units, actions."""

from __future__ import annotations

import hashlib
import re
import uuid

# Longer than any real one, shorter than what could only be an accident; the ingress and the agents refuse more.
LONGEST_IDENTIFIER = 255
LONGEST_TRACKING_NUMBER = 128

_BLANKS_AND_DASHES = re.compile(r"[\s\-]+")

# Fixed for ever: with another namespace every action would be a new one and be paid again.
ACTION_NAMESPACE = uuid.UUID("b5a35cf2-6a33-5f0b-9d8e-2c0f6a1d7e11")

# Ids of facts that can be written twice (a webhook repeated, a record replayed) come from their content.
FACT_NAMESPACE = uuid.UUID("0d6e9c5e-7a3f-5a52-8a51-0c9f3a4e6b27")


def order_name(name: str) -> str:
    """The name as it stands in keys: outer blanks and one leading `#` removed, upper case; inner blanks stay."""
    return name.strip().removeprefix("#").strip().upper()


def order_key(retailer: str, name: str) -> str:
    """`<retailer id>/<order name>`. A retailer id holds no slash, so the first one separates."""
    return f"{retailer}/{order_name(name)}"


def split_order_key(key: str) -> tuple[str, str]:
    """The retailer id and the order name of an order key. ValueError when there is no slash."""
    retailer, slash, name = key.partition("/")
    if not slash or not retailer or not name:
        raise ValueError(f"key {key!r} is not an order key: it must be '<retailer id>/<order name>'")
    return retailer, name


def task_key(agent: str, partition: int) -> str:
    """`<agent>/<partition>`: one task."""
    return f"{agent}/{partition}"


def import_key(retailer: str) -> str:
    """`<retailer>/import`: how far a retailer's import is."""
    return f"{retailer}/import"


def reconciliation_key(retailer: str) -> str:
    """`<retailer>/reconciliation`: how far a retailer's reconciliation is."""
    return f"{retailer}/reconciliation"


def is_identifier(text: str) -> bool:
    """Whether it could be an order's name, an RMA or a sku: not blank, not endless, no control characters."""
    return 0 < len(text.strip()) <= LONGEST_IDENTIFIER and not any(ord(character) < 32 for character in text.strip())


def tracking_key(number: str) -> str:
    """The tracking number with all blanks and dashes removed, upper case."""
    return _BLANKS_AND_DASHES.sub("", number).upper()


def is_too_long(number: str) -> bool:
    """Whether a tracking number is longer than any could be, as it is written or as a key: ß is two in upper case."""
    return len(number) > LONGEST_TRACKING_NUMBER or len(tracking_key(number)) > LONGEST_TRACKING_NUMBER


def folded_sku(sku: str) -> str:
    """The form in which skus compare: trimmed and case-folded."""
    return sku.strip().casefold()


def _part(text: str) -> str:
    # A bar inside a part would make two identities one; a per cent sign must then be told from an escape.
    return text.replace("%", "%25").replace("|", "%7C")


def consignment_key(tracking: str, order: str, rma: str) -> str:
    """`<tracking key>|<order key>|<RMA>`: one link. Partitioned by the tracking key alone."""
    return "|".join(map(_part, (tracking, order, rma)))


def unit_key(order: str, rma: str, sku: str, ordinal: int) -> str:
    """`<order key>|<RMA>|<sku>|<n>`: one returned unit. Partitioned by the order key alone."""
    return "|".join((*map(_part, (order, rma, sku)), str(ordinal)))


def consignment_prefix(tracking: str) -> str:
    """What the keys of all links of one parcel begin with."""
    return f"{_part(tracking)}|"


def action_id(order: str, rma: str, sku: str, ordinal: int, option: str) -> str:
    """UUIDv5 of `<order key>|<RMA>|<sku folded>|<ordinal>|<option>`: one id a unit and option, for ever."""
    return _uuid5(ACTION_NAMESPACE, f"{order}|{rma}|{folded_sku(sku)}|{ordinal}|{option}")


def fact_id(*parts: object) -> str:
    """A stable id for a fact, from everything that makes it this fact; None and '' differ."""
    name = "\x1f".join(["\x00" if p is None else str(p) for p in parts])
    return _uuid5(FACT_NAMESPACE, name)


def _uuid5(namespace: uuid.UUID, name: str) -> str:
    # What str(uuid.uuid5(…)) gives, for a third of the time: every record that is written needs one.
    found = hashlib.sha1(namespace.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(found[16], 16) & 3]
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"
