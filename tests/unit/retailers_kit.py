"""Retailers files to try: a sound one, and places in it where a test puts something of its own."""

from __future__ import annotations

from contracts.retailers import Retailer
from streams.retailers_file import ParsedFile, parse

HEAD = """\
retailers:
  - id: acme
    name: "Acme Outdoors"
    portal: omnireturns
    shopify: {shop: acme.myshopify.com}
    return_action: first_scan
"""
SOUND = HEAD + "    customer_choice: {enabled: true}\n"


def with_rules(*rules: str) -> ParsedFile:
    """A sound retailer with these rules, one a line from line 8 on."""
    return parse(HEAD + "    rules:\n" + "".join(f"      - {rule}\n" for rule in rules))


def with_when(when: str) -> ParsedFile:
    return with_rules(f"{{when: {when}, then: refund}}")


def only(parsed: ParsedFile) -> Retailer:
    assert parsed.render() == ""
    (retailer,) = parsed.retailers
    return retailer


def hooked(hook: str) -> str:
    """A sound retailer with this hook."""
    return SOUND + f"    hook: {{{hook}}}\n"
