"""The retailers file: its YAML text becomes retailers, or a list of everything that is wrong with it, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from contracts.retailers import (
    DEFAULT_HOLD_HOURS,
    RETAILER_ID,
    CustomerChoice,
    OrderSource,
    Portal,
    Retailer,
    ReturnActionStage,
    ShopifyAccess,
    Watchdogs,
)
from streams.retailers_access import read_hook, read_secret_ref
from streams.retailers_rules import read_rules
from streams.yaml_places import Place, Problem, Severity, root

__all__ = ["ParsedFile", "Problem", "Severity", "parse"]

MAX_HOLD_HOURS = 24 * 90
MAX_WATCH_DAYS = 365

_KEYS = (
    "id",
    "name",
    "portal",
    "shopify",
    "customer_choice",
    "return_action",
    "hold_hours",
    "hook",
    "watchdogs",
    "rules",
)
_REQUIRED = {
    "id": "write id: acme; it is the key of everything and never changes",
    "name": "write the name as it stands in OmniRPS",
    "portal": "write portal: omnireturns, or portal: loop",
    "shopify": "write shopify: {shop: acme.myshopify.com}",
}
_HOST = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file says. retailers: none as long as there is an error. problems: in the order of the file."""

    retailers: tuple[Retailer, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether it can be applied: warnings do not keep it from that."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)

    def render(self, file: str = "retailers.yaml") -> str:
        """All problems, one a line."""
        return "\n".join(problem.render(file) for problem in self.problems)


@dataclass(slots=True)
class _Taken:
    """What the retailers before this one have taken, with the line where they did."""

    ids: dict[str, int] = field(default_factory=dict)
    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    shops: dict[str, int] = field(default_factory=dict)


def parse(text: str) -> ParsedFile:
    """Read the whole file and tell all of its problems in one go. No file, no network, no exception."""
    problems: list[Problem] = []
    place = root(text, problems)
    retailers: list[Retailer | None] = []
    fields = place.fields("the file", "retailers: [...]") if place else None
    if place is not None and fields is not None:
        place.refuse_unknown(fields, ("retailers",))
        if "retailers" not in fields:
            place.error("'retailers' is missing", "begin with 'retailers:'")
        else:
            taken = _Taken()
            entries = fields["retailers"].items("retailers", "- id: acme") or []
            retailers = [_retailer(entry, taken) for entry in entries]
    ordered = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    sound = not any(problem.severity is Severity.ERROR for problem in ordered)
    return ParsedFile(tuple(r for r in retailers if r is not None) if sound else (), ordered)


def _retailer(place: Place, taken: _Taken) -> Retailer | None:
    fields = place.fields("a retailer", "- id: acme")
    if fields is None:
        return None
    place.refuse_unknown(fields, _KEYS)
    for key, remedy in _REQUIRED.items():
        if key not in fields:
            place.error(f"{key!r} is missing", remedy)
    retailer_id = _id(fields["id"], taken) if "id" in fields else None
    name = _name(fields["name"], taken) if "name" in fields else None
    portal = fields["portal"].one_of("portal", list(Portal)) if "portal" in fields else None
    shopify = _shopify(fields["shopify"], taken) if "shopify" in fields else None
    choice = _choice(fields["customer_choice"]) if "customer_choice" in fields else CustomerChoice()
    action = _return_action(place, fields, portal)
    hold = _hold_hours(fields["hold_hours"]) if "hold_hours" in fields else float(DEFAULT_HOLD_HOURS)
    hook = read_hook(fields["hook"]) if "hook" in fields else None
    watchdogs = _watchdogs(fields["watchdogs"]) if "watchdogs" in fields else Watchdogs()
    rules = read_rules(fields["rules"]) if "rules" in fields else ()
    _warn_of_portal(place, fields, portal, decides=_decides(fields, choice))
    if not (retailer_id and name and portal and shopify and choice and action and hold and watchdogs):
        return None
    return Retailer(
        id=retailer_id,
        name=name,
        portal=Portal(portal),
        shopify=shopify,
        customer_choice=choice,
        return_action=action,
        hold_hours=hold,
        hook=hook,
        watchdogs=watchdogs,
        rules=rules,
    )


def _id(place: Place, taken: _Taken) -> str | None:
    text = place.text("id")
    if text is None:
        return None
    if not re.match(RETAILER_ID, text):
        place.error(
            f"{text!r} is no retailer id",
            "use up to 63 lower-case letters, digits, '-' and '_', a letter or digit first",
        )
        return None
    if text in taken.ids:
        place.error(f"a second retailer {text!r} (first in line {taken.ids[text]})", "every id stands once")
    taken.ids.setdefault(text, place.line)
    return text


def folded_name(name: str) -> str:
    """The form in which two retailers' names must differ: without any blanks, case-folded."""
    return "".join(name.split()).casefold()


def _name(place: Place, taken: _Taken) -> str | None:
    text = place.text("name")
    if text is None:
        return None
    if text != text.strip():
        place.warn(
            f"{text!r} begins or ends with a blank, and is matched byte for byte", "remove it unless OmniRPS has it"
        )
    folded = folded_name(text)
    if folded in taken.names:
        other, line = taken.names[folded]
        told = "the same name as" if other == text else f"the name differs only by blanks or case from {other!r} of"
        place.error(f"{told} the retailer in line {line}", "uploads find their retailer by its name: make it distinct")
    taken.names.setdefault(folded, (text, place.line))
    return text


def _shopify(place: Place, taken: _Taken) -> ShopifyAccess | None:
    fields = place.fields("shopify", "shopify: {shop: acme.myshopify.com}")
    if fields is None:
        return None
    place.refuse_unknown(fields, ("shop", "order_source", "secret_ref"))
    source: str | None = OrderSource.WEBHOOK.value
    if "order_source" in fields:
        source = fields["order_source"].one_of("order_source", list(OrderSource))
    secret_ref = read_secret_ref(fields.get("secret_ref"))
    if "shop" not in fields:
        place.error("'shop' is missing", "write shop: acme.myshopify.com")
        return None
    shop = _shop(fields["shop"], taken)
    return (
        ShopifyAccess(shop=shop, order_source=OrderSource(source), secret_ref=secret_ref) if shop and source else None
    )


def _shop(place: Place, taken: _Taken) -> str | None:
    text = place.text("shop")
    if text is None:
        return None
    shop = text.strip().casefold()
    if not _HOST.match(shop):
        place.error(f"{text!r} is no shop domain", "write it as Shopify does: acme.myshopify.com, without https://")
        return None
    if not shop.endswith(".myshopify.com"):
        place.warn(f"{text!r} is not the shop's permanent domain", "webhooks name the one that ends in .myshopify.com")
    if shop in taken.shops:
        place.error(f"shop {shop!r} is the one of the retailer in line {taken.shops[shop]}", "a shop has one retailer")
    taken.shops.setdefault(shop, place.line)
    return shop


def _choice(place: Place) -> CustomerChoice | None:
    fields = place.fields("customer_choice", "customer_choice: {enabled: true, exchange: false}")
    if fields is None:
        return None
    place.refuse_unknown(fields, ("enabled", "exchange"))
    enabled = fields["enabled"].flag("enabled") if "enabled" in fields else False
    exchange = fields["exchange"].flag("exchange") if "exchange" in fields else False
    if enabled is None or exchange is None:
        return None
    if exchange and not enabled:
        fields["exchange"].warn("exchange is offered, but customers cannot choose", "write enabled: true")
    return CustomerChoice(enabled=enabled, exchange=exchange)


def _return_action(place: Place, fields: dict[str, Place], portal: str | None) -> ReturnActionStage | None:
    """For Loop it is never used; `manual` stands for it there, the stage that nothing reaches by itself."""
    if "return_action" in fields:
        stage = fields["return_action"].one_of("return action", list(ReturnActionStage))
        return ReturnActionStage(stage) if stage else None
    if portal == Portal.LOOP:
        return ReturnActionStage.MANUAL
    place.error("'return_action' is missing", "write return_action: first_scan, processing or manual")
    return None


def _hold_hours(place: Place) -> float | None:
    hours = place.number("hold_hours")
    if hours is None:
        return None
    if not Decimal(0) < hours <= MAX_HOLD_HOURS:
        place.error(f"hold_hours is {hours}", f"write more than 0 and at most {MAX_HOLD_HOURS} (ninety days)")
        return None
    return float(hours)


def _watchdogs(place: Place) -> Watchdogs | None:
    fields = place.fields("watchdogs", "watchdogs: {scan_days: 28}")
    if fields is None:
        return None
    place.refuse_unknown(fields, list(Watchdogs.model_fields))
    days = {name: _days(entry, name) for name, entry in fields.items() if name in Watchdogs.model_fields}
    if len(days) < len(fields) or None in days.values():
        return None
    return Watchdogs.model_validate(days)


def _days(place: Place, name: str) -> float | None:
    days = place.number(name)
    if days is None:
        return None
    if not Decimal(0) < days <= MAX_WATCH_DAYS:
        place.error(f"{name} is {days}", f"write more than 0 and at most {MAX_WATCH_DAYS}")
        return None
    return float(days)


def _decides(fields: dict[str, Place], choice: CustomerChoice | None) -> bool:
    """Whether anything could decide, once all other problems are mended."""
    return choice is None or choice.enabled or ("rules" in fields and bool(fields["rules"].node.value))


def _warn_of_portal(place: Place, fields: dict[str, Place], portal: str | None, *, decides: bool) -> None:
    """Exactly one party issues the outcome; and a retailer who issues should also decide."""
    if portal == Portal.LOOP:
        for name in ("return_action", "rules", "customer_choice"):
            if name in fields:
                place.key(name).warn(
                    f"{name!r} has no effect: Loop issues the outcome, we forward",
                    "remove it, or write portal: omnireturns",
                )
        if "hook" not in fields:
            place.warn("there is no hook: without it Loop issues no credit to the customer", "write hook: {url: …}")
    elif portal == Portal.OMNIRETURNS and not decides:
        place.warn("nothing decides: no customer choice and no rules", "every unit will end as 'none'")
