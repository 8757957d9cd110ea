"""`orders import` and `orders reconcile`: the order table made complete, and kept so."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from contracts.imports import OrderImport, OrderReconciliation
from contracts.retailers import Retailer
from producers.orders_import import DEFAULT_DAYS, READABLE_DAYS
from producers.orders_reconcile import Tally
from producers.problems import Unavailable
from streams import event_loop
from streams.cli.console import err, out
from streams.cli.known_retailers import in_force, one_of
from streams.engine.errors import ConfigError
from streams.settings import Settings, load
from streams.shop_work import shop_work
from streams.shopify import ShopifyError

T = TypeVar("T")

RetailerOption = Annotated[str, typer.Option(help="The retailer's id.")]

app = typer.Typer()


@app.command("import")
def import_(
    retailer: RetailerOption,
    days: Annotated[int, typer.Option(min=1, max=365, help="Orders created within the last days.")] = DEFAULT_DAYS,
    bulk: Annotated[
        bool | None,
        typer.Option("--bulk/--pages", help="By a bulk operation, or page by page; else by their number."),
    ] = None,
) -> None:
    """Fetch the shop's orders and write them to order-events; started again, it goes on where it was.

    It may run beside live webhooks: of two versions of an order the newer one stays.
    """
    settings, found = load(), one_of(in_force(), retailer, "in force")
    if days > READABLE_DAYS:
        err.print(
            f"Shopify shows orders of the last {READABLE_DAYS} days only, unless the app has the scope read_all_orders",
            style="yellow",
        )
    done, points = _run(_import(settings, found, days, bulk))
    kind = "by a bulk operation" if done.bulk else "page by page"
    out.print(f"imported {done.imported} orders of {retailer} created since {done.since:%Y-%m-%d}, {kind}")
    out.print(f"{points:.0f} points of the shop's bucket were spent")


@app.command()
def reconcile(
    retailer: RetailerOption,
    days: Annotated[
        float | None,
        typer.Option(min=0, help="Compare the changes of so many days, not those since the last run."),
    ] = None,
) -> None:
    """Compare the order table with the shop's changes since the last run, fetch and write what it lacks."""
    settings, found = load(), one_of(in_force(), retailer, "in force")
    (done, tally), points = _run(_reconcile(settings, found, days))
    out.print(f"checked {tally.checked} changed orders of {retailer} up to {done.until:%Y-%m-%d %H:%M:%S} UTC")
    out.print(f"written {tally.written}, of which {tally.missed} were missed by webhooks")
    out.print(f"{points:.0f} points of the shop's bucket were spent")


async def _import(settings: Settings, retailer: Retailer, days: int, bulk: bool | None) -> tuple[OrderImport, float]:
    with _progress() as progress:
        task = progress.add_task(f"orders of {retailer.id}", total=None)

        def told(at: OrderImport) -> None:
            progress.update(task, completed=at.imported, total=at.total)

        async with shop_work(settings) as work:
            return await work.import_orders(retailer, days, bulk, told), work.spent(retailer)


async def _reconcile(
    settings: Settings, retailer: Retailer, days: float | None
) -> tuple[tuple[OrderReconciliation, Tally], float]:
    with _progress() as progress:
        task = progress.add_task(f"changes of {retailer.id}", total=None)

        def told(tally: Tally) -> None:
            progress.update(task, completed=tally.checked)

        async with shop_work(settings) as work:
            return await work.reconcile(retailer, days, told), work.spent(retailer)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return event_loop.run(work)
    except ShopifyError as error:
        raise ConfigError(f"the shop's Admin API: {error}; what was written stays: start the command again") from None
    except Unavailable as error:
        raise ConfigError(f"the brokers do not take records ({error}); what was written stays: start again") from None


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield progress


class _Speed(ProgressColumn):
    """Orders a second."""

    def render(self, task: Task) -> Text:
        """`12/s`, nothing before it is known."""
        return Text("" if task.speed is None else f"{task.speed:.0f}/s", style="progress.data.speed")
