"""The words in which portals say what the customer wants, and the option each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.retailers import RuleOutcome
from contracts.returns import Option

# Seed 002 calls the credit note a gift card, its rules say "Store Credit"; OmniRPS uploads say CREDIT NOTE and
# CREDIT NOTE PLUS, its webhook says store credit. Keys are folded: lower case, `_` and `-` as single blanks.
WORDS: Mapping[str, Option] = {
    "refund": Option.REFUND,
    "credit note": Option.CREDIT_NOTE,
    "credit note plus": Option.CREDIT_NOTE,
    "store credit": Option.CREDIT_NOTE,
    "gift card": Option.CREDIT_NOTE,
    "exchange": Option.EXCHANGE,
}

OUTCOMES: Mapping[RuleOutcome, Option | None] = {
    RuleOutcome.REFUND: Option.REFUND,
    RuleOutcome.CREDIT_NOTE: Option.CREDIT_NOTE,
    RuleOutcome.NO_ACTION: None,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the customer said. raw: the sender's word, untouched. option: None where nothing known was said."""

    raw: str
    option: Option | None

    @property
    def blank(self) -> bool:
        """Whether nothing was said."""
        return not folded_word(self.raw)

    @property
    def unknown(self) -> bool:
        """Whether something was said that nobody here understands."""
        return self.option is None and not self.blank

    @property
    def content(self) -> str:
        """What the word means, as it counts in digests: all unknown words are one."""
        return self.option.value if self.option else "unknown" if self.unknown else ""


def choice_of(word: str) -> Choice:
    """What a sender's word means."""
    return Choice(raw=word, option=WORDS.get(folded_word(word)))


def folded_word(word: str) -> str:
    """The form in which words compare: case-folded, `_` and `-` as blanks, blanks trimmed and single."""
    return " ".join(word.casefold().replace("_", " ").replace("-", " ").split())
