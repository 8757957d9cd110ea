"""What no webhook has told: each shop is asked by `orders reconcile`, which must find just that."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping

from contracts.keys import order_key
from demo.reading import TopicReader
from demo.stack import Stack
from demo.traffic import Traffic

# An order is in the table a second after its webhook; an agent that was killed needs its group's session besides.
TABLE_S = 60.0
_WRITTEN = re.compile(r"checked (\d+) changed orders.*written (\d+), of which (\d+) were missed by webhooks", re.DOTALL)


async def reconciled(
    stack: Stack,
    reader: TopicReader,
    retailers: Mapping[str, str],
    traffic: Traffic,
    say: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Ask all shops once what their webhooks brought is in the table. What went wrong, one line each.

    retailers: by the shop's domain. traffic: that has been played.
    """
    lost = traffic.lost
    told = {f"order {order_key(retailers[each.shop], str(each.body['name']))}" for each in traffic.heard_of}
    if not await reader.until(lambda: reader.seen.facts >= told, TABLE_S):
        missing = sorted(told - reader.seen.facts)
        return [f"{', '.join(missing)}: told by a webhook, and not in the table after {TABLE_S:.0f} s"]
    faults, owed = [], Counter(change.shop for change in lost)
    for shop, retailer in retailers.items():
        said = await asyncio.to_thread(stack.command, "orders", "reconcile", "--retailer", retailer)
        found = _WRITTEN.search(said)
        checked, written, missed = map(int, found.groups()) if found else (0, 0, 0)
        found_so = f"{missed} without a webhook: fetched" if missed else "all had their webhook"
        say(f"orders reconcile --retailer {retailer}: {checked} changes compared, {found_so}")
        if written != owed[shop] or missed != owed[shop]:
            faults.append(f"orders reconcile: {written} of {retailer} were written, {owed[shop]} webhooks were lost")
    return faults
