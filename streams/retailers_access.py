"""How a retailer's systems are reached, in the retailers file: the hook's address, and the names of secrets."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from contracts.retailers import Hook, HookFormat, Schedule
from streams.domain import addresses
from streams.yaml_places import Place

_SECRET_REF = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$")
# How the tokens of Shopify and the secrets of Standard Webhooks begin: one of these in the file is a leak.
_SECRETS = ("shpat_", "shpss_", "shpca_", "shppa_", "whsec_")

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(s|m|h|d)$")
_UNITS_S = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
# What is owed must still mean something to the receiver; return events live no longer either.
_LONGEST_S = 90 * _UNITS_S["d"]


def read_hook(place: Place) -> Hook | None:
    """Where tracking updates go; None where something is wrong with it."""
    fields = place.fields("hook", 'hook: {url: "https://…"}')
    if fields is None:
        return None
    place.refuse_unknown(fields, ("url", "secret_ref", "format", "schedule", "allow_private"))
    secret_ref = read_secret_ref(fields.get("secret_ref"))
    words: str | None = HookFormat.OMNIRPS_1.value
    if "format" in fields:
        words = fields["format"].one_of("format", list(HookFormat))
    private = fields["allow_private"].flag("allow_private") if "allow_private" in fields else False
    if private:
        fields["allow_private"].warn(
            "this hook may lead into your own network, and over plain http", "remove it, unless this is a test"
        )
    schedule = read_schedule(fields["schedule"]) if "schedule" in fields else None
    if "url" not in fields:
        place.error("'url' is missing", 'write url: "https://…", or leave the hook out')
        return None
    url = fields["url"].text("url")
    if not url or not _url_is_sound(fields["url"], url, private=bool(private)) or words is None or private is None:
        return None
    return Hook(url=url, secret_ref=secret_ref, format=HookFormat(words), schedule=schedule, allow_private=private)


def _url_is_sound(place: Place, url: str, *, private: bool) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        place.error(f"{url!r} is no URL: {error}", "write https://host/path")
        return False
    if parts.username is not None or parts.password is not None:
        place.error("the url holds a user or a password", "put them in the secret that secret_ref names", secret=True)
    elif not host or re.search(r"\s", url):
        place.error(f"{url!r} is no URL", "write https://host/path")
    elif parts.scheme != "https" and not (parts.scheme == "http" and private):
        place.error(f"{url!r} is not https", "write https://…; http is for tests, with allow_private: true beside it")
    elif not private and (why := _why_not_public(host)) is not None:
        place.error(
            f"{host!r} is no public address: {why}", "write the receiver's name; allow_private: true is for tests"
        )
    else:
        return True
    return False


def _why_not_public(host: str) -> str | None:
    """Why a host that is written as an address is refused. What a name leads to, is asked when it is dialled."""
    try:
        return addresses.why_not_public(host)
    except ValueError:
        return "this machine" if host == "localhost" or host.endswith(".localhost") else None


def read_schedule(place: Place) -> Schedule | None:
    """How patient the deliveries to a hook are; None where something is wrong with it."""
    fields = place.fields("schedule", "schedule: {delays: [5s, 30s, 2m], cap: 24h, give_up_after: 7d}")
    if fields is None:
        return None
    place.refuse_unknown(fields, ("delays", "cap", "give_up_after"))
    given: dict[str, object] = {}
    if "delays" in fields:
        entries = fields["delays"].items("delays", "delays: [5s, 30s, 2m]")
        delays = [_duration(entry, "a delay") for entry in entries or []]
        if not delays and entries is not None:
            fields["delays"].error("delays is empty", "write delays: [5s, 30s, 2m], or leave it out")
        given["delays_s"] = None if not delays or None in delays else tuple(delays)
    for name in ("cap", "give_up_after"):
        if name in fields:
            given[f"{name}_s"] = _duration(fields[name], name)
    return None if None in given.values() else Schedule.model_validate(given)


def _duration(place: Place, what: str) -> float | None:
    """Seconds of a time such as 30s, 2m, 12h or 7d."""
    text = place.text(what)
    if text is None:
        return None
    written = _DURATION.match(text.strip())
    seconds = float(written[1]) * _UNITS_S[written[2]] if written else 0
    if not 0 < seconds <= _LONGEST_S:
        place.error(f"{what} is {text!r}", "write a time such as 30s, 2m, 12h or 7d, more than none and at most 90d")
        return None
    return seconds


def read_secret_ref(place: Place | None) -> str | None:
    """The name of a secret; None where none is written, or something is wrong with it."""
    text = place.text("secret_ref") if place else None
    if place is None or text is None:
        return None
    if text.startswith(_SECRETS):
        place.error(
            "this is a secret, not the name of one", "revoke it, store it as a file, and name the file", secret=True
        )
        return None
    if not _SECRET_REF.match(text):
        place.error(
            "secret_ref is no name of a secret", "write a path in the secrets directory: acme/hook", secret=True
        )
        return None
    return text
