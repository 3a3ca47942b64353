"""Going on where a move was cut off: the last record of each partition says where that was."""

from __future__ import annotations

from collections.abc import Mapping

from memos.infrastructure.log.ancestry import FirstPlace
from memos.kernel.errors import Refused


class Resume:
    """Tells records that are there from those that are missing.

    A partition of the target holds the first so many of the records that belong in it, in the
    order in which they come: all up to the one whose first place its last record names.

    Args:
        last: for each partition that is not empty, where its last record first stood.
    """

    def __init__(self, last: Mapping[int, FirstPlace]) -> None:
        self._last = dict(last)
        self._counted: dict[int, int] = {}

    def is_missing(self, partition: int, first: FirstPlace) -> bool:
        """Whether the next record of a partition is to be appended."""
        self._counted[partition] = self._counted.get(partition, 0) + 1
        last = self._last.get(partition)
        if last is None:
            return True
        if last == first:
            del self._last[partition]
        return False

    @property
    def counted(self) -> dict[int, int]:
        """How many records came for each partition."""
        return dict(self._counted)

    def check_found(self) -> None:
        """Raise Refused where the target's last record never came."""
        if self._last:
            partition, last = min(self._last.items())
            raise Refused(
                f"partition {partition} of the target ends with record {last.offset} of "
                f"{last.origin}, which the source has not: it holds something else; make another"
            )
