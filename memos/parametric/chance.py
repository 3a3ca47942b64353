"""What is drawn, from a seed: the same on every machine."""

from __future__ import annotations

from random import Random


def chance_of(seed: int, use: str) -> Random:
    """Draws of one use; those of another use of the same seed tell nothing of them."""
    return Random(f"{seed} {use}")  # noqa: S311 - no secret
