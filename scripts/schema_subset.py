"""The part of a GraphQL schema that documents use, as SDL: their fields and arguments, inputs and enums as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    TypeInfo,
    TypeInfoVisitor,
    Undefined,
    Visitor,
    ast_from_value,
    get_named_type,
    is_required_argument,
    print_ast,
    specified_scalar_types,
    visit,
)

Fields = dict[str, dict[str, set[str]]]
"""Type -> field -> arguments."""


def subset_sdl(schema: GraphQLSchema, documents: Iterable[DocumentNode]) -> str:
    """The subset that all these documents are valid on, types in the order of their names."""
    used = _Used(schema)
    for document in documents:
        visit(document, TypeInfoVisitor(used.info, used))
    types = used.closed()
    texts = [_text(schema.type_map[name], used.fields, types) for name in sorted(types)]
    roots = {"query": schema.query_type, "mutation": schema.mutation_type}
    head = _block("schema", [f"{what}: {root.name}" for what, root in roots.items() if root and root.name in types])
    return "\n\n".join([head, *texts]) + "\n"


class _Used(Visitor):
    """Gathers what is used while a document is visited."""

    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.schema = schema
        self.info = TypeInfo(schema)
        self.fields: Fields = defaultdict(lambda: defaultdict(set))
        self.types: set[str] = set()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent, field = self.info.get_parent_type(), self.info.get_field_def()
        if parent is None or field is None or node.name.value.startswith("__"):
            return
        given = {argument.name.value for argument in node.arguments or ()}
        required = {name for name, argument in field.args.items() if is_required_argument(argument)}
        self.fields[parent.name][node.name.value] |= given | required

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: object) -> None:
        if node.type_condition is not None:
            self.types.add(node.type_condition.name.value)

    def closed(self) -> set[str]:
        """All types that are named, by fields, arguments and inputs, however deep."""
        names = {*self.types, *self.fields}
        for parent, fields in self.fields.items():
            for name, arguments in fields.items():
                field = _fields_of(self.schema.type_map[parent])[name]
                names.add(get_named_type(field.type).name)
                for argument in arguments:
                    names |= set(self._inner(field.args[argument].type, names))
        for name in names:
            if isinstance(self.schema.type_map[name], GraphQLInterfaceType) and not self.fields[name]:
                self.fields[name]["id"] = set()  # one that is only ever narrowed down still needs a field
        for name in list(names):
            self._implement(name, names)
        return names - set(specified_scalar_types)

    def _inner(self, type_: GraphQLInputType, seen: set[str]) -> Iterator[str]:
        named = get_named_type(type_)
        yield named.name
        if isinstance(named, GraphQLInputObjectType) and named.name not in seen:
            for field in named.fields.values():
                yield from self._inner(field.type, {*seen, named.name})

    def _implement(self, name: str, names: set[str]) -> None:
        """An object has the fields of each interface that is kept."""
        type_ = self.schema.type_map[name]
        for interface in type_.interfaces if isinstance(type_, GraphQLObjectType) else ():
            if interface.name in names:
                for field, arguments in self.fields[interface.name].items():
                    self.fields[name][field] |= arguments


def _fields_of(type_: GraphQLNamedType) -> dict[str, GraphQLField]:
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return dict(type_.fields)
    raise TypeError(f"{type_.name} has no fields")


def _text(type_: GraphQLNamedType, fields: Fields, names: set[str]) -> str:
    if isinstance(type_, GraphQLScalarType):
        return f"scalar {type_.name}"
    if isinstance(type_, GraphQLEnumType):
        return _block(f"enum {type_.name}", type_.values)
    if isinstance(type_, GraphQLInputObjectType):
        return _block(
            f"input {type_.name}", [f"{name}: {field.type}{_default(field)}" for name, field in type_.fields.items()]
        )
    if isinstance(type_, GraphQLUnionType):
        return f"union {type_.name} = {' | '.join(t.name for t in type_.types if t.name in names)}"
    if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        raise TypeError(f"{type_.name} is a kind of type that is not known here")
    kind = "type" if isinstance(type_, GraphQLObjectType) else "interface"
    kept = [interface.name for interface in type_.interfaces if interface.name in names]
    head = f"{kind} {type_.name}" + (f" implements {' & '.join(kept)}" if kept else "")
    wanted = fields[type_.name]
    return _block(head, [_field(name, type_.fields[name], wanted[name]) for name in sorted(wanted)])


def _field(name: str, field: GraphQLField, wanted: set[str]) -> str:
    arguments = [f"{at}: {argument.type}{_default(argument)}" for at, argument in field.args.items() if at in wanted]
    return f"{name}({', '.join(arguments)}): {field.type}" if arguments else f"{name}: {field.type}"


def _default(of: GraphQLArgument | GraphQLInputField) -> str:
    if of.default_value is Undefined:
        return ""
    written = ast_from_value(of.default_value, of.type)
    return "" if written is None else f" = {print_ast(written)}"


def _block(head: str, lines: Iterable[str]) -> str:
    return "\n".join([f"{head} {{", *(f"  {line}" for line in lines), "}"])
