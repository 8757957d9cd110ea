"""The senders' guide knows every path of the ingress."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.sources import SENDERS

GUIDE = (Path(__file__).parents[2] / "docs" / "senders.md").read_text()


@pytest.mark.parametrize("path", sorted(sender.path for sender in SENDERS))
def test_it_is_in_the_guide(path: str) -> None:
    assert f"`{path}`" in GUIDE
