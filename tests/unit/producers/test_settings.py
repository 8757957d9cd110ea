"""Where a setting may stand, which place wins, and that no secret is ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from producers.settings import KafkaSettings, Settings, aiokafka_options, environment

ACCOUNTS = '[{"name": "our-app", "secret": "hush", "retailers": ["*"]}]'


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KAFKA__BOOTSTRAP_SERVERS", "KAFKA__TOPIC_PREFIX", "SECRETS_DIR"):
        monkeypatch.delenv(f"RETURNSTREAMS_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_public_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS", "a:1, b:2")
    monkeypatch.setenv("RETURNSTREAMS_KAFKA__TOPIC_PREFIX", "test.")
    monkeypatch.setenv("RETURNSTREAMS_INGRESS__PORT", "9000")
    monkeypatch.setenv("RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS", ACCOUNTS)
    settings = Settings()

    assert aiokafka_options(settings.kafka)["bootstrap_servers"] == ["a:1", "b:2"]
    assert settings.kafka.topic_prefix == "test."
    assert settings.ingress.port == 9000
    assert settings.ingress.shopify_secrets[0].secret.get_secret_value() == "hush"


def test_no_secret_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS", ACCOUNTS)
    monkeypatch.setenv("RETURNSTREAMS_KAFKA__PASSWORD", "hush")
    settings = Settings()
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_a_bad_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS", '[{"name": "our-app", "secret": "hush"}]')
    with pytest.raises(ValidationError) as error:
        Settings()
    assert "ingress.shopify_secrets.0.retailers" in str(error.value)
    assert "hush" not in str(error.value)


def test_the_environment_wins_over_files_over_the_directory_over_dotenv(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "..data").mkdir()
    for name in "bcd":
        (secrets / name).write_text("directory\n")
    (tmp_path / "file").write_text("file\n")
    dotenv = tmp_path / ".env"
    dotenv.write_text("".join(f"RETURNSTREAMS_{name}=dotenv\n" for name in "ABCDE"))
    environ = {
        "RETURNSTREAMS_D": "environment",
        "RETURNSTREAMS_C_FILE": str(tmp_path / "file"),
        "RETURNSTREAMS_SECRETS_DIR": str(secrets),
        "RETURNSTREAMS_RETAILERS_FILE": "not-read.yaml",
        "OTHER_FILE": "not-read",
    }
    found = environment(environ, dotenv)

    assert {name: found[f"RETURNSTREAMS_{name}"] for name in "ABCDE"} == {
        "A": "dotenv",
        "B": "directory",
        "C": "file",
        "D": "environment",
        "E": "dotenv",
    }
    assert "RETURNSTREAMS_RETAILERS" not in found
    assert found["RETURNSTREAMS_RETAILERS_FILE"] == "not-read.yaml"


def test_a_login_needs_both_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "RETURNSTREAMS_INGRESS__OMNIPARCEL_ACCOUNTS", '[{"name": "seko", "username": "u", "retailers": ["*"]}]'
    )
    with pytest.raises(ValidationError, match="go together"):
        Settings()


def test_sasl_and_tls_reach_the_client() -> None:
    kafka = KafkaSettings.model_validate(
        {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-256", "username": "u", "password": "p"}
    )
    options = aiokafka_options(kafka)
    assert options["ssl_context"].check_hostname
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-256", "u")
    assert options["sasl_plain_password"] == "p"


@pytest.mark.parametrize(
    ("name", "accounts"),
    [
        (
            "SHOPIFY_SECRETS",
            [{"secret": "x1-hush", "retailers": ["acme"]}, {"secret": "x1-hush", "retailers": ["bolt"]}],
        ),
        ("AFTERSHIP_SECRETS", [{"secret": "x2"}, {"secret": "x1", "previous": "x2"}]),
        ("OMNIRPS_TOKENS", [{"token": "x1"}, {"token": "x2", "previous": "x1"}]),
        ("OMNIPARCEL_ACCOUNTS", [{"username": "u", "password": "x1"}, {"username": "u", "password": "x1"}]),
        ("SHIPPO_ACCOUNTS", [{"token": "x1"}, {"secret": "x2", "token": "x1"}]),
    ],
)
def test_two_accounts_never_share_a_secret(
    name: str, accounts: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [{"name": f"n{at}", "retailers": ["*"], **account} for at, account in enumerate(accounts)]
    monkeypatch.setenv(f"RETURNSTREAMS_INGRESS__{name}", json.dumps(named))
    with pytest.raises(ValidationError, match="are equal") as error:
        Settings()
    assert "x1" not in str(error.value)


def test_two_accounts_never_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [{"name": "a", "token": token, "retailers": ["*"]} for token in "xy"]
    monkeypatch.setenv("RETURNSTREAMS_INGRESS__OMNIRPS_TOKENS", json.dumps(accounts))
    with pytest.raises(ValidationError, match="have the same name"):
        Settings()


def test_the_same_user_with_another_password_is_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    logins = [{"name": word, "username": "u", "password": word, "retailers": ["*"]} for word in "xy"]
    monkeypatch.setenv("RETURNSTREAMS_INGRESS__OMNIPARCEL_ACCOUNTS", json.dumps(logins))
    assert len(Settings().ingress.omniparcel_accounts) == 2
