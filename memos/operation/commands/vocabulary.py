"""Setting the vocabulary of a scope: the tags that its memories may have."""

from __future__ import annotations

from collections.abc import Iterable

from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import IllegalMove
from memos.kernel.event import Kind, id_text
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.commands.body import put_content
from memos.operation.commands.change import ContentChange, change
from memos.operation.commands.draft import create_cube
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import permitted_state
from memos.operation.cube import Parts
from memos.operation.reads.vocabulary import vocabulary_cube
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_flag, check_names
from memos.operation.vocabulary import MEDIA_TYPE, SEMANTIC_TYPE, to_bytes, vocabulary_id
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Revised


def set_vocabulary(session: Session, scope: str, tags: Iterable[str], *, closed: bool) -> Receipt:
    """See `Memory.set_vocabulary`."""
    scope = check_scope(scope)
    content = to_bytes(check_names(tags, "tags"), closed=check_flag(closed, "closed"))
    with session.gate.enter("set_vocabulary") as passage:
        with session.engine.read() as reader:
            cube_id, head = vocabulary_cube(session, reader, scope)
        if head is None:
            passage.require(Action.CREATE, scope)
            cube_id = cube_id or vocabulary_id(session.digests.key(tenant_of(scope)), scope, 0)
            try:
                return _make_vocabulary(session, scope, cube_id, content)
            except IllegalMove:
                pass  # another writer has just made it: this is then its next version
        else:
            passage.require(Action.WRITE, scope, head, named=scope)

        state = permitted_state(session, passage, id_text(cube_id), Action.WRITE)

        def build(parts: Parts | None, event: Event, body: Body) -> None:
            event.parts = put_content(body, MEDIA_TYPE, content)
            event.revised.mode = Revised.MODE_OVERWRITE

        return change(session, passage, state, ContentChange(Kind.REVISED, build))


def _make_vocabulary(session: Session, scope: str, cube_id: bytes, content: bytes) -> Receipt:
    """Write a scope's first vocabulary, under the id at which it is looked for."""
    memory = NewMemory(
        scope=scope, content=content, media_type=MEDIA_TYPE, semantic_type=SEMANTIC_TYPE
    )
    (committed,) = session.engine.writer.commit([create_cube(session, memory, cube_id=cube_id)])
    return receipt_of(session.engine, committed)
