"""How a retailer's systems are reached, in the retailers file: the hook's address, and the names of secrets."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from contracts.retailers import Hook
from streams.yaml_places import Place

_SECRET_REF = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$")
# How the tokens of Shopify and the secrets of Standard Webhooks begin: one of these in the file is a leak.
_SECRETS = ("shpat_", "shpss_", "shpca_", "shppa_", "whsec_")


def read_hook(place: Place) -> Hook | None:
    """Where tracking updates go; None where something is wrong with it."""
    fields = place.fields("hook", 'hook: {url: "https://…"}')
    if fields is None:
        return None
    place.refuse_unknown(fields, ("url", "secret_ref"))
    secret_ref = read_secret_ref(fields.get("secret_ref"))
    if "url" not in fields:
        place.error("'url' is missing", 'write url: "https://…", or leave the hook out')
        return None
    url = fields["url"].text("url")
    return Hook(url=url, secret_ref=secret_ref) if url and _url_is_sound(fields["url"], url) else None


def _url_is_sound(place: Place, url: str) -> bool:
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
    elif parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        place.error(f"{url!r} is not https", "write https://…; http is for this machine only (localhost)")
    else:
        return True
    return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


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
