"""Secrets come from files, are read again when these change, and are never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.secrets import SecretDirectory, SecretUnreadable


def write(path: Path, **fields: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields))


def test_a_reference_is_a_path_below_the_directory(tmp_path: Path) -> None:
    write(tmp_path / "acme" / "hook", username="seko", signing=["new", "old"])

    secret = SecretDirectory(tmp_path).get("acme/hook")

    assert secret is not None
    assert (secret.text("username"), secret.text("password")) == ("seko", None)
    assert secret.texts("signing") == ("new", "old")
    assert secret.texts("absent") == ()


def test_a_mount_without_folders_writes_the_slash_as_a_dot(tmp_path: Path) -> None:
    write(tmp_path / "acme.hook", username="seko")

    assert SecretDirectory(tmp_path).get("acme/hook") is not None


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert SecretDirectory(tmp_path).get("acme/hook") is None
    assert SecretDirectory(tmp_path / "absent").get("acme/hook") is None


def test_a_changed_file_counts_at_once_and_a_removed_one_no_more(tmp_path: Path) -> None:
    secrets = SecretDirectory(tmp_path)
    write(tmp_path / "hook", username="old")
    assert secrets.get("hook") is not None

    write(tmp_path / "hook.new", username="newer")
    (tmp_path / "hook.new").replace(tmp_path / "hook")
    changed = secrets.get("hook")
    (tmp_path / "hook").unlink()

    assert changed is not None
    assert changed.text("username") == "newer"
    assert secrets.get("hook") is None


@pytest.mark.parametrize("ref", ["../etc/passwd", "/etc/passwd", "acme/../../x", "", "acme//hook", "acme/.."])
def test_a_reference_cannot_lead_out_of_the_directory(tmp_path: Path, ref: str) -> None:
    with pytest.raises(SecretUnreadable):
        SecretDirectory(tmp_path).get(ref)


@pytest.mark.parametrize("content", ["hush", '"hush"', "[]", '{"a": "hush"', '{"pad": "' + "hush" * 20_000 + '"}'])
def test_a_bad_file_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "hook").write_text(content)

    with pytest.raises(SecretUnreadable) as raised:
        SecretDirectory(tmp_path).get("hook")

    assert "hush" not in str(raised.value)


def test_a_field_of_the_wrong_type_is_refused_and_named(tmp_path: Path) -> None:
    write(tmp_path / "hook", username=7, signing=["a", ""])
    secret = SecretDirectory(tmp_path).get("hook")
    assert secret is not None

    with pytest.raises(SecretUnreadable, match="username"):
        secret.text("username")
    with pytest.raises(SecretUnreadable, match="signing"):
        secret.texts("signing")


def test_no_value_shows_in_a_repr(tmp_path: Path) -> None:
    write(tmp_path / "hook", password="hush")
    secrets = SecretDirectory(tmp_path)

    assert "hush" not in repr(secrets.get("hook"))
    assert "hush" not in repr(secrets)
