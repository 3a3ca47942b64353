"""What is learnt already: the adapters of a model in a scope, as clusters, and what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

from memos.infrastructure.chat_models.adapting import DistillationSettings
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.event import id_text
from memos.kernel.lifecycle import CONTENT_STATES
from memos.kernel.lineage import Relation
from memos.operation.adapter_manifest import AdapterManifest
from memos.operation.adapters.adapter import adapters_for
from memos.operation.adapters.verdict import rejections
from memos.operation.cube import EPOCH
from memos.operation.gate import Passage
from memos.operation.learning.clusters import Cluster
from memos.operation.learning.memories import LearnableMemory
from memos.operation.reads.adapters import KnownAdapter

_MICROSECOND = timedelta(microseconds=1)


class LiveAdapter(NamedTuple):
    """An adapter that may answer.

    Attributes:
        cube_id, version: its cube.
        scope: where it is.
        manifest: what it says of itself.
        is_ours: whether a policy decided on it, and the actor may retire it: what a caller had distilled stays.
    """

    cube_id: str
    version: int
    scope: str
    manifest: AdapterManifest
    is_ours: bool

    @property
    def held(self) -> frozenset[str]:
        """The memories that it holds."""
        return frozenset(each.cube_id for each in self.manifest.sources)


class Standing(NamedTuple):
    """What is learnt in a scope.

    Attributes:
        adapters: that may answer, the oldest first.
        refused: memories for which an adapter was trained, all of one, and refused by the gate: when that was
            last (microseconds since 1970).
    """

    adapters: tuple[LiveAdapter, ...]
    refused: Mapping[frozenset[str], int]

    @property
    def held(self) -> frozenset[str]:
        """All memories that an adapter holds."""
        return frozenset().union(*(each.held for each in self.adapters))

    @property
    def bytes(self) -> int:
        """What the adapters take."""
        return sum(each.manifest.size for each in self.adapters)

    @property
    def adapter_bytes(self) -> int:
        """What one takes, at most; 0 where there is none."""
        return max((each.manifest.size for each in self.adapters), default=0)

    @property
    def seconds(self) -> float:
        """What training one took, on the average; 0 where there is none."""
        took = [each.manifest.seconds for each in self.adapters]
        return sum(took) / len(took) if took else 0.0


def standing_in(
    passage: Passage,
    reader: Reader,
    scope: str,
    model_digest: bytes,
    settings: DistillationSettings,
) -> Standing:
    """What a model has learnt in a scope and under it, as the actor sees it.

    Args:
        passage: where the actor's rights are asked.
        reader: where it is read.
        scope: where to look.
        model_digest: of the base.
        settings: what was refused with others may pass with these.
    """
    live: list[LiveAdapter] = []
    refused: dict[frozenset[str], int] = {}
    for known in adapters_for(passage, reader).within(scope, refused=True):
        if known.state.lifecycle not in CONTENT_STATES:
            continue
        refusals = [
            each for each in rejections(reader, known.state.cube_id) if each.settings == settings
        ]
        if refusals:
            refused[_begun_with(reader, known)] = (refusals[-1].at - EPOCH) // _MICROSECOND
        manifest = known.manifest
        if known.is_live and manifest is not None and manifest.model_digest == model_digest.hex():
            live.append(
                LiveAdapter(
                    id_text(known.state.cube_id),
                    known.state.version,
                    known.state.scope,
                    manifest,
                    bool(manifest.policy) and passage.allows(Action.WRITE, known.state),
                )
            )
    return Standing(tuple(live), refused)


def standing_clusters(
    adapters: Iterable[LiveAdapter], memories: Mapping[str, LearnableMemory]
) -> list[Cluster]:
    """The clusters of adapters: those of their memories that are to be learnt still.

    Args:
        adapters: each holds memories of its own.
        memories: all that is to be learnt, by id, in the order in which they arrived.
    """
    clusters: list[Cluster] = []
    for adapter in adapters:
        held = [each.memory for name, each in memories.items() if name in adapter.held]
        if not held:
            continue
        cluster = Cluster(held[0].policy, adapter.cube_id, adapter.held)
        for memory in held:
            cluster.add(memory)
        clusters.append(cluster)
    return clusters


def is_refused(
    cluster: Cluster, standing: Standing, memories: Mapping[str, LearnableMemory]
) -> bool:
    """Whether just these memories were refused as they are now."""
    at = standing.refused.get(frozenset(cluster.cube_ids))
    return at is not None and all(memories[each].changed <= at for each in cluster.cube_ids)


def _begun_with(reader: Reader, known: KnownAdapter) -> frozenset[str]:
    """The memories that an adapter's cube was begun for."""
    edges = reader.vault.edges(known.state.cube_id, downstream=False, version=1)
    return frozenset(
        id_text(edge.source[0]) for edge in edges if edge.relation is Relation.DISTILLED_INTO
    )
