"""What the receiver got: each message at least once, in order, and a repeat only where a fault explains it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from contracts import topics
from contracts.tracking import Delivery, DeliveryResult
from demo.hook import Received
from tests.chaos.checker import Outputs, Tally
from tests.chaos.expected import Expected
from tests.chaos.faults import Fault

# Between a POST and the commit of its answer, on a machine that is busy with all of this.
ANSWER_S = 10.0


def check_posts(expected: Expected, outputs: Outputs, received: Sequence[Received], faults: Sequence[Fault]) -> Tally:
    """A message may come again under its id when its answer was lost: then a fault lies between the two."""
    tally = Tally("messages to hooks", len(expected.deliveries), len(received))
    accepted: defaultdict[str, list[Received]] = defaultdict(list)
    for post in received:
        tally.wrong += [f"{post.webhook_id}: {problem}" for problem in post.problems]
        if post.accepted:
            accepted[post.webhook_id].append(post)
    tally.lost = [f"{n}: {what}" for n, what in expected.deliveries.items() if n not in accepted]
    tally.wrong += [f"{name}: not wanted" for name in accepted.keys() - expected.deliveries.keys()]
    for name, posts in accepted.items():
        if any(post.body != posts[0].body for post in posts):
            tally.wrong.append(f"{name}: another body the second time")
        for first, second in pairwise(posts):
            if not _explained(first, second, faults):
                tally.duplicated.append(f"{name}: accepted, and sent again {second.at - first.at:.1f} s later")
    tally.wrong += _disorder(outputs, accepted)
    return tally


def repeats(received: Sequence[Received]) -> int:
    """How many messages came again although they had been accepted."""
    accepted = [post.webhook_id for post in received if post.accepted]
    return len(accepted) - len(set(accepted))


def _explained(first: Received, second: Received, faults: Sequence[Fault]) -> bool:
    return any(fault.began <= second.at and fault.ended >= first.at - ANSWER_S for fault in faults)


def _disorder(outputs: Outputs, accepted: dict[str, list[Received]]) -> list[str]:
    """Orders whose messages were first accepted in another sequence than they were recorded as delivered."""
    recorded: defaultdict[str, list[str]] = defaultdict(list)
    for delivery, _ in outputs.of(topics.TRACKING_DELIVERIES.name, Delivery):
        if delivery.result is DeliveryResult.DELIVERED and delivery.delivery_id in accepted:
            recorded[delivery.order_key].append(delivery.delivery_id)
    return [
        f"{order}: heard in another order than {[name[:8] for name in names]}"
        for order, names in recorded.items()
        if sorted(names, key=lambda name: accepted[name][0].at) != names
    ]
