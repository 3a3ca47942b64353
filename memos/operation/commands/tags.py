"""Tags: given to a memory and taken from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind
from memos.operation.commands.body import put_tags
from memos.operation.commands.change import ContentChange, change
from memos.operation.commands.sources import permitted_state
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.reads.vocabulary import vocabulary_in_force
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import check_names
from memos.operation.vocabulary import nearest
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event


def retag(
    session: Session,
    cube_id: str,
    *,
    added: Sequence[str] = (),
    removed: Sequence[str] = (),
    expected_version: int | None = None,
) -> Receipt:
    """Give a cube its tags, less those removed and with those added. See `Memory.tag`."""
    new = check_names(added, "tags")
    unwanted = frozenset(check_names(removed, "tags"))
    if not new and not unwanted:
        raise InvalidInput("name at least one tag")

    with session.gate.enter("tag") as passage:
        state = permitted_state(session, passage, cube_id, Action.WRITE)
        check_tags(session, passage, state.scope, new)

        def build(parts: Parts | None, event: Event, body: Body) -> None:
            before = parts.tag_list if parts is not None else ()
            kept = [tag for tag in dict.fromkeys((*before, *new)) if tag not in unwanted]
            event.parts = put_tags(body, kept)

        tagging = ContentChange(Kind.TAGGED, build, reads=True, expected_version=expected_version)
        return change(session, passage, state, tagging)


def check_tags(session: Session, passage: Passage, scope: str, tags: Collection[str]) -> None:
    """Refuse tags that a closed vocabulary does not hold.

    Raises:
        InvalidInput: one is unknown; the message names the nearest that are known.
    """
    if not tags:
        return
    with session.engine.read() as reader:
        vocabulary, readable = vocabulary_in_force(session, passage, reader, scope)
    if not vocabulary.closed:
        return
    for tag in tags:
        if tag in vocabulary.tags:
            continue
        close = nearest(tag, vocabulary.tags) if readable else []
        hint = f": did you mean {', '.join(map(repr, close))}?" if close else ""
        raise InvalidInput(f"the tag {tag!r} is not in the closed vocabulary of {scope}{hint}")
