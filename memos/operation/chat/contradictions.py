"""Which memories may contradict each other: of two such, a model is to read both, or neither."""

from __future__ import annotations

from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.language.analysis import claims_of
from memos.language.analyzer import LANGUAGE
from memos.operation.reads.found import MOST_COMPARED
from memos.operation.reads.newest_first import alike
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView

Slots = dict[tuple[str, str, str], str]
"""What a text claims: a value of each subject, attribute and qualifier."""


class Contradictions:
    """Found memories held against each other. For one question; each text is looked at once."""

    def __init__(self, scope_view: ScopeView) -> None:
        self._scope_view = scope_view
        self._superseded: dict[str, frozenset[str]] = {}
        self._terms: dict[str, frozenset[int]] = {}
        self._slots: dict[str, Slots] = {}

    def may_be(self, one: Hit, other: Hit) -> bool:
        """Whether one memory supersedes the other; or both claim something of one slot, and not the same; or,
        where it is not known what one of them claims, most of their words are the same, and not all.
        """
        if one.text == other.text:
            return False
        if other.cube_id in self._superseded_by(one) or one.cube_id in self._superseded_by(other):
            return True
        slots, others = self._slots_of(one), self._slots_of(other)
        if slots and others:
            return any(slots[slot] != others[slot] for slot in slots.keys() & others.keys())
        return alike(self._terms_of(one), self._terms_of(other))

    def share_words(self, one: Hit, other: Hit) -> bool:
        """Whether memories have a word in common that is no stop word."""
        return not self._terms_of(one).isdisjoint(self._terms_of(other))

    def _superseded_by(self, hit: Hit) -> frozenset[str]:
        if hit.cube_id not in self._superseded:
            edges = self._scope_view.reader.vault.edges(id_bytes(hit.cube_id), downstream=False)
            self._superseded[hit.cube_id] = frozenset(
                id_text(edge.source[0]) for edge in edges if edge.relation is Relation.SUPERSEDES
            )
        return self._superseded[hit.cube_id]

    def _terms_of(self, hit: Hit) -> frozenset[int]:
        if hit.cube_id not in self._terms:
            found = self._scope_view.analyzer.query_terms(hit.text[:MOST_COMPARED])
            self._terms[hit.cube_id] = frozenset(each.term for each in found)
        return self._terms[hit.cube_id]

    def _slots_of(self, hit: Hit) -> Slots:
        if hit.cube_id not in self._slots:
            speaker, role = (str(hit.metadata.get(name) or "") for name in ("speaker", "role"))
            claims = claims_of(LANGUAGE, hit.text[:MOST_COMPARED], speaker, role)
            self._slots[hit.cube_id] = {
                (claim.subject, claim.attribute, claim.qualifier): claim.new for claim in claims
            }
        return self._slots[hit.cube_id]
