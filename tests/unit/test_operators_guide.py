"""The operators' guide knows every setting, kind of alert, agent, metric and `action` of the log there is."""

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

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operators.md").read_text()


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


def test_it_knows_no_kind_of_alert_and_no_setting_that_there_is_not() -> None:
    alerts = GUIDE.partition("\n## Alerts for people\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)`", alerts, re.MULTILINE)) == set(AlertKind)

    rows = GUIDE.partition("\n## Settings\n")[2].partition("\n## ")[0]
    named = {name for row in re.findall(r"^\|((?: `[A-Z_]+`,?)+) \|", rows, re.MULTILINE) for name in row.split()}
    assert {name.strip("`,") for name in named} == set(settings())


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


def test_no_metric_is_shown_that_nobody_sets() -> None:
    code = "".join(path.read_text() for path in (ROOT / "streams").rglob("*.py"))
    names = [name for name, value in vars(metrics).items() if value in metrics.CATALOGUE]

    assert [name for name in names if f"metrics.{name}." not in code] == []


def test_names_say_what_they_are_and_in_which_unit() -> None:
    for name, family in ours().items():
        assert name.startswith("returnstreams_")
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|millis|minutes|kb|mb|percent)(_|$)", name), "base units"


def actions() -> set[str]:
    """Every `action` that a line of our log may have: an argument of the call, or a field of what is added to it."""
    code = [path.read_text() for package in ("producers", "streams") for path in (ROOT / package).rglob("*.py")]
    return {word for text in code for word in re.findall(r"""\baction"?(?:=|: )"([a-z_]+)\"""", text)}


def test_the_guide_says_what_each_action_of_the_log_means_and_knows_no_other() -> None:
    section = GUIDE.partition("\n## Log\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = {word for row in rows for word in re.findall(r"`([a-z_]+)`", row)} - {"action"}

    assert told | {"library"} == actions()
