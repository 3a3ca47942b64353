"""Messages of OpenAI's Assistants threads: a page of them, a list, or a thread with `messages`."""

from __future__ import annotations

from memos.infrastructure.transfer.importers.content import read_content
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, present
from memos.infrastructure.transfer.importers.messages import role_of
from memos.infrastructure.transfer.importers.turns import ImportedConversation


def read(document: Document, reading: Reading) -> list[Item]:
    """Read messages in the order of their times: the service gives the newest first. Each thread is a
    session.
    """
    own = ""
    if isinstance(document.value, dict):
        with reading.fields(document.value, "the file", "thread") as top:
            own = top.text("id", "thread_id")
            top.take("data", "messages", "object", "first_id", "last_id", "created_at")
            if top.take("has_more"):
                reading.partial.append(
                    "the file: it says that more messages follow on another page"
                )
    entries = document.entries("data", "messages", called="the messages")
    numbered = list(document.numbered(entries, "message"))
    if _is_newest_first(entries):
        numbered.reverse()
    conversations: dict[str, ImportedConversation] = {}
    for place, given in numbered:
        with reading.gathering(), reading.fields(given, place, "message") as message:
            thread = message.text("thread_id") or own
            if thread not in conversations:
                conversations[thread] = ImportedConversation(
                    reading, thread or document.name, id=thread
                )
            _take(conversations[thread], message)
    return [item for conversation in conversations.values() for item in conversation.items]


def _take(conversation: ImportedConversation, message: Fields) -> None:
    message.take("object", "status", "completed_at")
    conversation.take(
        message.where,
        role_of(message),
        read_content(message.reading, message.take("content"), message.where),
        id=message.text("id"),
        at=message.time("created_at"),
        metadata={
            **message.object("metadata"),
            **present(
                assistant_id=message.text("assistant_id") or None,
                run_id=message.text("run_id") or None,
            ),
        },
    )


def _is_newest_first(entries: list[object]) -> bool:
    times = [entry.get("created_at") for entry in entries if isinstance(entry, dict)]
    numbers = [time for time in times if isinstance(time, (int, float))]
    return len(numbers) > 1 and numbers[0] > numbers[-1]
