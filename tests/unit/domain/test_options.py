"""Options: every word of the senders, in every spelling."""

from __future__ import annotations

import pytest

from contracts.retailers import RuleOutcome
from contracts.returns import Option
from streams.domain.options import OUTCOMES, choice_of


@pytest.mark.parametrize(
    ("word", "option"),
    [
        ("refund", Option.REFUND),
        ("  REFUND ", Option.REFUND),
        ("credit note", Option.CREDIT_NOTE),
        ("CREDIT NOTE PLUS", Option.CREDIT_NOTE),
        ("credit_note", Option.CREDIT_NOTE),
        ("Credit-Note-Plus", Option.CREDIT_NOTE),
        ("store  credit", Option.CREDIT_NOTE),
        ("store_credit", Option.CREDIT_NOTE),
        ("Gift Card", Option.CREDIT_NOTE),
        ("Exchange", Option.EXCHANGE),
    ],
)
def test_a_known_word_means_its_option(word: str, option: Option) -> None:
    choice = choice_of(word)

    assert (choice.option, choice.blank, choice.unknown) == (option, False, False)
    assert (choice.raw, choice.content) == (word, option.value)


@pytest.mark.parametrize("word", ["", "   ", "\t", "-", "_ _"])
def test_a_blank_word_is_no_choice(word: str) -> None:
    choice = choice_of(word)

    assert (choice.option, choice.blank, choice.unknown, choice.content) == (None, True, False, "")


@pytest.mark.parametrize("word", ["refunds", "creditnote", "no action", "credit note, please", "échange"])
def test_anything_else_is_unknown_and_kept(word: str) -> None:
    choice = choice_of(word)

    assert (choice.option, choice.blank, choice.unknown) == (None, False, True)
    assert (choice.raw, choice.content) == (word, "unknown")


def test_every_outcome_of_a_rule_is_an_option_or_nothing() -> None:
    assert {outcome: OUTCOMES[outcome] for outcome in RuleOutcome} == {
        RuleOutcome.REFUND: Option.REFUND,
        RuleOutcome.CREDIT_NOTE: Option.CREDIT_NOTE,
        RuleOutcome.NO_ACTION: None,
    }
