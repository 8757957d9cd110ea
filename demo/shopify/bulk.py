"""Bulk operations of a simulated shop: one query over everything, its result in JSON lines, children after parents.

Shopify's own limits hold: five connections, two levels of them, none inside a list, no `nodes` at the root.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from demo.shopify.execution import Selected, Walker, compiled
from demo.shopify.nodes import order_node
from demo.shopify.store import ShopStore

MOST_CONNECTIONS = 5
DEEPEST_CONNECTION = 2
# A thousand orders at a time: the store's lock is not held for all of them at once.
READ_AT_ONCE = 1000
# Who looks at a small one finds it done.
PATIENCE_S = 0.2


class NotAllowed(ValueError):
    """The query may not run in bulk."""


@dataclass(slots=True)
class Operation:
    """One operation, carried out in a thread of its own; it is running at least until it has been looked at twice."""

    ident: str
    own_url: str
    looks: int = 0
    lines: Sequence[bytes] = ()
    _done: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def started(cls, ident: str, store: ShopStore, query: str, own_url: str) -> Self:
        """One over orders. Raises NotAllowed, GraphQLError or BadSearch."""
        root = _allowed(query)
        store.page(_searched(root), "CREATED_AT", None, 1)
        operation = cls(ident, own_url)
        threading.Thread(target=operation._carry_out, args=(store, root), name="bulk", daemon=True).start()
        return operation

    def _carry_out(self, store: ShopStore, root: Selected) -> None:
        self.lines = lines(store, root)
        self._done.set()

    def seen(self) -> dict[str, Any]:
        """As it is when somebody looks."""
        self.looks += 1
        return self.node()

    def node(self) -> dict[str, Any]:
        """As a node of the schema."""
        done = self.looks >= 2 and self._done.wait(PATIENCE_S)
        status = "COMPLETED" if done else "RUNNING" if self.looks else "CREATED"
        return {
            "__typename": "BulkOperation",
            "id": self.ident,
            "status": status,
            "errorCode": None,
            "objectCount": str(len(self.lines) if done else 0),
            "rootObjectCount": str(sum(b"__parentId" not in line for line in self.lines) if done else 0),
            "url": f"{self.own_url}/bulk/{self.ident.rsplit('/', 1)[1]}.jsonl" if done and self.lines else None,
            "partialDataUrl": None,
        }


def lines(store: ShopStore, root: Selected) -> list[bytes]:
    """The result of a query over orders."""
    walker = Walker({})
    asked = walker.arguments(root)
    found: list[bytes] = []
    node, searched, sort_key = _edge_node(root), _searched(root), asked.get("sortKey") or "CREATED_AT"
    cursor, more = None, True
    while more:
        bodies, cursors, more = store.page(searched, sort_key, cursor, READ_AT_ONCE)
        cursor = cursors[-1] if cursors else None
        for body in bodies:
            found += map(orjson.dumps, _flat(order_node(body), node, walker, None))
    return found


def _allowed(query: str) -> Selected:
    document = compiled(query)
    if document.mutation or len(document.fields) != 1 or document.fields[0].name != "orders":
        raise NotAllowed("only one query over orders is simulated")
    [root] = document.fields
    _check(root)
    _edge_node(root)
    return root


def _searched(root: Selected) -> str:
    return str(Walker({}).arguments(root).get("query") or "")


def _flat(value: dict[str, Any], node: Selected, walker: Walker, parent: str | None) -> Iterator[dict[str, Any]]:
    """The object without its connections, then what these hold."""
    own = {s.key: walker.project(value.get(s.name), s) for s in node.inner if not s.connection}
    yield own if parent is None else {**own, "__parentId": parent}
    for connection in node.inner:
        if connection.connection:
            for child in value[connection.name]():
                yield from _flat(child, _edge_node(connection), walker, value["id"])


def _edge_node(connection: Selected) -> Selected:
    for part in connection.inner:
        if part.name == "edges":
            return next(s for s in part.inner if s.name == "node")
    raise NotAllowed(f"ask {connection.name} for its edges")


def _check(root: Selected) -> None:
    connections = list(_connections(root, 1, in_list=False))
    if len(connections) > MOST_CONNECTIONS or max(connections) > DEEPEST_CONNECTION:
        raise NotAllowed(f"at most {MOST_CONNECTIONS} connections, at most {DEEPEST_CONNECTION} deep")


def _connections(selected: Selected, depth: int, *, in_list: bool) -> Iterator[int]:
    if selected.connection:
        if in_list:
            raise NotAllowed(f"connection {selected.name} is inside a list")
        yield depth
    deeper = depth + selected.connection
    listed = selected.listed and selected.name not in ("edges", "nodes")
    for inner in selected.inner:
        yield from _connections(inner, deeper, in_list=in_list or listed)
