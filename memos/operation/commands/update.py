"""A new version of a memory's content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, CubeState
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind
from memos.kernel.scope import tenant_of
from memos.operation.commands.batch import Batch, BatchChange, Make, change_several
from memos.operation.commands.body import (
    check_metadata,
    check_says_something,
    check_text,
    put_metadata,
    put_provenance,
    put_tags,
    put_text,
    put_valid_time,
)
from memos.operation.commands.change import ContentChange, change, drafted
from memos.operation.commands.composition import join_texts, merge_texts, text_within
from memos.operation.commands.idempotency import stated_arguments
from memos.operation.commands.meaning import meaning
from memos.operation.commands.sources import permitted_state
from memos.operation.commands.tags import check_tags
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt
from memos.operation.search.selection import Selection
from memos.operation.session import Session
from memos.operation.validation import Time, check_choice, check_flag, check_name, check_names
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Revised

_MODES = {
    "overwrite": Revised.MODE_OVERWRITE,
    "append": Revised.MODE_APPEND,
    "merge": Revised.MODE_MERGE,
}
_NAMES = ("source", "origin", "semantic_type", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What is to change of a memory's content; None stays as it is. See `Memory.update`.

    Raises:
        InvalidInput: a field does not fit, or nothing changes.
    """

    text: str | None = None
    mode: str = "overwrite"
    source: str | None = None
    tags: Iterable[str] | None = None
    metadata: Mapping[str, Any] | None = None
    replace_metadata: bool = False
    origin: str | None = None
    semantic_type: str | None = None
    valid_from: Time | None = None
    valid_until: Time | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        check_choice(self.mode, _MODES, "mode")
        for name in _NAMES:
            if getattr(self, name) is not None:
                checked = check_name(getattr(self, name), name, empty=True)
                object.__setattr__(self, name, checked)
        check_flag(self.replace_metadata, "replace_metadata")
        if self.replace_metadata and self.metadata is None:
            raise InvalidInput("replace_metadata needs the metadata: {} for none at all")
        if self.text is not None:
            check_text(self.text)
            check_says_something(self.text)
        if self.tags is not None:
            object.__setattr__(self, "tags", check_names(self.tags, "tags"))
        if self.metadata is not None:
            check_metadata(self.metadata)
        self._put_valid_time(Body())
        named = self._stated().keys() - {"reason"}
        if not named or (named == {"metadata"} and self._adds_no_metadata):
            raise InvalidInput("update changes nothing: pass a text, or what else is to change")
        if self.composes and self.text is None:
            raise InvalidInput(f"mode={self.mode!r} needs a text")

    @property
    def composes(self) -> bool:
        """Whether the new text is made of the old one."""
        return self.mode != "overwrite"

    @property
    def keeps(self) -> bool:
        """Whether a part that changes keeps something of the one before."""
        return self._keeps_provenance or self._keeps_metadata or self._keeps_valid_time

    def asked(self) -> dict[str, Any]:
        """Every argument that differs from its default; the mode always."""
        return {"mode": self.mode, **self._stated()}

    def meant(self) -> dict[str, Any]:
        """The same as it is meant: a reason without a word says nothing, nor does metadata to be added
        that has no key.
        """
        meant = meaning(self.asked())
        silent = [] if self.reason else ["reason"]
        if self._adds_no_metadata:
            silent.append("metadata")
        return {name: value for name, value in meant.items() if name not in silent}

    def fill(self, cube_id: bytes, body: Body, before: Parts | None) -> int:
        """Write what changes into a body; the bit set of the parts that it supplies.

        Args:
            cube_id: the cube.
            body: the new version's.
            before: the cube's opened parts, where they are needed.

        Raises:
            IllegalMove: the text is to be composed with content that is none.
        """
        parts = 0
        if self.text is not None and self.composes and before is not None:
            join = join_texts if self.mode == "append" else merge_texts
            composed = join(text_within(cube_id, before), self.text)
            parts |= put_text(body, composed)
        elif self.text is not None:
            parts |= put_text(body, self.text)
        if self.tags is not None:
            parts |= put_tags(body, self.tags)
        if self._keeps_provenance:
            if before is not None:
                body.provenance.CopyFrom(before.provenance.provenance)
            parts |= put_provenance(body, self.source, self.origin, self.semantic_type)
        if self.metadata is not None:
            parts |= put_metadata(body, self._metadata(before))
        if self._changes_valid_time:
            if self._keeps_valid_time and before is not None:
                body.valid_time.CopyFrom(before.valid_time.valid_time)
            parts |= self._put_valid_time(body)
        if self.reason:
            body.reason = check_name(self.reason, "reason")
        return parts

    @property
    def _keeps_provenance(self) -> bool:
        """A turn's place in its conversation is kept whatever else of the provenance changes."""
        return not (self.source is None and self.origin is None and self.semantic_type is None)

    @property
    def _keeps_metadata(self) -> bool:
        return self.metadata is not None and not self.replace_metadata

    @property
    def _adds_no_metadata(self) -> bool:
        """Whether the metadata to be added has no key."""
        return not (self.metadata or self.replace_metadata)

    @property
    def _changes_valid_time(self) -> bool:
        return not (self.valid_from is None and self.valid_until is None)

    @property
    def _keeps_valid_time(self) -> bool:
        return (self.valid_from is None) is not (self.valid_until is None)

    def _stated(self) -> dict[str, Any]:
        return stated_arguments(self, "mode")

    def _metadata(self, before: Parts | None) -> Mapping[str, Any]:
        """The keys that were there and those passed; None takes one away."""
        passed = self.metadata or {}
        if self.replace_metadata or before is None:
            return passed
        merged = {**before.metadata_dict(), **passed}
        gone = {key for key, value in passed.items() if value is None}
        return {key: value for key, value in merged.items() if key not in gone}

    def _put_valid_time(self, body: Body) -> int:
        """Each bound that is passed; an empty text takes one away."""
        if isinstance(self.valid_from, str) and not self.valid_from:
            body.valid_time.ClearField("from")
        if isinstance(self.valid_until, str) and not self.valid_until:
            body.valid_time.ClearField("until")
        return put_valid_time(body, _stated_time(self.valid_from), _stated_time(self.valid_until))


def _stated_time(value: Time | None) -> Time | None:
    """A bound that is to be set; None where it stays, or was taken away."""
    return None if isinstance(value, str) and not value else value


def update(
    session: Session,
    cube_id: str,
    revision: Revision,
    *,
    expected_version: int | None = None,
    idempotency_key: str | None = None,
) -> Receipt:
    """See `Memory.update`."""
    with session.gate.enter("update") as passage:
        state = permitted_state(session, passage, cube_id, Action.WRITE)
        revised = revising(session, passage, revision, state, expected_version, idempotency_key)
        return change(session, passage, state, revised)


def update_several(
    session: Session,
    selection: Selection,
    revision_of: Callable[[bytes], Revision],
    *,
    dry_run: bool,
) -> Batch:
    """See `Memory.update_many`; `revision_of` gives the change of a memory, by its id."""

    def make(passage: Passage) -> Make:
        return lambda reader, state: drafted(
            session,
            passage,
            reader,
            state,
            revising(session, passage, revision_of(state.cube_id), state),
        )

    return change_several(session, selection, BatchChange("update", SHOWN, make), dry_run=dry_run)


def revising(
    session: Session,
    passage: Passage,
    revision: Revision,
    state: CubeState,
    expected_version: int | None = None,
    key: str | None = None,
) -> ContentChange:
    """The change that a revision is to a memory."""

    def build(parts: Parts | None, event: Event, body: Body) -> None:
        check_tags(session, passage, state.scope, tuple(revision.tags or ()))
        event.parts = revision.fill(state.cube_id, body, parts)
        event.revised.mode = _MODES[revision.mode]
        if revision.source:
            digests = session.digests.sources(tenant_of(state.scope), revision.source)
            event.source_digests.extend(digests)

    return ContentChange(
        Kind.REVISED,
        build,
        reads=revision.composes or revision.keeps,
        keeps_media_type=revision.text is not None,
        expected_version=expected_version,
        key=key,
        asked=revision.asked,
        meant=revision.meant,
    )
