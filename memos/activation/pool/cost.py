"""The cost model: is a segment loaded, or computed again? Every answer is held against what came of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memos.activation.pool.load_times import LoadTimes

PREDICTIONS_KEPT = 1_000


class Loadable(NamedTuple):
    """A segment that can be loaded: from which tier (0 is the one that it is used from), its bytes there,
    and the milliseconds that computing it took.
    """

    level: int
    bytes: int
    milliseconds: float


class Prediction(NamedTuple):
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
        self.predictions: deque[Prediction] = deque(maxlen=PREDICTIONS_KEPT)
        """The last ones."""

    def expected(self, loadable: Loadable) -> float:
        """The milliseconds that loading is expected to take; none where it is there already."""
        if not loadable.level:
            return 0.0
        return self._times[loadable.level].expected(loadable.bytes)

    def worth_keeping(self, loadable: Loadable) -> bool:
        """Whether a segment would be loaded again from a tier that it may be moved to."""
        return self.expected(loadable) < loadable.milliseconds

    def worth_loading(self, loadables: Sequence[Loadable]) -> int:
        """How many segments of a chain, from its first on, are loaded.

        A segment is of use behind its ancestors only: what counts is the sum that a prefix saves, and a
        load that does not pay for itself is done for one behind it that pays for both.
        """
        saved = best = 0.0
        count = 0
        for number, loadable in enumerate(loadables, 1):
            saved += loadable.milliseconds - self.expected(loadable)
            if saved > best:
                best, count = saved, number
        return count

    def loaded(self, loadable: Loadable, predicted: float, milliseconds: float) -> Prediction:
        """Learn how long a load took that was predicted."""
        self._times[loadable.level].loaded(loadable.bytes, milliseconds)
        return self._keep(
            Prediction(loadable.level, predicted, milliseconds, loadable.milliseconds)
        )

    def declined(self, loadable: Loadable) -> None:
        """Learn that a load was not worth it."""
        self._times[loadable.level].declined(loadable.bytes)

    def computed(self, level: int, predicted: float, milliseconds: float) -> Prediction:
        """Learn how long computing took that was done instead of a load that was predicted."""
        return self._keep(Prediction(level, predicted, None, milliseconds))

    def _keep(self, prediction: Prediction) -> Prediction:
        self.predictions.append(prediction)
        return prediction
