"""`subscriptions audit|repair`: the webhooks that a shop sends us, compared with those it should send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from contracts.retailers import Retailer
from streams import event_loop
from streams.cli import subscriptions_shown
from streams.cli.console import err, out
from streams.cli.known_retailers import in_force, one_of
from streams.domain.subscriptions import Audit
from streams.settings import Settings, load
from streams.shopify import ShopifyError
from streams.shopify.subscriptions import carry_out
from streams.subscription_audit import audit_of, own_uri, shops_of

app = typer.Typer(help="Webhook subscriptions of the retailers' shops.", no_args_is_help=True)

RetailerOption = Annotated[str | None, typer.Option(help="Only this retailer's shop; all that name a secret else.")]


@app.command("audit")
def audit_(retailer: RetailerOption = None) -> None:
    """Tell what is missing, wrong or double. Exit code 0: nothing; 1: something, or a shop could not be asked."""
    settings = load()
    audits = event_loop.run(_audits(settings, _chosen(retailer)))
    for each, found in audits:
        _show(each, found)
    if any(not isinstance(found, Audit) or found.changes for _, found in audits):
        raise typer.Exit(1)


@app.command()
def repair(
    retailer: RetailerOption = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Show what `audit` shows, ask, and create, change and delete until each shop sends just what it should.

    Only subscriptions of this app that lead to us, or that we have named, are changed. The retailer's own path is made
    with RETURNSTREAMS_INGRESS__SHOPIFY_PATH_KEY. Exit code 1 where something could not be done: run it again.
    """
    settings = load()
    audits = event_loop.run(_audits(settings, _chosen(retailer)))
    for each, found in audits:
        _show(each, found)
    plans = [(each, found) for each, found in audits if isinstance(found, Audit) and found.changes]
    if plans and not yes:
        typer.confirm(f"Repair {sum(len(found.changes) for _, found in plans)} subscriptions?", abort=True)
    failed = event_loop.run(_repaired(settings, plans)) if plans else 0
    if failed or any(not isinstance(found, Audit) for _, found in audits):
        raise typer.Exit(1)


def _chosen(retailer: str | None) -> list[Retailer]:
    known = in_force()
    if retailer is not None:
        return [one_of(known, retailer, "in force")]
    chosen = [each for _, each in sorted(known.items()) if each.shopify.secret_ref]
    if not chosen:
        err.print("no retailer in force names a secret for its shop (shopify.secret_ref)")
    return chosen


async def _audits(settings: Settings, retailers: Sequence[Retailer]) -> list[tuple[Retailer, Audit | ShopifyError]]:
    """One shop after the other; one that cannot be asked holds up none."""
    for each in retailers:
        own_uri(each, settings)  # what is missing in the settings is told before anybody is asked
    found: list[tuple[Retailer, Audit | ShopifyError]] = []
    async with shops_of(settings) as shops:
        for each in retailers:
            try:
                found.append((each, await audit_of(shops, each, settings)))
            except ShopifyError as error:
                found.append((each, error))
    return found


async def _repaired(settings: Settings, plans: Sequence[tuple[Retailer, Audit]]) -> int:
    """How many steps could not be done; each of them is told."""
    failed = 0
    async with shops_of(settings) as shops:
        for each, found in plans:
            for step in found.changes:
                try:
                    await carry_out(shops.of(each.shopify), step)
                except ShopifyError as error:
                    failed += 1
                    err.print(f"{each.id}: {step.what} {step.topic}: {error}", style="red", markup=False)
                else:
                    out.print(f"{each.id}: {step.what} {step.topic}: done", markup=False)
    return failed


def _show(retailer: Retailer, found: Audit | ShopifyError) -> None:
    if isinstance(found, ShopifyError):
        err.print(f"{retailer.id} ({retailer.shopify.shop}) could not be asked: {found}", style="red", markup=False)
        return
    for line in subscriptions_shown.lines(retailer, found):
        out.print(escape(line))
