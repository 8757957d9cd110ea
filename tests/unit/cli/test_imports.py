"""A command waits for what it needs itself, not for what the others need."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_group

from streams import cli
from streams.cli import orders

HEAVY = ("aiohttp", "rocksdict", "graphql", "starlette", "uvicorn", "yaml", "opentelemetry", "demo", "streams.wiring")
# What is imported when the command named by the arguments has ended.
ENDED = """
import sys
from streams.cli import main
sys.argv[0] = "returnstreams"
try:
    main()
finally:
    print("\\nimported:", *sys.modules, file=sys.stderr)
"""


def imported_by(*arguments: str) -> set[str]:
    """The modules that a process has imported when this command ends."""
    ended = subprocess.run([sys.executable, "-c", ENDED, *arguments], capture_output=True, text=True, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    return set(ended.stderr.rpartition("imported:")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("orders", "--help"), ("orders", "show", "--help"), ("orders", "show", "acme", "1001")],
    ids=" ".join,
)
def test_who_shows_an_order_does_not_wait_for_what_other_commands_need(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens there: the last of these commands ends where the brokers do not answer.
    monkeypatch.setenv("RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")

    imported = imported_by(*arguments)

    assert "streams.cli" in imported
    assert imported.isdisjoint(HEAVY)


def test_a_command_that_needs_them_does_import_them() -> None:
    assert {"aiohttp", "yaml"} <= imported_by("orders", "import", "--help")


@pytest.mark.parametrize(("module", "name"), [(m, n) for m in (cli, orders) for n in m.COMMANDS])
def test_what_a_list_says_of_a_command_is_what_the_command_says_of_itself(module: object, name: str) -> None:
    known = module.COMMANDS[name]  # type: ignore[attr-defined]

    assert (known.load().help or "").partition("\n\n")[0].replace("\n", " ") == known.help
    assert get_group(module.app).commands[name].help == known.help  # type: ignore[attr-defined]
