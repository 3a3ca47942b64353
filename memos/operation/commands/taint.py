"""The walk of the taint: everything that some content reached, through versions and lineage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.event import Kind
from memos.kernel.fold import Result
from memos.kernel.lineage import (
    CARRIES_TAINT,
    Contribution,
    VersionFacts,
    carriers,
    composed_from,
)


class Histories:
    """The histories of cubes as the walk reads them, each read once.

    Args:
        reader: where they are read.
        passes: whether the walk goes on over a cube; by default over every one.
    """

    def __init__(self, reader: Reader, passes: Callable[[bytes], bool] | None = None) -> None:
        self._vault = reader.vault
        self._passes = passes
        self._attempts: dict[bytes, list[Attempt]] = {}

    def attempts(self, cube_id: bytes) -> list[Attempt]:
        """The accepted attempts on a cube, oldest first."""
        if cube_id not in self._attempts:
            self._attempts[cube_id] = [
                attempt
                for attempt in self._vault.attempts(cube_id)
                if attempt.outcome.result is Result.ACCEPTED
            ]
        return self._attempts[cube_id]

    def versions(self, cube_id: bytes) -> Sequence[VersionFacts]:
        """The versions of a cube, oldest first."""
        return [
            VersionFacts(
                attempt.state.version,
                attempt.state.parts,
                attempt.composed_from,
                attempt.kind is Kind.ROLLED_BACK,
            )
            for attempt in self.attempts(cube_id)
            if attempt.state is not None and attempt.outcome.digest
        ]

    def derived(self, cube_id: bytes, version: int) -> list[Contribution]:
        """What was derived from a version of a cube, along the edges that carry taint."""
        edges = self._vault.edges(cube_id, downstream=True, version=version)
        derived = [edge.derived for edge in edges if edge.relation in CARRIES_TAINT]
        passes = self._passes
        return derived if passes is None else [at for at in derived if passes(at[0])]


def taint(seeds: Iterable[Contribution], histories: Histories) -> dict[bytes, set[int]]:
    """Everything that content of the seeds reached.

    Returns:
        For each cube reached, the versions that are tainted contributions.
    """
    tainted: dict[bytes, set[int]] = {}
    facts: dict[bytes, Sequence[VersionFacts]] = {}
    waiting = list(seeds)
    while waiting:
        cube_id, version = waiting.pop()
        reached = tainted.setdefault(cube_id, set())
        if version in reached:
            continue
        reached.add(version)
        if cube_id not in facts:
            facts[cube_id] = histories.versions(cube_id)
        carrying = carriers(facts[cube_id], version)
        waiting += [(cube_id, later) for later in composed_from(facts[cube_id], carrying)]
        for carrier in carrying:
            waiting += histories.derived(cube_id, carrier)
    return tainted
