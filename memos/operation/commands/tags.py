"""Tags: given to a memory and taken from it, and a scope's vocabulary of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.errors import IllegalMove, InvalidInput
from memos.kernel.event import Kind, id_text
from memos.kernel.scope import check_scope
from memos.operation.commands.body import put_content, put_tags
from memos.operation.commands.change import ContentChange, change
from memos.operation.commands.draft import create_cube
from memos.operation.commands.new_memory import NewMemory
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.reads.vocabulary import vocabulary_cube, vocabulary_in_force
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_names
from memos.operation.vocabulary import MEDIA_TYPE, SEMANTIC_TYPE, nearest, to_bytes
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Revised


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

        def build(state: CubeState, parts: Parts | None, event: Event, body: Body) -> None:
            check_tags(session, passage, state.scope, new)
            before = parts.tag_list if parts is not None else ()
            kept = [tag for tag in dict.fromkeys((*before, *new)) if tag not in unwanted]
            event.parts = put_tags(body, kept)

        tagging = ContentChange(
            Kind.TAGGED, build, composed=True, reads=True, expected_version=expected_version
        )
        return change(session, passage, cube_id, tagging)


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


def set_vocabulary(session: Session, scope: str, tags: Iterable[str], *, closed: bool) -> Receipt:
    """See `Memory.set_vocabulary`."""
    check_scope(scope)
    content = to_bytes(check_names(tags, "tags"), closed=bool(closed))
    with session.gate.enter("set_vocabulary") as passage:
        with session.engine.read() as reader:
            cube_id, head = vocabulary_cube(session, reader, scope)
        if head is None:
            passage.require(Action.CREATE, scope)
            try:
                return _make_vocabulary(session, scope, cube_id, content)
            except IllegalMove:
                pass  # another writer has just made it: this is then its next version

        def build(state: CubeState, parts: Parts | None, event: Event, body: Body) -> None:
            event.parts = put_content(body, MEDIA_TYPE, content)
            event.revised.mode = Revised.MODE_OVERWRITE

        return change(session, passage, id_text(cube_id), ContentChange(Kind.REVISED, build))


def _make_vocabulary(session: Session, scope: str, cube_id: bytes, content: bytes) -> Receipt:
    """Write a scope's first vocabulary, under the id at which it is looked for."""
    memory = NewMemory(
        scope=scope, content=content, media_type=MEDIA_TYPE, semantic_type=SEMANTIC_TYPE
    )
    (committed,) = session.engine.writer.commit([create_cube(session, memory, cube_id=cube_id)])
    return receipt_of(session.engine, committed)
