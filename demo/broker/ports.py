"""Free loopback ports that stay ours while a broker is down."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below every usual ephemeral range (Linux from 32768, macOS from 49152). A port inside that range can be taken by any
# outgoing connection between our look and the broker's bind, or while a killed node is down; worse, a client that keeps
# connecting to it can hit its own source port and end up connected to itself.
FIRST, LAST = 20_000, 31_999


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on right now. The caller still has to cope with losing one."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = FIRST + secrets.randbelow(min(LAST, _ephemeral_start() - 1) - FIRST + 1)
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
    return found


def _ephemeral_start() -> int:
    """Where this kernel's ephemeral ports begin; where it takes them all, there is no better choice than LAST."""
    try:
        start = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        return LAST + 1
    return start if start > FIRST + 1000 else LAST + 1
