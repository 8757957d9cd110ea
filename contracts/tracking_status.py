"""What a hook is told, as SEKO's OmniRPS tells it: the tracking status array, format `omnirps-1`.

The body of one POST is an array of flat objects of texts; what is not known is "". RC and RP have one object for each
returned unit, every other code exactly one. Source: the public pages of SEKO's wiki on the OmniRPS tracking webhook.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

LocalTime = Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})?$")]
"""`YYYY-MM-DD HH:MM:SS`, local to the event's place, without a zone; "" where it is not known."""


class _Status(BaseModel):
    """Of every object. Locations are `City, Country-CC`; what SEKO itself wrote there is handed on as it came."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ConsignmentNo: str
    OmniRPSTrackingNo: str
    OrderNo: str
    MAWB: str
    ExportedConsignmentNo: str
    ShipDate: str
    DeliveryDate: str
    SourceLocation: str
    DestinationLocation: str
    Carrier: str
    EventDT: LocalTime


class TrackingStatus(_Status):
    """A milestone of a return."""

    Code: Literal["RT", "RDTPF", "DS", "RE", "RDBTC", "RR"]
    Status: Literal[
        "Return in Transit",
        "Return Delivered to Processing Facility",
        "Depot Scan",
        "Return Exported",
        "Return Delivered Back To Customer",
        "Return Rejected",
    ]


class ItemStatus(_Status):
    """A milestone of one returned unit. ItemNo: its sku."""

    Code: Literal["RC", "RP"]
    Status: Literal["Return Created", "Return Processed"]
    ItemNo: str
    ReturnReason: str
    ReturnAction: str


Body = (
    Annotated[list[TrackingStatus], Field(min_length=1, max_length=1)]
    | Annotated[list[ItemStatus], Field(min_length=1)]
)

BODY: TypeAdapter[Body] = TypeAdapter(Body)
"""The body of one POST."""
