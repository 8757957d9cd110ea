"""Countries: from an ISO code or any English name to the alpha-2 code, and the near name of a misspelt one."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping

import pycountry

# What people write, beside the names of ISO 3166-1 that pycountry holds. XK is user-assigned: Shopify writes Kosovo so.
EVERYDAY: Mapping[str, str] = {
    "UK": "GB",
    "Britain": "GB",
    "Great Britain": "GB",
    "England": "GB",
    "Scotland": "GB",
    "Wales": "GB",
    "Northern Ireland": "GB",
    "USA": "US",
    "U.S.": "US",
    "U.S.A.": "US",
    "America": "US",
    "South Korea": "KR",
    "North Korea": "KP",
    "Russia": "RU",
    "Netherlands The": "NL",
    "Holland": "NL",
    "Czech Republic": "CZ",
    "Turkey": "TR",
    "Ivory Coast": "CI",
    "Cape Verde": "CV",
    "Swaziland": "SZ",
    "Macedonia": "MK",
    "Burma": "MM",
    "Vatican": "VA",
    "Vatican City": "VA",
    "Palestine": "PS",
    "Laos": "LA",
    "Syria": "SY",
    "Brunei": "BN",
    "Bolivia": "BO",
    "Iran": "IR",
    "Moldova": "MD",
    "Taiwan": "TW",
    "Tanzania": "TZ",
    "Venezuela": "VE",
    "Vietnam": "VN",
    "Micronesia": "FM",
    "East Timor": "TL",
    "Falkland Islands": "FK",
    "British Virgin Islands": "VG",
    "US Virgin Islands": "VI",
    "Democratic Republic of the Congo": "CD",
    "DR Congo": "CD",
    "Republic of the Congo": "CG",
    "UAE": "AE",
    "Macau": "MO",
    "Reunion Island": "RE",
    "Eire": "IE",
    "Republic of Ireland": "IE",
    "Kosovo": "XK",
    # As Shopify's admin (that is, Unicode's CLDR) writes them.
    "Caribbean Netherlands": "BQ",
    "Congo - Brazzaville": "CG",
    "Congo - Kinshasa": "CD",
    "Heard & McDonald Islands": "HM",
    "Hong Kong SAR": "HK",
    "Macao SAR": "MO",
    "Myanmar (Burma)": "MM",
    "Palestinian Territories": "PS",
    "Sint Maarten": "SX",
    "St. Helena": "SH",
    "St. Martin": "MF",
    "U.S. Outlying Islands": "UM",
}

# How SEKO writes a country in "City, Country-CC" (hub addresses of the onboarding seed), where it is not the ISO name.
_SEKO_NAMES = {"NL": "Netherlands The", "XK": "Kosovo"}

_NOT_A_WORD = re.compile(r"[^\w]+")


def country_code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code that a code (alpha-2 or alpha-3) or an English name means, None where unknown."""
    return _CODES.get(_folded(text))


def near_country(text: str) -> str | None:
    """The name that was probably meant by one that is not known, for messages; None where nothing is near."""
    near = difflib.get_close_matches(_folded(text), _NAMES, n=1, cutoff=0.75)
    return _NAMES[near[0]] if near else None


def country_name(code: str) -> str | None:
    """The short English name as SEKO writes it, without commas; None for an unknown code."""
    known = pycountry.countries.get(alpha_2=code)
    if known is None or code in _SEKO_NAMES:
        return _SEKO_NAMES.get(code)
    name: str = getattr(known, "common_name", known.name)
    first, comma, rest = name.partition(", ")
    return f"{rest} {first}" if comma else name


def _folded(text: str) -> str:
    """Case, accents, punctuation, articles and a shortened `Saint` do not tell countries apart."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = _NOT_A_WORD.sub(" ", plain.casefold().replace("&", " and ").replace(".", "")).split()
    if len(words) > 1 and words[0] == "st":  # alone it is the code of Sao Tome
        words[0] = "saint"
    return " ".join(word for word in words if word != "the")


def _names() -> dict[str, tuple[str, str]]:
    """Every folded name or code, with the name as written and the code."""
    known: dict[str, tuple[str, str]] = {}
    for country in pycountry.countries:
        for field in ("name", "common_name", "official_name"):
            name = getattr(country, field, None)
            if name is None:
                continue
            first, comma, rest = name.partition(", ")
            for written in (name, f"{rest} {first}") if comma else (name,):
                known[_folded(written)] = (name, country.alpha_2)
    known.update({_folded(name): (name, code) for name, code in EVERYDAY.items()})
    return known


def _codes() -> dict[str, str]:
    codes = {folded: code for folded, (_, code) in _names().items()}
    for country in pycountry.countries:
        codes[country.alpha_2.casefold()] = codes[country.alpha_3.casefold()] = country.alpha_2
    codes["xk"] = "XK"
    return codes


_NAMES: dict[str, str] = {folded: name for folded, (name, _) in _names().items()}
_CODES: dict[str, str] = _codes()
