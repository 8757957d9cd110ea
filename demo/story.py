"""The script: three retailers, twenty returns, and what has to come out of all that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from string import Template

from contracts.retailers import Retailer
from demo.credentials import Credentials
from demo.expected import Expected
from demo.hook import HookSimulator
from demo.scene import Scene, Stage, Step
from demo.scenes import acme, bergwerk, bergwerk_special, cordwain, refused
from demo.senders import Senders
from demo.shopify.notifying import Faults
from demo.shopify.sending import WebhookSender
from demo.shopify.simulator import ShopifySimulator
from streams.retailers_file import parse

RETAILERS = (acme.ACME, bergwerk.BERGWERK, cordwain.CORDWAIN)
HOOKED = (acme.ACME, bergwerk.BERGWERK)


@dataclass(frozen=True, slots=True)
class Story:
    """All scenes, who sends, and the time at which it all has happened. shops: retailers by their shop's domain."""

    scenes: tuple[Scene, ...]
    senders: Senders
    now: datetime
    shops: Mapping[str, str]

    @property
    def expected(self) -> Expected:
        """What all scenes lead to, together."""
        return Expected(
            returns=tuple(each for scene in self.scenes for each in scene.returns),
            orders=tuple(each for scene in self.scenes for each in scene.orders),
            letters=tuple(each for scene in self.scenes for each in scene.letters),
            calls=tuple(each for scene in self.scenes for each in scene.calls),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """Everything that is sent, scene by scene."""
        return tuple(step for scene in self.scenes for step in scene.steps)

    def open_shops(self, shopify: ShopifySimulator, faults: Faults, seed: int) -> WebhookSender:
        """Have the retailers' shops, still empty; what sends their webhooks."""
        credentials = self.senders.credentials
        for domain, retailer in self.shops.items():
            shopify.add(domain, access_token=credentials.shops[retailer])
        return WebhookSender(shopify.shops, credentials.shopify, faults, seed)


def retailers_text(hook: HookSimulator) -> str:
    """The retailers file of a run whose hooks are these."""
    template = files("demo").joinpath("retailers.yaml").read_text(encoding="utf-8")
    return Template(template).substitute({f"{name}_hook": hook.url(name) for name in HOOKED})


def tell(credentials: Credentials, retailers_file: str, now: datetime) -> Story:
    """The story for the retailers of this file, as if it had happened in the fortnight before `now`."""
    retailers = _by_id(retailers_file)
    senders = Senders(credentials, {ident: retailer.name for ident, retailer in retailers.items()})
    shops = {ident: retailer.shopify.shop for ident, retailer in retailers.items()}
    stage = Stage(senders, now, shops)
    parts = (acme, bergwerk, bergwerk_special, cordwain, refused)
    scenes = tuple(scene for part in parts for scene in part.scenes(stage))
    return Story(scenes, senders, now, {shop: ident for ident, shop in shops.items()})


def _by_id(text: str) -> Mapping[str, Retailer]:
    parsed = parse(text)
    if not parsed.ok:
        raise ValueError(f"the demo's retailers file is not sound:\n{parsed.render()}")
    return {retailer.id: retailer for retailer in parsed.retailers}
