"""Which adapters answer a question beside the memories in its prompt, and which memories they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memos.infrastructure.chat_models.adapting import AdapterServingModel
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.kernel.cube import SHOWN
from memos.kernel.event import id_text
from memos.kernel.scope import contains
from memos.operation.adapter_manifest import sealed_adapter
from memos.operation.reads.adapters import Adapters, KnownAdapter
from memos.operation.reads.context_block import Citation
from memos.operation.reads.labels import by_cube
from memos.operation.reads.stable_context import HeldMemory
from memos.operation.search.hits import Hit
from memos.operation.search.query import Query
from memos.operation.search.scope_view import ScopeView

MOST_ADAPTERS = 4
"""In one answer: mixed, each takes a little of the others."""
BEST_RANKS = 8
"""An adapter answers where it holds one of so many best found memories: else it would only disturb."""
LEAST_ACCURACY = 0.75
"""On a memory's own held-out questions: one that an adapter knows less well goes as text."""


class AdapterRouter:
    """Takes memories out of a question's context that a live adapter of a model holds. For one question.

    What stands behind an earlier moment, a filter, or in other scopes than all of an adapter's memories is left
    as text: an adapter answers from all that it holds.

    Attributes:
        adapters: that are to answer, by the cube.
    """

    def __init__(self, model: AdapterServingModel) -> None:
        self._model = model
        self.adapters: dict[str, PromptAdapter] = {}

    def __call__(self, scope_view: ScopeView, hits: Sequence[Hit]) -> list[HeldMemory]:
        """The memories that adapters hold, in the order in which they were found."""
        query = scope_view.query
        if not _is_plain(query):
            return []
        known = Adapters(scope_view.reader, query.permitted.check, query.read_time)
        base = self._model.model_digest.hex()
        held: list[HeldMemory] = []
        for rank, hit in enumerate(hits):
            for adapter in _fitting(known, query, hit, base):
                cube_id = id_text(adapter.state.cube_id)
                if cube_id in self.adapters or (
                    rank < BEST_RANKS and self._takes(scope_view, adapter)
                ):
                    cite = Citation(hit.cube_id, hit.version, by_cube([hit.cube_id])[hit.cube_id])
                    held.append(HeldMemory(cite, cube_id, adapter.state.version))
                    break
        return held

    def _takes(self, scope_view: ScopeView, adapter: KnownAdapter) -> bool:
        """Take an adapter, where the model has it and there is room."""
        if len(self.adapters) == MOST_ADAPTERS or adapter.manifest is None:
            return False
        sealed = sealed_adapter(scope_view.reader, adapter.state.cube_id, adapter.manifest)
        if not sealed.seal or not self._model.has_adapter(sealed):
            return False
        self.adapters[id_text(adapter.state.cube_id)] = sealed
        return True


def _is_plain(query: Query) -> bool:
    return (
        query.at is None
        and query.valid_at is None
        and query.filter is None
        and query.states == SHOWN
    )


def _fitting(known: Adapters, query: Query, hit: Hit, base: str) -> Iterator[KnownAdapter]:
    """The live adapters of a base that know a found memory well, and nothing from elsewhere."""
    for adapter in known.holding(hit.cube_id, hit.version):
        manifest = adapter.manifest
        if manifest is None or manifest.model_digest != base:
            continue
        # What another source contradicts is not asked about, and not held.
        accuracy = manifest.evaluation.by_memory.get(hit.cube_id, 0.0)
        within = all(
            any(contains(asked, scope) for asked in query.scopes) for scope in adapter.scopes
        )
        if within and accuracy >= LEAST_ACCURACY:
            yield adapter
