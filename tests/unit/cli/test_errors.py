"""What is wrong with the configuration: exit code 78, and one line that says what to change, and no secret."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.settings import Settings, ignored
from streams.wiring import AGENTS, build
from tests.command_line import Outcome, returnstreams

EXAMPLE = Path(__file__).parents[3] / "retailers.example.yaml"
HUSH = "hush-hush-hush-hush"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def refused(outcome: Outcome) -> str:
    """The one line with which a command refused to start."""
    assert outcome.code == 78, outcome
    assert outcome.out == ""
    [line] = outcome.err.splitlines()
    assert line.startswith("error: ")
    assert "hush" not in line
    return line


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("KAFKA__NOPE", "hush", "RETURNSTREAMS_KAFKA__NOPE: there is no such setting; check its name"),
        ("KAFKA__SECURITY_PROTOCOL", "hush", "RETURNSTREAMS_KAFKA__SECURITY_PROTOCOL: Input should be 'PLAINTEXT'"),
        ("TOPICS__PARTITIONS", "hush", "RETURNSTREAMS_TOPICS__PARTITIONS: Input should be a valid integer"),
        ("TOPICS__PARTITIONS", "0", "RETURNSTREAMS_TOPICS__PARTITIONS: Input should be greater than or equal to 1"),
        ("FORWARD__DELAYS_S", "hush", "RETURNSTREAMS_FORWARD__DELAYS_S: must be JSON"),
        ("KAFKA", "hush", "RETURNSTREAMS_KAFKA: must be JSON"),
        (
            "INGRESS__SHOPIFY_SECRETS",
            f"[{{'secret': '{HUSH}'}}]",
            "RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS: must be JSON",
        ),
        (
            "INGRESS__SHOPIFY_SECRETS",
            f'[{{"name": "our-app", "secret": "{HUSH}"}}]',
            "RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS[0].retailers: Field required",
        ),
        (
            "INGRESS__OMNIPARCEL_ACCOUNTS",
            f'[{{"name": "seko", "retailers": ["*"], "password": "{HUSH}"}}]',
            "RETURNSTREAMS_INGRESS__OMNIPARCEL_ACCOUNTS[0]: Value error, account 'seko'",
        ),
        (
            "INGRESS__SHOPIFY_SECRETS",
            f'[{{"name": "our-app", "secret": "{HUSH}", "retailers": "*"}}]',
            "RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS[0].retailers: must be a list in JSON",
        ),
        ("KAFKA__PASSWORD_FILE", "absent", "RETURNSTREAMS_KAFKA__PASSWORD_FILE: No such file or directory: 'absent'"),
        ("KAFKA__PASSWORD_FILE", "", "RETURNSTREAMS_KAFKA__PASSWORD_FILE: Is a directory: '.'"),
        ("SECRETS_DIR", "absent", "RETURNSTREAMS_SECRETS_DIR: No such file or directory: 'absent'"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not_repeated(setting: str, value: str, told: str) -> None:
    assert told in refused(returnstreams("retailers", "show", **{setting: value}))


def test_a_settings_file_that_is_no_text_is_an_error_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refused(returnstreams("retailers", "show", KAFKA__PASSWORD_FILE="password"))


def test_several_bad_settings_are_told_at_once() -> None:
    line = refused(returnstreams("run", "all", TOPICS__PARTITIONS="x", HEALTH__PORT="70000"))
    assert "RETURNSTREAMS_TOPICS__PARTITIONS" in line
    assert "RETURNSTREAMS_HEALTH__PORT" in line


def test_sasl_without_credentials_is_noticed_before_a_broker_is_asked() -> None:
    line = refused(returnstreams("topics", "plan", KAFKA__SECURITY_PROTOCOL="SASL_SSL", KAFKA__USERNAME="me"))
    assert "set RETURNSTREAMS_KAFKA__USERNAME and RETURNSTREAMS_KAFKA__PASSWORD" in line


def test_a_certificate_that_is_not_there_is_named_by_its_setting() -> None:
    line = refused(returnstreams("topics", "plan", KAFKA__SECURITY_PROTOCOL="SSL", KAFKA__CAFILE="absent.pem"))
    assert "RETURNSTREAMS_KAFKA__CAFILE" in line


@pytest.mark.parametrize("command", ["topics plan", "topics tail orders", "retailers show"])
def test_without_a_broker_a_command_says_so(command: str) -> None:
    # Port 1 is nobody's: the connection is refused at once.
    line = refused(returnstreams(*command.split(), KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1"))
    assert "no Kafka broker answers at 127.0.0.1:1 (" in line
    assert "Unable connect to" in line, "why not: the client's own words, for its exception has none"
    assert "RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS" in line


def _hear_and_hang_up(broker: socket.socket) -> None:
    with broker.accept()[0] as caller:
        caller.recv(65_536)  # to close on what was not read would be a reset, and that has a word


def test_a_broker_that_hangs_up_without_a_word_is_told_by_the_kind_of_the_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        hanging_up = threading.Thread(target=_hear_and_hang_up, args=[broker])
        hanging_up.start()
        address = f"127.0.0.1:{broker.getsockname()[1]}"
        line = refused(
            returnstreams("topics", "plan", KAFKA__BOOTSTRAP_SERVERS=address, KAFKA__SECURITY_PROTOCOL="SSL")
        )
        hanging_up.join()
    assert re.search(r"\(Unable connect to .*: \w+\); is it up, and are .* and .*KAFKA__SECURITY_PROTOCOL right", line)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_is_not_the_brokers_fault() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "streams.cli", "retailers", "check", str(EXAMPLE)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, "error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("key", [{}, {"HASH_KEY": "hush"}], ids=["none", "too short"])
def test_order_table_needs_its_hash_key(key: dict[str, str]) -> None:
    assert "RETURNSTREAMS_HASH_KEY" in refused(returnstreams("run", "order-table", **key))


def test_an_unknown_agent_is_answered_with_those_there_are() -> None:
    assert "no agent 'order-tabel'; there are: order-table, order-reconcile, return-rules" in refused(
        returnstreams("run", "order-tabel", HASH_KEY=HUSH)
    )


def test_all_may_stand_beside_other_names() -> None:
    assert len(build(["order-table", "all"], Settings(hash_key=SecretStr(HUSH)))) == len(AGENTS)
    assert "no agent 'order-tabel'" in refused(returnstreams("run", "all", "order-tabel", HASH_KEY=HUSH))


def test_checking_the_configuration_tells_of_key_brokers_and_misspelt_variables_at_once() -> None:
    outcome = returnstreams(
        "config", "check", KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1", KAFKA_BOOTSTRAP_SERVERS="hush", HASHKEY="hush"
    )
    kafka, key, hash_key, broker = outcome.err.splitlines()

    assert outcome.code == 78
    assert "hush" not in outcome.err
    assert kafka == (
        "warning: RETURNSTREAMS_KAFKA_BOOTSTRAP_SERVERS is no setting, and is ignored; "
        "is RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS meant?"
    )
    assert "RETURNSTREAMS_HASHKEY is no setting, and is ignored; is RETURNSTREAMS_HASH_KEY meant?" in key
    assert "RETURNSTREAMS_HASH_KEY is not set" in hash_key
    assert "no Kafka broker answers at 127.0.0.1:1" in broker


def test_a_variable_of_the_demo_or_of_a_setting_in_a_file_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RETURNSTREAMS_DEMO__BROKER", "docker")
    monkeypatch.setenv("RETURNSTREAMS_HASH_KEY_FILE", "key")
    monkeypatch.setenv("RETURNSTREAMS_RETAILERS_FILE", "ours.yaml")
    monkeypatch.setenv("RETURNSTREAMS_SERVICE_HOST", "10.0.0.1")
    (tmp_path / ".env").write_text("RETURNSTREAMS_STATEDIR=/state\n")

    assert ignored() == {"RETURNSTREAMS_SERVICE_HOST": None, "RETURNSTREAMS_STATEDIR": "RETURNSTREAMS_STATE_DIR"}


def test_a_retailers_file_that_is_not_there_says_how_to_name_another() -> None:
    line = refused(returnstreams("retailers", "check"))
    assert "retailers file retailers.yaml cannot be read (No such file or directory): name another" in line


def test_a_taken_health_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refused(returnstreams("run", "return-rules", HEALTH__PORT=port, KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1"))
    assert "RETURNSTREAMS_HEALTH__PORT" in line
    assert port in line


def test_the_version() -> None:
    outcome = returnstreams("--version")
    assert (outcome.code, outcome.out) == (0, f"{version('returnstreams')}\n")


def test_a_command_line_that_is_none_is_not_a_configuration_error() -> None:
    assert returnstreams("topics", "delete").code == 2


@pytest.mark.parametrize("command", [["list"], ["replay", "return-rules", "--all"]], ids=["list", "replay"])
def test_a_kind_of_letter_that_there_is_not_is_no_kind_without_letters(command: list[str]) -> None:
    outcome = returnstreams("dead-letters", *command, "--kind", "bugs", KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert outcome.code == 2
    assert "Invalid value for '--kind'" in outcome.err


def test_a_port_that_is_taken_is_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(returnstreams("serve", INGRESS__PORT=str(port)))
    assert f"RETURNSTREAMS_INGRESS__PORT: cannot listen on 127.0.0.1:{port} (Address already in use" in line
