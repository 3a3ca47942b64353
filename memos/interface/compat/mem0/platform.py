"""mem0's platform on a vault, as its client calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from memos.interface.compat.mem0.entities import ENTITIES, MESSAGES, entities_from, entities_of
from memos.interface.compat.mem0.filters import Selected, select
from memos.interface.compat.mem0.memory import Memory
from memos.interface.compat.mem0.platform_filters import sdk_filter
from memos.interface.compat.mem0.platform_records import history_row, platform_record
from memos.interface.compat.mem0.records import has_expired, history_of, record_of
from memos.interface.compat.mem0.writing import revised
from memos.interface.compat.vaults import archive_all, archive_scope
from memos.kernel.errors import InvalidInput, MemosError, NotFound, shorten


class Page(NamedTuple):
    """Some of the memories that a filter fits, the newest first, and how many it fits in all."""

    records: list[dict[str, Any]]
    total: int


class Platform(Memory):
    """The SDK's calls with the platform's filters and errors, and those that only the platform has."""

    def page(
        self, filters: Mapping[str, Any], *, number: int, size: int, show_expired: bool = False
    ) -> Page:
        """One page of the memories that a filter fits, the newest first.

        Args:
            filters: which, in the platform's grammar. It names an entity, anywhere.
            number: which page, from 1 on.
            size: how many memories a page has.
            show_expired: also those whose `expiration_date` has passed.

        Raises:
            InvalidInput: the filter does not fit, or names no entity.
        """
        total = self._total(filters, show_expired=show_expired)
        before = (number - 1) * size
        if before >= total:
            return Page([], total)
        selected = self._selected(filters, {}, show_expired=show_expired)
        cubes = islice(self._newest(selected, before + size), before, None)
        return Page([platform_record(record_of(cube, self._base)) for cube in cubes], total)

    def record(self, memory_id: str) -> dict[str, Any]:
        """One memory, expired ones too.

        Raises:
            NotFound: there is none, or it was deleted.
        """
        return platform_record(record_of(self._present(memory_id), self._base))

    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """What happened to a memory, oldest first: each an ADD, UPDATE or DELETE.

        Raises:
            NotFound: there never was such a memory.
        """
        changes = self._changes(memory_id)
        if not changes:
            raise self._no_memory(memory_id)
        first = changes[0].entry
        entities = entities_of(self._base, first.scope)
        return [history_row(row, entities) for row in history_of(changes, first.metadata)]

    def delete_all(
        self,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        *,
        app_id: str | None = None,
    ) -> dict[str, str]:
        """Take all memories of some entities out of sight, all or none, with the messages that they were made
        of; an id that is `*` means all that have one.

        Raises:
            InvalidInput: no entity is named.
        """
        given = {"user_id": user_id, "agent_id": agent_id, "app_id": app_id, "run_id": run_id}
        entities = entities_from(given)
        if not entities:
            raise InvalidInput(f"At least one of {', '.join(ENTITIES)} is required, `*` for all.")
        for base in (self._base, f"{self._base}/{MESSAGES}"):
            selected = select(entities, base)
            archive_scope(self.vault, selected.scopes[0], selected.filter)
        return {"message": "Memories deleted successfully!"}

    def update_batch(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Give several memories a new version, all or none.

        Args:
            changes: each with `memory_id`, and `text`, `metadata` or both.

        Raises:
            NotFound: one is not there.
            InvalidInput: one is named twice, or nothing of it is to be changed.
        """
        self.vault.update_many([self._revision(**change) for change in changes])

    def delete_batch(self, memory_ids: Sequence[str]) -> None:
        """Take several memories out of sight, all or none.

        Raises:
            NotFound: one is not there.
        """
        cubes = [self._present(memory_id).cube_id for memory_id in memory_ids]
        archive_all(self.vault, list(dict.fromkeys(cubes)))

    def _total(self, filters: Mapping[str, Any], *, show_expired: bool) -> int:
        """How many memories a filter fits, without opening those that never expire."""
        every = self._selected(filters, {}, show_expired=True)
        total = int(self.vault.count(scope=every.scopes, filter=every.filter))
        if show_expired or not total:
            return total
        expired = {"and": [every.filter, has_expired()]}
        return total - int(self.vault.count(scope=every.scopes, filter=expired))

    def _revision(
        self, memory_id: str, text: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        if text is None and metadata is None:
            raise InvalidInput(
                f"At least one of text or metadata must be provided for {shorten(memory_id)}."
            )
        cube = self._present(memory_id)
        return {"cube_id": cube.cube_id, "text": text, **revised(cube, metadata or {})}

    def _select(self, filters: Mapping[str, Any]) -> Selected:
        grammar = sdk_filter(filters)
        return select(grammar.filters, self._base, grammar.fields)

    def _no_memory(self, memory_id: object) -> MemosError:
        return NotFound(f"there is no memory {shorten(memory_id)}")
