"""YAML read by position: every value is its own text with its line, and every problem is collected, none is raised."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import yaml

_NUMBER = re.compile(r"^[+-]?\d+(\.\d+)?$")
_NULL = "tag:yaml.org,2002:null"
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Severity(StrEnum):
    """An error keeps the file from being applied, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to look at. line, column: from 1. value: as written, "" where there is none or it may be a secret."""

    line: int
    column: int
    path: str
    value: str
    message: str
    remedy: str = ""
    severity: Severity = Severity.ERROR

    def render(self, file: str = "retailers.yaml") -> str:
        """One line, as compilers write them, so that editors find the place."""
        warning = "warning: " if self.severity is Severity.WARNING else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{file}:{self.line}: {self.path + ': ' if self.path else ''}{warning}{self.message}{remedy}"


@dataclass(frozen=True, slots=True)
class Place:
    """One node of the file: where it stands, and where its problems go.

    The readers below return None for what is not of their kind, and have then noted it as a problem. YAML's own guesses
    (NO is false, 1e3 is a number, 2026-11-01 is a date) play no part: a text is what was written.
    """

    node: yaml.Node
    path: str
    problems: list[Problem] = field(compare=False)

    @property
    def line(self) -> int:
        """Its line, from 1."""
        return int(self.node.start_mark.line) + 1

    @property
    def written(self) -> str:
        """A scalar's text as written; "" for anything else."""
        return self.node.value if isinstance(self.node, yaml.ScalarNode) else ""

    @property
    def is_null(self) -> bool:
        """Whether nothing stands here."""
        return bool(self.node.tag == _NULL)

    @property
    def is_scalar(self) -> bool:
        """Whether a single value stands here."""
        return isinstance(self.node, yaml.ScalarNode)

    def error(self, message: str, remedy: str = "", *, secret: bool = False) -> None:
        """Note an error here."""
        self._note(message, remedy, Severity.ERROR, "" if secret else self.written)

    def warn(self, message: str, remedy: str = "") -> None:
        """Note a warning here."""
        self._note(message, remedy, Severity.WARNING, self.written)

    def fields(self, what: str, example: str = "") -> dict[str, Place] | None:
        """The values of a mapping by their keys; of a key that stands twice the first, and a problem."""
        if not isinstance(self.node, yaml.MappingNode):
            self.error(f"{what} must be a mapping, not {self._kind()}", f"write {example}" if example else "")
            return None
        found: dict[str, Place] = {}
        for key, value in self.node.value:
            if not isinstance(key, yaml.ScalarNode):
                Place(key, self.path, self.problems).error("a key must be a plain word")
                continue
            place = Place(value, f"{self.path}.{key.value}".lstrip("."), self.problems)
            if key.value in found:
                first = found[key.value].line
                Place(key, place.path, self.problems).error(
                    f"{key.value!r} stands here a second time (first in line {first})", "leave one of them"
                )
                continue
            found[key.value] = place
        return found

    def key(self, name: str) -> Place:
        """The place of a key of this mapping itself, for problems with the key."""
        assert isinstance(self.node, yaml.MappingNode)  # noqa: S101 - only asked of what `fields` has read
        node = next(key for key, _ in self.node.value if key.value == name)
        return Place(node, f"{self.path}.{name}".lstrip("."), self.problems)

    def refuse_unknown(self, fields: Iterable[str], allowed: Iterable[str], what: str = "key") -> None:
        """Note every key that is not allowed here, with the near one that is."""
        known = list(allowed)
        for name in fields:
            if name not in known:
                self.key(name).error(f"unknown {what} {name!r}", suggestion(name, known))

    def items(self, what: str, example: str = "") -> list[Place] | None:
        """The entries of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.error(f"{what} must be a list, not {self._kind()}", f"write {example}" if example else "")
            return None
        return list(self._entries(self.node))

    def text(self, what: str) -> str | None:
        """A text, exactly as written, not blank."""
        if not self.is_scalar:
            self.error(f"{what} must be a text, not {self._kind()}")
        elif self.is_null or not self.written.strip():
            quote = f"write '{self.written}' in quotes if that is meant" if self.written.strip("~ ") else ""
            self.error(f"{what} is empty", quote)
        else:
            return self.written
        return None

    def number(self, what: str) -> Decimal | None:
        """A plain decimal number, quoted or not."""
        if self.is_scalar and _NUMBER.match(self.written.strip()):
            return Decimal(self.written.strip())
        shown = repr(self.written) if self.is_scalar else self._kind()
        self.error(f"{what} takes a number, and {shown} is none", "write a plain number such as 50 or 49.99")
        return None

    def flag(self, what: str) -> bool | None:
        """True or false."""
        truth = _TRUTHS.get(self.written.casefold()) if self.is_scalar else None
        if truth is None:
            shown = repr(self.written) if self.is_scalar else self._kind()
            self.error(f"{what} must be true or false, not {shown}")
        return truth

    def one_of(self, what: str, allowed: Iterable[str]) -> str | None:
        """One of a few words."""
        known, word = list(allowed), self.text(what)
        if word is None or word in known:
            return word
        self.error(f"unknown {what} {word!r}", suggestion(word, known))
        return None

    def _entries(self, node: yaml.SequenceNode) -> Iterator[Place]:
        for index, entry in enumerate(node.value):
            yield Place(entry, f"{self.path}[{index}]", self.problems)

    def _kind(self) -> str:
        if isinstance(self.node, yaml.ScalarNode):
            return "nothing" if self.is_null else f"the single value {self.written!r}"
        return "a list" if isinstance(self.node, yaml.SequenceNode) else "a mapping"

    def _note(self, message: str, remedy: str, severity: Severity, value: str) -> None:
        column = int(self.node.start_mark.column) + 1
        self.problems.append(Problem(self.line, column, self.path, value, message, remedy, severity))


def suggestion(written: str, known: list[str]) -> str:
    """What was probably meant; where nothing is near, what there is."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(written.strip().casefold().replace(" ", "_"), folded, n=1)
    return f"did you mean '{folded[near[0]]}'?" if near else f"there is: {', '.join(known)}"


def root(text: str, problems: list[Problem]) -> Place | None:
    """The file's one document; None where it is empty or not YAML, which is then the one problem."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problems.append(Problem(line, column, "", "", f"not YAML: {error.problem or error.context}", "mend this line"))
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.append(Problem(line, 1, "", "", f"not YAML: {error.reason}", "remove the character"))
        return None
    if node is None:
        problems.append(Problem(1, 1, "", "", "the file is empty", "begin with 'retailers:'"))
        return None
    return Place(node, "", problems)
