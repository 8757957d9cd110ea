"""mutmut as this repo needs it: mutates properties too, leaves the wording of messages alone, draws few examples.

`make mutants` runs it in .venv-mutants; docs/decisions/0009-mutation-testing.md says what it found and why it is so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import libcst as cst
from libcst import matchers as m
from mutmut.__main__ import cli
from mutmut.mutation import file_mutation, mutators

# Of each property test and for each mutant; the same ones every time. The models' 800 would take half a minute.
EXAMPLES = 15

_PROPERTY = m.FunctionDef(decorators=[m.Decorator(m.Name("property"))])
_WORDING = m.FormattedString() | m.ConcatenatedString() | m.Raise()
_skip, _arrange = file_mutation.MutationVisitor._skip_node_and_children, file_mutation.function_trampoline_arrangement

# What mutmut keeps of a mutant: the exit code of its tests.
SURVIVED, NO_TESTS = 0, 33


def skip(visitor: file_mutation.MutationVisitor, node: cst.CSTNode) -> bool:
    """mutmut passes over all decorated functions; a property is harmless once its trampoline is inside of it."""
    if m.matches(node, _PROPERTY):
        return False
    return _skip(visitor, node) or m.matches(node, _WORDING)


def arrange(
    function: cst.FunctionDef, mutants: Iterable[file_mutation.Mutation], class_name: str | None
) -> tuple[Sequence[cst.CSTNode], Sequence[cst.CSTNode], Sequence[cst.CSTNode], Sequence[str]]:
    """The mutants of a property are plain functions; the trampoline that calls one of them is the property."""
    if not m.matches(function, _PROPERTY):
        return _arrange(function, mutants, class_name)
    before, (trampoline, *copies), after, names = _arrange(function.with_changes(decorators=[]), mutants, class_name)
    decorated = trampoline.with_changes(decorators=[*function.decorators, *trampoline.decorators])
    return before, [decorated, *copies], after, names


def another_text(node: cst.BaseString) -> Iterable[cst.BaseString]:
    """One other text; mutmut's upper and lower case of it show nothing more."""
    yield from list(mutators.operator_string(node))[:1]


def few_examples() -> None:
    """Let every property test run few examples, whatever it asks for, and for every mutant the same."""
    given = hypothesis.settings.__init__

    def init(self: hypothesis.settings, parent: hypothesis.settings | None = None, **named: Any) -> None:
        few = {"max_examples": min(EXAMPLES, named.get("max_examples", EXAMPLES)), "derandomize": True}
        # mutmut runs pytest several times in one process, on a machine that is busy.
        patient = {"deadline": None, "suppress_health_check": list(hypothesis.HealthCheck), "database": None}
        given(self, parent, **{**named, **few, **patient})

    hypothesis.settings.__init__ = init
    hypothesis.settings.register_profile("mutants", hypothesis.settings())
    hypothesis.settings.load_profile("mutants")


@cli.command()
def table() -> None:
    """Count, for each module, the mutants that were run and those that survived."""
    for file in sorted(Path("mutants/streams/domain").rglob("*.py.meta")):
        ran = [code for code in json.loads(file.read_text())["exit_code_by_key"].values() if code is not None]
        if ran:
            counted = Counter("survived" if code in (SURVIVED, NO_TESTS) else "killed" for code in ran)
            module = str(file.relative_to("mutants/streams/domain")).removesuffix(".py.meta")
            print(f"{module:<22} {len(ran):>5} {counted['killed']:>5} {counted['survived']:>5}")


if __name__ == "__main__":
    few_examples()
    file_mutation.MutationVisitor._skip_node_and_children = skip
    file_mutation.function_trampoline_arrangement = arrange
    file_mutation.mutation_operators = [
        (node, another_text if operator is mutators.operator_string else operator)
        for node, operator in mutators.mutation_operators
    ]
    cli()
