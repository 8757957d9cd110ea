"""Which agents there are, and what each needs of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contracts.retailers import Retailer
from streams.agents import carrier_scans, order_reconcile, return_actions, return_rules
from streams.agents.order_table import order_table
from streams.agents.tracking_forward import tracking_forward
from streams.callers.hook import HookCaller
from streams.callers.orders import OrderFetcher
from streams.callers.reconcile import OrderReconciler
from streams.engine.agent import Agent
from streams.engine.errors import ConfigError
from streams.engine.options import Caller
from streams.secrets import secrets_in
from streams.settings import Settings
from streams.shopify import Shops

# Shorter keys can be tried out; the hashes stand in a topic that many may read.
SHORTEST_HASH_KEY = 16


def _order_table(settings: Settings) -> Agent:
    key = settings.hash_key.get_secret_value() if settings.hash_key else ""
    if len(key) < SHORTEST_HASH_KEY:
        raise ConfigError(
            f"RETURNSTREAMS_HASH_KEY is {'too short' if key else 'not set'}: order-table hashes e-mail addresses and "
            f"postcodes with it; set it (or RETURNSTREAMS_HASH_KEY_FILE) to {SHORTEST_HASH_KEY} characters or more"
        )
    return order_table(key.encode(), settings.orders.kept_months)


AGENTS: dict[str, Callable[[Settings], Agent]] = {
    "order-table": _order_table,
    "order-reconcile": lambda settings: order_reconcile.order_reconcile(
        settings.orders.reconcile_every_s, settings.orders.missed_at_most
    ),
    "return-rules": lambda _: return_rules.AGENT,
    "carrier-scans": lambda _: carrier_scans.carrier_scans,
    "return-actions": lambda _: return_actions.return_actions,
    "tracking-forward": lambda settings: tracking_forward(settings.forward.policy),
}


def build(names: list[str], settings: Settings) -> list[Agent]:
    """The agents of these names, each once; `all` among them is every one. ConfigError names the unknown."""
    chosen = list(AGENTS) if "all" in names else list(dict.fromkeys(names))
    unknown = [name for name in dict.fromkeys(names) if name not in AGENTS and name != "all"]
    if unknown:
        raise ConfigError(f"no agent {', '.join(map(repr, unknown))}; there are: {', '.join(AGENTS)}, or all")
    return [AGENTS[name](settings) for name in chosen]


def hook_caller(retailers: Mapping[str, Retailer], settings: Settings) -> HookCaller:
    """What makes tracking-forward's calls."""
    return HookCaller(retailers, secrets_in(settings.secrets_dir))


def shop_callers(retailers: Mapping[str, Retailer], settings: Settings, shops: Shops) -> dict[str, Caller]:
    """What makes the calls of order-table and order-reconcile; a shop's points are shared by both."""
    return {"order": OrderFetcher(retailers, shops), "reconcile": OrderReconciler(retailers, settings, shops)}
