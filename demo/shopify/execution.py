"""Carries documents out on plain values: each is checked against the schema once, then walked as compiled selections.

graphql-core parses, validates and coerces the variables. Its own execution resolves field by field and took 3.9 ms an
order where walking the compiled selections took 1.5 ms: minutes, in a shop of 50,000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    build_schema,
    get_named_type,
    is_composite_type,
    is_list_type,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from graphql.utilities import value_from_ast_untyped

SCHEMA = build_schema(Path(__file__).with_name("admin.graphql").read_text(encoding="utf-8"))

Arguments = Mapping[str, Any]
Resolver = Callable[[Arguments], Any]

# Points, by Shopify's own account: an object 1, a connection 2 beside its nodes, a mutation 10.
CONNECTION_POINTS = 2
MUTATION_POINTS = 10


class Pages(NamedTuple):
    """A page that was cut by its resolver: nodes with their cursors. Plain lists are cut here."""

    nodes: Sequence[Any]
    cursors: Sequence[str]
    more: bool


@dataclass(frozen=True, slots=True)
class Selected:
    """One field as it is asked for. on: the type that it is asked of. arguments: literals and variables' names."""

    key: str
    name: str
    on: str
    arguments: Mapping[str, Any]
    inner: tuple[Selected, ...]
    composite: bool
    listed: bool
    connection: bool


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """A document whose root fields can be walked."""

    operation: OperationDefinitionNode
    fields: tuple[Selected, ...]

    @property
    def mutation(self) -> bool:
        """Whether it changes something."""
        return self.operation.operation is OperationType.MUTATION

    def variables(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The variables with their defaults. Raises GraphQLError."""
        coerced = get_variable_values(SCHEMA, self.operation.variable_definitions or (), dict(given))
        if isinstance(coerced, list):
            raise coerced[0]
        return coerced.coerced


@dataclass(slots=True)
class Walker:
    """Walks one document. points: what was really there, by the same account as `requested`."""

    variables: Mapping[str, Any]
    points: int = 0
    _memo: dict[int, Arguments] = field(default_factory=dict)

    def arguments(self, selected: Selected) -> Arguments:
        """Its arguments, with variables put in."""
        known = self._memo.get(id(selected))
        if known is None:
            known = {name: self._value(value) for name, value in selected.arguments.items()}
            self._memo[id(selected)] = known
        return known

    def _value(self, value: Any) -> Any:
        return self.variables.get(value.name) if isinstance(value, _Variable) else value

    def project(self, value: Any, selected: Selected) -> Any:
        """What the answer has of this value; a value that is a function is made now."""
        if callable(value):
            value = value()
        if selected.connection:
            return self._connection(value, selected)
        if not selected.composite:
            return value
        if selected.listed:
            return [self._object(item, selected.inner) for item in value]
        return self._object(value, selected.inner)

    def _object(self, value: Any, inner: tuple[Selected, ...]) -> Any:
        if value is None:
            return None
        self.points += 1
        kind = value.get("__typename")
        return {s.key: self.project(value.get(s.name), s) for s in inner if kind is None or s.on in (kind, "Node")}

    def _connection(self, value: Any, selected: Selected) -> dict[str, Any]:
        self.points += CONNECTION_POINTS
        page = value if isinstance(value, Pages) else _cut(value or (), self.arguments(selected))
        answer: dict[str, Any] = {}
        for part in selected.inner:
            if part.name == "nodes":
                answer[part.key] = [self._object(node, part.inner) for node in page.nodes]
            elif part.name == "edges":
                [node] = [s for s in part.inner if s.name == "node"]
                answer[part.key] = [{node.key: self._object(each, node.inner)} for each in page.nodes]
            elif part.name == "pageInfo":
                info = {"hasNextPage": page.more, "endCursor": page.cursors[-1] if page.cursors else None}
                answer[part.key] = {s.key: info[s.name] for s in part.inner}
        return answer


def _cut(nodes: Sequence[Any], arguments: Arguments) -> Pages:
    start = int(arguments.get("after") or 0)
    end = start + (arguments.get("first") or len(nodes))
    some = nodes[start:end]
    return Pages(some, [str(start + at + 1) for at in range(len(some))], end < len(nodes))


def requested(fields: Sequence[Selected], walker: Walker) -> int:
    """The points that these fields cost at most: as if every connection were full."""
    points = 0
    for selected in fields:
        if not selected.composite:
            continue
        inner = requested(selected.inner, walker)
        if selected.connection:
            first = walker.arguments(selected).get("first") or 0
            points += CONNECTION_POINTS + first * max(1, inner)
        elif selected.name in ("nodes", "edges", "node", "pageInfo") and selected.on != "QueryRoot":
            points += inner + (selected.name in ("nodes", "edges"))
        elif selected.name == "nodes":
            points += len(walker.arguments(selected).get("ids") or ()) * (1 + inner)
        else:
            points += 1 + inner
    return points


@lru_cache(maxsize=256)
def compiled(text: str, name: str | None = None) -> Compiled:
    """The document, checked. Raises GraphQLError with the first thing that is wrong."""
    document = parse(text)
    errors = validate(SCHEMA, document)
    if errors:
        raise errors[0]
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    wanted = [o for o in operations if name is None or (o.name is not None and o.name.value == name)]
    if len(wanted) != 1:
        raise GraphQLError("name one operation of the document")
    root = SCHEMA.mutation_type if wanted[0].operation is OperationType.MUTATION else SCHEMA.query_type
    assert root is not None  # noqa: S101 - the schema has both
    return Compiled(wanted[0], _Compiler(SCHEMA, document).fields(wanted[0].selection_set, root.name))


class _Compiler:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}

    def fields(self, selections: SelectionSetNode, on: str) -> tuple[Selected, ...]:
        found: list[Selected] = []
        for node in selections.selections:
            if isinstance(node, FieldNode):
                found.append(self._field(node, on))
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                found += self.fields(fragment.selection_set, fragment.type_condition.name.value)
            elif isinstance(node, InlineFragmentNode):
                inner = node.type_condition.name.value if node.type_condition else on
                found += self.fields(node.selection_set, inner)
        return tuple(found)

    def _field(self, node: FieldNode, on: str) -> Selected:
        name = node.name.value
        parent: Any = self._schema.type_map[on]  # validation has seen that it has fields
        type_ = parent.fields[name].type
        named = get_named_type(type_)
        inner = self.fields(node.selection_set, named.name) if node.selection_set else ()
        return Selected(
            key=node.alias.value if node.alias else name,
            name=name,
            on=on,
            arguments={
                argument.name.value: _Variable(argument.value.name.value)
                if isinstance(argument.value, VariableNode)
                else value_from_ast_untyped(argument.value)
                for argument in node.arguments or ()
            },
            inner=inner,
            composite=is_composite_type(named),
            listed=is_list_type(getattr(type_, "of_type", type_)) or is_list_type(type_),
            connection=named.name.endswith("Connection"),
        )
