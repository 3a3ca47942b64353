"""Erases that came with an export and wait here: what they are to take is held.

They are kept in a setting, since a held memory takes no event but the one that lifts its hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from memos.kernel.errors import Damaged
from memos.kernel.event import id_bytes, id_text

OWED_ERASES = "owed_erases"
"""The setting that names them."""


class OwedErase(NamedTuple):
    """A memory that is erased once its hold is lifted.

    `spared` was made of it where the export comes from, and stood there behind the erase: it stays.
    """

    cube_id: bytes
    spared: frozenset[bytes] = frozenset()


def owed_to_object(owed: Iterable[OwedErase]) -> dict[str, list[str]]:
    """Owed erases as an object of JSON."""
    return {id_text(one.cube_id): sorted(map(id_text, one.spared)) for one in sorted(owed)}


def owed_in_object(named: Mapping[str, Iterable[str]]) -> list[OwedErase]:
    """What `owed_to_object` gave.

    Raises:
        ValueError, TypeError, AttributeError: it is something else.
    """
    return [
        OwedErase(id_bytes(cube_id), frozenset(map(id_bytes, spared)))
        for cube_id, spared in named.items()
    ]


def owed_to_text(owed: Iterable[OwedErase]) -> str:
    """Owed erases as a setting; empty where there are none."""
    named = owed_to_object(owed)
    return json.dumps(named) if named else ""


def owed_in(setting: Callable[[str], str]) -> list[OwedErase]:
    """The owed erases of a vault with these settings; some of them may be done.

    Raises:
        Damaged: the setting holds something else.
    """
    try:
        return owed_in_object(json.loads(setting(OWED_ERASES) or "{}"))
    except (ValueError, TypeError, AttributeError) as error:
        raise Damaged(
            f"the setting {OWED_ERASES} is damaged ({error}): put the vault back from your backup, or "
            "load your last export"
        ) from None
