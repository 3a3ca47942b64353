"""A memory that is to be made: the arguments of `add`, checked once, where they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from memos.kernel.cube import Header
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import check_scope
from memos.operation.commands.body import (
    check_says_something,
    put_content,
    put_metadata,
    put_provenance,
    put_tags,
    put_text,
    put_valid_time,
)
from memos.operation.commands.cited import Cited, check_cited
from memos.operation.commands.header_facts import HeaderFacts, read_lifespan
from memos.operation.commands.idempotency import ADD, KeyedCommand, stated_arguments
from memos.operation.commands.meaning import meaning_of_new
from memos.operation.validation import (
    Time,
    check_fields,
    check_list,
    check_name,
    check_names,
    check_priority,
)
from memos.wire.body_pb2 import Body, Imported, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMemory:
    """What is to be remembered; `Memory.add` tells what each field means.

    Attributes:
        turn: its place in a conversation.
        imported: where an import found it.
        item: the mapping of arguments that it was given as, where it was.
        asked: of a keyed memory the arguments that differ from their defaults: a retry is told
            from another command by what they mean.
        body: the content, tags, provenance, metadata and valid time, ready to be sealed.
        parts: the bit set of the body's parts.
        facts: the governance facts; None where all are silent.
        cited: the cubes that it is derived from, at the versions that were read where these are named.

    Raises:
        InvalidInput: a field does not fit.
    """

    scope: str
    text: str | None = None
    content: bytes | None = None
    media_type: str | None = None
    source: str | None = None
    subject: str | None = None
    origin: str | None = None
    semantic_type: str | None = None
    valid_from: Time | None = None
    valid_until: Time | None = None
    tags: Iterable[str] | None = ()
    metadata: Mapping[str, Any] | None = None
    owner: str | None = None
    readers: Iterable[str] | None = ()
    writers: Iterable[str] | None = ()
    priority: int | None = 0
    sensitivity: str | None = None
    purpose: str | None = None
    lifespan: str | Mapping[str, Any] | None = None
    derived_from: Iterable[str] | None = ()
    idempotency_key: str | None = None
    turn: Turn | None = field(default=None, repr=False)
    imported: Imported | None = field(default=None, repr=False)
    item: Mapping[str, Any] | None = field(default=None, repr=False)
    asked: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    body: Body = field(init=False, repr=False, compare=False)
    parts: int = field(init=False, repr=False, compare=False)
    facts: HeaderFacts | None = field(init=False, repr=False, compare=False)
    cited: tuple[Cited, ...] = field(init=False, repr=False, compare=False)

    @property
    def sources(self) -> tuple[bytes, ...]:
        """The ids of the cubes that it is derived from."""
        return tuple(each.cube_id for each in self.cited)

    @classmethod
    def of_item(
        cls,
        item: Mapping[str, Any],
        *,
        turn: Turn | None = None,
        imported: Imported | None = None,
    ) -> Self:
        """A memory given as a mapping of `add`'s arguments.

        Raises:
            InvalidInput: an argument is unknown or does not fit.
        """
        check_fields(item, ARGUMENTS, "a memory")
        lists = {
            name: check_list(item[name], name) for name in _LISTS if item.get(name) is not None
        }
        given = {**item, **lists}
        return cls(**{"scope": None, **given}, turn=turn, imported=imported, item=given)

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in _LISTS:
            if getattr(self, name) is not None:
                put(self, name, check_list(getattr(self, name), name))
        for name in _NAMES:
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InvalidInput(f"{name} must be a text, not {shorten(value)}")
        if self.priority is not None:
            check_priority(self.priority)
        put(self, "scope", check_scope(self.scope))
        body = Body()
        put(self, "body", body)
        put(self, "parts", self._fill(body))
        if self.turn is not None:
            body.provenance.turn.CopyFrom(self.turn)
        if self.imported is not None:
            body.provenance.imported.CopyFrom(self.imported)
        put(self, "facts", self._facts())
        put(self, "cited", check_cited(self.derived_from) if self.derived_from else ())
        subject = check_name(self.subject or self.scope, "subject")
        put(self, "asked", {})
        if self.idempotency_key is not None:
            check_name(self.idempotency_key, "idempotency_key")
            put(self, "asked", self._arguments())  # as they were given, and all of them fit
        put(self, "subject", subject)
        if subject != self.scope:  # what it is by default needs no word
            body.subject = subject

    def header(self, actor: str, clock: Callable[[], int]) -> Header:
        """The header of the cube, made now: its lifespan begins."""
        return Header(actor) if self.facts is None else self.facts.header(actor, clock())

    def keyed(
        self,
        *,
        operation: str = ADD,
        sources: tuple[bytes, ...] | None = None,
        number: int = 0,
        of: int = 1,
        place: int = 0,
    ) -> KeyedCommand | None:
        """The memory as a command under its key; None where it has none.

        Args:
            operation: which command makes it.
            sources: the cubes that it is made of, where they are no argument.
            number: of the memories of a batch under the batch's key, which.
            of: how many there are under that key.
            place: where in its batch a memory with a key of its own stands.
        """
        if self.idempotency_key is None:
            return None
        batch = {} if of == 1 else {"batch": of}
        stated = {name: self.asked[name] for name in self.asked.keys() - _FORMERLY_LEFT_OUT}
        as_item = stated if self.item is None else self.item
        return KeyedCommand(
            operation=operation,
            target=self.scope,
            key=self.idempotency_key,
            asked={**self.asked, **batch},
            meant={**meaning_of_new(self.asked, self.scope), **batch},
            number=number,
            former_number=number or place,
            former=({**_FORMERLY_STATED, **stated}, as_item),
            sources=self.sources if sources is None else sources,
        )

    def _arguments(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, and where it was said."""
        stated = stated_arguments(self, *_NO_ARGUMENTS)
        if self.turn is not None:
            said = self.turn
            stated["turn"] = [said.session, said.speaker, said.role, said.id, said.caption, said.at]
        return stated

    def _fill(self, body: Body) -> int:
        if self.text is not None and self.content is not None:
            raise InvalidInput(
                "a memory is a text, or content with its media_type, not both: add the text as a "
                "memory of its own, derived_from the other, or put it into the metadata"
            )
        if self.text is not None:
            if self.turn is None or not self.turn.caption:  # a picture says something by itself
                check_says_something(self.text)
            parts = put_text(body, self.text, self.media_type)
        elif self.content is not None:
            parts = put_content(body, self.media_type, self.content)
        else:
            raise InvalidInput("a memory needs a text (or content with its media_type)")
        parts |= put_tags(body, check_names(self.tags or (), "tags"))
        parts |= put_provenance(
            body, self.source or None, self.origin or None, self.semantic_type or None
        )
        parts |= put_metadata(body, {} if self.metadata is None else self.metadata)
        return parts | put_valid_time(body, self.valid_from, self.valid_until)

    def _facts(self) -> HeaderFacts | None:
        silent = not (
            self.owner
            or self.readers
            or self.writers
            or self.priority
            or self.sensitivity
            or self.purpose
            or _says(self.lifespan)
        )
        if silent:
            return None
        return HeaderFacts(
            owner=self.owner or None,
            readers=self.readers or (),
            writers=self.writers or (),
            priority=self.priority or 0,
            sensitivity=self.sensitivity or "",
            purpose=self.purpose or "",
            lifespan=read_lifespan(self.lifespan) if _says(self.lifespan) else None,
        )


def _says(lifespan: object) -> bool:
    """Whether a lifespan was given: an empty text or mapping says nothing."""
    return lifespan is not None and not (isinstance(lifespan, (str, Mapping)) and not lifespan)


_NO_ARGUMENTS = ("turn", "imported", "item")
ARGUMENTS = frozenset(
    field.name for field in fields(NewMemory) if field.init and field.name not in _NO_ARGUMENTS
)
_NAMES = (
    "source",
    "subject",
    "origin",
    "semantic_type",
    "owner",
    "sensitivity",
    "purpose",
)
_LISTS = ("tags", "readers", "writers", "derived_from")
_FORMERLY_STATED: Mapping[str, Any] = {"tags": (), "readers": (), "writers": (), "priority": 0}
"""What an `add` of releases up to 0.1 had in its fingerprint even at its default."""
_FORMERLY_LEFT_OUT = frozenset({"derived_from", "turn"})
