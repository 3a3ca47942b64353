"""What a user wants from then on: instructions and preferences matter for every later task, whose
words they seldom share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import View

Floats = npt.NDArray[np.float64]

_KINDS = ("wants always", "prefers")


class Standing(NamedTuple):
    """How much more each row counts, and how much higher it stands, by what it says of wishes.

    Attributes:
        factor: what its score is multiplied by.
        lift: by what share of the best match it stands higher.
        kind: which of INSTRUCTS and PREFERS it says, from 0; -1 for neither.
    """

    factor: Floats
    lift: Floats
    kind: npt.NDArray[np.int8]

    def applied(self, total: Floats) -> Floats:
        """Scores, with what wishes add to them."""
        lifted: Floats = total * self.factor + self.lift * (float(total.max(initial=0.0)) or 1.0)
        return lifted

    def explain(self, row: int) -> dict[str, object]:
        """What the stage says of a row; nothing where it says no wish."""
        return {"standing": _KINDS[self.kind[row]]} if self.kind[row] >= 0 else {}


def standing_rows(
    view: View, strengths: Iterable[tuple[int, tuple[float, float]]]
) -> Standing | None:
    """The rows that say a wish; None where none does.

    Args:
        view: the rows.
        strengths: the terms of instructions and preferences; for each by how much more its rows
            count, and by what share of the best match they stand higher.
    """
    factor, lift = np.ones(len(view)), np.zeros(len(view))
    kind = np.full(len(view), -1, np.int8)
    for number, (term, (stronger, higher)) in enumerate(strengths):
        if not (stronger or higher):
            continue
        rows = view.postings(term)[0]
        new = rows[kind[rows] < 0]
        factor[new], lift[new], kind[new] = 1 + stronger, higher, number
    return Standing(factor, lift, kind) if (kind >= 0).any() else None
