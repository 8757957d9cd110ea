"""Certificates that the tests of a module share, for making one takes openssl a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.callers.certificates import certificate


@pytest.fixture(scope="module")
def for_loopback(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound one, of this machine and of hook.example."""
    return certificate(tmp_path_factory.mktemp("tls") / "sound", "IP:127.0.0.1,DNS:hook.example")


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of this machine, years too late."""
    names = "IP:127.0.0.1"
    return certificate(tmp_path_factory.mktemp("tls") / "old", names, begins="20200101000000Z", ends="20200102000000Z")
