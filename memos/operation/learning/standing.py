"""What is learnt already: the adapters of a model in a scope, as clusters, and what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from memos.infrastructure.chat_models.adapting import DistillationSettings
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.event import id_text
from memos.kernel.lineage import Relation
from memos.operation.adapter_manifest import AdapterManifest
from memos.operation.adapters.adapter import adapters_for
from memos.operation.adapters.verdict import rejections
from memos.operation.cube import EPOCH
from memos.operation.gate import Passage
from memos.operation.learning.clusters import Cluster, ClusterMemory
from memos.operation.learning.memories import LearnableMemory
from memos.operation.reads.adapters import KnownAdapter

_MICROSECOND = timedelta(microseconds=1)


class LearntAdapter(NamedTuple):
    """An adapter of a model.

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
        former: that may not any more and a policy decided on, the oldest first.
        refused: memories for which an adapter was trained, all of one, and refused by the gate: when that was
            last (microseconds since 1970).
    """

    adapters: tuple[LearntAdapter, ...]
    former: tuple[LearntAdapter, ...]
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
        """What one takes, at most; 0 where there was none yet."""
        sizes = (each.manifest.size for each in (*self.former, *self.adapters))
        return max(sizes, default=0)

    @property
    def seconds(self) -> float:
        """What training one took, on the average; 0 where there was none yet."""
        took = [each.manifest.seconds for each in (*self.former, *self.adapters)]
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
    live: list[LearntAdapter] = []
    former: list[LearntAdapter] = []
    refused: dict[frozenset[str], int] = {}
    for known in adapters_for(passage, reader).within(scope, refused=True):
        refusals = [
            each for each in rejections(reader, known.state.cube_id) if each.settings == settings
        ]
        if refusals:
            refused[_begun_with(reader, known)] = (refusals[-1].at - EPOCH) // _MICROSECOND
        manifest = known.manifest
        if manifest is None or manifest.model_digest != model_digest.hex():
            continue
        adapter = LearntAdapter(
            id_text(known.state.cube_id),
            known.state.version,
            known.state.scope,
            manifest,
            bool(manifest.policy) and passage.allows(Action.WRITE, known.state),
        )
        if known.is_live:
            live.append(adapter)
        elif adapter.is_ours and manifest.settings == settings:
            former.append(adapter)
    return Standing(tuple(live), tuple(former), refused)


def standing_clusters(
    adapters: Iterable[LearntAdapter], memories: Mapping[str, LearnableMemory]
) -> list[Cluster]:
    """The clusters of adapters: those of their memories that are to be learnt still.

    Args:
        adapters: each holds memories of its own.
        memories: all that is to be learnt, by id, in the order in which they arrived.
    """
    clusters: list[Cluster] = []
    for adapter in adapters:
        held = [each.memory for name, each in memories.items() if name in adapter.held]
        if held:
            clusters.append(_cluster(held, adapter.cube_id, adapter.held))
    return clusters


def former_clusters(
    adapters: Sequence[LearntAdapter], memories: Mapping[str, LearnableMemory]
) -> list[Cluster]:
    """The clusters that adapters held which may answer no more: these memories stay together. Where several
    held one, it is of the last of them.

    Args:
        adapters: the oldest first.
        memories: those that no live adapter holds, as above.
    """
    left = {name: each.memory for name, each in memories.items()}
    clusters: list[Cluster] = []
    for adapter in reversed(adapters):
        held = [each for name, each in left.items() if name in adapter.held]
        # A memory may have come under another policy since.
        policy = Counter(each.policy for each in held).most_common(1)[0][0] if held else ""
        together = [each for each in held if each.policy == policy]
        if together:
            clusters.append(_cluster(together, adapter.cube_id, frozenset()))
            left = {name: each for name, each in left.items() if each not in together}
    return clusters


def _cluster(memories: Sequence[ClusterMemory], adapter: str, learnt: frozenset[str]) -> Cluster:
    cluster = Cluster(memories[0].policy, adapter, learnt)
    for memory in memories:
        cluster.add(memory)
    return cluster


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
