"""A secret that changes in its file counts without a restart; one that cannot be read changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from producers import rereading as module
from producers.accounts import TokenAccount
from producers.rereading import Accounts, Rereading
from producers.settings import Settings
from tests.waiting import eventually


def write(path: Path, *tokens: str) -> None:
    path.write_text(json.dumps([{"name": token, "token": token, "retailers": ["*"]} for token in tokens]))


def write_raw(path: Path, text: str) -> None:
    path.write_text(text)


class Told:
    """The accounts as the door would have them."""

    def __init__(self, accounts: Accounts) -> None:
        self.times = 0
        self.accounts = accounts

    def __call__(self, accounts: Accounts) -> None:
        self.times += 1
        self.accounts = accounts

    def knows(self, token: str) -> bool:
        return any(isinstance(known, TokenAccount) and known.shows(token) for known in self.accounts["omnirps"])


async def until_it_knows(told: Told, token: str) -> None:
    await eventually(lambda: told.knows(token), f"{token!r} is known")


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the secrets directory."""
    monkeypatch.setattr(module, "READ_EVERY_S", 0.01)
    monkeypatch.setenv("RETURNSTREAMS_SECRETS_DIR", str(tmp_path))
    path = tmp_path / "ingress__omnirps_tokens"
    write(path, "first")
    return path


@pytest.fixture
async def told(tokens: Path) -> AsyncIterator[Told]:
    told = Told(Settings().ingress.accounts())
    watching = Rereading(lambda: Settings().ingress.accounts(), told.accounts, told)
    await watching.start()
    yield told
    await watching.stop()


async def test_a_changed_file_counts(tokens: Path, told: Told) -> None:
    write(tokens, "first", "second")
    await until_it_knows(told, "second")
    assert told.knows("first")
    write(tokens, "third")
    await until_it_knows(told, "third")
    assert not told.knows("first")
    assert told.times == 2, "what has not changed is not told"


@pytest.mark.parametrize("broken", ["sesame", "[{sesame", '[{"name": "sesame"}]', "[" * 100_000, ""])
async def test_a_broken_file_leaves_the_accounts_as_they_were(
    broken: str, tokens: Path, told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    write_raw(tokens, broken)
    said = ""

    def complains() -> bool:
        nonlocal said
        said += "".join(capfd.readouterr())
        return "accounts_unreadable" in said

    await eventually(complains, "it says that the accounts are unreadable")
    assert "sesame" not in said
    assert told.knows("first")
    write(tokens, "second")
    await until_it_knows(told, "second")


async def test_what_editors_put_around_a_file_is_no_part_of_it(tokens: Path, told: Told) -> None:
    second = json.dumps([{"name": "second", "token": "second", "retailers": ["*"]}])
    write_raw(tokens, f"\ufeff{second}\r\n")
    await until_it_knows(told, "second")
