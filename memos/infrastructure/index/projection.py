"""What a folded record is to the index: which text, from when, under which flags. Pure.

Every store's index follows these functions. Bodies are opened by whoever calls: the body of an
earlier version is read from where that store keeps it, and only where the record needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from memos.infrastructure.index.port import Mask, Rows, SpanChange
from memos.kernel.body import is_text
from memos.kernel.cube import CubeState, Form, PartVersions
from memos.kernel.event import Kind
from memos.kernel.outcome import Result
from memos.language.indexed_text import EXTRACTED, IndexedText, Readable
from memos.wire.body_pb2 import Body


class OpenedBody(NamedTuple):
    """The opened body of a version, and the log time of its record (microseconds)."""

    body: Body
    log_time: int


OpenVersion = Callable[[int], OpenedBody]
"""Opens the body that came with a version of a cube; raises Damaged where it does not open."""

RESTRICTED = 1
HAS_LIFESPAN = 2

NO_BODY = OpenedBody(Body(), 0)
"""What a part has that no version supplied, or whose record is not there."""

UNREADABLE = IndexedText({}, 0)
"""What the index keeps of a text whose body does not open: its span, and nothing to find it by."""


def internal_rows(rows: Rows) -> Mask:
    """The rows that no caller stored and none is shown: what extractors keep of their work."""
    internal: Mask = ((rows.traits & EXTRACTED) != 0) & (rows.length == 0)
    return internal


def concerns_index(result: Result, after: CubeState | None) -> bool:
    """Whether a folded record changed a memory that search can find."""
    return result is Result.ACCEPTED and after is not None and after.form is Form.PLAINTEXT


def index_change(
    ordinal: int,
    kind: int,
    before: CubeState | None,
    after: CubeState,
    cube_key: bytes | None,
    text: Callable[[bytes], IndexedText],
) -> SpanChange | None:
    """What an accepted record of a memory changes in the index.

    Args:
        ordinal: the moment just after the record.
        kind: the event's.
        before: the cube before it, None for the first.
        after: the cube after it.
        cube_key: None where it was destroyed since.
        text: what the index keeps of the memory afterwards, by the cube's key; asked only where
            the record gives the cube another text.

    Returns:
        The change; None where there is none.
    """
    if kind == Kind.ERASED:
        return span_change(ordinal, before, after, None)
    if cube_key is None:
        return None  # erased since: its text is gone, and a later record ends its rows
    if before is None or changes_text(before, after):
        return span_change(ordinal, before, after, text(cube_key))
    if changes_span(before, after):
        return span_change(ordinal, before, after, None)
    return None


def changes_text(before: CubeState | None, after: CubeState) -> bool:
    """Whether a change gives a cube another text to be found by; metadata is no text."""
    return before is None or after.parts._replace(metadata=0) != before.parts._replace(metadata=0)


def changes_span(before: CubeState, after: CubeState) -> bool:
    """Whether a change that leaves the text as it is says anything new of how it is shown."""
    return (
        after.lifecycle is not before.lifecycle
        or after.header != before.header
        or after.version != before.version
    )


def span_change(
    ordinal: int, before: CubeState | None, after: CubeState, text: IndexedText | None
) -> SpanChange:
    """One accepted change as the index keeps it."""
    flags = (RESTRICTED if after.header.readers else 0) | (
        HAS_LIFESPAN if after.header.lifespan is not None else 0
    )
    return SpanChange(
        after.cube_id,
        after.scope,
        ordinal,
        after.version,
        int(after.lifecycle),
        flags,
        text,
        before is None,
    )


def readable_of(parts: PartVersions, open_version: OpenVersion) -> Readable:
    """What can be searched of a memory, each part from the version that supplied it last.

    Args:
        parts: the version that supplied each part, 0 where none did.
        open_version: is asked once for each such version, and never for 0.

    Raises:
        Damaged: a body does not open.
    """
    opened = {0: NO_BODY}
    for version in parts:
        if version not in opened:
            opened[version] = open_version(version)
    bodies = (opened[version].body for version in parts)
    return readable(*bodies, learned=opened[parts.content].log_time)


def readable(
    content: Body,
    tags: Body,
    provenance: Body,
    metadata: Body,
    valid_time: Body,
    *,
    learned: int = 0,
) -> Readable:
    """What can be searched of a memory's parts; `learned` is the log time of its content."""
    valid, source = valid_time.valid_time, provenance.provenance
    return Readable(
        content_text(content),
        list(tags.tags.tags),
        source.turn if source.HasField("turn") else None,
        getattr(valid, "from") if valid.HasField("from") else None,
        valid.until if valid.HasField("until") else None,
        learned,
        source.origin,
    )


def content_text(body: Body) -> str:
    """The text of a body; empty where its media type is not text or it is kept elsewhere."""
    content = body.content
    if not is_text(content.media_type):
        return ""
    return content.inline.decode("utf-8", "surrogatepass")
