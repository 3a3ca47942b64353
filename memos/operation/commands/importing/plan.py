"""What an import is to do with each item, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from operator import lt
from typing import Any

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.transfer.importers.item import NOTE_FILE, NOTE_HEADINGS
from memos.kernel.body import metadata_of
from memos.kernel.cube import PARTS, Header, Lifecycle, Part
from memos.kernel.errors import IllegalMove, InvalidInput, MemosError
from memos.kernel.event import Kind, id_text
from memos.operation.commands.header_facts import is_same_span
from memos.operation.commands.importing.imported import Imported, Marks
from memos.operation.commands.importing.items import Wanted
from memos.operation.commands.lifecycle import check_would_be_shown
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.restriction import require_lifespan_right, require_loosening
from memos.operation.commands.tags import check_tags
from memos.operation.gate import Passage
from memos.operation.receipt import held
from memos.operation.session import Session
from memos.wire.body_pb2 import Body

_UNSTATED = ("owner", "lifespan")
_OUT_OF_SIGHT = {
    Lifecycle.ARCHIVED: "archived or undone",
    Lifecycle.EXPIRED: "ended by its lifespan",
}


class Doing(Enum):
    """What is done with an item."""

    ADD = 1
    CHANGE = 2
    KEEP = 3
    WITHHOLD = 4
    SKIP = 5
    REFUSE = 6
    INVALID = 7
    """As REFUSE, of what does not fit: it may be what is missing."""


@dataclass(frozen=True, slots=True)
class ItemStep:
    """What is done with one item.

    Attributes:
        wanted: the item.
        doing: what is done.
        known: the memory that it is.
        why: why it is not imported.
        body: the memory as imports wrote it last; None of what is not there, or not opened.
        header: the memory's header to be, where it changes.
        parts: the bit set of the parts that change: what else was changed here since stays.
        is_moved: it was found elsewhere before.
        restores: the memory comes back into sight.
        keyed: of what is added, the memory under its key.
    """

    wanted: Wanted
    doing: Doing
    known: Imported | None = None
    why: str = ""
    body: Body | None = None
    header: Header | None = None
    parts: int = 0
    is_moved: bool = False
    restores: bool = False
    keyed: NewMemory | None = None

    @property
    def told(self) -> str:
        """Why it is not imported, with its place."""
        return f"{self.wanted.item.place}: {self.why}"


REFUSING = (Doing.REFUSE, Doing.INVALID)


class Judge:
    """Says what is done with each item.

    Args:
        session: the open vault.
        passage: of the import.
        reader: of the vault, at one moment.
        marks: of the format.
        again: bring back what was erased or undone.
    """

    def __init__(
        self, session: Session, passage: Passage, reader: Reader, marks: Marks, *, again: bool
    ) -> None:
        self._session, self._passage, self._reader = session, passage, reader
        self._marks, self._again = marks, again

    def step(self, wanted: Wanted, known: Imported | None, body: Body | None) -> ItemStep:
        """What is done with an item; `known` is the memory that it became before, and `body` that
        memory as imports wrote it last, None of what was erased.
        """
        try:
            if known is None or (body is None and self._again):
                self._check_tags(wanted, None)
                self._check_freeze(wanted)
                self._check_lifespan(wanted)
                return ItemStep(wanted, Doing.ADD, known)
            if body is None:
                return ItemStep(wanted, Doing.WITHHOLD, known, "what it was imported as was erased")
            if known.is_own:
                return self._own_step(wanted, known, body)
            return self._known_step(wanted, known, body)
        except InvalidInput as error:
            return ItemStep(wanted, Doing.INVALID, known, str(error))
        except MemosError as error:
            return ItemStep(wanted, Doing.REFUSE, known, str(error))

    def _own_step(self, wanted: Wanted, known: Imported, body: Body) -> ItemStep:
        """What is done with a memory of this vault that it printed: nothing, for it is there."""
        if not known.is_shown:
            why = f"it is a memory of this vault: {id_text(known.state.cube_id)}, out of sight now"
            return ItemStep(wanted, Doing.WITHHOLD, known, f"{why}; restore brings it back")
        if wanted.memory.body.content != body.content:
            why = f"it is a memory of this vault, {id_text(known.state.cube_id)}, with other words"
            return ItemStep(wanted, Doing.SKIP, known, f"{why}: update changes it")
        return ItemStep(wanted, Doing.KEEP, known)

    def _known_step(self, wanted: Wanted, known: Imported, body: Body) -> ItemStep:
        """What is done with an item that was imported before.

        Raises:
            MemosError: it is refused.
        """
        state = known.state
        if state.lifecycle is Lifecycle.MERGED:
            return ItemStep(wanted, Doing.SKIP, known, "it was merged into another memory")
        self._check_subject(wanted, known)
        header = _header(self._session, wanted, known)
        parts = _changed_parts(wanted, body)
        is_hidden = state.lifecycle in _OUT_OF_SIGHT
        is_undone = not parts and any(map(lt, state.parts, known.written))
        if is_undone or (is_hidden and known.last is not Kind.ARCHIVED):
            why = "undone" if is_undone else _OUT_OF_SIGHT[state.lifecycle]
            if not self._again:
                return ItemStep(wanted, Doing.WITHHOLD, known, f"what it was imported as was {why}")
            parts = wanted.memory.parts if is_undone else parts
        is_moved = known.identity not in self._marks.identities(wanted.identity)
        if is_moved or parts:  # or a release without marks imported it, which is noted once
            parts |= _parts_of_place(wanted, body)
        if is_moved:
            parts |= Part.PROVENANCE
        if not (parts or is_hidden or header):
            return ItemStep(wanted, Doing.KEEP, known)
        self._check_change(known, header, restores=is_hidden)
        self._check_tags(wanted, body)
        return ItemStep(
            wanted,
            Doing.CHANGE,
            known,
            body=body,
            header=header,
            parts=parts,
            is_moved=is_moved and not known.is_former,
            restores=is_hidden,
        )

    def _check_change(self, known: Imported, header: Header | None, *, restores: bool) -> None:
        state = known.state
        if state.lifecycle is Lifecycle.FROZEN:
            raise held(state, "change it")
        self._passage.require(Action.WRITE, state.scope, state)
        if header is not None:
            self._passage.require(Action.ADMINISTER, state.scope, state)
            require_loosening(self._passage, self._reader, state, header)
        if restores:
            check_would_be_shown(self._session, self._reader, state)

    def _check_tags(self, wanted: Wanted, body: Body | None) -> None:
        """Refuse new tags that a closed vocabulary does not hold."""
        before = () if body is None else tuple(body.tags.tags)
        new = [tag for tag in wanted.memory.body.tags.tags if tag not in before]
        check_tags(self._session, self._passage, wanted.memory.scope, new)

    def _check_freeze(self, wanted: Wanted) -> None:
        """Refuse what comes in frozen and is another's: a freeze is an owner's."""
        owner = wanted.memory.owner
        if wanted.item.frozen and owner and owner != self._session.actor:
            raise InvalidInput(f"it is to be frozen, which only its owner {owner} may do")

    def _check_lifespan(self, wanted: Wanted) -> None:
        """Refuse a lifespan of what comes in as another's."""
        memory = wanted.memory
        if memory.owner and memory.facts is not None and memory.facts.lifespan is not None:
            require_lifespan_right(self._passage, memory.scope, memory.owner)

    def _check_subject(self, wanted: Wanted, known: Imported) -> None:
        memory = wanted.memory
        if known.state.scope != memory.scope:
            return  # a former release put it elsewhere, where it is about whom it was
        subject = memory.subject or memory.scope
        digests = self._marks.subjects(subject)
        if known.state.subjects and not set(digests) & set(known.state.subjects):
            raise IllegalMove(
                f"it is about {subject!r} now, and a memory's subject is for ever: erase cube "
                f"{id_text(known.state.cube_id)}, and import it anew with again"
            )


def _changed_parts(wanted: Wanted, body: Body) -> int:
    """The bit set of the parts in which an item says something else than it did."""
    own = wanted.memory.body
    changed = (
        own.content != body.content,
        own.tags != body.tags,
        _provenance(own, wanted) != _provenance(body, wanted),
        _metadata(own) != _metadata(body),
        own.valid_time != body.valid_time,
    )
    return sum(part for part, differs in zip(PARTS, changed, strict=True) if differs)


def _parts_of_place(wanted: Wanted, body: Body) -> int:
    """The bit set of the parts that say where an item was found, where that is elsewhere now: they
    follow what changes, and are no change themselves.
    """
    own = wanted.memory.body
    is_elsewhere = own.provenance.imported != body.provenance.imported
    is_renamed = metadata_of(own) != metadata_of(body)
    return (Part.PROVENANCE if is_elsewhere else 0) | (Part.METADATA if is_renamed else 0)


def _metadata(body: Body) -> dict[str, Any]:
    """The metadata; a note's without its file, which is named from the folder that is imported."""
    metadata = metadata_of(body)
    if NOTE_HEADINGS in metadata:
        metadata.pop(NOTE_FILE, None)
    return metadata


def _provenance(body: Body, wanted: Wanted) -> bytes:
    """The provenance without what says where it was found, and the order of an import's turns."""
    kept = Body()
    kept.CopyFrom(body)
    provenance = kept.provenance
    provenance.ClearField("imported")
    if not wanted.has_source:
        provenance.source = ""
    if provenance.HasField("turn"):
        provenance.turn.number = 0
    return provenance.SerializeToString(deterministic=True)


def _header(session: Session, wanted: Wanted, known: Imported) -> Header | None:
    """The header that a memory gets; None where the item says what it said before."""
    stated = wanted.memory.header(session.actor, session.clock)
    was = known.header
    changes = {
        name: getattr(stated, name)
        for name in Header._fields
        if name not in _UNSTATED and getattr(stated, name) != getattr(was, name)
    }
    if wanted.memory.owner and stated.owner != was.owner:
        changes["owner"] = stated.owner
    facts = wanted.memory.facts
    if not is_same_span(None if facts is None else facts.lifespan, was.lifespan):
        changes["lifespan"] = stated.lifespan
    return known.state.header._replace(**changes) if changes else None
