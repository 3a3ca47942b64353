"""The state of a cube before a record, for who follows the fold and never folds."""

from __future__ import annotations

from collections import OrderedDict

from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState

KEPT_STATES = 50_000


class PriorStates:
    """Remembers the states that went by, those of the last cubes; asks the vault for others."""

    def __init__(self, vault: CassandraVault) -> None:
        self._vault = vault
        self._states: OrderedDict[bytes, CubeState] = OrderedDict()

    def before(self, attempt: Attempt, after: CubeState) -> CubeState | None:
        """The cube before an accepted record; `after` is remembered for the next one."""
        before = self._find(attempt, after)
        self._states[after.cube_id] = after
        self._states.move_to_end(after.cube_id)
        if len(self._states) > KEPT_STATES:
            self._states.popitem(last=False)
        return before

    def _find(self, attempt: Attempt, after: CubeState) -> CubeState | None:
        if after.sequence == 1:
            return None
        seen = self._states.get(after.cube_id)
        if seen is not None and seen.sequence == after.sequence - 1:
            return seen
        earlier = self._vault.state_at(after.cube_id, attempt.ordinal - 1)
        return None if earlier is None else earlier.state
