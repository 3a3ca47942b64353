"""The head of one memory, for those who may read it."""

from __future__ import annotations

from collections.abc import Iterable

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import ZERO_DIGEST, CubeState, Form, Lifecycle
from memos.kernel.errors import NotFound
from memos.kernel.event import id_text
from memos.kernel.late import comes_behind, made_of
from memos.kernel.lineage import CARRIES_TAINT
from memos.operation.gate import Passage
from memos.operation.session import live_state


def governed_head(passage: Passage, reader: Reader, raw: bytes) -> CubeState:
    """The head of a memory that the actor may read; erased ones have one, too. A memory in another form than
    plaintext lists those that it was made of: it is for who may read all of them.

    Raises:
        NotFound, Denied: as their names say.
    """
    head = live_state(passage, reader, raw)
    passage.require(Action.READ, head.scope, head)
    if head.form is not Form.PLAINTEXT:
        require_all_readable(passage, reader, head, made_from(reader, head))
    if came_late(reader, head):
        return head._replace(lifecycle=Lifecycle.ERASED)
    return head


def made_from(reader: Reader, state: CubeState) -> frozenset[bytes]:
    """The memories that any version of a cube was made of."""
    edges = reader.vault.edges(state.cube_id, downstream=False)
    return frozenset(edge.source[0] for edge in edges if edge.relation in CARRIES_TAINT)


def came_late(reader: Reader, state: CubeState) -> bool:
    """Whether a memory was made of one that was erased before: it is as good as erased, and asked to
    be (docs/distributed.md).
    """
    if state.lineage_digest == ZERO_DIGEST or state.lifecycle is Lifecycle.ERASED:
        return False
    edges = reader.vault.edges(state.cube_id, downstream=False, version=1)
    named = dict.fromkeys(edge.source[0] for edge in edges if edge.relation in CARRIES_TAINT)
    return any(_came_behind(reader, state.cube_id, raw) for raw in named)


def _came_behind(reader: Reader, cube_id: bytes, raw: bytes) -> bool:
    """Whether a cube was made of another one behind what the erase of that one had read."""
    source = reader.vault.head(raw)
    if source is None or source.lifecycle is not Lifecycle.ERASED:
        return False
    made = reader.vault.version(cube_id, 1)
    request = next(iter(reader.vault.attempts(source.erasing)), None)
    if (
        made is None
        or request is None
        or not comes_behind(reader.event(request.position), made.position)
        or reader.origin_of(request.position)
    ):
        return False
    return raw in made_of(reader.event(made.position))


def readable_head(passage: Passage, reader: Reader, raw: bytes) -> CubeState:
    """The head of a memory that the actor may read and that is not erased.

    Raises:
        NotFound, Denied: as their names say.
    """
    head = governed_head(passage, reader, raw)
    if head.lifecycle is Lifecycle.ERASED:
        raise NotFound("the memory was erased: nothing of it is left to go by")
    return head


def require_all_readable(
    passage: Passage, reader: Reader, state: CubeState, cube_ids: Iterable[bytes]
) -> None:
    """Go on only where the actor may read all the memories that a cube tells of; which they may not, is not told.

    Raises:
        Denied: they may not.
    """
    for source in reader.vault.heads_many(cube_ids).values():
        passage.require(Action.READ, source.scope, source, named=id_text(state.cube_id))


def is_readable(passage: Passage, reader: Reader, raw: bytes) -> bool:
    """Whether there is such a cube and the actor may read it."""
    head = reader.vault.head(raw)
    return head is not None and passage.allows(Action.READ, head)
