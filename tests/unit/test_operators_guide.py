"""The operators' guide knows every setting, every kind of alert, every agent and every metric there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric
from pydantic import BaseModel

from contracts.actions import AlertKind
from producers.metrics import Metrics
from streams.engine import metrics
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


def ours() -> dict[str, Metric]:
    """Every metric of agents and ingress, by the name under which Prometheus has it."""
    ingress: CollectorRegistry = Metrics().registry
    found = [*ingress.collect(), *(family for metric in metrics.CATALOGUE for family in metric.describe())]
    return {f"{family.name}_total" if family.type == "counter" else family.name: family for family in found}


@pytest.mark.parametrize("name", ours())
def test_a_metric_is_in_the_guide_with_the_sentence_that_it_has_of_itself(name: str) -> None:
    (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| `{name}` |")]

    assert row.endswith(f"| {ours()[name].documentation} |")


def test_the_guide_knows_no_metric_that_there_is_not() -> None:
    series = {f"{name}{end}" for name in ours() for end in ("", "_bucket", "_count", "_sum")}

    assert set(re.findall(r"\breturnstreams_[a-z_]+", GUIDE)) <= series


def test_names_say_what_they_are_and_in_which_unit() -> None:
    for name, family in ours().items():
        assert name.startswith("returnstreams_")
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|millis|minutes|kb|mb|percent)(_|$)", name), "base units"
