"""What a file may change in the retailers that are in force: nothing that would make two of them one."""

from __future__ import annotations

import pytest

from streams.engine.errors import ConfigError
from streams.retailers_topic import differences
from tests.builders import retailer


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme", "would have the same name 'Acme'"),
        ("acme ", "would have names that differ only by blanks or case, 'Acme' and 'acme '"),
        ("A CME", "would have names that differ only by blanks or case, 'Acme' and 'A CME'"),
    ],
)
def test_a_name_that_nobody_can_tell_from_that_of_a_retailer_in_force_is_refused(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^retailers 'acme' and 'bergwerk' {said}: .*change one of them$"):
        differences([retailer("bergwerk", name=name)], {"acme": retailer("acme", name="Acme")})


def test_a_retailer_may_be_renamed_within_its_own_name() -> None:
    [change] = differences([retailer("acme", name="ACME")], {"acme": retailer("acme", name="Acme")})
    assert (change.after.name, change.after.version) == ("ACME", 2)


def test_what_each_return_keeps_is_told_apart_from_what_counts_at_once() -> None:
    known = {"acme": retailer("acme")}
    [live] = differences([retailer("acme", hook="https://acme.example/hook")], known)
    [later] = differences([retailer("acme", hold_hours=24.0, hook="https://acme.example/hook")], known)
    [new] = differences([retailer("bergwerk", hold_hours=24.0)], {})
    assert (live.for_later_returns, later.for_later_returns, new.for_later_returns) == ((), ("hold_hours",), ())


def test_one_that_comes_back_does_not_take_a_version_that_returns_were_decided_under() -> None:
    [back, new] = differences([retailer("acme"), retailer("bergwerk")], {}, {"acme": 7})
    assert (back.before, back.after.version, new.after.version) == (None, 8, 1)
