"""Which addresses a retailer's hook may lead to: public ones, by which nothing of ours can be reached."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# What IANA's special-purpose registries (RFC 6890 and updates, 2026) do not make globally reachable. Written out: what
# `is_global` says of some of them has changed between patch releases of Python.
_BLOCKED_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared (CGNAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, where clouds serve their metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
        # Azure answers its virtual machines here, and the address is a public one.
        ("168.63.129.16/32", "a cloud's metadata"),
    )
)
# All unicast that IANA has given out lies in 2000::/3; within it, these lead to somewhere else than they say.
_GLOBAL_V6 = IPv6Network("2000::/3")
_BLOCKED_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("2001::/32", "Teredo, which leads to an IPv4 address"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "6to4, which leads to an IPv4 address"),
        ("3fff::/20", "for documentation"),
    )
)
_NAMED_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::1/128", "loopback"),
        ("::/128", "this host"),
        ("::ffff:0:0/96", "an IPv4 address in IPv6 (mapped)"),
        ("::/96", "an IPv4 address in IPv6 (compatible)"),
        ("64:ff9b::/96", "NAT64, which leads to an IPv4 address"),
        ("64:ff9b:1::/48", "NAT64, which leads to an IPv4 address"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)


def why_not_public(address: str) -> str | None:
    """Why this numeric address is none of the public internet, in a few words; None where it is.

    ValueError where it is no numeric address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return next((what for network, what in _BLOCKED_V4 if parsed in network), None)
    return _why_not_public_v6(parsed)


def _why_not_public_v6(address: IPv6Address) -> str | None:
    if address.scope_id is not None:
        return "link-local"
    if address in _GLOBAL_V6:
        return next((what for network, what in _BLOCKED_V6 if address in network), None)
    return next((what for network, what in _NAMED_V6 if address in network), "reserved")
