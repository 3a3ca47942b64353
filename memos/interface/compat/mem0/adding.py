"""What mem0's `add` stores: messages as they were said, or what a chat model makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from memos.infrastructure.chat_models.port import ChatModel
from memos.interface.compat.mem0.entities import MESSAGES, scope_of, tags_of
from memos.interface.compat.mem0.extraction import facts_of
from memos.interface.compat.mem0.messages import Message
from memos.interface.compat.mem0.records import added_of, expiry_tags
from memos.interface.memory import Memory
from memos.kernel.scope import tenant_of
from memos.operation.validation import Time

SAID, MADE = "user input", "inference extraction"
"""The origins of what is stored."""


class Addition(NamedTuple):
    """What is to be remembered: of whom, with which metadata, and when it was true."""

    messages: Sequence[Message]
    entities: Mapping[str, str]
    metadata: Mapping[str, Any]
    timestamp: Time | None


def add_as_said(memory: Memory, base: str, addition: Addition) -> list[dict[str, Any]]:
    """Store each message as a memory, all or none."""
    if not addition.messages:
        return []
    receipts = memory.add_many(
        [
            _item(base, addition, message.text, SAID) | _facts(addition, message)
            for message in addition.messages
        ]
    )
    return [
        added_of(receipt, message.text, actor_id=message.name or None, role=message.role)
        for receipt, message in zip(receipts, addition.messages, strict=True)
    ]


def add_made(
    memory: Memory, base: str, addition: Addition, model: ChatModel, instructions: str
) -> list[dict[str, Any]]:
    """Store what a model makes of the messages, derived from these, which are kept beside it.

    Raises:
        ModelUnavailable: the model failed; nothing was stored.
    """
    if not addition.messages:
        return []
    facts = facts_of(addition.messages, model, tenant_of(base), instructions)
    if not facts:
        return []
    kept = f"{base}/{MESSAGES}"
    sources = memory.add_many(
        [
            _item(kept, addition, message.text, SAID) | {"metadata": message.facts}
            for message in addition.messages
        ]
    )
    derived = [f"{source.cube_id}@{source.version}" for source in sources]
    receipts = memory.add_many(
        [_item(base, addition, fact, MADE) | {"derived_from": derived} for fact in facts]
    )
    return [added_of(receipt, fact) for receipt, fact in zip(receipts, facts, strict=True)]


def _item(base: str, addition: Addition, text: str, origin: str) -> dict[str, Any]:
    """The arguments of `Memory.add` for one memory."""
    entities = addition.entities
    tags = [*tags_of(entities), *expiry_tags(addition.metadata)]
    return {
        "text": text,
        "scope": scope_of(base, entities),
        "tags": tags,
        "metadata": {**addition.metadata, **entities},
        "origin": origin,
        "subject": entities.get("user_id"),
        "valid_from": addition.timestamp,
    }


def _facts(addition: Addition, message: Message) -> dict[str, Any]:
    return {"metadata": {**addition.metadata, **addition.entities, **message.facts}}
