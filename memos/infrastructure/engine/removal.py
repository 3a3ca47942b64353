"""A vault as one that is removed: what goes with it, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class VaultRemoval(Protocol):
    """What is to be removed of one vault, and nothing of another. `close` ends it."""

    @property
    def administrator(self) -> str:
        """Who administers the vault."""
        ...

    def goes(self) -> Sequence[str]:
        """What is removed, each by its name.

        Raises:
            Refused: somebody is at work on the vault.
        """
        ...

    def stays(self) -> Sequence[str]:
        """What is of the vault, or has its name, and is not removed, each with the reason."""
        ...

    def remove(self) -> None:
        """Remove it. Cut off, it may be done again."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
