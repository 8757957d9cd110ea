"""The ledger of one order: which unit claims what was bought, what it is worth, and when it is paid, once for ever."""

from streams.domain.ledger.effects import Alert, Effects
from streams.domain.ledger.events import sweep, take_event
from streams.domain.ledger.state import Ledger
from streams.domain.ledger.uploads import FactsMissing, take_decision
from streams.domain.ledger.watch import call, next_watch

__all__ = ["Alert", "Effects", "FactsMissing", "Ledger", "call", "next_watch", "sweep", "take_decision", "take_event"]
