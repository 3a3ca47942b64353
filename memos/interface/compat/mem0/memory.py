"""mem0's Memory on a vault."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from memos.infrastructure.chat_models.port import ChatModel
from memos.interface.compat.mem0.adding import Addition, add_as_said, add_made
from memos.interface.compat.mem0.config import configuration_from
from memos.interface.compat.mem0.entities import ENTITIES, MESSAGES, entities_from, exactly
from memos.interface.compat.mem0.filters import Selected, select
from memos.interface.compat.mem0.messages import messages_from
from memos.interface.compat.mem0.records import (
    EXPIRATION,
    IDENTITY,
    expiration_from,
    history_of,
    not_expired,
    record_of,
)
from memos.interface.compat.vaults import adapted_vault, archived
from memos.interface.memory import Memory as Vault
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.scope import check_scope, contains
from memos.operation.cube import MemCube
from memos.operation.validation import Time

_logger = logging.getLogger("memos.compat.mem0")
_UNSET: Any = object()
_PAGE = 500


class Memory:
    """mem0's `Memory`, whose memories are cubes of a vault below a scope.

        with Memory("team.vault", scope="acme/agents") as m:
            m.add("I like pottery.", user_id="alice", infer=False)
            m.search("pottery", filters={"user_id": "alice"})

    What is deleted or reset is archived: `history` still has it, and `vault` has what mem0 has not, such as `restore`,
    `rollback`, as-of reads and `erase`. Several processes may use one vault. Safe for threads.

    Args:
        vault: an open `memos.Memory`, or the path of one, which `close` then closes.
        scope: what all memories lie below; each entity has a scope of its own there.
        chat_model: makes memories of messages where `infer` is true; without one they are stored as they were said.
        custom_instructions: what the chat model is told besides.
        options: those of `memos.Memory`, of a vault at a path.

    Raises:
        InvalidInput: an argument does not fit. As every error of this kind it is a `ValueError`.
        VaultError: the vault cannot be opened.
    """

    def __init__(
        self,
        vault: str | Path | Vault,
        *,
        scope: str,
        chat_model: ChatModel | None = None,
        custom_instructions: str = "",
        **options: Any,
    ) -> None:
        self._base = check_scope(scope)
        self._model = chat_model
        self._instructions = custom_instructions
        self._vault = adapted_vault(vault, options)

    @classmethod
    def from_config(cls, config_dict: Mapping[str, Any]) -> Self:
        """The memory that a configuration describes: see `memos.interface.compat.mem0.config`.

        Raises:
            InvalidInput: it names what a vault has no use for, or no vault.
        """
        said = configuration_from(config_dict)
        return cls(
            said.path,
            scope=said.scope,
            chat_model=said.chat_model,
            custom_instructions=said.instructions,
            **said.options,
        )

    @property
    def vault(self) -> Vault:
        """The vault: as-of reads, diffs, lineage, restore, rollback and erase of what is here."""
        return self._vault.memory

    def add(
        self,
        messages: str | Mapping[str, Any] | list[Any],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: Time | None = None,
        expiration_date: Any = None,
        infer: bool = True,
        memory_type: str | None = None,
        prompt: str | None = None,
    ) -> dict[str, Any]:
        """Remember messages of an entity.

        Args:
            messages: a text, a message of `role` and `content`, or a list of them; `system` is not kept.
            user_id, agent_id, app_id, run_id: whose they are; at least one.
            metadata: any JSON object; it says nothing of whose they are.
            timestamp: when they were true in the world.
            expiration_date: the last day, in UTC, on which they are shown: YYYY-MM-DD.
            infer: have the chat model make memories of them. Without a chat model, as with False, each message is a
                memory as it was said.
            memory_type: None; procedural memories are not made here.
            prompt: what the chat model is told besides, in the place of `custom_instructions`.

        Returns:
            `{"results": [{"id", "memory", "event": "ADD", ...}]}`, of messages as said with `role` and `actor_id`.

        Raises:
            InvalidInput: an argument does not fit; nothing was stored.
            ModelUnavailable: the chat model failed; nothing was stored.
        """
        if memory_type is not None:
            raise InvalidInput(
                f"memory_type={shorten(memory_type)} is not made here: add the text with infer=False"
            )
        given = {"user_id": user_id, "agent_id": agent_id, "app_id": app_id, "run_id": run_id}
        expires = expiration_from(expiration_date)
        addition = Addition(
            messages_from(messages),
            _some(entities_from(given)),
            _own(metadata or {}, {}) | ({} if expires is None else {EXPIRATION: expires}),
            timestamp,
        )
        if infer and self._model is not None:
            told = prompt or self._instructions
            results = add_made(self.vault, self._base, addition, self._model, told)
        else:
            results = add_as_said(self.vault, self._base, addition)
        return {"results": results}

    def get(self, memory_id: str) -> dict[str, Any] | None:
        """One memory, expired ones too; None where there is none, or it was deleted."""
        cube = self._cube(memory_id)
        return None if cube is None else record_of(cube, self._base, score=None)

    def get_all(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 20,
        show_expired: bool = False,
        **entities: Any,
    ) -> dict[str, Any]:
        """The memories that a filter fits, the newest first.

        Args:
            filters: which: see `memos.interface.compat.mem0.filters`. It names an entity, anywhere.
            top_k: how many at most.
            show_expired: also those whose `expiration_date` has passed.
            entities: `user_id` and the like, as in `filters`.

        Raises:
            InvalidInput: an argument does not fit, or no entity is named.
        """
        _check_count(top_k)
        selected = self._selected(filters, entities, show_expired=show_expired)
        found: list[MemCube] = []
        cursor = None
        while len(found) < top_k:
            page = self.vault.list(
                scope=selected.scopes,
                filter=selected.filter,
                limit=min(_PAGE, top_k - len(found)),
                cursor=cursor,
            )
            found += page
            cursor = page.cursor
            if cursor is None:
                break
        return {"results": [record_of(cube, self._base) for cube in found]}

    def search(
        self,
        query: str,
        *,
        top_k: int = 20,
        filters: Mapping[str, Any] | None = None,
        threshold: float | None = 0.1,
        rerank: bool = False,
        explain: bool = False,
        reference_date: Time | None = None,
        show_expired: bool = False,
        **entities: Any,
    ) -> dict[str, Any]:
        """The memories that fit a query best, best first.

        Args:
            query: words, in any order.
            top_k: how many at most.
            filters: which: see `memos.interface.compat.mem0.filters`. It names an entity, anywhere.
            threshold: the least `score`: how likely a memory is to be about what is asked, 0 to 1.
            rerank: have the vault's reranker read the best again.
            explain: add `score_details`.
            reference_date: search what was true in the world then.
            show_expired: also those whose `expiration_date` has passed.
            entities: `user_id` and the like, as in `filters`.

        Raises:
            InvalidInput: an argument does not fit, no entity is named, or there is no reranker.
        """
        _check_count(top_k)
        least = _threshold(threshold)
        if not isinstance(query, str) or not query.strip():
            raise InvalidInput("Invalid query: cannot be empty or whitespace-only.")
        selected = self._selected(filters, entities, show_expired=show_expired)
        if top_k == 0:
            return {"results": []}
        hits = self.vault.search(
            query.strip(),
            scope=selected.scopes,
            k=top_k,
            filter=selected.filter,
            min_score=least,
            valid_at=reference_date,
            recipe=self._reranking() if rerank else None,
        )
        records = []
        for hit in hits:
            details = {"score_details": dict(hit.explain)} if explain else {}
            score = hit.explain["relevance"]
            records.append(record_of(hit, self._base, score=score) | details)
        return {"results": records}

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_date: Any = _UNSET,
        data: str | None = None,
    ) -> dict[str, str]:
        """Give a memory a new version.

        Args:
            memory_id: which.
            text: its new text; by default it stays.
            metadata: keys to set; the others stay. A key whose value is None is taken away.
            expiration_date: YYYY-MM-DD; None takes it away.
            data: another name of `text`, which mem0 is giving up.

        Raises:
            InvalidInput: there is no such memory, or nothing is to be changed.
        """
        text = data if text is None else text
        if text is None and metadata is None and expiration_date is _UNSET:
            raise InvalidInput(
                "At least one of text, metadata, or expiration_date must be provided."
            )
        cube = self._present(memory_id)
        changed = _own(metadata or {}, dict(cube.metadata))
        if expiration_date is not _UNSET:
            changed[EXPIRATION] = expiration_from(expiration_date)
        self.vault.update(cube.cube_id, text, metadata=changed)
        return {"message": "Memory updated successfully!"}

    def delete(self, memory_id: str) -> dict[str, str]:
        """Take a memory out of sight; its history stays, and `vault.restore` brings it back.

        Raises:
            InvalidInput: there is no such memory.
        """
        cube = self._present(memory_id)
        if not archived(self.vault, cube.cube_id):
            raise _no_memory(memory_id)
        return {"message": "Memory deleted successfully!"}

    def delete_all(
        self,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        *,
        app_id: str | None = None,
    ) -> dict[str, str]:
        """Take all memories of an entity out of sight, all or none, with the messages that they were made of.

        Raises:
            InvalidInput: no entity is named.
        """
        given = {"user_id": user_id, "agent_id": agent_id, "app_id": app_id, "run_id": run_id}
        entities = entities_from(given)
        if not entities:
            raise InvalidInput(
                "At least one filter is required to delete all memories. If you want to delete all "
                "memories, use the `reset()` method."
            )
        for base in (self._base, f"{self._base}/{MESSAGES}"):
            self._archive(select(exactly(entities), base))
        return {"message": "Memories deleted successfully!"}

    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """What happened to a memory, oldest first: each an ADD, UPDATE or DELETE."""
        try:
            changes = self.vault.history(memory_id)
        except NotFound:
            return []
        first = changes[0].entry
        if not contains(self._base, first.scope):
            return []
        return history_of(changes, first.metadata)

    def reset(self) -> None:
        """Take all memories out of sight. `vault.erase(scope=...)` destroys them."""
        _logger.warning("all memories below the scope are archived")
        self._archive(Selected((self._base,), None, frozenset()))

    def close(self) -> None:
        """Close the vault where this memory opened it."""
        self._vault.close()

    def chat(self, query: str) -> NoReturn:
        """Not there, as in mem0: `vault.chat` answers from memories."""
        raise NotImplementedError("Chat function not implemented yet: vault.chat answers")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _cube(self, memory_id: str) -> MemCube | None:
        """A memory in sight below the scope; None where there is none."""
        try:
            cube = self.vault.get(memory_id)
        except NotFound:
            return None
        return cube if isinstance(cube, MemCube) and contains(self._base, cube.scope) else None

    def _present(self, memory_id: str) -> MemCube:
        cube = self._cube(memory_id)
        if cube is None:
            raise _no_memory(memory_id)
        return cube

    def _selected(
        self, filters: Mapping[str, Any] | None, entities: Mapping[str, Any], *, show_expired: bool
    ) -> Selected:
        unknown = entities.keys() - set(ENTITIES)
        if unknown:
            raise InvalidInput(f"{', '.join(sorted(unknown))} is not known")
        parts: list[Mapping[str, Any]] = [exactly(entities_from(entities))]
        if filters is not None:
            parts.append(filters)
        selected = select({"AND": [part for part in parts if part]}, self._base)
        if not selected.entities:
            raise InvalidInput(
                f"filters must contain at least one of: {', '.join(ENTITIES)}. "
                "Example: filters={'user_id': 'u1'}"
            )
        if show_expired:
            return selected
        return selected._replace(filter={"and": [selected.filter, not_expired()]})

    def _archive(self, selected: Selected) -> None:
        try:
            self.vault.archive_many(scope=selected.scopes[0], filter=selected.filter)
        except NotFound:
            return  # there is nothing

    def _reranking(self) -> str:
        """The recipe that reads the best again."""
        try:
            self.vault.embedding_lag()
        except InvalidInput:
            return "lexical+rerank"
        return "hybrid+rerank"


def _own(metadata: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """A caller's metadata without what says whose a memory is."""
    for key in metadata:
        if key in IDENTITY and metadata[key] != present.get(key):
            _logger.warning("metadata[%r] is left out: whose a memory is stays", key)
    return {key: value for key, value in metadata.items() if key not in IDENTITY}


def _some(entities: dict[str, str]) -> dict[str, str]:
    if not entities:
        raise InvalidInput(f"At least one of {', '.join(ENTITIES)} must be provided.")
    return entities


def _no_memory(memory_id: object) -> InvalidInput:
    return InvalidInput(
        f"Memory with id {shorten(memory_id)} not found. Please provide a valid 'memory_id'"
    )


def _check_count(top_k: object) -> None:
    if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 0:
        raise InvalidInput(
            f"Invalid top_k: {shorten(top_k)}. Must be a non-negative integer."
        )


def _threshold(threshold: object) -> float:
    if threshold is None:
        return 0.1
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise InvalidInput("threshold must be a valid number")
    if not 0 <= threshold <= 1:
        raise InvalidInput(f"Invalid threshold: {threshold}. Must be between 0 and 1 (inclusive).")
    return float(threshold)
