"""The operators' guide knows every setting, every kind of alert and every agent there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from contracts.actions import AlertKind
from streams.settings import Settings
from streams.wiring import AGENTS

GUIDE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()


def settings() -> list[str]:
    names: list[str] = []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        nested = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        names += [name] if nested is None else [f"{name}__{inner}" for inner in nested]
    return [name.upper() for name in names]


@pytest.mark.parametrize("name", [*settings(), *AlertKind, *AGENTS])
def test_it_is_in_the_guide(name: str) -> None:
    assert f"`{name}`" in GUIDE
