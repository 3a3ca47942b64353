"""mem0's entities, whose memories are kept apart: a user, an agent, an application, a run. Each is a scope.

`user_id="alice", run_id="7"` is `<base>/user:alice/run:7`, in this order whatever is given, so that all of a user is one
scope. Entities below the first are tags as well: the index answers for an agent across its users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memos.interface.compat.scopes import made_of, segment_of
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import check_scope, contains
from memos.operation.plain import plain

ENTITIES = ("user_id", "agent_id", "app_id", "run_id")
"""The names of entities, in the order of their scopes."""

MESSAGES = "messages"
"""The segment under which messages are kept that memories were extracted from."""


def check_entity(value: Any, name: str) -> str:
    """An entity's id: a text without blanks; a number is taken as its digits.

    Raises:
        InvalidInput: it is neither, is empty, or has blanks within.
    """
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise InvalidInput(f"Invalid {name}: {shorten(value)} is neither a text nor a number.")
    try:
        text = str(plain(value)).strip()
    except ValueError:  # more digits than Python writes
        raise InvalidInput(f"Invalid {name}: {shorten(value)} has too many digits.") from None
    if not text:
        raise InvalidInput(
            f"Invalid {name}: cannot be empty or whitespace-only. Provide a valid identifier."
        )
    if any(map(str.isspace, text)):
        raise InvalidInput(
            f"Invalid {name}: cannot contain whitespace. Provide a valid identifier without spaces."
        )
    return text


def entities_from(given: Mapping[str, Any]) -> dict[str, str]:
    """Those of some arguments that are entities, checked, in the order of their scopes."""
    return {
        name: check_entity(given[name], name) for name in ENTITIES if given.get(name) is not None
    }


def segment_for(name: str, value: str) -> str:
    """The segment of a scope that an entity is, such as `user:alice`."""
    return f"{name.removesuffix('_id')}:{segment_of(value)}"


def exactly(entities: Mapping[str, str]) -> dict[str, Any]:
    """The filter of what belongs to some entities, in which `*` is an id as any other."""
    return {name: {"eq": value} for name, value in entities.items()}


def scope_of(base: str, entities: Mapping[str, str]) -> str:
    """The scope of what belongs to some entities.

    Raises:
        InvalidInput: their ids are too long for a scope.
    """
    segments = (segment_for(name, entities[name]) for name in ENTITIES if name in entities)
    return check_scope("/".join([base, *segments]))


def tags_of(entities: Mapping[str, str]) -> list[str]:
    """The tags by which the index finds what belongs to an entity, in any scope."""
    return [tag_for(name, value) for name, value in entities.items() if name != ENTITIES[0]]


def tag_for(name: str, value: str) -> str:
    """The tag of an entity."""
    return segment_for(name, value)


def entities_of(base: str, scope: str) -> dict[str, str]:
    """The entities that a scope under a base is of, or lies below; none where it is no such scope."""
    found: dict[str, str] = {}
    segments = scope.removeprefix(base).split("/")[1:] if contains(base, scope) else ()
    for segment in segments:
        kind, _, value = segment.partition(":")
        name = made_of(value)
        if f"{kind}_id" not in ENTITIES or name is None:
            break
        found[f"{kind}_id"] = name
    return found
