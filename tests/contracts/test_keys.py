"""Keys: the same thing always gets the same key, and two things never share one."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts import keys

PARTS = st.text(alphabet="ab|%7C25/# ", max_size=6)
NAMES = st.text(max_size=12)


@pytest.mark.parametrize(
    "written", ["#1001", "1001", " #1001 ", "\t1001\n", "# 1001"], ids=["hash", "bare", "outer blanks", "tabs", "inner"]
)
def test_an_order_has_one_key_however_its_name_is_written(written: str) -> None:
    assert keys.order_key("acme", written) == "acme/1001"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("##1001", "#1001"),  # one leading hash alone is decoration
        ("de-1001a", "DE-1001A"),
        ("AB 1001", "AB 1001"),
        ("10#01", "10#01"),
        ("ex/1001", "EX/1001"),
        ("straße", "STRASSE"),
        ("", ""),
    ],
)
def test_what_of_a_name_stays(name: str, expected: str) -> None:
    assert keys.order_name(name) == expected


@given(NAMES)
def test_case_and_outer_blanks_of_an_order_name_do_not_matter(name: str) -> None:
    assert keys.order_name(f" {name}\n") == keys.order_name(name)
    assert keys.order_name(name.upper()) == keys.order_name(name)


@given(st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,8}\Z"), NAMES)
def test_an_order_key_splits_into_what_made_it(retailer: str, name: str) -> None:
    assume(keys.order_name(name))
    assert keys.split_order_key(keys.order_key(retailer, name)) == (retailer, keys.order_name(name))


@pytest.mark.parametrize("key", ["", "acme", "acme/", "/1001"])
def test_what_is_no_order_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=f"key '{key}' is not an order key"):
        keys.split_order_key(key)


@pytest.mark.parametrize("written", ["SEK-1 2", "sek12", " S E K 1 2 ", "sek--12", "sek\u00a01\t2"])
def test_a_parcel_has_one_key_however_its_number_is_written(written: str) -> None:
    assert keys.tracking_key(written) == "SEK12"


@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(text: str) -> None:
    # Letters like 'ŉ' grow under upper() into ones that stay.
    assert keys.tracking_key(keys.tracking_key(text)) == keys.tracking_key(text)
    assert keys.folded_sku(keys.folded_sku(text)) == keys.folded_sku(text)


def test_skus_compare_without_case_and_outer_blanks_alone() -> None:
    assert keys.folded_sku(" Größe-38 ") == keys.folded_sku("GRÖSSE-38")
    assert keys.folded_sku("TEE M") != keys.folded_sku("TEEM")


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
def test_two_links_share_a_key_only_when_they_are_one(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (keys.consignment_key(*one) == keys.consignment_key(*other)) == (one == other)


@given(st.tuples(PARTS, PARTS, PARTS, st.integers(1, 20)), st.tuples(PARTS, PARTS, PARTS, st.integers(1, 20)))
def test_two_units_share_a_key_only_when_they_are_one(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    assert (keys.unit_key(*one) == keys.unit_key(*other)) == (one == other)


def test_a_bar_in_an_rma_does_not_move_into_another_identity() -> None:
    assert keys.unit_key("acme/1001", "R|1", "A", 1) == "acme/1001|R%7C1|A|1"
    assert keys.unit_key("acme/1001|R", "1", "A", 1) == "acme/1001%7CR|1|A|1"
    assert keys.unit_key("acme/1001", "R%7C1", "A", 1) == "acme/1001|R%257C1|A|1"


def test_ordinary_keys_are_written_as_the_design_has_them() -> None:
    assert keys.unit_key("acme/1001", "RMA-7", "TEE-M", 2) == "acme/1001|RMA-7|TEE-M|2"
    assert keys.consignment_key("SEK1", "acme/1001", "RMA-7") == "SEK1|acme/1001|RMA-7"


@given(PARTS, PARTS, PARTS, PARTS)
def test_the_prefix_of_a_parcel_finds_its_links_alone(tracking: str, other: str, order: str, rma: str) -> None:
    key = keys.consignment_key(tracking, order, rma)
    assert key.startswith(keys.consignment_prefix(tracking))
    assert key.startswith(keys.consignment_prefix(other)) == (other == tracking)


# --- ids: who repeats them pays nothing twice -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (("acme/1001", "R1", " TEE-M ", 1, "refund"), "d9fd2b25-2086-5c44-ba7a-215c55df2bf6"),
        (("bergwerk/DE-SS", "RMA|7", "Größe 38", 2, "credit_note"), "485ea228-79de-5339-ab23-ee8e1a4dd770"),
    ],
)
def test_action_ids_never_change(unit: tuple[str, str, str, int, str], expected: str) -> None:
    """If this fails, the code is wrong: with other ids every action of the past would be new, and be paid again."""
    assert keys.action_id(*unit) == expected


def test_an_action_id_can_be_computed_by_anybody() -> None:
    namespace = uuid.UUID("b5a35cf2-6a33-5f0b-9d8e-2c0f6a1d7e11")
    assert keys.action_id("acme/1001", "R|1", "Tee|M ", 1, "refund") == str(
        uuid.uuid5(namespace, "acme/1001|R|1|tee|m|1|refund")
    )


@given(st.text(max_size=12), st.text(max_size=12), st.integers(1, 99))
def test_an_action_id_is_a_uuid_of_version_5_of_all_its_parts(rma: str, sku: str, ordinal: int) -> None:
    name = f"acme/1001|{rma}|{keys.folded_sku(sku)}|{ordinal}|refund"

    assert keys.action_id("acme/1001", rma, sku, ordinal, "refund") == str(uuid.uuid5(keys.ACTION_NAMESPACE, name))


def test_each_unit_and_each_option_has_an_action_of_its_own() -> None:
    base = ("acme/1001", "R1", "TEE-M", 1, "refund")
    others = [
        ("acme/1002", "R1", "TEE-M", 1, "refund"),
        ("acme/1001", "R2", "TEE-M", 1, "refund"),
        ("acme/1001", "R1", "TEE-L", 1, "refund"),
        ("acme/1001", "R1", "TEE-M", 2, "refund"),
        ("acme/1001", "R1", "TEE-M", 1, "credit_note"),
    ]
    assert len({keys.action_id(*unit) for unit in (base, *others)}) == 6
    assert keys.action_id("acme/1001", "R1", " tee-m", 1, "refund") == keys.action_id(*base)


def test_a_fact_has_one_id_and_every_part_of_it_counts() -> None:
    assert keys.fact_id("scan", "SEK1", 1, None) == keys.fact_id("scan", "SEK1", 1, None)
    different = {
        keys.fact_id("scan", "SEK1", None),
        keys.fact_id("scan", "SEK1", ""),
        keys.fact_id("scan", None, "SEK1"),
        keys.fact_id("scan", "SEK1"),
        keys.fact_id("scanSEK1"),
        keys.fact_id("scan", "SEK", "1"),
    }
    assert len(different) == 6


FACTS = st.lists(st.none() | st.text(alphabet="ab ", max_size=3), min_size=1, max_size=4)


@given(FACTS, FACTS)
def test_facts_of_different_parts_differ(one: list[str | None], other: list[str | None]) -> None:
    assert (keys.fact_id(*one) == keys.fact_id(*other)) == (one == other)


def test_fact_ids_are_the_same_in_the_next_release() -> None:
    assert keys.fact_id("retailer", "acme", 1, None, "") == "02981c08-c0e0-5026-afc1-a498504e1010"


@given(st.lists(st.none() | st.text(max_size=8) | st.integers(), max_size=4))
def test_a_facts_id_is_a_uuid_of_version_5_of_all_its_parts(parts: list[object]) -> None:
    name = "\x1f".join("\x00" if part is None else str(part) for part in parts)

    assert keys.fact_id(*parts) == str(uuid.uuid5(keys.FACT_NAMESPACE, name))
