"""A retailer: the portal, the options, the rules and the stage at which money moves."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from contracts.model import Model

RETAILER_ID = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""No slash (it separates in order keys), no upper case (nobody should have to remember which)."""

DEFAULT_HOLD_HOURS = 48


class Portal(StrEnum):
    """Who issues the outcome: Loop itself, or (for OmniReturns) we."""

    LOOP = "loop"
    OMNIRETURNS = "omnireturns"


class OrderSource(StrEnum):
    """Where the order's content comes from: the webhook's body, or a fetch for each webhook."""

    WEBHOOK = "webhook"
    ADMIN_API = "admin_api"


class ReturnActionStage(StrEnum):
    """When the outcome is issued. One per account."""

    FIRST_SCAN = "first_scan"
    PROCESSING = "processing"
    MANUAL = "manual"


class Dimension(StrEnum):
    """What a condition looks at; the values are defined in the rules' table."""

    TAG = "tag"
    ORDER_VALUE = "order_value"
    ORDER_DISCOUNT_VALUE = "order_discount_value"
    ORDER_DISCOUNT_PERCENT = "order_discount_percent"
    ORDER_COUNTRY = "order_country"
    RETURN_REASON = "return_reason"
    ORDER_DISCOUNT_CODE = "order_discount_code"


class Operator(StrEnum):
    """How a condition compares."""

    EQUAL_TO = "equal_to"
    NOT_EQUAL_TO = "not_equal_to"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    IS_EMPTY = "is_empty"
    GREATER_THAN = "greater_than"
    GREATER_OR_EQUAL = "greater_or_equal"
    LESS_THAN = "less_than"
    LESS_OR_EQUAL = "less_or_equal"
    BETWEEN = "between"


class RuleOutcome(StrEnum):
    """What a rule may say. An exchange only ever comes from the customer."""

    REFUND = "refund"
    CREDIT_NOTE = "credit_note"
    NO_ACTION = "no_action"


class Condition(Model):
    """One comparison. operands: one for most operators, two for `between`, any number for `in`, none for `is_empty`.

    Numbers are decimal text, countries ISO 3166-1 alpha-2 codes. With a currency it holds only for orders in it.
    """

    dimension: Dimension
    operator: Operator
    operands: tuple[str, ...] = ()
    currency: str | None = None

    def numbers(self) -> tuple[Decimal, ...]:
        """The operands of a numeric comparison."""
        return tuple(map(Decimal, self.operands))


class Rule(Model):
    """All conditions must hold. No conditions means `when: always`."""

    name: str
    conditions: tuple[Condition, ...] = ()
    then: RuleOutcome


class CustomerChoice(Model):
    """Whether the customer's word beats the rules; refund and credit note are then always offered."""

    enabled: bool = False
    exchange: bool = False


class ShopifyAccess(Model):
    """The retailer's one shop. secret_ref names a secret, it never is one."""

    shop: str
    order_source: OrderSource = OrderSource.WEBHOOK
    secret_ref: str | None = None


class HookFormat(StrEnum):
    """In which words a hook is told. Another receiver is another member here, and an adapter of its own."""

    OMNIRPS_1 = "omnirps-1"


_HOUR_S = 60 * 60


class Schedule(Model):
    """When a delivery that failed is tried again; each pause is up to a fifth shorter or longer: no crowd forms.

    delays_s: pauses before the second, third, … attempt; cap_s: the pause of all that follow, and the longest of any.
    give_up_after_s: from the first attempt on; then a person is called. None: never.
    """

    delays_s: tuple[float, ...] = (5, 30, 120, 600, _HOUR_S, 6 * _HOUR_S, 12 * _HOUR_S)
    cap_s: float = Field(default=24 * _HOUR_S, gt=0)
    give_up_after_s: float | None = Field(default=7 * 24 * _HOUR_S, gt=0)


class Hook(Model):
    """Where tracking updates go, in which words, and how patiently.

    schedule: None for the installation's. allow_private: also plain http, and addresses that are not public: for tests.
    """

    url: str
    secret_ref: str | None = None
    format: HookFormat = HookFormat.OMNIRPS_1
    schedule: Schedule | None = None
    allow_private: bool = False


class Watchdogs(Model):
    """After how many days without the next step of a return a person is called: uploaded and not scanned, scanned and
    not delivered, delivered without a depot scan, at the depot and not processed."""

    scan_days: float = Field(default=28, gt=0, le=365)
    delivery_days: float = Field(default=30, gt=0, le=365)
    depot_days: float = Field(default=3, gt=0, le=365)
    processing_days: float = Field(default=7, gt=0, le=365)


class Retailer(Model):
    """One tenant.

    id: key of everything, never changes. name: as in OmniRPS, matched byte for byte.
    version: rises with every applied change; decisions name it.
    """

    id: str = Field(pattern=RETAILER_ID)
    name: str = Field(min_length=1)
    portal: Portal
    shopify: ShopifyAccess
    customer_choice: CustomerChoice = CustomerChoice()
    return_action: ReturnActionStage
    hold_hours: float = Field(default=DEFAULT_HOLD_HOURS, gt=0, le=24 * 90)
    hook: Hook | None = None
    watchdogs: Watchdogs = Watchdogs()
    rules: tuple[Rule, ...] = ()
    version: int = 1


class FrozenSettings(Model):
    """What a return keeps from its first upload on, whatever is applied later."""

    version: int
    portal: Portal
    customer_choice: CustomerChoice
    return_action: ReturnActionStage
    hold_hours: float
    rules: tuple[Rule, ...]


def freeze(retailer: Retailer) -> FrozenSettings:
    """The settings of a retailer as a return keeps them."""
    return FrozenSettings(
        version=retailer.version,
        portal=retailer.portal,
        customer_choice=retailer.customer_choice,
        return_action=retailer.return_action,
        hold_hours=retailer.hold_hours,
        rules=retailer.rules,
    )
