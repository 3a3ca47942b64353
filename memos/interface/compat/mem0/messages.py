"""mem0's messages: a text, a message, or a list of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from memos.interface.compat.arguments import check_text
from memos.kernel.errors import InvalidInput, shorten
from memos.operation.plain import plain

_UNKEPT = "system"


class Message(NamedTuple):
    """What somebody said: `role` is user, assistant or another; `name` is the speaker's, empty where it has none."""

    role: str
    text: str
    name: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """What is kept of it beside its words, as mem0 names it."""
        return {"role": self.role, **({"actor_id": self.name} if self.name else {})}


def messages_from(given: Any) -> list[Message]:
    """The messages that are kept: all but instructions to the assistant (`system`), and what has no words.

    Raises:
        InvalidInput: they are no messages.
    """
    given = plain(given)
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    elif isinstance(given, Mapping):
        given = [given]
    elif not isinstance(given, (list, tuple)):
        raise InvalidInput(f"messages must be str, dict, or list[dict], not {shorten(given)}")
    messages = [_message(each) for each in given]
    return [message for message in messages if message.role != _UNKEPT and message.text.strip()]


def _message(given: Any) -> Message:
    if isinstance(given, str):
        return Message("user", given)
    if not isinstance(given, Mapping) or not isinstance(given.get("role"), str):
        raise InvalidInput(f"a message is a dictionary with role and content, not {shorten(given)}")
    name = check_text(given.get("name"), "the name of a message")
    return Message(given["role"], _words(given.get("content")), name)


def _words(content: Any) -> str:
    """The words of a message: its text, or the texts of its parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, (list, tuple)):
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "\n".join(text for text in texts if isinstance(text, str))
    if isinstance(content, Mapping) and isinstance(content.get("text"), str):
        return str(content["text"])
    raise InvalidInput(f"the content of a message is a text or parts, not {shorten(content)}")
