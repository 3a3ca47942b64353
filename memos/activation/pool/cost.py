"""The cost model: is a segment loaded, or computed again? Every answer is held against what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memos.activation.pool.load_times import LoadTimes

OUTCOMES_KEPT = 1_000


class Candidate(NamedTuple):
    """A segment that can be loaded: from which tier (0 is the one that it is used from), its bytes there,
    and the milliseconds that computing it took.
    """

    level: int
    bytes: int
    milliseconds: float


class Outcome(NamedTuple):
    """A load that was predicted, in milliseconds, and what it was decided by.

    Attributes:
        level: the tier that it was to be loaded from.
        predicted: what loading was expected to take.
        loaded: what it took; None where it was computed again.
        computed: what computing it took: before where it was loaded, now where it was not.
    """

    level: int
    predicted: float
    loaded: float | None
    computed: float

    @property
    def is_right(self) -> bool:
        """Whether the other decision would not have been faster, as far as that is known."""
        if self.loaded is None:
            return self.computed <= self.predicted
        return self.loaded <= self.computed


class CostModel:
    """Expects of each tier what its loads took of late. Its pool's lock guards it.

    Args:
        bytes_per_second: the first guess for each tier; the first tier's is not used.
    """

    def __init__(self, bytes_per_second: Iterable[float]) -> None:
        self._times = [LoadTimes(guess) for guess in bytes_per_second]
        self.outcomes: deque[Outcome] = deque(maxlen=OUTCOMES_KEPT)
        """The last ones."""

    def expected(self, candidate: Candidate) -> float:
        """The milliseconds that loading is expected to take; none where it is there already."""
        if not candidate.level:
            return 0.0
        return self._times[candidate.level].expected(candidate.bytes)

    def worth_keeping(self, candidate: Candidate) -> bool:
        """Whether a segment would be loaded again from a tier that it may be moved to."""
        return self.expected(candidate) < candidate.milliseconds

    def worth_loading(self, candidates: Sequence[Candidate]) -> int:
        """How many segments of a chain, from its first on, are loaded.

        A segment is of use behind its ancestors only: what counts is the sum that a prefix saves, and a
        load that does not pay for itself is done for one behind it that pays for both.
        """
        saved = best = 0.0
        count = 0
        for number, candidate in enumerate(candidates, 1):
            saved += candidate.milliseconds - self.expected(candidate)
            if saved > best:
                best, count = saved, number
        return count

    def loaded(self, candidate: Candidate, predicted: float, milliseconds: float) -> Outcome:
        """Learn how long a load took that was predicted."""
        self._times[candidate.level].loaded(candidate.bytes, milliseconds)
        return self._keep(Outcome(candidate.level, predicted, milliseconds, candidate.milliseconds))

    def declined(self, candidate: Candidate) -> None:
        """Learn that a load was not worth it."""
        self._times[candidate.level].declined(candidate.bytes)

    def computed(self, level: int, predicted: float, milliseconds: float) -> Outcome:
        """Learn how long computing took that was done instead of a load that was predicted."""
        return self._keep(Outcome(level, predicted, None, milliseconds))

    def _keep(self, outcome: Outcome) -> Outcome:
        self.outcomes.append(outcome)
        return outcome
