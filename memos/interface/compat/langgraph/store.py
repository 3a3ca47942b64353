"""MemosStore: LangGraph's store on a vault, where every change of an item stays in its history."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)

from memos.interface.compat.arguments import check_mapping
from memos.interface.compat.langgraph.arguments import (
    check_fields,
    check_key,
    check_namespace,
    checked,
    operations,
)
from memos.interface.compat.langgraph.embedder import embedder_of
from memos.interface.compat.langgraph.expiry import check_ttl, renew, sweep_option
from memos.interface.compat.langgraph.items import WHOLE, Namespace, item_of
from memos.interface.compat.langgraph.namespaces import list_namespaces
from memos.interface.compat.langgraph.searching import ItemSearch
from memos.interface.compat.langgraph.writing import ItemWriter
from memos.interface.compat.scopes import base_scope, scope_under
from memos.interface.compat.threads import in_thread
from memos.interface.compat.vaults import adapted_vault
from memos.interface.memory import Memory
from memos.kernel.errors import EmbeddingFailed

_logger = logging.getLogger("memos.compat.langgraph")


class MemosStore(BaseStore):
    """A LangGraph store whose items are memories below a scope.

        with MemosStore("team.vault", scope="acme/agents") as store:
            store.put(("users", "alice"), "likes", {"text": "She likes pottery."})
            store.search(("users",), query="pottery")

    A namespace is a scope below the store's own; a delete archives, and a put of a key that is there makes its next
    version: `item_id` leads to its history. Several processes may use one vault. Safe for threads.

    Args:
        vault: an open `memos.Memory`, or the path of one, which `close` then closes.
        scope: what all namespaces lie below.
        index: `fields` says which texts an item is searched by, at first all of its value. `embed` and `dims` make
            searches find by meaning too, of a vault at a path; an open vault has its own embedder.
        ttl: how items live, in minutes; of a vault at a path `sweep_interval_minutes` starts a sweeper.
        options: those of `memos.Memory`, of a vault at a path.

    Raises:
        InvalidInput: an argument does not fit.
        VaultError: the vault cannot be opened.
    """

    supports_ttl = True

    def __init__(
        self,
        vault: str | Path | Memory,
        *,
        scope: str,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        **options: Any,
    ) -> None:
        self._scope = base_scope(scope)
        check_ttl(ttl)
        self.ttl_config = ttl
        self.index_config = index
        chosen = cast("IndexConfig", check_mapping(index, "index"))
        fields = check_fields(chosen.get("fields"), "index.fields")
        embeds = "embed" in chosen or "dims" in chosen
        if embeds:
            options["embedder"] = embedder_of(chosen)
        options |= sweep_option(ttl)
        self._vault = adapted_vault(vault, options)
        self._embeds = embeds
        self._writer = ItemWriter(self.memory, self._scope, fields or [WHOLE], ttl)

    @property
    def memory(self) -> Memory:
        """The vault: histories, as-of reads, rollback and erase of what the store holds."""
        return self._vault.memory

    def scope_of(self, namespace: Namespace) -> str:
        """The scope that a namespace is."""
        return scope_under(self._scope, check_namespace(namespace))

    def item_id(self, namespace: Namespace, key: str) -> str | None:
        """The id of the memory that holds an item, for `memory.history` and the like; None where there is none."""
        found = self._writer.items(check_namespace(namespace), check_key(key))
        return found[0].cube_id if found else None

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations: the reads first, as things stand, then the writes.

        Raises:
            InvalidNamespaceError: a label is empty, no text, or holds a period.
            InvalidInput: a value or a filter is no mapping, or another argument does not fit.
            MemosError: as the vault's own calls.
        """
        asked = [checked(op) for op in operations(ops)]
        results = [self._read(op) for op in asked]
        puts = [op for op in asked if isinstance(op, PutOp)]
        if puts:
            self._writer.write(puts)
            self._embed()
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, in a thread."""
        asked = operations(ops)
        return await in_thread(lambda: self.batch(asked))

    def close(self) -> None:
        """Close the vault where the store opened it."""
        self._vault.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, op: Op) -> Result:
        match op:
            case PutOp():
                return None
            case GetOp():
                return self._get(op)
            case SearchOp():
                return self._search(op)
            case ListNamespacesOp():
                return list_namespaces(self.memory, self._scope, op)

    def _get(self, op: GetOp) -> Item | None:
        found = self._writer.items(op.namespace, op.key)
        if not found:
            return None
        if op.refresh_ttl:
            renew(self.memory, found[0])
        return item_of(found[0], self._scope)

    def _search(self, op: SearchOp) -> list[SearchItem]:
        search = ItemSearch(self.memory, self._scope, op)
        items = search.items()
        if op.refresh_ttl:
            for cube in search.shown:
                if cube.lifespan is not None:
                    renew(self.memory, cube)
        return items

    def _embed(self) -> None:
        """Embed what was put, for the next search to find it by meaning."""
        if not self._embeds:
            return
        try:
            self.memory.embed_pending()
        except EmbeddingFailed as error:
            _logger.warning("what was put is found by its words until it is embedded: %s", error)
