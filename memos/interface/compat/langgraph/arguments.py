"""The operations of LangGraph's stores, which it lets through to a store with whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType

from langgraph.store.base import (
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchOp,
    validate_op_namespace,
)

from memos.interface.compat.langgraph.expiry import check_minutes
from memos.interface.compat.langgraph.items import Namespace
from memos.kernel.errors import InvalidInput, shorten
from memos.operation.commands.body import check_metadata
from memos.operation.plain import plain
from memos.operation.validation import check_choice, check_count, check_flag, check_json

_MATCHES = ("prefix", "suffix")


def operations(ops: object) -> list[Op]:
    """The operations of a batch.

    Raises:
        InvalidInput: nothing gives them.
    """
    if not isinstance(ops, Iterable) or isinstance(ops, str):
        raise InvalidInput(f"ops are operations of a store, not {shorten(ops)}")
    return list(ops)


def checked(op: Op) -> Op:
    """An operation whose parts are what LangGraph says they are.

    Raises:
        InvalidNamespaceError: a label is empty, no text, or holds a period.
        InvalidInput: another part does not fit.
    """
    match op:
        case GetOp():
            made: Op = GetOp(
                check_namespace(op.namespace),
                check_key(op.key),
                check_flag(op.refresh_ttl, "refresh_ttl"),
            )
        case SearchOp():
            made = _search(op)
        case PutOp():
            made = _put(op)
        case ListNamespacesOp():
            made = _list(op)
        case _:
            raise InvalidInput(f"{shorten(op)} is no operation of a store")
    validate_op_namespace(made)
    return made


def check_namespace(namespace: object) -> Namespace:
    """The labels of a namespace, which LangGraph looks at.

    Raises:
        InvalidInput: they are no sequence.
    """
    if not isinstance(namespace, (tuple, list, str)):
        raise InvalidInput(f"a namespace is a tuple of labels, not {shorten(namespace)}")
    return tuple(plain(namespace))


def check_key(key: object) -> str:
    """The key of an item.

    Raises:
        InvalidInput: it is no text.
    """
    if not isinstance(key, str):
        raise InvalidInput(f"key is a text, not {shorten(key)}")
    return str(plain(key))


def check_fields(fields: object, what: str) -> list[str]:
    """The paths of the texts that an item is searched by; None gives none.

    Raises:
        InvalidInput: they are no list of texts.
    """
    if fields is None:
        return []
    if not isinstance(fields, (list, tuple)) or not all(isinstance(each, str) for each in fields):
        raise InvalidInput(f"{what} is a list of paths, not {shorten(fields)}")
    return list(plain(fields))


def _search(op: SearchOp) -> SearchOp:
    wanted = plain(op.filter, name="filter")
    if not isinstance(wanted, (Mapping, NoneType)):
        raise InvalidInput(
            f"filter is a mapping of names to values or operators, not {shorten(wanted)}"
        )
    check_json(wanted, "filter")
    if not isinstance(op.query, (str, NoneType)):
        raise InvalidInput(f"query is a text, not {shorten(op.query)}")
    return SearchOp(
        check_namespace(op.namespace_prefix),
        None if wanted is None else dict(wanted),
        *_part(op),
        plain(op.query),
        check_flag(op.refresh_ttl, "refresh_ttl"),
    )


def _put(op: PutOp) -> PutOp:
    value = plain(op.value, name="metadata")
    if not isinstance(value, (Mapping, NoneType)):
        raise InvalidInput(f"value is a mapping, or None to delete the item, not {shorten(value)}")
    if value is not None:
        check_metadata(value)
    return PutOp(
        check_namespace(op.namespace),
        check_key(op.key),
        value,
        op.index if op.index is None or op.index is False else check_fields(op.index, "index"),
        None if op.ttl is None else check_minutes(op.ttl, "ttl"),
    )


def _list(op: ListNamespacesOp) -> ListNamespacesOp:
    conditions = () if op.match_conditions is None else op.match_conditions
    if not isinstance(conditions, (tuple, list)):
        raise InvalidInput(f"match_conditions is a tuple of conditions, not {shorten(conditions)}")
    return ListNamespacesOp(
        tuple(map(_condition, conditions)),
        None if op.max_depth is None else check_count(op.max_depth, "max_depth"),
        *_part(op),
    )


def _condition(condition: object) -> MatchCondition:
    if not isinstance(condition, MatchCondition):
        raise InvalidInput(f"{shorten(condition)} is no MatchCondition")
    check_choice(plain(condition.match_type), _MATCHES, "match_type")
    return MatchCondition(plain(condition.match_type), check_namespace(condition.path))


def _part(op: SearchOp | ListNamespacesOp) -> tuple[int, int]:
    """How many are wanted, and from which on."""
    try:
        return check_count(op.limit, "limit"), check_count(op.offset, "offset")
    except InvalidInput:
        raise InvalidInput(
            f"limit and offset are whole numbers, 0 or more, not {shorten(op.limit)} and "
            f"{shorten(op.offset)}"
        ) from None
