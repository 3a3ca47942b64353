"""MemosSession: the history of an agent's conversation in a vault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from heapq import nlargest
from pathlib import Path
from typing import Any

from agents import SessionSettings, TResponseInputItem
from agents.memory.session_settings import coerce_session_settings, resolve_session_limit

from memos.interface.compat.openai_agents.items import (
    body_of,
    is_item,
    item_of,
    sequence_of,
    written_at,
)
from memos.interface.compat.scopes import base_scope, scope_under
from memos.interface.compat.threads import in_thread
from memos.interface.compat.vaults import adapted_vault, archive_scope, archived
from memos.interface.memory import Memory
from memos.kernel.errors import Damaged, InvalidInput, shorten
from memos.operation.cube import MemCube
from memos.operation.validation import AsOf, check_list

_PAGE = 500
_LATE = timedelta(seconds=5)
"""By how much log times may stand in another order than what was written, beside clocks that differ."""


class MemosSession:
    """A session of OpenAI's Agents SDK whose items are memories in a scope of its own.

        session = MemosSession("chat-7", "team.vault", scope="acme/alice")
        await Runner.run(agent, "What did I say I like?", session=session)

    What is popped or cleared is archived: `memory.history` has it, `memory.restore` brings it back, and
    `memory.search(scope=...)` finds what was said in every session below a scope. Several processes may use one
    session; an item is popped once.

    Args:
        session_id: which conversation; any text.
        vault: an open `memos.Memory`, or the path of one, which `close` then closes.
        scope: what the session's own scope lies below.
        session_settings: `limit` is how many items `get_items` gives where it is not told.
        options: those of `memos.Memory`, of a vault at a path.

    Raises:
        InvalidInput: an argument does not fit.
        VaultError: the vault cannot be opened.
    """

    session_id: str
    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        vault: str | Path | Memory,
        *,
        scope: str,
        session_settings: SessionSettings | dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.session_id = session_id
        self.session_settings = _settings(session_settings)
        self._scope = scope_under(base_scope(scope), [session_id])
        self._vault = adapted_vault(vault, options)

    @property
    def scope(self) -> str:
        """The session's own scope."""
        return self._scope

    @property
    def memory(self) -> Memory:
        """The vault: histories, as-of reads, rollback and erase of what the session holds."""
        return self._vault.memory

    async def get_items(
        self, limit: int | None = None, *, as_of: AsOf | None = None
    ) -> list[TResponseInputItem]:
        """The conversation in its order: all of it, or the latest `limit` items.

        Args:
            limit: how many; by default as `session_settings` says. A negative one is none.
            as_of: what was known at a cut, a position or a log time.

        Raises:
            InvalidInput: an argument does not fit.
        """
        _check_limit(limit)
        most = resolve_session_limit(limit, self.session_settings)
        cubes = await in_thread(lambda: self._latest(most, as_of))
        return [item_of(cube) for cube in cubes]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items behind the others, all or none.

        Raises:
            InvalidInput: they are no list, or one is no object of JSON.
        """
        bodies = [{"scope": self._scope, **body_of(item)} for item in _listed(items)]
        if bodies:
            await in_thread(lambda: self.memory.add_many(bodies))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the latest item out of the conversation; None where there is none."""
        return await in_thread(self._pop)

    async def clear_session(self) -> None:
        """Take all items out of the conversation, all or none."""
        await in_thread(lambda: archive_scope(self.memory, self._scope))

    def close(self) -> None:
        """Close the vault where the session opened it."""
        self._vault.close()

    def _latest(self, most: int | None, as_of: AsOf | None = None) -> list[MemCube]:
        """The latest items, oldest first; all where `most` is None or negative."""
        if most == 0:
            return []
        wanted = None if most is None or most < 0 else most
        found: list[MemCube] = []
        for cube in self._newest(wanted, as_of):
            if wanted is not None and len(found) >= wanted:
                least = nlargest(wanted, map(sequence_of, found))[-1]
                if cube.created < written_at(least) - _LATE:
                    break
            found.append(cube)
        ordered = sorted(found, key=sequence_of)
        return ordered if wanted is None else ordered[-wanted:]

    def _newest(self, wanted: int | None, as_of: AsOf | None) -> Iterator[MemCube]:
        cursor = None
        limit = _PAGE if wanted is None else min(_PAGE, wanted + 1)
        while True:
            page = self.memory.list(scope=self._scope, limit=limit, cursor=cursor, as_of=as_of)
            if page.damaged:
                raise Damaged("; ".join(page.damaged.values()))
            yield from filter(is_item, page)
            cursor = page.cursor
            if cursor is None:
                return

    def _pop(self) -> TResponseInputItem | None:
        while latest := self._latest(1):
            if archived(self.memory, latest[0].cube_id):
                return item_of(latest[0])
        return None


def _check_limit(limit: object) -> None:
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        raise InvalidInput(f"limit must be a whole number, not {shorten(limit)}")


def _listed(items: object) -> tuple[Any, ...]:
    if items is None:
        raise InvalidInput("items must be a list, not None")
    return check_list(items, "items")


def _settings(given: SessionSettings | dict[str, Any] | None) -> SessionSettings:
    try:
        return coerce_session_settings(SessionSettings() if given is None else given)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"session_settings: {error}") from None
