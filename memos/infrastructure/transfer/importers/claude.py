"""Claude's data export: `conversations.json`, or the zip that it comes in."""

from __future__ import annotations

from memos.infrastructure.transfer.importers.content import content_of, read_content
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, present
from memos.infrastructure.transfer.importers.turns import ImportedConversation, segment


def read(document: Document, reading: Reading) -> list[Item]:
    """Read conversations, each in a scope of its own; the text of an attachment is a turn as well."""
    value = document.value
    entries = [value] if isinstance(value, dict) else document.entries(called="the file")
    items: list[Item] = []
    for place, given in document.numbered(entries, "conversation"):
        with reading.gathering(), reading.fields(given, place, "conversation") as chat:
            items += _conversation(chat)
    return items


def _conversation(chat: Fields) -> list[Item]:
    own = chat.needed("uuid")
    chat.take("account", "updated_at")
    conversation = ImportedConversation(
        chat.reading,
        own,
        id=own,
        scope=segment(own),
        at=chat.time("created_at"),
        metadata=present(
            title=chat.text("name") or None,
            model=chat.text("model") or None,
            project_id=chat.text("project_uuid") or None,
        ),
    )
    messages = chat.list("chat_messages")
    branch = _branch(messages, chat.text("current_leaf_message_uuid"))
    for number, given in enumerate(messages, 1):
        place = f"{chat.where}, message {number}"
        if branch and isinstance(given, dict) and given.get("uuid") not in branch:
            chat.reading.not_kept["message on another branch"] += 1
            continue
        with (
            chat.reading.gathering(),
            chat.reading.fields(given, place, "message") as message,
        ):
            _message(conversation, message)
    return conversation.items


def _branch(messages: list[object], current: str) -> set[str]:
    """The ids of the messages up to the current or last one; empty where none names another as its
    parent, as in older exports.
    """
    parents = {
        message["uuid"]: message.get("parent_message_uuid")
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("uuid"), str)
    }
    if not any(parent in parents for parent in parents.values()):
        return set()
    name = current if current in parents else next(reversed(parents))
    branch: set[str] = set()
    while isinstance(name, str) and name in parents and name not in branch:
        branch.add(name)
        name = parents[name]
    return branch


def _message(conversation: ImportedConversation, message: Fields) -> None:
    reading, place = message.reading, message.where
    own, at = message.text("uuid"), message.time("created_at")
    role = message.needed("sender")
    message.take("updated_at", "parent_message_uuid", "index")
    content = read_content(reading, message.list("content"), place)
    text = message.text("text")
    if not any(isinstance(piece, str) for piece in content.pieces):
        content = content_of([text, *content.pieces], content.parts)  # as older exports have it
    attached = message.list("attachments")
    if content.pieces or content.parts or not attached:
        conversation.take(place, role, content, id=own, at=at)
    for number, given in enumerate(attached, 1):
        with reading.fields(given, f"{place}, attachment {number}", "attachment") as file:
            name, words = file.text("file_name"), file.text("extracted_content")
            file.take("file_size", "file_type", "id", "created_at")
            if words.strip():
                told = present(file_name=name or None)
                own_id = f"{own}:attachment-{number}" if own else ""
                conversation.say(place, role, words, id=own_id, at=at, metadata=told)
    files = len(message.list("files", "files_v2"))
    if files:
        reading.not_kept["message.files"] += files
