"""Which adapters answer a question beside the memories in its prompt, and which memories they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from memos.infrastructure.chat_models.adapting import AdapterServingModel
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.kernel.cube import SHOWN
from memos.kernel.event import id_text
from memos.kernel.scope import contains
from memos.operation.adapter_manifest import sealed_adapter
from memos.operation.chat.contradictions import Contradictions
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
    as text: an adapter answers from all that it holds. So is what may be contradicted by a memory that stands in the
    prompt, or that another adapter answers from: a model that read only one of the two would believe that one.

    Attributes:
        adapters: that are to answer, by the cube.
    """

    def __init__(self, model: AdapterServingModel) -> None:
        self._model = model
        self.adapters: dict[str, PromptAdapter] = {}

    def __call__(
        self, scope_view: ScopeView, hits: Sequence[Hit], beside: Callable[[], Sequence[Hit]]
    ) -> list[HeldMemory]:
        """The memories that adapters hold, in the order in which they were found.

        Args:
            scope_view: where they were found.
            hits: what was found, and is not in the prompt yet, best first.
            beside: gives what the prompt has, or is to have in any case.
        """
        if not _is_plain(scope_view.query):
            return []
        chosen = self._chosen(scope_view, hits[:BEST_RANKS])
        holders = {
            hit.cube_id: adapter
            for hit in hits
            if (adapter := next((each for each in chosen if _knows(each, hit)), None)) is not None
        }
        contradictions = Contradictions(scope_view)
        others = beside() if holders else ()
        while against := _contradicted(contradictions, [*hits, *others], holders):
            for cube_id in against:
                del holders[cube_id]
        using = {id_text(each.state.cube_id) for each in holders.values()}
        self.adapters = {name: each for name, each in self.adapters.items() if name in using}
        return [_held(hit, holders[hit.cube_id]) for hit in hits if hit.cube_id in holders]

    def _chosen(self, scope_view: ScopeView, best: Sequence[Hit]) -> list[KnownAdapter]:
        """Those that are to answer, in the order in which they are taken."""
        query = scope_view.query
        known = Adapters(scope_view.reader, query.permitted.check, query.read_time)
        base = self._model.model_digest.hex()
        chosen: list[KnownAdapter] = []
        for hit in best:
            if len(chosen) == MOST_ADAPTERS:
                break
            if any(_knows(adapter, hit) for adapter in chosen):
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


def _contradicted(
    contradictions: Contradictions, hits: Sequence[Hit], holders: Mapping[str, KnownAdapter]
) -> set[str]:
    """The memories that are not to be answered from by an adapter, for another one, that this adapter does not
    answer from, may say otherwise.
    """
    return {
        one.cube_id
        for one in hits
        if (holder := holders.get(one.cube_id)) is not None
        and any(
            contradictions.may_be(one, other)
            or _learnt_otherwise(contradictions, holder, one, other)
            for other in hits
            if holders.get(other.cube_id) is not holder
        )
    }


def _learnt_otherwise(
    contradictions: Contradictions, adapter: KnownAdapter, held: Hit, other: Hit
) -> bool:
    """Whether another memory is one that an adapter did not learn, since a later one contradicts it, and that may be
    the one that it holds.
    """
    manifest = adapter.manifest
    return (
        manifest is not None
        and manifest.holds(other.cube_id, other.version)
        and other.cube_id not in manifest.evaluation.by_memory
        and contradictions.share_words(held, other)
    )


def _held(hit: Hit, adapter: KnownAdapter) -> HeldMemory:
    """A found memory as an adapter that answers holds it."""
    cite = Citation(hit.cube_id, hit.version, by_cube([hit.cube_id])[hit.cube_id])
    return HeldMemory(cite, id_text(adapter.state.cube_id), adapter.state.version)
