"""mem0's grammar of filters as scopes and filters of a vault.

{"user_id": "alice", "kind": "food"}                 all must hold
{"AND": [{"user_id": "alice"}, {"n": {"gte": 3}}]}   the same, as lists: AND, OR, NOT
{"kind": "*"}                                        has any value there

Operators: eq, ne, in, nin, gt, gte, lt, lte, contains, icontains. What is not known is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from memos.interface.compat.mem0.entities import (
    ENTITIES,
    MESSAGES,
    check_entity,
    scope_of,
    segment_for,
    tag_for,
)
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import MOST_SCOPES

OPERATORS = ("eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "contains", "icontains")

FIELDS: Mapping[str, str] = {"created_at": "created", "updated_at": "changed"}
"""The SDK's names of what a vault has under another name; any other name is one of the metadata."""

_USER = ENTITIES[0]
_ANY = "*"


class Selected(NamedTuple):
    """Where to look, and what must hold there.

    Attributes:
        scopes: the scopes that hold all that is selected.
        filter: the filter of the vault; None where all there is selected.
        entities: the names of the entities that the filter speaks of.
        required: the entities below the user to which all that is selected belongs.
    """

    scopes: tuple[str, ...]
    filter: dict[str, Any] | None
    entities: frozenset[str]
    required: Mapping[str, str]


def select(filters: Mapping[str, Any], base: str, fields: Mapping[str, str] = FIELDS) -> Selected:
    """mem0's filter as one of a vault.

    Args:
        filters: mem0's filter; empty for all.
        base: the scope that all memories lie below.
        fields: names that the vault has others for, and those.

    Raises:
        InvalidInput: an operator is unknown, or a value does not fit.
    """
    grammar = _Grammar(base, fields)
    parts = list(grammar.parts(filters))
    scopes = tuple(_scopes(filters, base))
    if base in scopes:
        parts.append({"not": {"scope": {"under": f"{base}/{MESSAGES}"}}})
    required: dict[str, str] = {}
    for name, condition in _required(filters):
        operands = _equals(condition)
        if name in ENTITIES and name != _USER and operands is not None and len(operands) == 1:
            required[name] = check_entity(operands[0], name)
    whole = {"and": parts} if parts else None
    return Selected(scopes, whole, frozenset(grammar.entities), required)


def _scopes(filters: Mapping[str, Any], base: str) -> list[str]:
    """The scopes to look in: those of the users that the filter names, or the base."""
    required = list(_required(filters))
    for wanted in required:
        operands = _equals(wanted[1]) if wanted[0] == _USER else None
        if operands is not None and 1 <= len(operands) <= MOST_SCOPES:
            return [scope_of(base, {_USER: check_entity(each, _USER)}) for each in operands]
    return [base]


def _required(filters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The conditions that all must hold, those of nested ANDs too."""
    for name, condition in filters.items():
        if name == "AND":
            for inner in condition:
                yield from _required(inner)
        elif name not in ("OR", "NOT"):
            yield name, condition


def _equals(condition: Any) -> list[Any] | None:
    """The values of which a field has one; None where the condition says something else."""
    if not isinstance(condition, Mapping):
        return None if _is_any(condition) else [condition]
    if "eq" in condition:
        return [condition["eq"]]
    return list(condition["in"]) if isinstance(condition.get("in"), (list, tuple)) else None


def _is_any(condition: object) -> bool:
    return isinstance(condition, str) and condition == _ANY


class _Grammar:
    """Reads a filter. `entities` are those that it came to."""

    def __init__(self, base: str, fields: Mapping[str, str]) -> None:
        self.entities: set[str] = set()
        self._base = base
        self._fields = fields

    def parts(self, filters: Any) -> Iterator[dict[str, Any]]:
        """The filters of the vault that all must hold."""
        if not isinstance(filters, Mapping):
            raise InvalidInput(f"a filter is a dictionary, not {shorten(filters)}")
        for name, condition in filters.items():
            if name in ("AND", "OR", "NOT"):
                yield from self._joined(name, condition)
            elif name in ENTITIES:
                self.entities.add(name)
                yield from self._of_entity(name, condition)
            else:
                yield from _of_field(self._fields.get(name) or metadata_field(name), condition)

    def _joined(self, name: str, conditions: Any) -> Iterator[dict[str, Any]]:
        if not isinstance(conditions, (list, tuple)) or (not conditions and name != "AND"):
            raise InvalidInput(f"{name} operator requires a non-empty list of conditions")
        inner = [list(self.parts(condition)) for condition in conditions]
        if not all(inner):
            raise InvalidInput(f"a condition of {name} is empty: name a field")
        alternatives = [{"and": parts} for parts in inner]
        if name == "AND":
            yield from alternatives
        elif name == "OR":
            yield {"or": alternatives}
        else:
            yield {"not": {"or": alternatives}}

    def _of_entity(self, name: str, condition: Any) -> Iterator[dict[str, Any]]:
        """What a condition on an entity says of scope and tags, which the index answers for; else of the metadata."""
        field = metadata_field(name)
        for op, operand in _tests(field, condition):
            if op in ("eq", "ne"):
                yield _unless(op == "ne", self._is(name, operand))
            elif op in ("in", "nin"):
                one = {"or": [self._is(name, each) for each in _list(op, operand)]}
                yield _unless(op == "nin", one)
            else:
                yield {field: {op: operand}}

    def _is(self, name: str, value: Any) -> dict[str, Any]:
        checked = check_entity(value, name)
        if name == _USER:
            return {"scope": {"under": f"{self._base}/{segment_for(name, checked)}"}}
        return {"tags": tag_for(name, checked)}


def _unless(negated: bool, condition: dict[str, Any]) -> dict[str, Any]:
    return {"not": condition} if negated else condition


def _of_field(field: str, condition: Any) -> Iterator[dict[str, Any]]:
    yield from ({field: {op: operand}} for op, operand in _tests(field, condition))


def _tests(field: str, condition: Any) -> Iterator[tuple[str, Any]]:
    """The operators of a condition, as the vault has them."""
    if not isinstance(condition, Mapping):
        yield ("exists", True) if _is_any(condition) else ("eq", condition)
        return
    if not condition:
        raise InvalidInput(f"the filter on {shorten(field)} names no operator")
    for op, operand in condition.items():
        if op not in OPERATORS:
            raise InvalidInput(
                f"Unsupported metadata filter operator: {shorten(op)}; use {', '.join(OPERATORS)}"
            )
        if op in ("in", "nin"):
            _list(op, operand)
        yield op, operand


def _list(op: str, operand: Any) -> list[Any]:
    if not isinstance(operand, (list, tuple, set, frozenset)) or not operand:
        raise InvalidInput(f"{op} takes a list of values, not {shorten(operand)}")
    return list(operand)


def metadata_field(name: Any) -> str:
    """The field of the vault's filters that a key of the metadata is.

    Raises:
        InvalidInput: it can be none.
    """
    if not isinstance(name, str) or not name or ("'" in name and '"' in name):
        raise InvalidInput(
            f"{shorten(name)} cannot be filtered by: a name is a text with one kind of quote at most"
        )
    return f'metadata."{name}"' if "'" in name else f"metadata.'{name}'"
