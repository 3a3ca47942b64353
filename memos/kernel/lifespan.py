"""When a cube's time is over, and how its rank decays. Times are microseconds since 1970."""

from __future__ import annotations

from memos.kernel.cube import Lifecycle, Lifespan, LifespanEnd

NEVER = 2**62

_STILL_TO_COME = {
    Lifecycle.GENERATED: frozenset(LifespanEnd),
    Lifecycle.ACTIVATED: frozenset(LifespanEnd),
    Lifecycle.MERGED: frozenset({LifespanEnd.EXPIRE, LifespanEnd.ERASE}),
    Lifecycle.ARCHIVED: frozenset({LifespanEnd.EXPIRE, LifespanEnd.ERASE}),
    Lifecycle.EXPIRED: frozenset({LifespanEnd.ERASE}),
    Lifecycle.FROZEN: frozenset({LifespanEnd.ERASE}),
}
"""What is out of sight already is not archived once more, but expired, and erased from any state: a
freeze may yield to that, and a hold refuses it aloud.
"""


def deadline(lifespan: Lifespan | None, last_used: int) -> int:
    """The time at which the lifespan ends; `NEVER` where there is none.

    Args:
        lifespan: the header's.
        last_used: log time of the last use, 0 where there was none.
    """
    if lifespan is None or lifespan.after <= 0:
        return NEVER
    start = max(lifespan.since, last_used) if lifespan.renewed_by_access else lifespan.since
    return min(start + lifespan.after, NEVER)


def earliest_end(lifespan: Lifespan | None) -> int:
    """When the lifespan ends where no use renews it; `NEVER` where it does not."""
    if lifespan is None or lifespan.after <= 0:
        return NEVER
    return min(lifespan.since + lifespan.after, NEVER)


def still_ends(lifespan: Lifespan | None, lifecycle: Lifecycle) -> bool:
    """Whether the end of a lifespan changes anything of a cube in this state."""
    if lifespan is None or lifespan.after <= 0:
        return False
    return lifespan.then in _STILL_TO_COME.get(lifecycle, ())


def decay(lifespan: Lifespan | None, last_used: int, now: int) -> float:
    """The factor by which a rank has decayed: one half per half-life since the last use."""
    if lifespan is None or lifespan.half_life <= 0:
        return 1.0
    age = max(0, now - max(lifespan.since, last_used))
    return float(2.0 ** (-age / lifespan.half_life))
