"""Tags: given to a memory and taken from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, CubeState
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind, id_text
from memos.operation.commands.batch import Batch, BatchChange, Make, change_several
from memos.operation.commands.body import put_tags
from memos.operation.commands.change import (
    ContentChange,
    NothingChanges,
    change,
    drafted,
    not_at,
)
from memos.operation.commands.sources import permitted_state
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.reads.vocabulary import vocabulary_in_force
from memos.operation.receipt import Receipt, digest_of
from memos.operation.search.selection import Selection
from memos.operation.session import Session, live_state
from memos.operation.validation import check_names
from memos.operation.vocabulary import nearest
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Retagging:
    """The tags that memories are to get and to lose.

    Raises:
        InvalidInput: a tag does not fit, or none is named.
    """

    added: Iterable[str] = ()
    removed: Iterable[str] = ()

    def __post_init__(self) -> None:
        for name in ("added", "removed"):
            object.__setattr__(self, name, check_names(getattr(self, name), "tags"))
        if not self.added and not self.removed:
            raise InvalidInput("name at least one tag")

    def change(self, session: Session, passage: Passage, state: CubeState) -> ContentChange:
        """The change that it is to a memory.

        Raises:
            InvalidInput: a tag is not in a closed vocabulary.
        """
        added, removed = tuple(self.added), frozenset(self.removed)
        check_tags(session, passage, state.scope, added)

        def build(parts: Parts | None, event: Event, body: Body) -> None:
            before = parts.tag_list if parts is not None else ()
            kept = [tag for tag in dict.fromkeys((*before, *added)) if tag not in removed]
            if parts is not None and kept == list(before):
                raise NothingChanges
            event.parts = put_tags(body, kept)

        return ContentChange(Kind.TAGGED, build, reads=True)


def retag(
    session: Session, cube_id: str, retagging: Retagging, expected_version: int | None
) -> Receipt:
    """Give a cube its tags, less those removed and with those added. See `Memory.tag`."""
    with session.gate.enter("tag") as passage:
        state = permitted_state(session, passage, cube_id, Action.WRITE)
        tagging = replace(
            retagging.change(session, passage, state), expected_version=expected_version
        )
        try:
            return change(session, passage, state, tagging)
        except NothingChanges:
            return _unchanged(session, passage, state.cube_id, expected_version)


def _unchanged(
    session: Session, passage: Passage, cube_id: bytes, expected_version: int | None
) -> Receipt:
    """The receipt of what needed no event.

    Raises:
        Conflict: the caller expects another version.
    """
    with session.engine.read() as reader:
        state = live_state(passage, reader, cube_id)
        standing = reader.vault.state_at(cube_id)
    if standing is None:
        raise passage.absent(cube_id)
    if expected_version not in (None, state.version):
        raise not_at(state, expected_version)
    digest = digest_of(state, state.version)
    return Receipt("", id_text(cube_id), state.version, standing.position, "", digest=digest)


def retag_several(
    session: Session, selection: Selection, retagging: Retagging, *, dry_run: bool
) -> Batch:
    """See `Memory.tag_many`."""

    def make(passage: Passage) -> Make:
        return lambda reader, state: drafted(
            session, passage, reader, state, retagging.change(session, passage, state)
        )

    called = "tag" if retagging.added else "untag"
    tagging = BatchChange("tag", SHOWN, make, called)
    return change_several(session, selection, tagging, dry_run=dry_run)


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
