"""The memories of a distillation, as they stand in a prompt: read, and looked at again when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from memos.infrastructure.chat_models.adapting import LessonMemory, Role
from memos.kernel.errors import Conflict
from memos.kernel.lineage import Relation
from memos.operation.adapter_manifest import ListedMemory
from memos.operation.adapters.chosen import ClusterRequest, chosen_memories, nothing_to_distil
from memos.operation.commands.draft import Sources
from memos.operation.commands.sources import source_versions
from memos.operation.cube import EPOCH, as_datetime
from memos.operation.gate import Passage
from memos.operation.reads.adapters import Adapters
from memos.operation.reads.context_block import Citation, quoted_line, text_of
from memos.operation.reads.labels import by_cube
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.search.hits import Hit
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class Cluster:
    """Memories as they were read for a distillation.

    Attributes:
        memories: the sources first, the oldest of them first; the others in the order of their ids.
        sources: the same as versions, with what they restrict.
        valid_until: when the first of the sources is no longer true, in microseconds; None for never.
    """

    memories: tuple[LessonMemory, ...]
    sources: Sources
    valid_until: int | None

    @property
    def listed(self) -> tuple[ListedMemory, ...]:
        """As a manifest lists them."""
        return tuple(
            ListedMemory(each.cube_id, each.version, each.digest.hex(), each.role.value)
            for each in self.memories
        )


def read_cluster(session: Session, passage: Passage, request: ClusterRequest) -> Cluster:
    """The memories that are to be distilled, and those that are to stay as they are.

    Raises:
        InvalidInput: one is not to be shown there, says nothing, or there are too many.
        DistillationRefused: there is none, or they are of several policies.
        Conflict: one was changed while it was read.
    """
    with open_scope(session, passage, SearchRequest(scope=request.scope)) as scope_view:
        if scope_view is None:
            raise nothing_to_distil(request.scope)
        known = Adapters(scope_view.reader, scope_view.query.permitted.check, passage.time)
        hits, roles = chosen_memories(scope_view, known, request)
        read_time = as_datetime(scope_view.query.read_time)
    versions = cluster_sources(session, passage, request.scope, roles)
    return _cluster(hits, roles, versions, read_time)


def cluster_sources(
    session: Session, passage: Passage, scope: str, roles: Mapping[str, Role]
) -> Sources:
    """Memories as versions: what an adapter holds is distilled into it, what else it was made with is
    something that it is derived from.
    """
    held = [cube_id for cube_id, role in roles.items() if role is Role.SOURCE]
    others = [cube_id for cube_id, role in roles.items() if role is not Role.SOURCE]
    of_held = source_versions(session, passage, held, Relation.DISTILLED_INTO, scope)
    of_others = source_versions(session, passage, others, Relation.DERIVED_FROM, scope)
    return Sources(
        of_held.versions + of_others.versions,
        tuple(sorted({*of_held.subjects, *of_others.subjects})),
        of_held.restricted + of_others.restricted,
        of_held.labels or of_others.labels,
    )


def check_unchanged(memories: Iterable[LessonMemory | ListedMemory], sources: Sources) -> None:
    """Refuse versions that are no longer those that were read.

    Raises:
        Conflict: a memory was changed meanwhile.
    """
    for read, now in zip(memories, sources.versions, strict=True):
        if read.version != now.version:
            raise Conflict(
                f"cube {read.cube_id} is at version {now.version} now, and version {read.version} was read "
                "to be distilled: distil again",
                now.version,
            )


def _cluster(
    hits: Mapping[str, Hit], roles: Mapping[str, Role], sources: Sources, read_time: datetime
) -> Cluster:
    labels = by_cube(list(hits))
    memories = tuple(
        LessonMemory(
            cube_id=hit.cube_id,
            version=hit.version,
            digest=version.digest,
            role=roles[hit.cube_id],
            text=text_of(hit),
            line=quoted_line(
                hit, read_time, [Citation(hit.cube_id, hit.version, labels[hit.cube_id])]
            ),
        )
        for hit, version in zip(hits.values(), sources.versions, strict=True)
    )
    check_unchanged(memories, sources)
    ends = [
        (hit.valid_until - EPOCH) // timedelta(microseconds=1)
        for hit in hits.values()
        if roles[hit.cube_id] is Role.SOURCE and hit.valid_until is not None
    ]
    return Cluster(memories, sources, min(ends, default=None))
