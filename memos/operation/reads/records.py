"""Which records of the log a caller is shown: those of cubes that they may read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from memos.infrastructure.engine.reader import Reader, has_no_key
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import ZERO_DIGEST, CubeState, Form
from memos.kernel.errors import Denied
from memos.kernel.outcome import Result
from memos.operation.gate import Passage
from memos.operation.reads.head import came_late

NOT_ALL = "not-all-readable"


def reads_everything(passage: Passage, reader: Reader) -> bool:
    """Whether the caller may read every cube of the vault; a governor that has no word for all of
    them is asked about each.
    """
    permitted = passage.permitted(Action.READ)
    if permitted.whole_vault:
        return True
    cubes = {attempt.cube_id for attempt in reader.vault.query(LogQuery())}
    heads = map(reader.vault.head, cubes)
    return all(permitted.check(head) for head in heads if head is not None)


def require_everything(passage: Passage, reader: Reader, *, hint: str = "") -> None:
    """Go on only for who administers the whole vault and may read all of it.

    Raises:
        Denied: another; `hint` is what else they may do.
    """
    passage.require_administrator("", hint=hint)
    if not reads_everything(passage, reader):
        raise Denied(
            f"not every memory of the vault may be read by who wants to {passage.operation} "
            f"it{hint} (rule {NOT_ALL})",
            NOT_ALL,
        )


class _Judged(NamedTuple):
    """Whether a cube may be read, is an operation, and has no key; `derived` is the head of one that was
    made of others.
    """

    readable: bool
    is_operation: bool
    has_no_key: bool
    derived: CubeState | None


class RecordsShown:
    """Judges records by their cubes, each cube once.

    A record of an operation over several cubes is shown where one of those is.
    """

    def __init__(self, passage: Passage, reader: Reader) -> None:
        self._passage = passage
        self._reader = reader
        self._judged: dict[bytes, _Judged] = {}
        self._late: dict[bytes, bool] = {}

    def of(self, query: LogQuery) -> Iterator[Attempt]:
        """The records of a log query that are shown."""
        return filter(self.shows, self._reader.vault.query(query))

    def shows(self, attempt: Attempt) -> bool:
        """Whether the caller may know of a record; of one beyond their reach nothing is looked up."""
        if not self._passage.reaches(attempt.scope):
            return False
        cube = self._judge(attempt.cube_id)
        if not (cube.readable and cube.is_operation and attempt.outcome.result is Result.ACCEPTED):
            return cube.readable
        targets = self._targets(attempt)
        return not targets or any(self._judge(cube_id).readable for cube_id in targets)

    def is_erased(self, cube_id: bytes) -> bool:
        """Whether a cube is erased, or as good as that: what its records seal is not to be read."""
        cube = self._judge(cube_id)
        if cube.has_no_key or cube.derived is None:
            return cube.has_no_key
        late = self._late.get(cube_id)
        if late is None:
            late = self._late[cube_id] = came_late(self._reader, cube.derived)
        return late

    def _judge(self, cube_id: bytes) -> _Judged:
        judged = self._judged.get(cube_id)
        if judged is None:
            judged = self._judged[cube_id] = self._look(self._reader.vault.head(cube_id))
        return judged

    def _look(self, head: CubeState | None) -> _Judged:
        if head is None:
            return _Judged(readable=False, is_operation=False, has_no_key=True, derived=None)
        return _Judged(
            self._passage.allows(Action.READ, head),
            head.form is Form.OPERATION,
            has_no_key(head),
            None if head.lineage_digest == ZERO_DIGEST else head,
        )

    def _targets(self, attempt: Attempt) -> list[bytes]:
        """The cubes that an operation's record names; empty where it is about none."""
        event = self._reader.event(attempt.position)
        named = getattr(event, event.WhichOneof("detail") or "", None)
        return [target.cube_id for target in getattr(named, "targets", ())]
