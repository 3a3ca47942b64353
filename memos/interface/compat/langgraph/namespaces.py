"""The namespaces of a LangGraph store: the scopes under its own that hold items."""

from __future__ import annotations

from langgraph.store.base import ListNamespacesOp, MatchCondition

from memos.interface.compat.langgraph.items import Namespace
from memos.interface.compat.scopes import names_under, scope_under
from memos.interface.memory import Memory

_ANY = "*"


def list_namespaces(memory: Memory, base: str, op: ListNamespacesOp) -> list[Namespace]:
    """The namespaces that match, in order; the index answers, and no item is read."""
    conditions = op.match_conditions or ()
    held = memory.scopes(scope_under(base, _prefix(conditions)))
    names = (names_under(base, scope) for scope in held)
    matching = {
        namespace[: op.max_depth]
        for namespace in names
        if namespace and all(_matches(condition, namespace) for condition in conditions)
    }
    return sorted(matching)[op.offset : op.offset + op.limit]


def _prefix(conditions: tuple[MatchCondition, ...]) -> Namespace:
    """The names that all matching namespaces begin with, as far as one condition says them."""
    for condition in conditions:
        if condition.match_type == "prefix":
            path = condition.path
            return path[: path.index(_ANY)] if _ANY in path else path
    return ()


def _matches(condition: MatchCondition, namespace: Namespace) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    part = (
        namespace[: len(path)]
        if condition.match_type == "prefix"
        else namespace[len(namespace) - len(path) :]
    )
    return all(wanted in (_ANY, name) for wanted, name in zip(path, part, strict=True))
