"""When what an import misses may be archived."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import MemosError, Refused
from memos.operation.commands.importing.imported import Imported
from memos.operation.gate import Passage
from memos.operation.receipt import held

MOST_REMOVED = 0.2
"""The part of what was imported that `prune` archives without being told so twice."""


def check_prune(
    named: str, *, bad: int, lacking: Sequence[str], missing: int, present: int, yes: bool
) -> None:
    """Go on only where what is missing is known to be.

    Args:
        named: what is imported.
        bad: how many items cannot be read.
        lacking: what says that more follows that is not there.
        missing: how many memories are not in what is imported.
        present: how many were imported from there.
        yes: many may be missing.

    Raises:
        Refused: they may be there, or too many are missing.
    """
    if bad:
        raise Refused(
            f"what is missing cannot be archived while {bad} items of {named} cannot be read, for they "
            "may be what is missing; nothing was imported"
        )
    if lacking:
        raise Refused(
            f"what is missing cannot be archived, for it may be in what follows ({'; '.join(lacking)}); "
            "nothing was imported: import all of it, or without prune"
        )
    if missing > MOST_REMOVED * present and not yes:
        raise Refused(
            f"{missing} of the {present} memories that came from {named} are missing there, which is "
            f"more than {MOST_REMOVED:.0%}: nothing was imported. If it is whole, import it with "
            "prune=True and yes=True; if it is a part, without prune"
        )


def staying(passage: Passage, missing: Iterable[tuple[Imported, str]]) -> dict[bytes, str]:
    """The memories that are missing and stay all the same, each with its source and why."""
    stay = {}
    for one, source in missing:
        try:
            _check_archive(passage, one)
        except MemosError as error:
            stay[one.state.cube_id] = f"{source}: {error}"
    return stay


def _check_archive(passage: Passage, one: Imported) -> None:
    state = one.state
    if state.lifecycle is Lifecycle.FROZEN:
        raise held(state, "archive it", "; it stays")
    passage.require(Action.WRITE, state.scope, state)
