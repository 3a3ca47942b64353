"""The turns of one conversation, as every format's reader gives them, become items."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from memos.infrastructure.transfer.importers.content import Call, Content, ToolAnswer
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Reading
from memos.infrastructure.transfer.importers.item import Item, Said, present
from memos.kernel.errors import InvalidInput
from memos.kernel.scope import check_scope

_ANYWHERE = re.compile(
    r"(?:[a-z]+[-_]+)*[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:[-:].*)?"
    r"|(?:msg|chatcmpl|resp|item|rs|fc|ws|run)[_-]+[0-9a-z]{16,}(?::.*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Ids that no two conversations give: UUIDs, and those of services, such as msg_67c9fdcf37fc8190."""

ROLES = {
    **{role: role for role in ("user", "assistant", "system", "tool")},
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
}
"""What other programs call who speaks, and what `add_conversation` does."""


class ImportedConversation:
    """One conversation: its turns, in order.

    Args:
        reading: of its file.
        session: what it is called.
        id: its own id, where it has one; it stands before those of its turns.
        scope: where its turns go, under the import's scope.
        at: when it was held, for turns that do not say.
        metadata: what all of its turns have.
    """

    def __init__(
        self,
        reading: Reading,
        session: str,
        *,
        id: str = "",  # noqa: A002 - the field's word
        scope: str = "",
        at: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.items: list[Item] = []
        self._reading = reading
        self._session = session
        self._id = id
        self._scope = scope
        self._at = at
        self._metadata = metadata or {}
        self._called: dict[str, str] = {}

    def take(
        self,
        place: str,
        role: str,
        content: Content,
        *,
        id: str = "",  # noqa: A002
        name: str = "",
        speaker: str = "",
        at: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a message, a turn for each of its pieces; one that holds nothing is told of."""
        if not content.pieces and not content.parts:
            self._reading.skipped.append(f"{place}: it has no text")
        for number, piece in enumerate(content.pieces):
            kept = dict(metadata or {})
            if content.parts and not number:
                kept["parts"] = list(content.parts)
            named = _piece_id(name, number or "")
            if isinstance(piece, str):
                own = _piece_id(id, number or "")
                self.say(
                    place, role, piece, id=own, name=named, speaker=speaker, at=at, metadata=kept
                )
            else:
                kept["tool_part"] = part = "call" if isinstance(piece, Call) else "result"
                is_alone = len(content.pieces) == 1
                own = id if is_alone else _piece_id(id, f"{part}-{piece.tool_id or number}")
                self._use(place, piece, own, named, at, kept)

    def say(
        self,
        place: str,
        role: str,
        text: str,
        *,
        id: str = "",  # noqa: A002
        name: str = "",
        speaker: str = "",
        at: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Add one turn; `name` is its place for its source, where that is not its id."""
        if role not in ROLES:  # a role of some program's own says who speaks
            role, speaker = "", speaker or role
        role = ROLES.get(role, "")
        at = at or self._at
        fields = present(
            text=text,
            valid_from=at,
            metadata={
                **self._metadata,
                **(metadata or {}),
                **present(id=id or None, speaker=speaker or None, role=role or None),
                "session": self._session,
            },
        )
        name = name or id or str(len(self.items) + 1)
        self.items.append(
            Item(
                place,
                "/".join(filter(None, (self._id, name))),
                fields,
                scope=self._scope,
                said=Said(self._session, id, speaker, role, at=at),
                id="/".join(filter(None, (self._id, id))) if id else "",
                is_in_file=not self._id and _ANYWHERE.fullmatch(id) is None,
            )
        )

    def _use(
        self,
        place: str,
        piece: Call | ToolAnswer,
        id_: str,
        name: str,
        at: str | None,
        metadata: Mapping[str, Any],
    ) -> None:
        """Add a call of a tool, or its answer: turns of the tool."""
        if isinstance(piece, Call):
            given = "" if piece.arguments.strip() == "{}" else piece.arguments
            tool, text = piece.name, f"{piece.name}({given})"
            if piece.tool_id:
                self._called[piece.tool_id] = tool
        else:
            tool = piece.name or self._called.get(piece.tool_id, "")
            text = piece.text if piece.text.strip() else "(no output)"
        told = present(tool=tool or None, tool_call_id=piece.tool_id or None)
        self.say(place, "tool", text, id=id_, name=name, at=at, metadata={**metadata, **told})


def conversation_of(document: Document, reading: Reading, *names: str) -> ImportedConversation:
    """The conversation that a file is: named by its own id, in one of these fields, or by the file."""
    own = ""
    if isinstance(document.value, dict):
        with reading.fields(document.value, "the conversation", "conversation") as chat:
            own = chat.text(*names)
            chat.take("messages", "title")
    return ImportedConversation(reading, own or document.name, id=own)


def _piece_id(message: str, piece: object) -> str:
    """The id, or name, of one piece of a message: its first words have the message's own."""
    return f"{message}:{piece}" if message and piece != "" else message


def digest_of(value: Any) -> str:
    """A short name for what has none, made of what it says: 12 hex digits."""
    return sha256(json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[
        :12
    ]


def segment(name: str) -> str:
    """A name as one segment of a scope. What a scope does not take is replaced, and where anything is,
    a digest of the whole name keeps two names apart.
    """
    if "/" not in name and _is_scope(name):
        return name
    fitting = "".join(letter if _fits(letter) else "-" for letter in name[:80]).strip("-.")
    return f"{fitting}:{digest_of(name)}" if fitting else digest_of(name)


def _fits(letter: str) -> bool:
    return letter != "/" and _is_scope(f"a{letter}")


def _is_scope(name: str) -> bool:
    try:
        check_scope(name)
    except InvalidInput:
        return False
    return True
