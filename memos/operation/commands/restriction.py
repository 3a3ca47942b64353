"""What memories restrict goes on in what is made of them, and whoever loosens it needs their sources'.

A header that allows more than it did, and more than the strictest of its sources, is for who may
change the header of every source.
"""

from __future__ import annotations

from collections.abc import Iterable

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Header
from memos.kernel.event import id_text
from memos.kernel.lineage import CARRIES_TAINT
from memos.kernel.restriction import Restricted, looser, readers_of
from memos.kernel.scope import tenant_of
from memos.kernel.tenant import tenant_cube_id
from memos.operation.commands.draft import Sources
from memos.operation.gate import Passage


def require_loosening(passage: Passage, reader: Reader, state: CubeState, header: Header) -> None:
    """Go on only where the actor may give a memory this header for all that its sources restrict.

    Raises:
        Denied: the header is looser than it was and than they are, and the actor does not administer
            every one of them.
    """
    labels = sensitivities(reader, tenant_of(state.scope))
    loosened = looser(header, state.header, labels)
    if not loosened:
        return
    sources = _all_sources(reader, [state.cube_id])
    if any(loosened & looser(header, source.header, labels) for source in sources):
        named = f"{id_text(state.cube_id)} beyond what its sources allow"
        for source in sources:
            passage.require(Action.ADMINISTER, source.scope, source, named=named)


def require_owner(passage: Passage, reader: Reader, sources: Sources, owner: str) -> None:
    """Go on only where whoever is to own what is made of sources may read them all.

    Raises:
        Denied: they may not, and the actor does not administer every source.
    """
    known = (readers_of(source.header) for source in sources.restricted)
    if any(readers is not None and owner not in readers for readers in known):
        direct = [source.cube_id for source in sources.versions]
        heads = filter(None, map(reader.vault.head, direct))
        how = f"for {owner}, who may not read all that it is made of"
        for source in (*heads, *_all_sources(reader, direct)):
            passage.require(Action.ADMINISTER, source.scope, source, how=how)


def require_lifespan_right(passage: Passage, scope: str, owner: str) -> None:
    """Go on only where the actor may give a lifespan to a memory that they make for an owner.

    Raises:
        Denied: it is another's, and the actor does not administer the tenant.
    """
    if owner != passage.actor:
        passage.require_administrator(
            tenant_of(scope),
            how=f"with a lifespan for {owner}",
            hint=", and the owner: leave out the lifespan or the owner",
        )


def _all_sources(reader: Reader, cube_ids: Iterable[bytes]) -> list[CubeState]:
    """The memories that content of some memories was taken from, and those behind them."""
    seen, waiting = set(cube_ids), list(cube_ids)
    heads: list[CubeState] = []
    while waiting:
        for edge in reader.vault.edges(waiting.pop(), downstream=False):
            raw = edge.source[0]
            if edge.relation not in CARRIES_TAINT or raw in seen:
                continue
            seen.add(raw)
            waiting.append(raw)
            head = reader.vault.head(raw)
            if head is not None:
                heads.append(head)
    return heads


def restriction_of(reader: Reader, state: CubeState) -> Restricted:
    """What a memory restricts now: an access may have moved its end."""
    span = state.header.lifespan
    used = reader.usage(state.cube_id).last_used if span and span.renewed_by_access else 0
    return Restricted(state.header, used)


def sensitivities(reader: Reader, tenant: str) -> tuple[str, ...]:
    """A tenant's labels of sensitivity, lowest first."""
    settings = reader.vault.head(tenant_cube_id(tenant))
    return () if settings is None else settings.sensitivities
