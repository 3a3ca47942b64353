"""Examples for fine-tuning: JSON lines, each a conversation; the OpenAI forms and ShareGPT's."""

from __future__ import annotations

from typing import Any

from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item
from memos.infrastructure.transfer.importers.messages import take_messages
from memos.infrastructure.transfer.importers.turns import ImportedConversation, digest_of
from memos.kernel.errors import Refused

_SHARED_ROLES = {"human": "user", "gpt": "assistant", "bing": "assistant", "observation": "tool"}


def read(document: Document, reading: Reading) -> list[Item]:
    """Read examples; each is a session, named by its id or by a digest of what it says."""
    items: list[Item] = []
    for place, given in document.numbered(document.entries(called="the examples"), "example"):
        with reading.gathering(), reading.fields(given, place, "example") as example:
            name = example.text("id", "conversation_id") or digest_of(given)
            conversation = ImportedConversation(reading, name, id=name)
            messages = [
                (f"{place}, message {number}", message)
                for number, message in enumerate(_messages(example), 1)
            ]
            take_messages(conversation, iter(messages), reading)
            items += conversation.items
    return items


def _messages(example: Fields) -> list[Any]:
    """The messages of an example: of a preference the answer that was preferred."""
    if "messages" in example:
        return example.list("messages")
    if "input" in example:
        with example.inner("input", "example.input") as asked:
            return [*asked.list("messages"), *example.list("preferred_output")]
    if "conversations" in example:
        return [_shared(turn) for turn in example.list("conversations")]
    if "prompt" in example:
        return [
            {"role": "user", "content": example.text("prompt")},
            {"role": "assistant", "content": example.text("completion")},
        ]
    raise Refused(f"{example.where}: it has no messages")


def _shared(turn: Any) -> Any:
    """A turn as ShareGPT writes it, as a message."""
    if not (isinstance(turn, dict) and isinstance(turn.get("from"), str)):
        return turn
    others = {name: value for name, value in turn.items() if name not in ("from", "value")}
    role = _SHARED_ROLES.get(turn["from"], turn["from"])
    return {**others, "role": role, "content": turn.get("value")}
