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
        if not _is_plain(scope_view.query):
            return []
        chosen = self._chosen(scope_view, hits[:BEST_RANKS])
        return [held for hit in hits if (held := next(_holding(chosen, hit), None)) is not None]

    def _chosen(self, scope_view: ScopeView, best: Sequence[Hit]) -> list[KnownAdapter]:
        """Those that are to answer, in the order in which they are taken."""
        query = scope_view.query
        known = Adapters(scope_view.reader, query.permitted.check, query.read_time)
        base = self._model.model_digest.hex()
        chosen: list[KnownAdapter] = []
        for hit in best:
            if len(chosen) == MOST_ADAPTERS:
                break
            if next(_holding(chosen, hit), None) is not None:
                continue
            for adapter in known.holding(hit.cube_id, hit.version):
                if (
                    _fits(adapter, query, base)
                    and _knows(adapter, hit)
                    and self._takes(scope_view, adapter)
                ):
                    chosen.append(adapter)
                    break
        return chosen

    def _takes(self, scope_view: ScopeView, adapter: KnownAdapter) -> bool:
        """Take an adapter, where the model has it."""
        if adapter.manifest is None:
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


def _fits(adapter: KnownAdapter, query: Query, base: str) -> bool:
    """Whether an adapter is of a base, and holds nothing from elsewhere."""
    return (
        adapter.manifest is not None
        and adapter.manifest.model_digest == base
        and all(any(contains(asked, scope) for asked in query.scopes) for scope in adapter.scopes)
    )


def _knows(adapter: KnownAdapter, hit: Hit) -> bool:
    """Whether an adapter holds a found memory, and well. What another source contradicts is not asked about,
    and not held.
    """
    manifest = adapter.manifest
    return (
        manifest is not None
        and manifest.holds(hit.cube_id, hit.version)
        and manifest.evaluation.by_memory.get(hit.cube_id, 0.0) >= LEAST_ACCURACY
    )


def _holding(chosen: Sequence[KnownAdapter], hit: Hit) -> Iterator[HeldMemory]:
    """A found memory as the adapters that answer hold it."""
    for adapter in chosen:
        if _knows(adapter, hit):
            cite = Citation(hit.cube_id, hit.version, by_cube([hit.cube_id])[hit.cube_id])
            yield HeldMemory(cite, id_text(adapter.state.cube_id), adapter.state.version)
