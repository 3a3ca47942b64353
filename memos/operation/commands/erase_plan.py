"""What an erase would do, before it is asked for: which memories go, which with them, and which refuse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.scope import tenant_of
from memos.operation.commands.chosen import PlannedMemory, planned_memory
from memos.operation.commands.erase import reached_states
from memos.operation.commands.erase_request import EraseRequest
from memos.operation.commands.erase_target import EraseTarget, matching, nothing_matches
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class ErasePlan:
    """What an erase would do, as far as the caller may read it.

    `memories` would be erased; `derived` are the ids of those of them that go along because they were made
    of others. `held` are the ids of those that are held, or frozen by a freeze that does not yield: as long
    as there is one nothing is erased, and `refuses` says so, also where the caller may not read it.
    `not_compared` tells of memories that stay because their values are of another kind than the filter's.
    """

    memories: tuple[PlannedMemory, ...]
    derived: tuple[str, ...]
    held: tuple[str, ...]
    refuses: bool
    dry_run: bool = True
    not_compared: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.memories)
        lines = [f"would erase {count} memor{'y' if count == 1 else 'ies'} for good:"]
        for memory in self.memories:
            along = ", derived" if memory.cube_id in self.derived else ""
            held = ", held" if memory.cube_id in self.held else ""
            lines.append(f"  {memory.cube_id} ({memory.scope}{along}{held}) {memory.title}")
        if self.refuses:
            lines.append("nothing is erased while one of them is held")
        lines += self.not_compared
        return "\n".join(lines)


class _AsRead:
    """The cubes as one reader sees them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def heads(self, cube_ids: Iterable[bytes]) -> list[CubeState]:
        wanted = list(cube_ids)
        found = self._reader.vault.heads_many(wanted)
        return [found[cube_id] for cube_id in wanted if cube_id in found]

    def reader(self) -> Reader:
        return self._reader


def plan_erase(session: Session, target: EraseTarget) -> ErasePlan:
    """See `Memory.erase`, with dry_run.

    Raises:
        NotFound: nothing matches.
        Denied: of a memory that matches the caller may not decide.
    """
    with session.gate.enter("erase") as passage, session.engine.read() as reader:
        passage.admit()  # every cube that matches is asked about
        cube_ids, _ = matching(session, passage, reader, target)
        states, bound = reached_states(session, passage, _AsRead(reader), target, cube_ids)
        if not states:
            raise nothing_matches(target)
        administers = passage.administers(tenant_of(states[0].scope))
        refusing = EraseRequest(states, bound, set(), (), administers).refusing()
        shown = [state for state in states if passage.allows(Action.READ, state)]
        told = {state.cube_id: planned_memory(reader, state) for state in shown}
        return ErasePlan(
            tuple(told.values()),
            tuple(one.cube_id for raw, one in told.items() if raw in bound),
            tuple(told[state.cube_id].cube_id for state in refusing if state.cube_id in told),
            bool(refusing),
            not_compared=target.not_compared,
        )
