"""The settings of agents and commands: where they may stand, and that a secret among them is never shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from streams.agents.tracking_forward import DEFAULT
from streams.settings import Settings, load
from streams.topics_admin import Replication
from tests.command_line import returnstreams

HUSH = "hush-hush-hush-hush"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KAFKA__BOOTSTRAP_SERVERS", "KAFKA__TOPIC_PREFIX", "SECRETS_DIR", "HASH_KEY"):
        monkeypatch.delenv(f"RETURNSTREAMS_{name}", raising=False)


def test_nested_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURNSTREAMS_TOPICS__PARTITIONS", "24")
    monkeypatch.setenv("RETURNSTREAMS_TOPICS__REPLICATION", "1")
    monkeypatch.setenv("RETURNSTREAMS_FORWARD__DELAYS_S", "[1, 2.5]")
    monkeypatch.setenv("RETURNSTREAMS_KAFKA__TOPIC_PREFIX", "test.")
    settings = load()

    assert settings.topics.partitions == 24
    assert settings.topics.copies == Replication(1, 2)
    assert settings.forward.policy.delays_s == (1.0, 2.5)
    assert settings.cluster.name("orders") == "test.orders"
    assert settings.cluster.plain("test.orders") == "orders"


def test_nothing_set_is_fit_for_a_cluster_of_three() -> None:
    settings = load()
    assert (settings.topics.partitions, settings.topics.copies) == (12, Replication(3, 2))
    assert settings.forward.policy == DEFAULT
    assert settings.health.port == 0
    assert settings.instance_id is None


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{HUSH}\n")
    monkeypatch.setenv("RETURNSTREAMS_HASH_KEY_FILE", str(tmp_path / "key"))
    key = load().hash_key
    assert key is not None
    assert key.get_secret_value() == HUSH


def test_the_retailers_file_is_a_path_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURNSTREAMS_RETAILERS_FILE", "ours.yaml")
    assert load().retailers_file == Path("ours.yaml")


def test_a_place_for_retailers_secrets_is_also_one_for_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    (secrets / "acme").mkdir(parents=True)
    (secrets / "acme" / "hook").write_text("{}")
    (secrets / "acme.hook").write_text("{}")
    (secrets / "hash_key").write_text(HUSH)
    monkeypatch.setenv("RETURNSTREAMS_SECRETS_DIR", str(secrets))
    settings = load()
    assert settings.hash_key is not None
    assert settings.secrets_dir == secrets


SECRETS = {
    "KAFKA__PASSWORD": HUSH,
    "HASH_KEY": HUSH,
    "INGRESS__SHOPIFY_SECRETS": f'[{{"name": "app", "secret": "{HUSH}", "previous": "{HUSH}", "retailers": ["a"]}}]',
    "INGRESS__SHOPIFY_PATH_KEY": HUSH,
    "INGRESS__SHOPIFY_PATH_KEY_PREVIOUS": HUSH,
    "INGRESS__EASYPOST_SECRETS": f'[{{"name": "ep", "secret": "{HUSH}", "retailers": ["*"]}}]',
    "INGRESS__AFTERSHIP_SECRETS": f'[{{"name": "as", "secret": "{HUSH}", "retailers": ["*"]}}]',
    "INGRESS__SHIPPO_ACCOUNTS": f'[{{"name": "sh", "token": "{HUSH}", "secret": "{HUSH}", "previous_token": "{HUSH}", '
    f'"previous_secret": "{HUSH}", "retailers": ["*"]}}]',
    "INGRESS__OMNIPARCEL_ACCOUNTS": f'[{{"name": "op", "username": "u", "password": "{HUSH}", "retailers": ["*"]}}, '
    f'{{"name": "op2", "token": "{HUSH}", "retailers": ["*"]}}]',
    "INGRESS__OMNIRPS_TOKENS": f'[{{"name": "hub", "token": "{HUSH}", "retailers": ["*"]}}]',
}


def test_config_check_shows_every_setting_and_no_secret() -> None:
    outcome = returnstreams("config", "check", **SECRETS, KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")

    assert outcome.code == 78  # nobody answers there
    assert HUSH not in outcome.out + outcome.err
    shown = dict(line.split("=", 1) for line in outcome.out.splitlines())
    assert shown["RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS"] == "127.0.0.1:1"
    assert shown["RETURNSTREAMS_HASH_KEY"] == "**********"
    assert shown["RETURNSTREAMS_KAFKA__USERNAME"] == ""
    for name in SECRETS:
        assert "***" in shown[f"RETURNSTREAMS_{name}"]


def test_every_secret_setting_is_in_the_test_above() -> None:
    """A setting that is added later, and named like a secret, has to be added there."""
    groups = {name: field.annotation for name, field in Settings.model_fields.items()}
    names = set(groups)
    for group, kind in groups.items():
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= {f"{group}__{name}" for name in kind.model_fields}
    secret = {name.upper() for name in names if re.search("secret|password|token|key|accounts", name)}
    assert secret - {"SECRETS_DIR", "KAFKA__KEYFILE"} == set(SECRETS)


def test_config_check_shows_lists_and_flags_as_they_are_written_in_the_environment() -> None:
    outcome = returnstreams("config", "check", FORWARD__DELAYS_S="[1, 2]", KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    lines = outcome.out.splitlines()
    assert "RETURNSTREAMS_FORWARD__DELAYS_S=[1.0,2.0]" in lines
    assert "RETURNSTREAMS_INGRESS__SHOPIFY_REQUIRE_PATH=false" in lines
    assert "RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS=[]" in lines
