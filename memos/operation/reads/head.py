"""The head of one memory, for those who may read it."""

from __future__ import annotations

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import NO_MEMORY, CubeState, Lifecycle
from memos.kernel.errors import NotFound
from memos.operation.gate import Passage
from memos.operation.session import live_state


def governed_head(passage: Passage, reader: Reader, raw: bytes) -> CubeState:
    """The head of a memory that the actor may read; erased ones have one, too.

    Raises:
        NotFound, Denied: as their names say.
    """
    head = live_state(passage, reader, raw)
    if head.form in NO_MEMORY:
        raise passage.absent(raw)
    passage.require(Action.READ, head.scope, head)
    return head


def readable_head(passage: Passage, reader: Reader, raw: bytes) -> CubeState:
    """The head of a memory that the actor may read and that is not erased.

    Raises:
        NotFound, Denied: as their names say.
    """
    head = governed_head(passage, reader, raw)
    if head.lifecycle is Lifecycle.ERASED:
        raise NotFound("the memory was erased: nothing of it is left to go by")
    return head


def is_readable(passage: Passage, reader: Reader, raw: bytes) -> bool:
    """Whether there is such a cube and the actor may read it."""
    head = reader.vault.head(raw)
    return head is not None and passage.allows(Action.READ, head)
