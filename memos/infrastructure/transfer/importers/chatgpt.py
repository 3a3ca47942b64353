"""ChatGPT's data export: `conversations.json`, or the zip that it comes in.

A conversation is a tree: its messages by id, each with its parent. What a person sees is the branch
that ends at the current node; the others are answers and questions that were given up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memos.infrastructure.transfer.importers.content import (
    Call,
    Piece,
    ToolAnswer,
    as_text,
    content_of,
)
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, mapping, present
from memos.infrastructure.transfer.importers.messages import role_of
from memos.infrastructure.transfer.importers.turns import ImportedConversation, digest_of, segment
from memos.kernel.errors import Refused

_TEXTS = ("text", "result", "content", "domain")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read conversations, each in a scope of its own; custom instructions stand once, beside them."""
    value = document.value
    entries = [value] if isinstance(value, dict) else document.entries(called="the file")
    items: list[Item] = []
    instructions: dict[str, Item] = {}
    for place, given in document.numbered(entries, "conversation"):
        with reading.gathering(), reading.fields(given, place, "conversation") as chat:
            items += _conversation(chat, instructions)
    return [*instructions.values(), *items]


def _conversation(chat: Fields, instructions: dict[str, Item]) -> list[Item]:
    own = chat.needed("conversation_id", "id")
    told = present(title=chat.text("title") or None)
    at = chat.time("create_time")
    conversation = ImportedConversation(
        chat.reading, own, id=own, scope=segment(own), at=at, metadata=told
    )
    chat.take("update_time", "default_model_slug")
    nodes = mapping(chat.take("mapping"), f"{chat.where}: its mapping")
    branch = _branch(nodes, chat.text("current_node"), chat.where)
    given_up = [name for name in nodes if name not in branch and _message_of(nodes[name])]
    if given_up:
        chat.reading.not_kept["message on another branch"] += len(given_up)
    for name in branch:
        message = _message_of(nodes[name])
        place = f"{chat.where}, message {name}"
        if message:
            with (
                chat.reading.gathering(),
                chat.reading.fields(message, place, "message") as fields,
            ):
                _message(conversation, fields, instructions, at)
    return conversation.items


def _branch(nodes: Mapping[str, Any], current: str, where: str) -> dict[str, None]:
    """The names of the nodes from the root to the current one; without one, to the last written."""
    name = current or max(nodes, key=lambda name: _time_of(nodes[name]), default="")
    names: dict[str, None] = {}
    while name and name in nodes and name not in names:
        names[name] = None
        node = mapping(nodes[name], f"{where}, node {name}")
        name = node.get("parent") or ""
    if nodes and not names:
        raise Refused(f"{where}: its current node {current!r} is not in its mapping")
    return dict.fromkeys(reversed(names))


def _message_of(node: Any) -> Mapping[str, Any]:
    message = node.get("message") if isinstance(node, dict) else None
    return message if isinstance(message, dict) else {}


def _time_of(node: Any) -> float:
    time = _message_of(node).get("create_time")
    return float(time) if isinstance(time, (int, float)) else 0.0


def _message(
    conversation: ImportedConversation,
    message: Fields,
    instructions: dict[str, Item],
    at: str | None,
) -> None:
    reading, place = message.reading, message.where
    message.take("status", "end_turn", "weight", "update_time", "channel")
    with (
        message.inner("author") as author,
        message.inner("metadata") as metadata,
        message.inner("content") as content,
    ):
        role, tool = role_of(author), author.text("name")
        author.take("metadata")
        model = metadata.text("model_slug")
        told = _instructions(content, metadata)
        if told:
            name = f"custom-instructions/{digest_of(told)}"
            fields = present(text=told, valid_from=at, metadata={"title": "custom instructions"})
            instructions.setdefault(told, Item(place, name, fields, id=name))
            message.drop()
            metadata.drop()
            content.drop()
            return
        before = reading.not_kept.total()
        pieces = list(_pieces(content))
        is_counted = reading.not_kept.total() > before
        recipient = message.text("recipient")
        if metadata.take("is_visually_hidden_from_conversation") and pieces:
            reading.not_kept["hidden message"] += 1
            message.drop()
            return
    words = "\n".join(filter(None, pieces))
    if not words and (is_counted or role == "system"):
        message.drop()  # a thought, a picture, or the placeholder that a conversation begins with
        return
    piece: Piece = words
    if role == "tool":
        piece = ToolAnswer(words, "", tool)
    elif recipient not in ("", "all") and words:
        piece = Call(recipient, words)
    conversation.take(
        place,
        role,
        content_of([piece] if words else []),
        id=message.text("id"),
        at=message.time("create_time"),
        metadata=present(model=model or None),
    )


def _instructions(content: Fields, metadata: Fields) -> str:
    """What the person has told every conversation about themself, where the message holds that."""
    metadata.take("is_user_system_message")
    with metadata.inner("user_context_message_data", "instructions") as data:
        older = [data.text("about_user_message"), data.text("about_model_message")]
    texts = [content.text("user_profile"), content.text("user_instructions")]
    return "\n\n".join(filter(None, texts if any(texts) else older))


def _pieces(content: Fields) -> Iterator[str]:
    """The texts of a message's content; what is no text is counted."""
    reading = content.reading
    kind = content.text("content_type") or "text"
    if kind in ("text", "multimodal_text"):
        for part in content.list("parts"):
            if isinstance(part, str):
                yield part
                continue
            with reading.fields(part, content.where, "part") as fields:
                kind = fields.text("content_type")
                if kind == "audio_transcription":
                    yield fields.text("text")
                else:
                    reading.not_kept[f"{kind or 'unnamed'} part"] += 1
                fields.drop()
        return
    if kind not in ("thoughts", "reasoning_recap"):
        content.take("language", "response_format_name")
        title, url = content.text("title"), content.text("url")
        text = as_text(content.take(*_TEXTS))
        if text.strip():
            yield "\n".join(filter(None, (title, text, url)))
            return
    if any(name in content for name in (*_TEXTS, "thoughts", "model_set_context")):
        reading.not_kept[f"{kind} content"] += 1
    content.drop()
