"""python -m benchmarks.orders_sync: a shop imported beside live webhooks, killed on the way, reconciled, and compared.

Every process is a real one and is killed by SIGKILL; the broker is real, the shop simulated. Prints one line of JSON:
points are what the shop charged; ideal: what one undisturbed import of the same orders and the reconciliation cost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.orders_sync.steps import Webhooks, applied, imported_without_harm, table_of
from contracts.retailers import Portal, Retailer, ReturnActionStage, ShopifyAccess
from demo.broker import open_broker
from demo.shopify.admin import ShopSimulator
from demo.shopify.bucket import PointBucket
from demo.shopify.live import Live, differences, expected, fill
from demo.shopify.simulator import ShopifySimulator
from streams.engine.kafka import Cluster

SHOP = "acme.myshopify.com"
HASH_KEY = "a key for benchmarks"
ACME = Retailer(
    id="acme",
    name="Acme",
    portal=Portal.OMNIRETURNS,
    shopify=ShopifyAccess(shop=SHOP, secret_ref="acme/shopify"),  # noqa: S106 - a name
    return_action=ReturnActionStage.FIRST_SCAN,
)
# Points enough that the machine is what is measured.
SIMULATED: dict[str, Any] = {"access_token": "token", "bucket": PointBucket(maximum=20_000, restore_rate=1_000_000)}
# The table catches up behind the last record; it took seconds wherever this ran.
SETTLE_S = 300.0


@dataclass(slots=True)
class Run:
    """One run: its processes' environment, and what is measured."""

    environment: dict[str, str]
    log: Path
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    kills: int = 0

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process of ours."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "streams.cli", *arguments]
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)

    def killed(self, times: int, after_s: tuple[float, float], *arguments: str) -> float:
        """Run a command, killed so many times on the way and then left alone; seconds that it ran in all."""
        began = time.monotonic()
        for left in range(times, -1, -1):
            process = self.start(*arguments)
            try:
                code = process.wait(self.rng.uniform(*after_s) if left else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                self.kills += 1
                continue
            if code:
                raise SystemExit(f"{' '.join(arguments)} ended with code {code}:\n{self.log.read_text()[-2000:]}")
            break
        return time.monotonic() - began


@contextmanager
def table_running(run: Run) -> Iterator[None]:
    """order-table as a process."""
    process = run.start("run", "order-table")
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    """Run it once."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.orders_sync",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--orders", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=10, help="of import and reconciliation together")
    parser.add_argument("--kill-after", type=float, nargs=2, default=(5.0, 20.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--changes", type=float, default=30.0, help="changes of the shop a second")
    parser.add_argument("--bulk", action="store_true", help="by a bulk operation")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_broker() as broker, ShopifySimulator() as shopify:
        shop = shopify.add(SHOP, **SIMULATED)
        print(json.dumps(measured(options, Path(folder), broker.bootstrap_servers, shop, shopify.base_url)))


def measured(options: Any, folder: Path, bootstrap: str, shop: ShopSimulator, base_url: str) -> dict[str, Any]:
    """One run and what came of it."""
    (folder / "secrets" / "acme").mkdir(parents=True)
    (folder / "secrets" / "acme" / "shopify").write_text(json.dumps({"access_token": "token"}))
    named = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA__TOPIC_PREFIX": f"sync-{os.getpid()}.",
        "TOPICS__PARTITIONS": "4",
        "TOPICS__REPLICATION": "1",
        "TOPICS__MIN_INSYNC": "1",
        "SECRETS_DIR": str(folder / "secrets"),
        "SHOPIFY__BASE_URL": base_url,
        "HASH_KEY": HASH_KEY,
        "LOG__FORMAT": "json",
    }
    run = Run({**os.environ, **{f"RETURNSTREAMS_{name}": value for name, value in named.items()}}, folder / "log")
    cluster = Cluster({"bootstrap_servers": bootstrap}, named["KAFKA__TOPIC_PREFIX"])
    rng = fill(shop, options.orders, datetime.now(UTC))
    run.killed(0, (0, 0), "topics", "apply", "--yes")
    asyncio.run(applied(cluster, ACME))
    live = Live(shop, ACME, rng, now=lambda: datetime.now(UTC))
    ways = "--bulk" if options.bulk else "--pages"
    import_kills = max(0, options.kills - 2)
    with table_running(run), Webhooks(cluster, live, options.changes) as webhooks:
        import_s = run.killed(import_kills, options.kill_after, "orders", "import", "--retailer", "acme", ways)
        import_points, changed = shop.bucket.spent, live.count
        webhooks.stop()
        # A change may carry a second that is still to come.
        time.sleep(3)
        lost = len(differences(asyncio.run(table_of(cluster)), expected(shop, HASH_KEY.encode())))
        reconcile_s = run.killed(options.kills - run.kills, (2.0, 4.0), "orders", "reconcile", "--retailer", "acme")
        differing = _settled(cluster, shop)
    spent, throttled = shop.bucket.spent, shop.bucket.throttled
    ideal_import = asyncio.run(imported_without_harm(shop, base_url, ACME, bulk=options.bulk, days=30))
    return {
        "orders": len(shop.store),
        "changes_meanwhile": changed,
        "way": ways.strip("-"),
        "kills": run.kills,
        "import_s": round(import_s, 1),
        "orders_a_second": round(options.orders / import_s),
        "lacking_before_reconciliation": lost,
        "reconcile_s": round(reconcile_s, 1),
        "differences": len(differing),
        "points": {"import": import_points, "reconcile": spent - import_points, "ideal_import": ideal_import},
        "import_points_over_ideal": round(import_points / ideal_import, 3),
        "throttled": throttled,
        "load": round(os.getloadavg()[0], 1),
    }


def _settled(cluster: Cluster, shop: ShopSimulator) -> dict[str, object]:
    deadline = time.monotonic() + SETTLE_S
    wanted = expected(shop, HASH_KEY.encode())
    while (found := differences(asyncio.run(table_of(cluster)), wanted)) and time.monotonic() < deadline:
        time.sleep(1)
    return found


if __name__ == "__main__":
    main()
