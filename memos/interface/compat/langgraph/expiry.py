"""LangGraph's times to live as lifespans: minutes, and whether a read renews them."""

from __future__ import annotations

from typing import Any

from langgraph.store.base import TTLConfig

from memos.interface.compat.arguments import check_mapping
from memos.interface.memory import Memory
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.operation.cube import MemCube
from memos.operation.validation import check_flag

_SECOND = 1_000_000
_MOST_MINUTES = 10**10


def lifespan_of(minutes: float, config: TTLConfig | None) -> dict[str, Any]:
    """The arguments of `set_lifespan` for an item that lives so long; at the end it is archived."""
    return {
        "after": _seconds(minutes * 60),
        "renewed_by_access": (config or {}).get("refresh_on_read", True),
        "then": "archive",
    }


def check_minutes(value: object, what: str) -> float:
    """A time to live.

    Raises:
        InvalidInput: it is no number of minutes.
    """
    if (
        not isinstance(value, (int, float))
        or isinstance(value, bool)
        or not 0 < value <= _MOST_MINUTES
    ):
        raise InvalidInput(f"{what} must be a number of minutes above 0, not {shorten(value)}")
    return float(value)


def sweep_option(config: TTLConfig | None) -> dict[str, str]:
    """The option of `Memory` that sweeps as a configuration says; none where it says nothing."""
    minutes = (config or {}).get("sweep_interval_minutes")
    return {} if minutes is None else {"sweep_every": _seconds(minutes * 60)}


def check_ttl(config: TTLConfig | None) -> None:
    """Refuse a configuration that the store would not follow.

    Raises:
        InvalidInput: it has a key that is not known or a value that does not fit, or asks to show what has
            outlived its time.
    """
    given = check_mapping(config, "ttl")
    unknown = given.keys() - TTLConfig.__annotations__.keys()
    if unknown:
        raise InvalidInput(f"ttl has {', '.join(map(shorten, unknown))}, which is not known")
    for name in given.keys() & {"refresh_on_read", "omit_expired"}:
        check_flag(given[name], name)
    for name in ("default_ttl", "sweep_interval_minutes"):
        if given.get(name) is not None:
            check_minutes(given[name], name)
    if given.get("omit_expired") is False:
        raise InvalidInput(
            "omit_expired=False would show what has outlived its time: a vault never does; leave it out"
        )


def restart(memory: Memory, cube: MemCube, minutes: float | None, config: TTLConfig | None) -> None:
    """Count an item's time anew after a write; without minutes it has no end any more."""
    if minutes is not None:
        memory.set_lifespan(cube.cube_id, **lifespan_of(minutes, config))
    elif cube.lifespan is not None:
        memory.set_lifespan(cube.cube_id)


def renew(memory: Memory, cube: MemCube) -> None:
    """Count a read of an item as its use, which renews its time."""
    try:
        memory.get(cube.cube_id)
        if cube.lifespan is not None and not cube.lifespan.renewed_by_access:
            memory.set_lifespan(cube.cube_id, after=_seconds(cube.lifespan.after / _SECOND))
    except NotFound:
        return  # it ended, or was deleted, meanwhile


def _seconds(seconds: float) -> str:
    return f"{seconds:.6f}s"
