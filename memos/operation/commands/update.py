"""A new version of a memory's content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memos.kernel.cube import CubeState
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind
from memos.kernel.scope import tenant_of
from memos.operation.commands.body import (
    check_text,
    put_metadata,
    put_provenance,
    put_tags,
    put_text,
    put_valid_time,
)
from memos.operation.commands.change import ContentChange, change
from memos.operation.commands.composition import join_texts, merge_texts
from memos.operation.commands.tags import check_tags
from memos.operation.cube import Parts
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import Time, check_name, check_names
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Revised

_MODES = {
    "overwrite": Revised.MODE_OVERWRITE,
    "append": Revised.MODE_APPEND,
    "merge": Revised.MODE_MERGE,
}
_FIELDS = (
    "text",
    "source",
    "tags",
    "metadata",
    "origin",
    "semantic_type",
    "valid_from",
    "valid_until",
    "reason",
)


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
    origin: str | None = None
    semantic_type: str | None = None
    valid_from: Time | None = None
    valid_until: Time | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise InvalidInput(f"mode={self.mode!r} is not known: choose {', '.join(_MODES)}")
        if not self._stated().keys() - {"reason"}:
            raise InvalidInput("update changes nothing: pass a text, or what else is to change")
        if self.text is not None:
            check_text(self.text)
        if self.tags is not None:
            object.__setattr__(self, "tags", check_names(self.tags, "tags"))
        if self.composes and self.text is None:
            raise InvalidInput(f"mode={self.mode!r} needs a text")

    @property
    def composes(self) -> bool:
        """Whether the new text is made of the old one."""
        return self.mode != "overwrite"

    @property
    def changes_provenance(self) -> bool:
        """Whether source, origin or semantic type are named: the others are then kept."""
        return not (self.source is None and self.origin is None and self.semantic_type is None)

    def asked(self) -> dict[str, Any]:
        """What the caller asked for, word for word."""
        return {"mode": self.mode, **self._stated()}

    def fill(self, body: Body, before: Parts | None) -> int:
        """Write what changes into a body; the bit set of the parts that it supplies.

        Args:
            body: the new version's.
            before: the cube's opened parts, where they are needed.
        """
        parts = 0
        if self.text is not None:
            parts |= put_text(body, self._text(before))
        if self.tags is not None:
            parts |= put_tags(body, self.tags)
        if self.changes_provenance:
            parts |= put_provenance(body, *self._provenance(before))
        if self.metadata is not None:
            parts |= put_metadata(body, self.metadata)
        if self.valid_from is not None or self.valid_until is not None:
            parts |= put_valid_time(body, self.valid_from, self.valid_until)
        if self.reason:
            body.reason = check_name(self.reason, "reason")
        return parts

    def _stated(self) -> dict[str, Any]:
        stated = ((name, getattr(self, name)) for name in _FIELDS)
        return {name: value for name, value in stated if value is not None}

    def _text(self, before: Parts | None) -> str:
        text = self.text or ""
        if not self.composes or before is None:
            return text
        return (join_texts if self.mode == "append" else merge_texts)(before.text, text)

    def _provenance(self, before: Parts | None) -> tuple[str | None, str | None, str | None]:
        """Source, origin and semantic type; what is not named is kept."""
        if before is None:
            return self.source, self.origin, self.semantic_type
        kept = before.provenance.provenance
        return (
            kept.source if self.source is None else self.source,
            kept.origin if self.origin is None else self.origin,
            kept.semantic_type if self.semantic_type is None else self.semantic_type,
        )


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

        def build(state: CubeState, parts: Parts | None, event: Event, body: Body) -> None:
            check_tags(session, passage, state.scope, tuple(revision.tags or ()))
            event.parts = revision.fill(body, parts)
            event.revised.mode = _MODES[revision.mode]
            if revision.source:
                digests = session.digests.sources(tenant_of(state.scope), revision.source)
                event.source_digests.extend(digests)

        content_change = ContentChange(
            Kind.REVISED,
            build,
            composed=revision.composes,
            reads=revision.composes or revision.changes_provenance,
            expected_version=expected_version,
            key=idempotency_key,
            asked=revision.asked(),
        )
        return change(session, passage, cube_id, content_change)
