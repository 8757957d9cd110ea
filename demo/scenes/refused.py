"""What must not get in: refused at the door, or set aside for a person without stopping anybody else."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from contracts.topics import CARRIER_EVENTS, RETURN_UPLOADS
from demo.expected import Letter
from demo.scene import Raw, Scene, Stage, Step
from demo.scenes.bergwerk import BERGWERK
from demo.senders import Item, flipped, with_header, without
from demo.shopify.webhooks import Line


def scenes(stage: Stage) -> Iterator[Scene]:
    """At the door, and in the topics."""
    yield _at_the_door(stage)
    yield _in_the_topics(stage)


def _at_the_door(stage: Stage) -> Scene:
    send = stage.senders
    sale = stage.sale(BERGWERK, "#BW-6666", 5_200_000_006_600, Line("FAKE", 1, "1000.00"))
    upload = send.upload(BERGWERK, "BW-6666", "BW-R66", "BW-P-6666", Item("FAKE", action="REFUND"))
    return Scene(
        "What is forged, malformed or misaddressed is refused, and writes nothing",
        steps=(
            Step("an order changed after it was signed", flipped(send.order(sale)), status=401),
            Step(
                "an upload without RMA and Sku",
                without(upload, ("RMA", "Sku")),
                status=422,
                says=("/0/RMA", "/0/Sku", "is mandatory"),
            ),
            Step(
                "an upload for a misspelt retailer",
                with_header(upload, retailer="Bergwerks"),
                status=404,
                says=("'Bergwerks'", "'Bergwerk' is"),
            ),
        ),
    )


def _in_the_topics(stage: Stage) -> Scene:
    sale = stage.sale(BERGWERK, "#BW-7777", 5_200_000_007_700, Line("LOST", 1, "10.00"))
    report = {
        "format": "pigeon",
        "source": {"sender": "pigeon", "account": "loft", "retailers": ["*"]},
        "tracking_number": "BW-P-7777",
        "element": {},
    }
    return Scene(
        "What cannot be read goes to the dead letters, and everything behind it goes on",
        steps=(
            Step(
                "a webhook of a topic that nobody handles",
                stage.senders.order(sale, "carts/update"),
                once=True,
            ),
            Step(
                "a record on return-uploads that is not JSON",
                Raw(RETURN_UPLOADS.name, "bergwerk/BW-1001", b'{"retailer": "bergwerk", '),
                once=True,
            ),
            Step(
                "a report on carrier-events in a format that is none",
                Raw(CARRIER_EVENTS.name, "BWP7777", orjson.dumps(report)),
                once=True,
            ),
        ),
        letters=(
            Letter("ingress", "unknown_topic", "bergwerk"),
            Letter("return-rules", "Undecodable", "bergwerk/BW-1001"),
            Letter("carrier-scans", "ContractViolation", "BWP7777"),
        ),
    )
