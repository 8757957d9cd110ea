"""From one parcel's element of a carrier webhook to its checkpoints, in each sender's format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.keys import tracking_key
from contracts.returns import Meaning
from contracts.tracking import CarrierFormat, CarrierReport
from streams.domain import omnirps
from streams.domain.fields import BadField, Element, child, children, instant, required_child, text
from streams.domain.milestones import meaning_of


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One thing that happened to a parcel, as one sender tells it.

    code: the sender's, raw. at: UTC, None where the sender gave no zone. local_time: the sender's text of the time,
    always. place: the sender's words for it, from the particular to the general.
    """

    tracking_key: str
    code: str
    at: datetime | None
    local_time: str
    place: str
    text: str
    meaning: Meaning
    carrier: str

    @property
    def identity(self) -> tuple[str, str, str, str, str]:
        """What makes it a repeat: tracking key, code, time and place; and the meaning.

        The meaning belongs to it because the text can turn an in-transit code into a label: of two such events in the
        same minute at the same place, a label must not hide the scan merely by coming first.
        """
        time = self.at.isoformat() if self.at else self.local_time
        return self.tracking_key, self.code.casefold(), time, self.place.casefold(), self.meaning.value


def checkpoints(report: CarrierReport) -> tuple[Checkpoint, ...]:
    """The checkpoints of one report, each once, in the sender's order; never a summary status.

    Raises BadField (a ValueError that names the field by JSON pointer) where the element is not in the report's
    format, or speaks of another parcel than the record does.
    """
    found = _READERS[report.format](report.element, tracking_key(report.tracking_number))
    once: dict[tuple[str, ...], Checkpoint] = {}
    for checkpoint in found:
        once.setdefault(checkpoint.identity, checkpoint)
    return tuple(once.values())


def _omniparcel(element: Element, parcel: str) -> Iterator[Checkpoint]:
    _same_parcel(element, "ConsignmentNo", "", parcel)
    carrier = text(element, "Carrier")
    for event, pointer in children(element, "Events"):
        # OmniCode is SEKO's own vocabulary; a bare Code is the carrier's and means nothing here.
        code = text(event, "OmniCode", pointer) or text(event, "Code", pointer)
        yield _checkpoint(
            CarrierFormat.OMNIPARCEL,
            parcel,
            code,
            time=text(event, "EventDT", pointer),
            place=text(event, "Location", pointer),
            words=text(event, "Description", pointer),
            carrier=carrier,
        )


def _easypost(element: Element, parcel: str) -> Iterator[Checkpoint]:
    tracker = required_child(element, "result")
    _same_parcel(tracker, "tracking_code", "/result", parcel)
    carrier = text(tracker, "carrier", "/result")
    for detail, pointer in children(tracker, "tracking_details", "/result"):
        yield _checkpoint(
            CarrierFormat.EASYPOST,
            parcel,
            text(detail, "status", pointer),
            time=text(detail, "datetime", pointer),
            place=_place(child(detail, "tracking_location", pointer), f"{pointer}/tracking_location"),
            words=text(detail, "message", pointer),
            carrier=carrier,
        )


def _aftership(element: Element, parcel: str) -> Iterator[Checkpoint]:
    tracking = required_child(element, "msg")
    _same_parcel(tracking, "tracking_number", "/msg", parcel)
    carrier = text(tracking, "slug", "/msg")
    for checkpoint, pointer in children(tracking, "checkpoints", "/msg"):
        yield _checkpoint(
            CarrierFormat.AFTERSHIP,
            parcel,
            text(checkpoint, "tag", pointer),
            time=text(checkpoint, "checkpoint_time", pointer),
            place=_place(checkpoint, pointer, country="country_iso3") or text(checkpoint, "location", pointer),
            words=text(checkpoint, "message", pointer),
            carrier=text(checkpoint, "slug", pointer) or carrier,
        )


def _shippo(element: Element, parcel: str) -> Iterator[Checkpoint]:
    # The webhook wraps the tracking object in `data`; the API answers it bare.
    tracking, pointer = child(element, "data"), "/data"
    if tracking is None:
        tracking, pointer = element, ""
    _same_parcel(tracking, "tracking_number", pointer, parcel)
    carrier = text(tracking, "carrier", pointer)
    for entry, where in children(tracking, "tracking_history", pointer):
        yield _checkpoint(
            CarrierFormat.SHIPPO,
            parcel,
            text(entry, "status", where),
            time=text(entry, "status_date", where),
            place=_place(child(entry, "location", where), f"{where}/location"),
            words=text(entry, "status_details", where),
            carrier=carrier,
        )


def _omnirps(element: Element, parcel: str) -> Iterator[Checkpoint]:
    for said in omnirps.elements_of(element):
        if tracking_key(said.consignment_no) != parcel:
            raise BadField("/ConsignmentNo", f"is {said.consignment_no!r}, but the record is about {parcel!r}")
        yield _checkpoint(
            CarrierFormat.OMNIRPS,
            parcel,
            said.code,
            time=said.event_dt,
            place=said.source_location,
            words=said.status,
            carrier=said.carrier,
        )


_READERS: Mapping[CarrierFormat, Callable[[Element, str], Iterable[Checkpoint]]] = {
    CarrierFormat.OMNIPARCEL: _omniparcel,
    CarrierFormat.EASYPOST: _easypost,
    CarrierFormat.AFTERSHIP: _aftership,
    CarrierFormat.SHIPPO: _shippo,
    CarrierFormat.OMNIRPS: _omnirps,
}


def _checkpoint(
    sender: CarrierFormat, parcel: str, code: str, *, time: str, place: str, words: str, carrier: str
) -> Checkpoint:
    return Checkpoint(
        tracking_key=parcel,
        code=code,
        at=instant(time),
        local_time=time,
        place=place,
        text=words,
        meaning=meaning_of(sender, code, words),
        carrier=carrier,
    )


def _same_parcel(element: Element, name: str, pointer: str, parcel: str) -> None:
    number = text(element, name, pointer)
    if tracking_key(number) not in ("", parcel):  # a number of dashes alone names none
        raise BadField(f"{pointer}/{name}", f"is {number!r}, but the record is about {parcel!r}")


def _place(location: Element | None, pointer: str, country: str = "country") -> str:
    if location is None:
        return ""
    return ", ".join(filter(None, (text(location, name, pointer) for name in ("city", "state", country))))
