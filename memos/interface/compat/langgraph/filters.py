"""LangGraph's filters: as far as possible as filters of the vault, and exactly for each item.

{"color": "red"}                  the value itself
{"score": {"$gte": 3, "$lt": 5}}  an operator
{"place": {"city": "Hove"}}       within an object
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from memos.kernel.errors import InvalidInput, shorten

_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "$gt": ("gt", operator.gt),
    "$gte": ("gte", operator.ge),
    "$lt": ("lt", operator.lt),
    "$lte": ("lte", operator.le),
}
OPERATORS = ("$eq", "$ne", *_COMPARISONS)


def pushed_filter(condition: Mapping[str, Any] | None, field: str) -> dict[str, Any] | None:
    """A filter of the vault that holds of every item of which LangGraph's holds; None where that is all.

    Args:
        condition: LangGraph's filter.
        field: what it speaks of, such as `metadata.value`.

    Raises:
        InvalidInput: an operator is unknown, or a value cannot be compared by it.
    """
    parts = list(_parts(condition or {}, field))
    return {"and": parts} if parts else None


def fits(value: Any, condition: Mapping[str, Any] | None) -> bool:
    """Whether LangGraph's filter holds of an item's value, which was checked by `pushed_filter`."""
    return all(
        _matches(value.get(name) if isinstance(value, Mapping) else None, wanted)
        for name, wanted in (condition or {}).items()
    )


def _parts(condition: Mapping[str, Any], field: str) -> Iterator[dict[str, Any]]:
    for name, wanted in condition.items():
        path = f"{field}.{_quoted(name)}"
        if not isinstance(wanted, Mapping):
            _check_listed(path, wanted)
            yield from _equal(path, wanted)
        elif any(str(key).startswith("$") for key in wanted):
            for op, operand in wanted.items():
                yield from _compared(path, op, operand)
        else:
            yield from _parts(wanted, path)


def _equal(path: str, wanted: Any) -> Iterator[dict[str, Any]]:
    if isinstance(
        wanted, (str, int, float)
    ):  # what is absent is None to LangGraph, so None is told apart later
        yield {path: {"eq": wanted}}


def _check_listed(path: str, wanted: Any) -> None:
    """Refuse what stands in a list and is no condition: elements are compared as fields are."""
    if isinstance(wanted, (list, tuple)):
        for inner in wanted:
            list(_parts({"element": inner}, path))


def _compared(path: str, op: str, operand: Any) -> Iterator[dict[str, Any]]:
    if op not in OPERATORS:
        raise InvalidInput(
            f"the filter operator {shorten(op)} is not known: use {', '.join(OPERATORS)}"
        )
    _check_listed(path, operand)
    if op == "$eq":
        yield from _equal(path, operand)
    elif op in _COMPARISONS:
        if isinstance(operand, bool) or not isinstance(operand, (str, int, float)):
            raise InvalidInput(f"{op} compares numbers or texts, not {shorten(operand)}")
        if not isinstance(operand, str):  # the vault compares texts that name times as times
            yield {path: {_COMPARISONS[op][0]: operand}}


def _quoted(name: Any) -> str:
    """A name as a step of a path of the vault's filters."""
    if not isinstance(name, str) or not name or ("'" in name and '"' in name):
        raise InvalidInput(
            f"{shorten(name)} cannot be filtered by: a name is a text with one kind of quote at most"
        )
    return f'"{name}"' if "'" in name else f"'{name}'"


def _matches(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return _same(value, wanted)
    if any(key.startswith("$") for key in wanted):
        return all(_holds(value, op, operand) for op, operand in wanted.items())
    return isinstance(value, Mapping) and fits(value, wanted)


def _same(value: Any, wanted: Any) -> bool:
    """Equality of JSON: true is no 1."""
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(wanted)
            and all(map(_matches, value, wanted))
        )
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)


def _holds(value: Any, op: str, operand: Any) -> bool:
    if op in ("$eq", "$ne"):
        return _same(value, operand) is (op == "$eq")
    kinds = (str,) if isinstance(operand, str) else (int, float)
    return (
        isinstance(value, kinds)
        and not isinstance(value, bool)
        and bool(_COMPARISONS[op][1](value, operand))
    )
