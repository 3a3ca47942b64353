"""What numbers of settings have to be: told before anything is begun with them."""

from __future__ import annotations

from math import isfinite
from typing import Any

from memos.kernel.errors import InvalidInput, shorten


def check_whole(given: Any, name: str, least: int, most: int) -> None:
    """Refuse what is no whole number within its bounds, both included.

    Raises:
        InvalidInput: it is none.
    """
    if type(given) is not int or not least <= given <= most:
        raise InvalidInput(
            f"{name} must be a whole number from {least:,} to {most:,}, not {shorten(given)}"
        )


def check_finite(
    given: Any, name: str, least: float, most: float, *, is_above: bool = False
) -> None:
    """Refuse what is no finite number within its bounds.

    Args:
        given: what was given.
        name: what errors call it.
        least: the lower bound.
        most: the upper one, included.
        is_above: whether it must be above the lower one.

    Raises:
        InvalidInput: it is none.
    """
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if (
        is_number
        and isfinite(given)
        and least <= given <= most
        and not (is_above and given == least)
    ):
        return
    bounds = f"above {least:g}" if is_above else f"from {least:g}"
    raise InvalidInput(f"{name} must be a number {bounds} to {most:g}, not {shorten(given)}")
