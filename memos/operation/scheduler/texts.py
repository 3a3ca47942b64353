"""What versions of memories say, and what that costs a model; each opened once."""

from __future__ import annotations

from typing import NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.errors import Damaged
from memos.operation.cube import parts_left_by
from memos.operation.scheduler.costs import Costs


class Text(NamedTuple):
    """A memory's text: the version that supplied it, and what it costs; and the tags beside it.

    `valid_until` is when it stops being true (microseconds since 1970); None where nothing says it.
    """

    text: str
    version: int
    tags: tuple[str, ...]
    tokens: int
    bytes: int
    milliseconds: float
    valid_until: int | None = None


class Texts:
    """The texts of memories, as a reader opens them.

    Args:
        reader: where they are read.
        costs: of the model.
    """

    def __init__(self, reader: Reader, costs: Costs) -> None:
        self._reader = reader
        self.costs = costs
        self._opened: dict[tuple[bytes, int], Text | None] = {}

    def of_version(self, cube_id: bytes, version: int) -> Text | None:
        """What a version says; None where it says nothing, was erased or cannot be read."""
        if (cube_id, version) not in self._opened:
            attempt = self._reader.vault.version(cube_id, version)
            return None if attempt is None else self.left_by(attempt)
        return self._opened[cube_id, version]

    def left_by(self, attempt: Attempt) -> Text | None:
        """What an accepted attempt left, as above."""
        if attempt.state is None:
            return None
        key = (attempt.cube_id, attempt.state.version)
        if key not in self._opened:
            self._opened[key] = self._open(attempt, attempt.state.parts.content)
        return self._opened[key]

    def _open(self, attempt: Attempt, version: int) -> Text | None:
        try:
            parts = parts_left_by(self._reader, attempt)
        except Damaged:
            return None  # nothing can be computed of it; `audit` tells of it
        if parts is None:
            return None
        costs = self.costs
        tokens = costs.count_tokens(parts.text)
        if not tokens:
            return None
        return Text(
            parts.text,
            version,
            parts.tag_list,
            tokens,
            costs.bytes_of(tokens),
            costs.milliseconds_of(tokens),
            parts.valid_until,
        )
