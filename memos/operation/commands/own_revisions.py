"""Changes of several memories at once: one for all, or each its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from memos.kernel.errors import InvalidInput
from memos.operation.commands.update import Revision
from memos.operation.validation import check_fields, check_id, check_list

Named = Iterable[str] | Mapping[str, str] | Iterable[Mapping[str, Any]]
"""Memories by their ids, or each with its own change: texts by id, or mappings of `cube_id` and of
`update`'s arguments.
"""

RevisionOf = Callable[[bytes], Revision]
"""The change of a memory, by its id."""

_FIELDS = frozenset({"cube_id", "id", *(each.name for each in fields(Revision))})


def revisions_of(
    named: Named | None, shared: Mapping[str, Any]
) -> tuple[Iterable[str] | None, RevisionOf]:
    """The ids of memories, and what changes of each.

    Args:
        named: the memories; None where they are not named.
        shared: the arguments of a change of all; what an item says comes before it.

    Raises:
        InvalidInput: an item does not fit, or a memory is named twice; the message says which.
    """
    items = _items(named)
    if not any(isinstance(item, Mapping) for item in items or ()):
        revision = Revision(**shared)
        return items, lambda cube_id: revision
    ids: list[str] = []
    revisions: dict[bytes, Revision] = {}
    for number, item in enumerate(items or ()):
        try:
            cube_id, changes = _parted(item)
            raw = check_id(cube_id)
            if raw in revisions:
                raise InvalidInput(f"cube {cube_id} stands in an item before it")
            revisions[raw] = Revision(**{**shared, **changes})
        except InvalidInput as error:
            raise InvalidInput(f"item {number}: {error}; nothing was written") from None
        ids.append(cube_id)
    return ids, revisions.__getitem__


def _items(named: Named | None) -> Iterable[Any] | None:
    if isinstance(named, Mapping):
        return [{"cube_id": cube_id, "text": text} for cube_id, text in named.items()]
    return None if named is None else check_list(named, "cube_ids")


def _parted(item: object) -> tuple[str, dict[str, Any]]:
    """A memory's id, and what changes of it."""
    check_fields(item, _FIELDS, "a change of a memory")
    changes = dict(item)  # type: ignore[call-overload]
    ids = [changes.pop(name) for name in ("cube_id", "id") if name in changes]
    if len(ids) != 1:
        raise InvalidInput("a change of a memory names it once, by cube_id")
    return ids[0], changes
