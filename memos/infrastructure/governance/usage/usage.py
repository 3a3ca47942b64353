"""Usage: the fold of the access log. How often, and when last, each cube was used.

All of it is the same whatever store keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from google.protobuf.message import DecodeError

from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.lineage import ID_BYTES
from memos.wire.access_pb2 import AccessEvent


class Usage(NamedTuple):
    """How a cube was used, as folded from the access log. `last_used` is in microseconds."""

    uses: int = 0
    last_used: int = 0


MOST_USES = 2**62
"""More than any cube has: what says more is damaged."""


def checked_usage(cube_id: bytes, uses: object, last_used: object) -> Usage:
    """The usage that a row of a cube says.

    Raises:
        Damaged: it is none.
    """
    if not (isinstance(uses, int) and isinstance(last_used, int) and 0 <= uses < MOST_USES):
        raise Damaged(f"the usage of cube {id_text(cube_id)} is damaged: run `memos rebuild`")
    return Usage(uses, last_used)


_USES = frozenset({"get", "search", "context", "chat"})


def counts_as_use(action: str, rule: str) -> bool:
    """Whether an access counts: what an agent was given does; a denial or an audit does not."""
    return not rule and action in _USES


def access_in(data: bytes) -> AccessEvent:
    """The access that a record holds; one of nothing where it is none: it counts for no cube."""
    try:
        return AccessEvent.FromString(data)
    except DecodeError:
        return AccessEvent()


def is_access(data: bytes) -> bool:
    """Whether a record of the access log holds an access."""
    try:
        AccessEvent.FromString(data)
    except DecodeError:
        return False
    return True


def cubes_of(access: AccessEvent) -> list[bytes]:
    """The ids of the cubes that an access returned, in order."""
    return [cube.cube_id for cube in access.cubes if len(cube.cube_id) == ID_BYTES]


def used_until(time: int, accesses: Iterable[AccessEvent]) -> dict[bytes, Usage]:
    """How cubes were used up to a time, by the accesses of the whole access log: none that came
    later moves it.
    """
    used: dict[bytes, Usage] = {}
    for access in accesses:
        if access.client_time > time or not counts_as_use(access.action, access.rule):
            continue
        for cube_id in cubes_of(access):
            used[cube_id] = used_at(*used.get(cube_id, Usage()), access.client_time)
    return used


def used_at(uses: int, last_used: int, time: int) -> Usage:
    """The usage of a cube that is used once more: a slow clock takes nothing back."""
    return Usage(uses + 1, max(last_used, time) if uses else time)


def digest_of_usage(used: Iterable[tuple[bytes, int, int]]) -> str:
    """SHA-256, in hexadecimal, over (cube id, uses, last used) of every used cube, in id order."""
    total = sha256(b"memos/usage/v1\n")
    for cube_id, uses, last_used in used:
        total.update(cube_id + uses.to_bytes(8, "big") + last_used.to_bytes(8, "big", signed=True))
    return total.hexdigest()
