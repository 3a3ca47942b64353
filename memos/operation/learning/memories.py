"""Memories as they are put into clusters: what they are about, and what may be learnt with what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from memos.infrastructure.batches import batched
from memos.kernel.cube import CubeState
from memos.kernel.event import id_bytes, id_text
from memos.kernel.keyed_digest import SUBJECT
from memos.kernel.lifespan import NEVER, earliest_end
from memos.kernel.scope import tenant_of
from memos.language.analysis import claims_of
from memos.language.analyzer import LANGUAGE, Analyzer
from memos.operation.cube import EPOCH
from memos.operation.learning.clusters import ClusterMemory
from memos.operation.reads.pinned_memories import memories_in_force
from memos.operation.search.dense import LONGEST_EMBEDDED
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session

_DAY = 24 * 60 * 60 * 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_AT_ONCE = 200


class LearnableMemory(NamedTuple):
    """A memory that may be learnt, as it is now.

    Attributes:
        memory: as it is put into a cluster.
        scope: where it is.
        text: what it says.
        arrived: when it was made (microseconds since 1970).
        changed: when its version was made.
    """

    memory: ClusterMemory
    scope: str
    text: str
    arrived: int
    changed: int


def learnable_memories(
    session: Session, scope_view: ScopeView, cube_ids: Iterable[str]
) -> dict[str, LearnableMemory]:
    """Of some memories those that are in force, by id, in the order in which they arrived."""
    found: list[LearnableMemory] = []
    for batch in batched(cube_ids, _AT_ONCE):
        hits = memories_in_force(scope_view, batch)
        heads = scope_view.reader.vault.heads_many(map(id_bytes, hits))
        states = {id_text(raw): state for raw, state in heads.items()}
        found += [
            _learnable(session, scope_view, hit, states[hit.cube_id])
            for hit in hits.values()
            if hit.text.strip() and hit.cube_id in states
        ]
    found.sort(key=lambda each: (each.arrived, each.memory.cube_id))
    return {each.memory.cube_id: each for each in found}


def with_vectors(
    session: Session, memories: Sequence[LearnableMemory]
) -> Iterator[LearnableMemory]:
    """The same with their embeddings, where the vault is open with an embedder.

    Raises:
        EmbeddingFailed: it failed.
    """
    if session.embedding is None or not memories:
        yield from memories
        return
    vectors = session.embedding.of_query([each.text[:LONGEST_EMBEDDED] for each in memories])
    for each, vector in zip(memories, vectors.tolist(), strict=True):
        yield each._replace(memory=replace(each.memory, vector=tuple(vector)))


def _learnable(
    session: Session, scope_view: ScopeView, hit: Hit, state: CubeState
) -> LearnableMemory:
    memory = ClusterMemory(
        cube_id=hit.cube_id,
        version=hit.version,
        policy=_policy(state),
        terms=frozenset(_terms(scope_view.analyzer, hit) | _subjects(session, state)),
    )
    return LearnableMemory(
        memory,
        state.scope,
        hit.text,
        scope_view.reader.created(state.cube_id),
        (hit.changed - EPOCH) // _MICROSECOND,
    )


def _policy(state: CubeState) -> str:
    """Who may do what with a memory, and when it ends: by the day, for ends are seldom the same instant."""
    header = state.header
    end = earliest_end(header.lifespan)
    told = [
        state.scope,
        header.owner,
        sorted(header.readers),
        sorted(header.writers),
        header.sensitivity,
        header.purpose,
        None if end >= NEVER or header.lifespan is None else [header.lifespan.then, end // _DAY],
    ]
    return json.dumps(told)


def _terms(analyzer: Analyzer, hit: Hit) -> set[int]:
    """The words of a memory that are no stop words, and whose what it tells."""
    words = {each.term for each in analyzer.query_terms(hit.text)}
    speaker, role = (str(hit.metadata.get(name) or "") for name in ("speaker", "role"))
    for claim in claims_of(LANGUAGE, hit.text, speaker, role):
        words.add(analyzer.exact_term("claimed of", claim.subject))
        words.add(analyzer.exact_term("claimed", claim.attribute))
    return words


def _subjects(session: Session, state: CubeState) -> set[int]:
    """Whom a memory is about, but for its scope, which all memories there are about."""
    tenant = tenant_of(state.scope)
    common = session.digests.lookups(tenant, SUBJECT, state.scope)
    return {int.from_bytes(digest[:8]) for digest in state.subjects if digest not in common}
