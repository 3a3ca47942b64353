"""The vocabulary in force in a scope, and the check of tags against it."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, CubeState, Lifecycle
from memos.kernel.errors import InvalidInput
from memos.kernel.scope import tenant_of
from memos.operation.cube import open_parts
from memos.operation.session import Session
from memos.operation.vocabulary import (
    Vocabulary,
    add_up,
    from_content,
    nearest,
    path_of,
    vocabulary_id,
)


class InForce(NamedTuple):
    """What vocabularies come to in a scope, and whether the actor may read every one of them."""

    vocabulary: Vocabulary
    readable: bool


def vocabulary_cube(session: Session, reader: Reader, scope: str) -> tuple[bytes, CubeState | None]:
    """The cube of a scope's own vocabulary: its id, and its head where it is there."""
    tenant = tenant_of(scope)
    free = b""
    for key in session.engine.keys.tenant_keys(tenant, create=False):
        for number in count():
            cube_id = vocabulary_id(key, scope, number)
            head = reader.vault.head(cube_id)
            if head is None:
                free = free or cube_id
                break
            if head.lifecycle is not Lifecycle.ERASED:
                return cube_id, head
    return free or vocabulary_id(session.tenant_key(tenant), scope, 0), None


def in_force(session: Session, reader: Reader, scope: str) -> InForce:
    """The vocabularies of a scope and all above it, added up; archived ones are not in force."""
    parts, readable = [], True
    for at in path_of(scope):
        _, head = vocabulary_cube(session, reader, at)
        if head is None or head.lifecycle not in SHOWN:
            continue
        opened = open_parts(reader, head)
        told = None if opened is None else from_content(opened.content.content)
        if told is not None:
            parts.append((at, *told))
            readable &= session.decide(Action.READ, at, head).allowed
    return InForce(add_up(scope, parts), readable)


def check_tags(session: Session, scope: str, tags: Collection[str]) -> None:
    """Refuse tags that a closed vocabulary does not hold.

    Raises:
        InvalidInput: one is unknown; the message names the nearest that are known.
    """
    if not tags:
        return
    with session.engine.read() as reader:
        vocabulary, readable = in_force(session, reader, scope)
    if not vocabulary.closed:
        return
    for tag in tags:
        if tag in vocabulary.tags:
            continue
        close = nearest(tag, vocabulary.tags) if readable else []
        hint = f": did you mean {', '.join(map(repr, close))}?" if close else ""
        raise InvalidInput(f"the tag {tag!r} is not in the closed vocabulary of {scope}{hint}")
