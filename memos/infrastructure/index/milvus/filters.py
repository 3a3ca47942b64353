"""Filters: what a scope holds at a moment, in Milvus's language, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from memos.infrastructure.index.milvus.spans import encoded
from memos.infrastructure.index.port import Within, paths_of
from memos.kernel.moment import OPEN, At
from memos.kernel.scope import tenant_of


def visible(where: Within, at: At) -> str | None:
    """The rows at and under scopes of one tenant at a moment; None where there can be none."""
    when = _each(at, _between)
    return None if when is None else f"{within(where)} and {when}"


def ever_visible(where: Within, at: At) -> str | None:
    """The rows at and under scopes of one tenant at a moment or before it; None where there can be none."""
    when = _each(at, _begun)
    return None if when is None else f"{within(where)} and {when}"


def around(tenant: str, at: At, *, earlier: bool) -> str:
    """All rows of a tenant visible at a moment (or before it), and some others of it: little for a
    server to check.
    """
    cutoffs = (at,) if isinstance(at, int) else at
    begun = _begun(max(cutoffs, default=-1))
    last = min(min(cutoffs, default=-1), OPEN - 1)
    return f"{within(tenant)} and {begun}" + ("" if earlier else f" and closed > {last}")


def within(where: Within) -> str:
    """The rows at and under scopes of one tenant, at any moment: whole segments, case and all."""
    paths = [encoded(scope) for scope in paths_of(where)]
    tenant = tenant_of(paths[0])
    clause = f'tenant == "{tenant}"'
    if tenant in paths:
        return clause
    # '0' follows '/': the range holds exactly the paths that continue the scope by a segment.
    scopes = (f'scope == "{path}" or (scope > "{path}/" and scope < "{path}0")' for path in paths)
    return f"{clause} and ({' or '.join(scopes)})"


def of_cubes(cube_ids: Iterable[bytes]) -> str:
    """The rows of these cubes, at any moment."""
    listed = ", ".join(f'"{cube_id.hex()}"' for cube_id in cube_ids)
    return f"cube in [{listed}]"


def _each(at: At, clause: Callable[[int], str]) -> str | None:
    if isinstance(at, int):
        return None if at < 0 else clause(at)
    clauses = [
        f"(partition == {partition} and {clause(last)})"
        for partition, last in enumerate(at)
        if last >= 0
    ]
    return f"({' or '.join(clauses)})" if clauses else None


def _begun(at: int) -> str:
    return f"opened <= {at}"


def _between(at: int) -> str:
    # The newest moment is as great as an open span's end, which lies after every moment.
    last = min(at, OPEN - 1)
    return f"opened <= {last} and closed > {last}"
