"""The directory: folded from records, exact in what it finds, honest about what it does not."""

from __future__ import annotations

import pytest

from producers.retailers import BadRetailer, Directory, path_token
from tests.unit.producers.support import PATH_KEY, RETAILERS, directory, retailer


def test_names_match_byte_for_byte_and_shops_without_case() -> None:
    known = directory()
    assert known.named("Acme Outdoors") == RETAILERS[0]
    assert known.named("acme outdoors") is None
    assert known.named("Acme Outdoors ") is None
    assert known.of_shop("ACME.myshopify.com") == RETAILERS[0]


def test_a_later_record_replaces_and_a_tombstone_forgets() -> None:
    known = directory()
    renamed = retailer("acme", "Acme Outdoors - Loop")
    known.apply("acme", renamed.model_dump_json().encode())
    assert (known.named("Acme Outdoors"), known.named("Acme Outdoors - Loop")) == (None, renamed)

    known.apply("acme", None)
    assert known.of_shop("acme.myshopify.com") is None
    assert known.of_path(path_token(PATH_KEY, "acme")) is None
    assert len(known) == 1


def test_two_retailers_of_one_name_are_nobody() -> None:
    known = directory()
    known.apply("acme2", retailer("acme2", "Acme Outdoors").model_dump_json().encode())
    assert known.named("Acme Outdoors") is None
    known.apply("acme2", None)
    assert known.named("Acme Outdoors") is not None


def test_a_record_that_cannot_be_read_changes_nothing() -> None:
    known = directory()
    for value in (b"{}", b"x", retailer("other", "Other").model_dump_json().encode()):
        with pytest.raises(BadRetailer):
            known.apply("acme", value)
    assert known.named("Acme Outdoors") == RETAILERS[0]


def test_the_old_paths_stay_open_while_the_key_is_rotated() -> None:
    known = Directory(["new-key", PATH_KEY])
    known.apply("acme", RETAILERS[0].model_dump_json().encode())
    for key in ("new-key", PATH_KEY):
        assert known.of_path(path_token(key, "acme")) == RETAILERS[0]
    assert known.of_path("") is None


def test_the_near_name_is_looked_for_among_those_allowed() -> None:
    known = directory()
    assert known.near_name("acme outdors", lambda ident: True) == "Acme Outdoors"
    assert known.near_name("acme outdors", lambda ident: ident == "bolt") is None
    assert known.near_name("something else", lambda ident: True) is None
