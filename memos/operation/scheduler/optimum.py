"""The most that any choice of forms could save, knowing all accesses before: a bound for replays.

To be a hit, a memory is kept from the access before that uses it to the one that does, or it is computed
again: its bytes for as long, and at every moment no more than the budget. The bound relaxes that by
Lagrange's multipliers: a price a byte for every moment, the budget sold at it, and of all reuses those
taken that are worth more than they cost. Whatever the prices, no choice saves more (weak duality); the
prices are moved towards those that say least. It may keep a part of a memory, so it is too high for any
policy, most so where the budget holds few memories. With one price for all moments it would be the bound
of Berger, Beckmann and Harchol-Balter 2018 (PFOO), which is about 1 to 2 % higher.

A policy that computes ahead, what nobody has used since it was dropped, is not bound by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STEPS = 300
"""How often the prices are moved."""
_PACE, _SLOWER = 0.5, 20.0
"""How far they are moved at first, and after how many steps half as far."""

Floats = npt.NDArray[np.float64]


class Kept(NamedTuple):
    """Something that an access uses: what it is, its bytes, and what a hit is worth."""

    key: str
    bytes: int
    value: float


class _Reuses(NamedTuple):
    """What is used again: its bytes and worth, the access that it was used by before, and this one."""

    sizes: Floats
    values: Floats
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def most_saved(accesses: Sequence[Sequence[Kept]], budget: int) -> float:
    """The worth of hits that no choice of what is kept within a budget of bytes exceeds.

    Args:
        accesses: what each uses, in their order.
        budget: bytes that may be kept at any moment.
    """
    reuses = _reuses(accesses)
    if not len(reuses.values) or budget <= 0:
        return 0.0
    everything = float(reuses.values.sum())
    held = reuses.sizes * (reuses.ends - reuses.starts)
    prices = np.full(len(accesses), _even_price(reuses.values, held, budget * len(accesses)))
    best = everything  # at no price at all
    for step in range(STEPS):
        paid = np.concatenate(([0.0], np.cumsum(prices)))
        gains = reuses.values - reuses.sizes * (paid[reuses.ends] - paid[reuses.starts])
        taken = gains > 0
        best = min(best, float(gains[taken].sum() + budget * prices.sum()))
        load = _load(reuses, taken, len(accesses))
        over = np.clip(load / budget - 1, -1, 2)
        prices = prices * np.exp(over * _PACE / (1 + step / _SLOWER))
    return best


def _reuses(accesses: Sequence[Sequence[Kept]]) -> _Reuses:
    last: dict[str, int] = {}
    found: list[tuple[float, float, int, int]] = []
    for moment, used in enumerate(accesses):
        for kept in used:
            if kept.key in last:
                found.append((kept.bytes, kept.value, last[kept.key], moment))
            last[kept.key] = moment
    sizes, values, starts, ends = zip(*found, strict=True) if found else ((), (), (), ())
    return _Reuses(
        np.array(sizes, np.float64),
        np.array(values, np.float64),
        np.array(starts, np.int64),
        np.array(ends, np.int64),
    )


def _even_price(values: Floats, held: Floats, room: float) -> float:
    """The price at which, were it the same at every moment, what is worth it fills the room."""
    worth = values / held
    order = np.argsort(-worth, kind="stable")
    filled = int(np.searchsorted(np.cumsum(held[order]), room))
    return float(worth[order][min(filled, len(order) - 1)])


def _load(reuses: _Reuses, taken: npt.NDArray[np.bool_], moments: int) -> Floats:
    """The bytes that are kept at each moment."""
    change = np.zeros(moments + 1)
    np.add.at(change, reuses.starts[taken], reuses.sizes[taken])
    np.subtract.at(change, reuses.ends[taken], reuses.sizes[taken])
    load: Floats = np.cumsum(change)[:moments]
    return load
