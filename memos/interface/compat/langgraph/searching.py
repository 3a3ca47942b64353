"""What LangGraph searches: by words first what fits best, then the rest; without words what changed last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from langgraph.store.base import SearchItem, SearchOp

from memos.interface.compat.langgraph.filters import fits, pushed_filter
from memos.interface.compat.langgraph.items import KEY, VALUE, found_item, is_item
from memos.interface.compat.scopes import names_under, scope_under
from memos.interface.compat.vaults import tell_damaged
from memos.interface.memory import Memory
from memos.operation.cube import MemCube
from memos.operation.search.hits import Hit

_FIELD = f"metadata.{VALUE}"
_MOST_HITS = 10_000
_PAGE = 200


class ItemSearch:
    """One search of a store.

    Args:
        memory: the vault.
        base: the scope of the store.
        op: what is searched.

    Attributes:
        shown: the memories that hold what was found, of those that were listed.

    Raises:
        InvalidInput: the filter does not fit, or the prefix is no scope.
    """

    def __init__(self, memory: Memory, base: str, op: SearchOp) -> None:
        self._memory = memory
        self._base = base
        self._op = op
        self._scope = scope_under(base, op.namespace_prefix)
        self._filter = {"and": [_ITEMS, *_parts(op)]}
        self.shown: list[MemCube] = []

    def items(self) -> list[SearchItem]:
        """The items, from `offset` on, `limit` of them at most."""
        op = self._op
        if not op.limit:
            return []
        hits = self._hits(op.offset + op.limit) if (op.query or "").strip() else []
        found = [self._found(hit, hit.explain["relevance"]) for hit in hits[op.offset :]]
        missing = op.limit - len(found)
        if missing > 0:
            seen = {(hit.scope, hit.metadata[KEY]) for hit in hits}
            rest = islice(self._listed(seen), max(0, op.offset - len(hits)), None)
            self.shown = list(islice(rest, missing))
            found += [self._found(cube, None) for cube in self.shown]
        return found

    def _found(self, memory: MemCube | Hit, score: float | None) -> SearchItem:
        return found_item(memory, self._base, score)

    def _hits(self, count: int) -> list[Hit]:
        """The best that fit exactly, so many at most: more are asked for where some do not."""
        asked = count
        while True:
            hits = self._memory.search(
                self._op.query or "",
                scope=self._scope,
                k=min(asked, _MOST_HITS),
                filter=self._filter,
            )
            fitting = list(self._each_once(hits))
            if len(fitting) >= count or len(hits) < asked or asked >= _MOST_HITS:
                return fitting[:count]
            asked *= 4

    def _each_once(self, hits: list[Hit]) -> Iterator[Hit]:
        newest: dict[tuple[str, str], Hit] = {}
        for hit in filter(self._fits, hits):
            name = (hit.scope, hit.metadata[KEY])
            if name not in newest or newest[name].changed < hit.changed:
                newest[name] = hit
        yield from newest.values()

    def _listed(self, seen: set[tuple[str, str]]) -> Iterator[MemCube]:
        """What fits and was not seen yet, what changed last first; read page by page."""
        cursor = None
        limit = min(self._op.offset + self._op.limit, _PAGE)
        while True:
            page = self._memory.list(
                scope=self._scope,
                filter=self._filter,
                order="changed",
                limit=limit,
                cursor=cursor,
            )
            tell_damaged(page.damaged)
            for cube in page:
                name = (cube.scope, str(cube.metadata.get(KEY)))
                if name not in seen and self._fits(cube):
                    seen.add(name)
                    yield cube
            cursor, limit = page.cursor, min(2 * limit, _PAGE)
            if cursor is None:
                return

    def _fits(self, memory: MemCube | Hit) -> bool:
        return (
            is_item(memory)
            and names_under(self._base, memory.scope) is not None
            and fits(memory.metadata[VALUE], self._op.filter)
        )


_ITEMS = {f"metadata.{KEY}": {"exists": True}}


def _parts(op: SearchOp) -> list[dict[str, object]]:
    pushed = pushed_filter(op.filter, _FIELD)
    return [] if pushed is None else [pushed]
