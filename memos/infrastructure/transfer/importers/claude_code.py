"""Sessions of Claude Code: JSON lines, each a record of what was said or done.

Branches are all kept: what several tools answer at once is a branch as well as what was asked anew.
"""

from __future__ import annotations

from memos.infrastructure.transfer.importers.content import read_content
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, present
from memos.infrastructure.transfer.importers.messages import role_of
from memos.infrastructure.transfer.importers.turns import ImportedConversation

_NOT_SAID = {
    "isSidechain": "record of a subagent",
    "isMeta": "meta record",
    "isCompactSummary": "summary of a compaction",
    "isApiErrorMessage": "error of the service",
}
_PASSED = (
    *("parentUuid", "logicalParentUuid", "type", "userType", "requestId", "version", "slug"),
    *("toolUseResult", "sourceToolAssistantUUID", "sourceToolUseID", "promptId", "entrypoint"),
)
"""How records hang together, and what their messages say as well."""


def read(document: Document, reading: Reading) -> list[Item]:
    """Read what user, assistant and tools said; each session id is a session."""
    sessions: dict[str, ImportedConversation] = {}
    seen: set[str] = set()
    for place, given in document.numbered(document.entries(called="the file"), "record"):
        with reading.gathering(), reading.fields(given, place, "record") as record:
            kind = record.text("type")
            not_said = next((told for name, told in _NOT_SAID.items() if name in record), "")
            if kind not in ("user", "assistant") or not_said:
                reading.not_kept[not_said or f"{kind or 'unnamed'} record"] += 1
                record.drop()
                continue
            own, session = record.text("uuid"), record.text("sessionId")
            if own and own in seen:  # a session that goes on repeats what it goes on from
                reading.not_kept["repeated record"] += 1
                record.drop()
                continue
            seen.add(own)
            if session not in sessions:
                sessions[session] = ImportedConversation(
                    reading, session or document.name, id=session
                )
            _take(sessions[session], record, own)
    return [item for conversation in sessions.values() for item in conversation.items]


def _take(conversation: ImportedConversation, record: Fields, own: str) -> None:
    record.take(*_PASSED)
    at = record.time("timestamp")
    told = present(cwd=record.text("cwd") or None, branch=record.text("gitBranch") or None)
    with record.inner("message", "message") as message:
        role = role_of(message)
        message.take("id", "type", "stop_reason", "stop_sequence")
        told |= present(model=message.text("model") or None)
        content = read_content(record.reading, message.take("content"), record.where)
    conversation.take(record.where, role, content, id=own, at=at, metadata=told)
