"""What a receiver has been told of an order's returns, so that it hears each milestone of a return once.

The hub often names a parcel and no RMA, a carrier's event names both, and either may come first. So every message is
remembered under the name it went by, and names are matched as soon as some event shows that they are one return's.
"""

from __future__ import annotations

from pydantic import Field

from contracts.model import Model
from contracts.returns import EventItem, ReturnEvent
from streams.domain.parcel_events import larger_counts


class Message(Model):
    """One message that went out.

    rma: of the return, None while unknown. consignment, hub_no: what it was then called by; both None: by its order.
    event_id, items: of an RP, which is told once an event and again when its counts rise.
    """

    code: str
    rma: str | None = None
    consignment: str | None = None
    hub_no: str | None = None
    event_id: str | None = None
    items: tuple[EventItem, ...] = ()


class Told(Model):
    """All that was told about the returns of one order. names: consignments and hub numbers known of each RMA.

    milestones: the codes of those that were told of a return under its RMA. They are nearly all, and each event of the
    order reads and writes them: as messages they took five times as long, and as much room. messages: all others.
    """

    messages: tuple[Message, ...] = ()
    milestones: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    def learned(self, event: ReturnEvent) -> Told:
        """With the names that an event gives a return. The first return takes what was said of its order alone."""
        if event.rma is None:
            return self
        known = self.names.get(event.rma, ())
        said = (event.consignment, event.omnirps_no.upper())
        new = tuple(name for name in said if name and name not in known)
        if not new and event.rma in self.names:
            return self
        adopted = self.messages
        if not self.names:
            adopted = tuple(m if m.consignment else m.model_copy(update={"rma": event.rma}) for m in adopted)
        return self.model_copy(update={"messages": adopted, "names": {**self.names, event.rma: known + new}})

    def of_milestone(self, code: str, event: ReturnEvent) -> Told | None:
        """After telling this milestone of the event's return; None where the receiver has heard it already."""
        meant = self._meant(event)
        if not meant:
            message = Message(code=code, consignment=event.consignment, hub_no=event.omnirps_no.upper() or None)
            return None if self._holds(message) else self._with(message)
        if all(self._heard(code, rma) for rma in meant):
            return None
        codes = {rma: self.milestones.get(rma, ()) for rma in meant}
        told = {rma: known if code in known else (*known, code) for rma, known in codes.items()}
        return self.model_copy(update={"milestones": {**self.milestones, **told}})

    def of_processing(self, code: str, event: ReturnEvent) -> tuple[Told, tuple[EventItem, ...]] | None:
        """After telling this RP, and the items to tell; None where it adds nothing to what was heard of it."""
        if event.whole_return and any(self._heard(code, rma) for rma in self._meant(event)):
            return None  # the status of a return whose processing was told item by item
        rma = next(iter(self._meant(event)), None)
        said = Message(code=code, rma=rma, consignment=event.consignment, event_id=event.event_id, items=event.items)
        for index, known in enumerate(self.messages):
            if known.event_id != event.event_id:
                continue
            items = larger_counts(known.items, event.items)
            if items == known.items:
                return None
            merged = known.model_copy(update={"items": items})
            messages = (*self.messages[:index], merged, *self.messages[index + 1 :])
            return self.model_copy(update={"messages": messages}), items
        return self._with(said), event.items

    def _meant(self, event: ReturnEvent) -> tuple[str, ...]:
        """The RMAs of the returns that an event is about, as far as they are known."""
        if event.rma is not None:
            return (event.rma,)
        name = event.consignment or event.omnirps_no.upper()
        named = tuple(rma for rma, names in self.names.items() if name and name in names)
        if named or event.consignment:
            return named
        return tuple(self.names) if len(self.names) == 1 else ()

    def _holds(self, message: Message) -> bool:
        # The names first: to compare models costs ten times as much, and an order may have had hundreds of messages.
        return any(
            known.rma == message.rma and known.code == message.code and known == message for known in self.messages
        )

    def _heard(self, code: str, rma: str) -> bool:
        if code in self.milestones.get(rma, ()):
            return True
        return any(message.code == code and self._is_about(message, rma) for message in self.messages)

    def _is_about(self, message: Message, rma: str) -> bool:
        if message.rma is not None:
            return message.rma == rma
        return (message.consignment or message.hub_no) in self.names.get(rma, ())

    def _with(self, message: Message) -> Told:
        return self.model_copy(update={"messages": (*self.messages, message)})
