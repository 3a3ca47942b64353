"""What LangGraph puts and deletes, as writes of a vault: what is new in one batch, what changes in another.

A key has one item. Two writers who put a new key at the same time make two memories; each then looks again, and
archives all but the newer. Until then a reader shows that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from langgraph.store.base import PutOp, TTLConfig

from memos.interface.compat.langgraph.expiry import lifespan_of, restart
from memos.interface.compat.langgraph.items import Namespace, body_of, is_item, tag_of
from memos.interface.compat.scopes import scope_under
from memos.interface.compat.vaults import archive_all
from memos.interface.memory import Memory
from memos.kernel.errors import Damaged, Held, IllegalMove, PartlyDone
from memos.operation.cube import MemCube

_MOST_OF_A_KEY = 100
_TRIES = 8


class ItemWriter:
    """Writes items of one store.

    Args:
        memory: the vault.
        base: the scope of the store.
        fields: the paths whose texts an item is searched by.
        ttl: how items live.
    """

    def __init__(
        self, memory: Memory, base: str, fields: Sequence[str], ttl: TTLConfig | None
    ) -> None:
        self._memory = memory
        self._base = base
        self._fields = fields
        self._ttl = ttl

    def items(self, namespace: Namespace, key: str) -> list[MemCube]:
        """The memories in sight that hold the item of a key, the newest first: one, or none.

        Raises:
            Damaged: it cannot be read.
        """
        page = self._memory.list(
            scope=scope_under(self._base, namespace),
            filter={"tags": tag_of(namespace, key)},
            order="changed",
            limit=_MOST_OF_A_KEY,
        )
        found = [cube for cube in page if is_item(cube)]
        if not found and page.damaged:
            raise Damaged("; ".join(page.damaged.values()))
        return found

    def write(self, puts: Iterable[PutOp]) -> None:
        """Write what is put and delete what is deleted; of one key the last is done.

        Raises:
            Held: an item is frozen or held.
            IllegalMove: others delete an item as often as it is put.
        """
        last = {(put.namespace, put.key): put for put in puts}
        for tries in range(1, _TRIES + 1):
            try:
                self._write(list(last.values()))
                break
            except Held:
                raise
            except (IllegalMove, PartlyDone):  # deleted by another writer since it was looked up
                if tries == _TRIES:
                    raise

    def _write(self, puts: list[PutOp]) -> None:
        new: list[PutOp] = []
        changed: list[tuple[MemCube, PutOp]] = []
        gone: list[str] = []
        for put in puts:
            found = self.items(put.namespace, put.key)
            keeps = put.value is not None and found and _is_alike(found[0], self._body(put))
            if keeps:
                changed.append((found[0], put))
            elif put.value is not None:
                new.append(put)
            gone += [cube.cube_id for cube in found[1 if keeps else 0 :]]
        self._add(new)
        self._change(changed)
        archive_all(self._memory, gone)
        for put in new:
            others = self.items(put.namespace, put.key)[1:]
            archive_all(self._memory, [cube.cube_id for cube in others])

    def _add(self, puts: list[PutOp]) -> None:
        if puts:
            self._memory.add_many([self._new(put) for put in puts])

    def _change(self, changes: list[tuple[MemCube, PutOp]]) -> None:
        if not changes:
            return
        self._memory.update_many(
            [
                {"cube_id": cube.cube_id, "replace_metadata": True, **_revision(self._body(put))}
                for cube, put in changes
            ]
        )
        for cube, put in changes:
            restart(self._memory, cube, put.ttl, self._ttl)

    def _new(self, put: PutOp) -> dict[str, Any]:
        lifespan = {} if put.ttl is None else {"lifespan": lifespan_of(put.ttl, self._ttl)}
        return {
            "scope": scope_under(self._base, put.namespace),
            "tags": [tag_of(put.namespace, put.key)],
            **self._body(put),
            **lifespan,
        }

    def _body(self, put: PutOp) -> dict[str, Any]:
        fields = self._fields if put.index is None else put.index or ()
        return body_of(put.key, put.value or {}, fields)


def _is_alike(cube: MemCube, body: dict[str, Any]) -> bool:
    """Whether a memory can take a body as its next version: one of a text stays one of a text."""
    return ("text" in body) == bool(cube.text)


def _revision(body: dict[str, Any]) -> dict[str, Any]:
    return {part: body[part] for part in ("text", "metadata") if part in body}
