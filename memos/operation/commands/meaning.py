"""What the arguments of a keyed command mean: a retry may write them in another way.

A time is a text or a datetime, an id has letters of either case, a list names something twice, and a
default may be given. What is taken for the same here is stored as the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from memos.kernel.event import id_text
from memos.operation.commands.body import PLAIN_TEXT, check_text
from memos.operation.commands.cited import Cited
from memos.operation.commands.header_facts import read_lifespan
from memos.operation.validation import check_id, check_time


def _time(value: Any) -> Any:
    """Microseconds; an empty text, which takes a bound away, as it is."""
    return value if value == "" else ["time", check_time(value, "a time")]


def _names(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def _ids(values: Any) -> list[str]:
    return _names(id_text(check_id(value)) for value in values)


def _cited(values: Any) -> list[str]:
    return _names(str(Cited.of(value)) for value in values)


def _lifespan(value: Any) -> list[Any] | None:
    """As it is kept; an empty text or mapping says nothing."""
    span = read_lifespan(value) if value else None
    return None if span is None else list(span)


_MEANT: Mapping[str, Callable[[Any], Any]] = {
    "valid_from": _time,
    "valid_until": _time,
    "tags": _names,
    "readers": _names,
    "writers": _names,
    "derived_from": _cited,
    "cube_ids": _ids,
    "lifespan": _lifespan,
}


def meaning(stated: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a command that were stated, each as it is meant; those that say nothing are
    left out. All of them have been checked.
    """
    meant = {
        name: _MEANT[name](value) if name in _MEANT else value for name, value in stated.items()
    }
    return {name: value for name, value in meant.items() if value is not None}


def meaning_of_new(stated: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """The same, of a memory that is to be made in a scope: an empty text or mapping says nothing, it is
    about its scope unless somebody else is named, and a text is content of the type of plain ones.
    """
    meant = meaning(stated)
    text = meant.pop("text", None)
    content = meant.pop("content", None)
    if text is not None:
        content = check_text(text)
    media_type = meant.pop("media_type", PLAIN_TEXT)
    meant = {name: value for name, value in meant.items() if value not in ("", {})}
    if meant.get("subject") == scope:
        del meant["subject"]
    return {**meant, "content": content, "media_type": media_type}


def without_owner(meant: Mapping[str, Any], actor: str) -> Mapping[str, Any]:
    """What is meant, without the owner where that is who makes the memory anyway."""
    if meant.get("owner") != actor:
        return meant
    return {name: value for name, value in meant.items() if name != "owner"}
