"""Budgets in tokens: how many a block may have, and who counts them."""

from __future__ import annotations

import operator
from contextlib import suppress
from typing import SupportsIndex

from memos.kernel.errors import InvalidInput, shorten
from memos.operation.reads.quote import CountTokens
from memos.operation.validation import check_callable

MAX_BUDGET = 10_000_000


def check_budget(budget: object, what: str = "budget_tokens") -> int:
    """How many tokens something may have.

    Raises:
        InvalidInput: it is no whole number from 1 to MAX_BUDGET.
    """
    if not isinstance(budget, int) or isinstance(budget, bool) or not 1 <= budget <= MAX_BUDGET:
        raise InvalidInput(
            f"{what} must be a whole number from 1 to {MAX_BUDGET:,}, not {shorten(budget)}"
        )
    return budget


def counting(count_tokens: CountTokens) -> CountTokens:
    """The caller's counter, whose answers are looked at.

    Raises:
        InvalidInput: it is none; the counter returned raises it where an answer is no count.
    """
    counter = check_callable(count_tokens, "count_tokens")

    def count(text: str) -> int:
        said: object = counter(text)
        tokens = -1
        if not isinstance(said, bool) and isinstance(said, SupportsIndex):
            with suppress(TypeError):  # an array says that it is a number, too
                tokens = operator.index(said)
        if tokens < 0:
            raise InvalidInput(
                f"count_tokens gives how many tokens a text has, a whole number, not {shorten(said)}"
            )
        return tokens

    return count
