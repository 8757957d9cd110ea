"""Countries: codes, every English name, and what was probably meant by another."""

from __future__ import annotations

import pycountry
import pytest

from streams.domain import countries
from streams.domain.countries import EVERYDAY, country_code, country_name, near_country


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CA", "CA"),
        ("ca", "CA"),
        ("DEU", "DE"),
        ("Canada", "CA"),
        (" canada ", "CA"),
        ("NO", "NO"),
        ("Norway", "NO"),
        ("UK", "GB"),
        ("U.K.", "GB"),
        ("U.S.A.", "US"),
        ("the United States of America", "US"),
        ("South Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("Republic of Korea", "KR"),
        ("North Korea", "KP"),
        ("Russia", "RU"),
        ("Netherlands The", "NL"),
        ("The Netherlands", "NL"),
        ("Turkey", "TR"),
        ("Turkiye", "TR"),
        ("Czech Republic", "CZ"),
        ("Ivory Coast", "CI"),
        ("Cote d'Ivoire", "CI"),
        ("Trinidad & Tobago", "TT"),
        ("Kosovo", "XK"),
        ("XK", "XK"),
        ("Virgin Islands, British", "VG"),
        ("St. Lucia", "LC"),
        ("St Vincent & the Grenadines", "VC"),
        ("St. Martin", "MF"),
        ("ST", "ST"),
        ("Hong Kong SAR", "HK"),
        ("Congo - Kinshasa", "CD"),
    ],
)
def test_a_code_or_any_english_name_means_its_country(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize("text", ["", " ", "Atlantis", "ZZ", "Cnada", "Virgin Islands", "EU"])
def test_anything_else_means_none(text: str) -> None:
    assert country_code(text) is None


def test_no_two_countries_share_a_name() -> None:
    for country in pycountry.countries:
        for field in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
            written = getattr(country, field, None)
            assert written is None or country_code(written) == country.alpha_2, written
    assert all(country_code(name) == code for name, code in EVERYDAY.items())


@pytest.mark.parametrize(
    ("text", "name"), [("Cnada", "Canada"), ("Germny", "Germany"), ("Untied Kingdom", "United Kingdom")]
)
def test_the_near_name_is_suggested(text: str, name: str) -> None:
    assert near_country(text) == name


@pytest.mark.parametrize("text", ["Xyzzy", "Atlantis", "Genovia"])  # the last two are 0.67 and 0.71 of Albania, Georgia
def test_nothing_is_suggested_where_nothing_is_near(text: str) -> None:
    assert near_country(text) is None


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("GB", "United Kingdom"),
        ("NL", "Netherlands The"),
        ("US", "United States"),
        ("KR", "South Korea"),
        ("CD", "The Democratic Republic of the Congo"),
        ("ZZ", None),
    ],
)
def test_names_are_short_and_without_commas(code: str, name: str | None) -> None:
    assert country_name(code) == name


def test_the_tables_are_what_the_names_say() -> None:
    # Made when the module is imported, which is before a mutant of their making could show itself.
    assert countries._codes() == countries._CODES
    assert {folded: name for folded, (name, _) in countries._names().items()} == countries._NAMES
