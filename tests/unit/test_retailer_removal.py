"""What a retailer would leave behind: counted by the last word of each row, and told before anything is done."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts.keys import unit_key
from contracts.retailers import ShopifyAccess
from contracts.returns import UnitState
from producers.accounts import TokenAccount
from streams.cli.removal_shown import before
from streams.deliveries.overview import Totals
from streams.engine.driver import START
from streams.retailer_removal import LeftBehind, OpenUnits, accounts_naming
from tests.builders import retailer

THROUGH = {UnitState.ACTED, UnitState.WITHDRAWN, UnitState.STOPPED}


def row(state: str, waiting_for: str | None = None) -> bytes:
    waits = "null" if waiting_for is None else f'"{waiting_for}"'
    return f'{{"state": "{state}", "waiting_for": {waits}}}'.encode()


def key(retailer: str, rma: str, ordinal: int) -> bytes:
    return unit_key(f"{retailer}/1001", rma, "TEE|M", ordinal).encode()


KEYS = st.builds(key, st.sampled_from(["acme", "acme-2"]), st.sampled_from(["R1", "R|2"]), st.integers(1, 2))


@given(st.lists(st.tuples(KEYS, st.none() | st.sampled_from(UnitState))))
def test_the_last_word_of_each_unit_of_this_retailer_counts(said: list[tuple[bytes, UnitState | None]]) -> None:
    units = OpenUnits("acme")
    for at, state in said:
        units.take(at, None if state is None else row(state))

    last = {at: state for at, state in said if at.startswith(b"acme/")}
    still = {at: state for at, state in last.items() if state is not None and state not in THROUGH}
    assert units.states.total() == len(still)
    assert set(units.states) == set(still.values())
    assert units.returns == len({b"R1" in at for at in still})


def test_only_decided_units_that_wait_for_their_milestone_pay_by_themselves() -> None:
    units = OpenUnits("acme")
    units.take(key("acme", "R1", 1), row("decided", "first scan"))
    units.take(key("acme", "R1", 2), row("decided"))
    units.take(key("acme", "R2", 1), row("already_claimed", "a person"))
    assert (units.waiting, units.states.total()) == (1, 3)


def test_a_row_that_cannot_be_read_is_no_reason_to_say_there_is_none() -> None:
    units = OpenUnits("acme")
    units.take(key("acme", "R1", 1), b"[]")
    units.take(key("acme", "R1", 2), row("a_newer_releases_state"))
    assert units.states == {"unreadable": 1, "a_newer_releases_state": 1}


def test_accounts_that_name_it_are_told_from_those_for_everybody() -> None:
    hub, both, every = (
        TokenAccount(name=name, retailers=of, token=SecretStr(name))
        for name, of in (("hub", ("acme",)), ("both", ("acme", "bolt")), ("every", ("*",)))
    )
    found = accounts_naming({"omnirps": (hub, every), "shippo": (both,)}, "acme")
    assert [(sender, account.name) for sender, account in found] == [("omnirps", "hub"), ("shippo", "both")]


def test_all_of_it_is_told_without_secrets() -> None:
    units = OpenUnits("acme")
    units.take(key("acme", "R1", 1), row("decided", "first scan"))
    owed = Totals("acme", owed=3, failing=1, given_up=2, oldest=START - timedelta(hours=5))
    shop = ShopifyAccess(shop="acme.myshopify.com", secret_ref="acme/shopify")
    acme = retailer(hook="https://acme.example/hook?token=hushhush", shopify=shop, version=3)
    account = TokenAccount(name="hub", retailers=("acme",), token=SecretStr("hushhush"))

    said = "\n".join(before(acme, LeftBehind(1204, units, owed), [("omnirps", account)], START))

    for line in (
        "acme (Acme), version 3, would leave behind",
        "orders in the table: 1,204",
        "returns that are not through: 1; their units: 1 decided",
        "paid once their milestone comes: 1",
        "deliveries owed to its hook: 4 (1 of them failing, the oldest for 5 h)",
        "account 'hub' of omnirps names it and nobody else",
        "webhook subscriptions in acme.myshopify.com",
        "`returnstreams deliveries list --retailer acme`",
        "what falls due is still paid",
        "nothing is erased",
    ):
        assert line in said
    assert "hushhush" not in said
