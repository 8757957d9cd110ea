"""Every document is valid on the checked-in part of Shopify's schema, and no document is left over."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLSchema, NoDeprecatedCustomRule, build_schema, parse, specified_rules, validate

import demo.shopify
from streams.shopify.documents import document, is_operation, names, text_of


@pytest.fixture(scope="module")
def admin() -> GraphQLSchema:
    return build_schema(Path(demo.shopify.__file__).with_name("admin.graphql").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in names() if is_operation(name)])
def test_a_document_is_valid_on_the_schema(name: str, admin: GraphQLSchema) -> None:
    found = document(name)

    assert validate(admin, parse(found.text), [*specified_rules, NoDeprecatedCustomRule]) == []
    assert found.mutation == (f"mutation {found.name}" in found.text)


def test_a_field_that_shopify_does_not_have_is_noticed(admin: GraphQLSchema) -> None:
    text = document("orders_created").text.replace("updatedAt", "updated_at")

    assert validate(admin, parse(text)) != []


def test_each_fragment_goes_along_with_some_document() -> None:
    used = "".join(document(name).text for name in names() if is_operation(name))

    assert all(text_of(name) in used for name in names())


def test_a_fragment_is_no_document() -> None:
    with pytest.raises(ValueError, match="holds no operation"):
        document("order_fields")
