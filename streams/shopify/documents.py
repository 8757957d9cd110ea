"""The GraphQL documents, one file each under documents/; a fragment goes along with whoever names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
_OPERATION = re.compile(r"^(query|mutation)\s+(\w+)", re.MULTILINE)
_CAMEL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Document:
    """One operation with its fragments. name: the operation's. mutation: whether it changes something."""

    name: str
    text: str
    mutation: bool


@cache
def document(name: str) -> Document:
    """The document in `documents/<name>.graphql`. FileNotFoundError where there is none, ValueError for a fragment."""
    texts: dict[str, str] = {}
    _gather(name, texts)
    found = _OPERATION.search(texts[name])
    if found is None:
        raise ValueError(f"documents/{name}.graphql holds no operation")
    return Document(found[2], "\n".join(texts.values()), found[1] == "mutation")


def names() -> list[str]:
    """All files, fragments among them."""
    found = (file.name for file in files(__package__).joinpath("documents").iterdir())
    return sorted(name.removesuffix(".graphql") for name in found if name.endswith(".graphql"))


def is_operation(name: str) -> bool:
    """Whether this file holds an operation, not a fragment for others."""
    return _OPERATION.search(text_of(name)) is not None


def text_of(name: str) -> str:
    """One file as it stands."""
    return files(__package__).joinpath("documents", f"{name}.graphql").read_text(encoding="utf-8")


def _gather(name: str, texts: dict[str, str]) -> None:
    if name in texts:
        return
    texts[name] = text_of(name)
    # `OrderFields` lives in order_fields.graphql.
    for fragment in _SPREAD.findall(texts[name]):
        _gather(_CAMEL.sub("_", fragment).lower(), texts)
