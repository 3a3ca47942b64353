"""Supersession: of the memories that fill the slot a question asks for, the newest comes first.

They form a chain in valid time, equals in log order: what began last and has not ended is current,
whenever it was written. A chain decides an order and nothing else: no memory is changed or dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, View
from memos.language.analysis import claims_of, slot_term
from memos.language.analyzer import Analyzer
from memos.language.port import ANY_FAVOURITE, Claim, Language, Slot
from memos.operation.cube import MemCube

Floats = npt.NDArray[np.float64]

LINKED = 64
"""How many of a subject's newest changes are looked at, and of the slot's newest claims."""

ClaimsOf = Callable[[int], Sequence[Claim]]
"""What the text of a row claims."""


class Chain(NamedTuple):
    """The rows that fill a slot, newest first; then those that have ended or not yet begun.

    `active` is how many of them hold at the time asked for: the first, if any, is current.
    """

    slot: Slot
    rows: Ints
    active: int

    @property
    def current(self) -> int | None:
        """The row that holds now."""
        return int(self.rows[0]) if self.active else None

    def successor(self, row: int) -> int | None:
        """The row that took the place of this one."""
        (at,) = np.flatnonzero(self.rows == row).tolist() or (0,)
        return int(self.rows[at - 1]) if 0 < at < max(self.active, 1) else None

    def explain(self, row: int) -> dict[str, object]:
        """What the stage says of a row; nothing where it does not fill the slot."""
        (at,) = np.flatnonzero(self.rows == row).tolist() or (-1,)
        if at < 0:
            return {}
        subject, attributes, qualifier = self.slot
        asked = [subject, "/".join(attributes), *([qualifier] if qualifier else [])]
        return {"slot": {"asked": asked, "rank": at + 1, "current": row == self.current}}


def claims_of_cube(cube: MemCube, language: Language) -> list[Claim]:
    """What a memory claims, as it was indexed."""
    speaker, role = cube.metadata.get("speaker"), cube.metadata.get("role")
    return claims_of(language, cube.text, str(speaker or ""), str(role or ""))


def chain_of(
    view: View, analyzer: Analyzer, slot: Slot, time: int, claims_of: ClaimsOf
) -> Chain | None:
    """The chain of a slot at a time (microseconds since 1970); None where no row fills it."""
    attributes = set(slot.attributes)
    if any(attribute.startswith(ANY_FAVOURITE) for attribute in attributes):
        attributes.add(ANY_FAVOURITE)
    rows = {
        int(row)
        for attribute in attributes
        for row in view.postings(slot_term(analyzer, slot.subject, attribute, slot.qualifier))[0]
    }
    changes = view.postings(slot_term(analyzer, slot.subject, "", ""))[0]
    if len(changes) and not slot.qualifier:
        abandoned = not analyzer.language.abandoned_attributes.isdisjoint(slot.attributes)
        rows |= _linked(view, slot, attributes, rows, changes, claims_of, abandoned)
    if not rows:
        return None
    return _ordered(view, slot, np.array(sorted(rows), np.int64), time)


def put_first(total: Floats, chain: Chain, strength: float) -> Floats:
    """Scores, with the current row above all others by a share of the best one."""
    if chain.current is None:
        return total
    raised = total.copy()
    raised[chain.current] = (float(total.max(initial=0.0)) or 1.0) * (1 + strength)
    return raised


def _ordered(view: View, slot: Slot, rows: Ints, time: int) -> Chain:
    begun = view.valid_from[rows] <= time
    holds = begun & (view.valid_until[rows] > time)
    standing = np.where(holds, 0, np.where(begun, 1, 2))
    order = np.lexsort((-view.opened[rows], -view.valid_from[rows], standing))
    return Chain(slot, rows[order], int(np.count_nonzero(holds)))


def _newest(view: View, rows: Ints) -> list[int]:
    order = np.lexsort((-view.opened[rows], -view.valid_from[rows]))
    newest: list[int] = rows[order][:LINKED].tolist()
    return newest


def _linked(
    view: View,
    slot: Slot,
    attributes: set[str],
    rows: set[int],
    changes: Ints,
    claims_of: ClaimsOf,
    abandoned: bool,
) -> set[int]:
    """The changes that do not say what changed, but have a value of the slot as old or new value.

    Where no row fills the slot, also those with an old and a new value, if people say of such a
    slot that they left one for another (`abandoned`).
    """
    values: set[frozenset[str]] = set()
    for row in _newest(view, np.array(sorted(rows), np.int64)) if rows else ():
        for claim in claims_of(row):
            if claim.subject == slot.subject and claim.attribute in attributes:
                values |= _values(claim)
    waiting = {
        row: claim
        for row in _newest(view, changes)
        for claim in claims_of(row)
        if row not in rows and claim.subject == slot.subject and not claim.attribute
    }
    linked: set[int] = set()
    while joined := [row for row, claim in waiting.items() if _meet(_values(claim), values)]:
        for row in joined:
            values |= _values(waiting.pop(row))
            linked.add(row)
    if not rows and abandoned:
        linked |= {row for row, claim in waiting.items() if claim.old and claim.new}
    return linked


def _values(claim: Claim) -> set[frozenset[str]]:
    return {frozenset(text.split()) for text in (claim.new, claim.old) if text}


def _meet(some: set[frozenset[str]], others: set[frozenset[str]]) -> bool:
    """Whether two values are one, or one is a shorter name of the other."""
    return any(one <= other or other <= one for one in some for other in others)
