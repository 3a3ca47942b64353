"""What a caller sees of a scope: the rows that a search would rank, whatever the read is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import View
from memos.infrastructure.index.projection import internal_rows
from memos.language.analyzer import Analyzer
from memos.operation.search.hits import Hits
from memos.operation.search.query import Query
from memos.operation.search.search import search
from memos.operation.search.visibility import HeaderCheck, restrict
from memos.operation.search.vocabularies import vocabulary_rows


class ScopeView(NamedTuple):
    """A caller at one moment in one scope. `newest` is given where `view` is of an earlier one.

    `query` says who reads, in which states and at which time; its text is what `hits` looks for. `keys`
    are the tenant's, its own first.
    """

    reader: Reader
    view: View
    newest: View | None
    analyzer: Analyzer
    query: Query
    keys: Sequence[bytes]

    def visible(self) -> View:
        """The rows that the caller may see, decided by the rule that search has."""
        check = HeaderCheck(self.reader, self.query)
        return restrict(self.view, self.query, check, self.newest or self.view)

    def memories(self) -> View:
        """The same without what is no memory of a caller's: what a list shows and counts tell."""
        visible = self.visible()
        none = internal_rows(visible) | vocabulary_rows(self.reader, visible, self.keys)
        return visible.restrict(~none) if none.any() else visible

    def hits(self) -> Hits:
        """What a search finds, best first."""
        return search(self.reader, self.view, self.analyzer, self.query, self.newest)
