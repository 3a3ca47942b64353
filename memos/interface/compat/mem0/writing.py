"""mem0's calls that write."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from memos.interface.compat.arguments import check_mapping, check_text
from memos.interface.compat.mem0.adding import Addition, add_as_said, add_made
from memos.interface.compat.mem0.door import Door
from memos.interface.compat.mem0.entities import ENTITIES, MESSAGES, entities_from, exactly
from memos.interface.compat.mem0.filters import select
from memos.interface.compat.mem0.messages import messages_from
from memos.interface.compat.mem0.records import (
    EXPIRATION,
    EXPIRES,
    IDENTITY,
    expiration_from,
    expiry_tags,
)
from memos.interface.compat.vaults import archive_scope, archived
from memos.kernel.errors import InvalidInput, MemosError, shorten
from memos.operation.commands.body import check_metadata
from memos.operation.cube import MemCube
from memos.operation.plain import plain
from memos.operation.validation import Time, check_flag

_logger = logging.getLogger("memos.compat.mem0")
_UNSET: Any = object()


class WritingCalls(Door):
    """mem0's calls that write. See `Memory`."""

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
            user_id: whose they are,
            agent_id: of which agent,
            app_id: of which application,
            run_id: of which run; at least one.
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
            _own(metadata, {}) | ({} if expires is None else {EXPIRATION: expires}),
            timestamp,
        )
        told = check_text(prompt, "prompt") or self._instructions
        if check_flag(infer, "infer") and self._model is not None:
            results = add_made(self.vault, self._base, addition, self._model, told)
        else:
            results = add_as_said(self.vault, self._base, addition)
        return {"results": results}

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_date: Any = _UNSET,
        data: str | None = None,
        timestamp: Time | None = None,
    ) -> dict[str, str]:
        """Give a memory a new version.

        Args:
            memory_id: which.
            text: its new text; by default it stays.
            metadata: keys to set; the others stay. A key whose value is None is taken away.
            expiration_date: YYYY-MM-DD; None takes it away.
            data: another name of `text`, which mem0 is giving up.
            timestamp: when it was true in the world.

        Raises:
            InvalidInput: there is no such memory, or nothing is to be changed.
        """
        text = data if text is None else text
        unchanged = text is None and metadata is None and timestamp is None
        if unchanged and expiration_date is _UNSET:
            raise InvalidInput(
                "At least one of text, metadata, or expiration_date must be provided."
            )
        cube = self._present(memory_id)
        changed = dict(check_mapping(metadata, "metadata"))
        if expiration_date is not _UNSET:
            changed[EXPIRATION] = expiration_from(expiration_date)
        self.vault.update(cube.cube_id, text, **revised(cube, changed), valid_from=timestamp)
        return {"message": "Memory updated successfully!"}

    def delete(self, memory_id: str) -> dict[str, str]:
        """Take a memory out of sight; its history stays, and `vault.restore` brings it back.

        Raises:
            InvalidInput: there is no such memory.
        """
        cube = self._present(memory_id)
        if not archived(self.vault, cube.cube_id):
            raise self._no_memory(memory_id)
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
            selected = select(exactly(entities), base)
            archive_scope(self.vault, selected.scopes[0], selected.filter)
        return {"message": "Memories deleted successfully!"}

    def reset(self) -> None:
        """Take all memories out of sight. `vault.erase(scope=...)` destroys them."""
        _logger.warning("all memories below the scope are archived")
        archive_scope(self.vault, self._base)

    def _present(self, memory_id: str) -> MemCube:
        cube = self._cube(memory_id)
        if cube is None:
            raise self._no_memory(memory_id)
        return cube

    def _no_memory(self, memory_id: object) -> MemosError:
        return InvalidInput(
            f"Memory with id {shorten(memory_id)} not found. Please provide a valid 'memory_id'"
        )


def revised(cube: MemCube, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `Memory.update` that set keys of a memory's metadata."""
    own = _own(metadata, cube.metadata)
    if EXPIRATION not in own:
        return {"metadata": own}
    kept = [tag for tag in cube.tags if tag != EXPIRES]
    return {"metadata": own, "tags": [*kept, *expiry_tags(own)]}


def _own(metadata: Mapping[str, Any] | None, present: Mapping[str, Any]) -> dict[str, Any]:
    """A caller's metadata without what says whose a memory is; a day in it is one.

    Raises:
        InvalidInput: it is no object of JSON.
    """
    given = dict(check_mapping(metadata, "metadata"))
    if EXPIRATION in given:
        given[EXPIRATION] = expiration_from(given[EXPIRATION])
    given = plain(given, name="metadata")
    check_metadata(given)
    for key in given:
        if key in IDENTITY and given[key] != present.get(key):
            _logger.warning("metadata[%r] is left out: whose a memory is stays", key)
    return {key: value for key, value in given.items() if key not in IDENTITY}


def _some(entities: dict[str, str]) -> dict[str, str]:
    if not entities:
        raise InvalidInput(f"At least one of {', '.join(ENTITIES)} must be provided.")
    return entities
