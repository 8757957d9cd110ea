"""Commands whose module is imported when they are called: who shows an order does not wait for RocksDB and aiohttp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class Later:
    """A command that is still to be imported. help: what a list of commands says of it.

    of: `module:name` of the Typer app that is this command or, where command is given, has a command of that name.
    """

    of: str
    help: str
    command: str | None = None

    def load(self) -> Any:
        """The command itself."""
        module, _, attribute = self.of.partition(":")
        group = get_group(getattr(import_module(module), attribute))
        return group if self.command is None else group.commands[self.command]


def later(commands: Mapping[str, Later]) -> type[TyperGroup]:
    """A group with these commands beside its own, for `typer.Typer(cls=...)`."""

    class Group(TyperGroup):
        def __init__(self, **attrs: Any) -> None:
            super().__init__(**attrs)
            for name, known in commands.items():
                self.add_command(TyperCommand(name, help=known.help), name)

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            name, command, rest = super().resolve_command(ctx, args)
            known = commands.get(name or "")
            return name, known.load() if known else command, rest

    return Group
