"""Which header facts a rollback brings back, which links it ends, and for whom.

Content goes back for whoever may write a cube. Header facts (owner, readers, writers, lifespan, ...)
go back only for who may decide over it; where an actor's doings or a stretch of the log are undone,
only for who administers the tenant. So end links that say where content is from. For others header
and links stay as they are, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.event import id_text
from memos.kernel.scope import tenant_of
from memos.operation.commands.rollback_plan import RESTORING, PlannedTarget
from memos.operation.commands.undone_links import NO_LINKS
from memos.operation.gate import Passage


class HeaderRights:
    """Keeps the header facts that the caller of one rollback may not change.

    Args:
        passage: where governance is asked.
        of_log: what an actor did, or a stretch of the log, is undone.
    """

    def __init__(self, passage: Passage, *, of_log: bool) -> None:
        self._passage = passage
        self._of_log = of_log
        self._kept: dict[bytes, CubeState] = {}

    def bound(self, targets: Iterable[PlannedTarget], named: bytes = b"") -> list[PlannedTarget]:
        """The changes that the caller may have.

        Args:
            targets: as they were planned.
            named: the cube that the caller named: it is restored also where nothing else changes.
        """
        return [
            bounded
            for bounded in map(self._bound, targets)
            if bounded.state.cube_id == named or _changes(bounded)
        ]

    def kept(self) -> tuple[str, ...]:
        """The cubes whose header facts stayed, as far as the caller may see them."""
        return tuple(
            id_text(cube_id)
            for cube_id, state in sorted(self._kept.items())
            if self._passage.allows(Action.READ, state)
        )

    def _bound(self, target: PlannedTarget) -> PlannedTarget:
        state = target.state
        decides = target.header != state.header or target.links.carry_content
        if not decides or self._governs(state):
            return target
        self._kept[state.cube_id] = state
        if not target.links.carry_content:
            return replace(target, header=state.header)
        change = replace(target.change, unlinks=False)
        return replace(target, change=change, header=state.header, links=NO_LINKS)

    def _governs(self, state: CubeState) -> bool:
        if self._of_log:
            return self._passage.administers(tenant_of(state.scope))
        return self._passage.allows(Action.ADMINISTER, state)


def _changes(target: PlannedTarget) -> bool:
    return (
        target.change.action not in RESTORING
        or bool(target.links.edges)
        or target.change.reactivates
        or target.parts != target.state.parts
        or target.header != target.state.header
    )
