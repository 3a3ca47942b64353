"""Messages of the chat API as a dialogue: what was said, and which memories stood beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from memos.infrastructure.chat_models.port import ChatMessage
from memos.kernel.errors import InvalidInput, shorten
from memos.operation.reads.context_block import Citation, ContextBlock
from memos.operation.reads.context_state import ContextState
from memos.operation.validation import check_fields, check_id, check_list, check_version

MEMORIES = "memories"
"""The field of a user's message that has the memories found for it; `content` stays what was said."""
_FIELDS = frozenset({"role", "content", MEMORIES})
_CHAT_ROLES = ("system", "user", "assistant")


class FoundMemories(NamedTuple):
    """The memories that were found for a question: their block, and what it cites."""

    text: str
    cites: tuple[Citation, ...]

    @classmethod
    def of(cls, block: ContextBlock) -> Self | None:
        """Those of a delta; None where it is empty."""
        return cls(block.text, block.citations) if block.text else None

    @classmethod
    def parse(cls, given: object) -> Self:
        """What `plain` gave.

        Raises:
            InvalidInput: it is something else.
        """
        check_fields(given, ("text", "cites"), MEMORIES)
        assert isinstance(given, Mapping)  # noqa: S101 # `check_fields` looked
        cites = tuple(map(_citation, check_list(given.get("cites"), "cites")))
        return cls(_text(given.get("text"), f"the text of {MEMORIES}"), cites)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        cites = [[cite.cube_id, cite.version, cite.label] for cite in self.cites]
        return {"text": self.text, "cites": cites}


class ChatTurn(NamedTuple):
    """A message of the user or the assistant, and the memories that were found for it."""

    message: ChatMessage
    found: FoundMemories | None = None

    @property
    def read(self) -> ChatMessage:
        """As a model reads it: the memories in front of the words, in one message, since many models take
        none of another role in between.
        """
        if self.found is None:
            return self.message
        return ChatMessage(self.message.role, f"{self.found.text}\n{self.message.content}")

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        found = {} if self.found is None else {MEMORIES: self.found.plain}
        return {"role": self.message.role, "content": self.message.content, **found}


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue up to a question.

    Attributes:
        instructions: what the caller's system messages say.
        said: history and question.
    """

    instructions: str
    said: tuple[ChatTurn, ...]

    @classmethod
    def of(cls, messages: object) -> Self:
        """Messages as OpenAI's chat API has them: texts, system messages in front, the question last.

        Raises:
            InvalidInput: they are something else; the message says which is.
        """
        given = check_list(messages, "messages")
        if not given:
            raise InvalidInput("messages is empty: pass the question as the last message")
        read = [_said(each, number) for number, each in enumerate(given)]
        system = [content for role, content, _ in read if role == "system"]
        if any(role != "system" for role, _, _ in read[: len(system)]):
            raise InvalidInput("a system message stands behind others: put it in front of all")
        said = tuple(
            ChatTurn(ChatMessage("user" if role == "user" else "assistant", content), found)
            for role, content, found in read[len(system) :]
        )
        if not said or said[-1].message.role != "user":
            raise InvalidInput(
                "the last message is not the user's: pass the question last, with role 'user'"
            )
        if not said[-1].message.content.strip():
            raise InvalidInput("the last message is empty: there is no question to answer")
        return cls("\n\n".join(system), said)

    @property
    def question(self) -> str:
        """What is asked."""
        return self.said[-1].message.content

    @property
    def cites(self) -> tuple[Citation, ...]:
        """What the memories in the messages cite, in order."""
        found = (each.found for each in self.said)
        return tuple(cite for each in found if each is not None for cite in each.cites)

    def is_of(self, state: str | None) -> bool:
        """Whether the memories in the messages are those that a state knows to stand there."""
        cites = tuple((cite.cube_id, cite.version) for cite in self.cites)
        return state is not None and ContextState.sent_by(state) in (cites, None)

    def without_memories(self) -> Self:
        """The same words, and no memories."""
        return replace(self, said=tuple(ChatTurn(each.message) for each in self.said))

    def asked_with(self, found: FoundMemories | None) -> Self:
        """The same, with what was found for the question."""
        return replace(self, said=(*self.said[:-1], ChatTurn(self.said[-1].message, found)))

    def answered(self, text: str) -> tuple[dict[str, Any], ...]:
        """The messages to pass on, with the answer."""
        system = [{"role": "system", "content": self.instructions}] if self.instructions else []
        answer = ChatTurn(ChatMessage("assistant", text))
        return (*system, *(each.plain for each in (*self.said, answer)))


def _said(given: object, number: int) -> tuple[str, str, FoundMemories | None]:
    what = f"message {number}"
    check_fields(given, _FIELDS, what)
    assert isinstance(given, Mapping)  # noqa: S101 # `check_fields` looked
    role = given.get("role")
    if not isinstance(role, str) or role not in _CHAT_ROLES:
        raise InvalidInput(f"{what} has role={shorten(role)}: choose {', '.join(_CHAT_ROLES)}")
    content = _text(given.get("content"), f"the content of {what}")
    memories = given.get(MEMORIES)
    if memories is None:
        return role, content, None
    if role != "user":
        raise InvalidInput(f"{what} has {MEMORIES}, and they stand in a user's message only")
    return role, content, FoundMemories.parse(memories)


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be a text, not {shorten(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} holds half of a surrogate pair, which no model reads") from None
    return value


def _citation(given: object) -> Citation:
    match given:
        case [cube_id, version, label]:
            check_id(cube_id)
            return Citation(str(cube_id), check_version(version), _text(label, "a label"))
        case _:
            raise InvalidInput(
                f"a citation has a cube, a version and a label, not {shorten(given)}"
            )


def cited_in(text: str, cites: Sequence[Citation]) -> tuple[Citation, ...]:
    """The citations whose label stands in brackets in a text, `[1a2b3c4d]` or with others in one pair."""
    named = set(_labels(text))
    return tuple(cite for cite in cites if cite.label in named)


def _labels(text: str) -> Iterable[str]:
    for part in text.split("[")[1:]:
        inside, closed, _ = part.partition("]")
        if closed:
            yield from inside.replace(",", " ").replace(";", " ").split()
