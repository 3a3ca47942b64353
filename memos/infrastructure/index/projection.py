"""What an accepted change of a memory is to the index: which text, from when, under which flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from memos.infrastructure.index.port import IndexedText, SpanChange
from memos.kernel.cube import CubeState
from memos.wire.body_pb2 import Body, Turn


class Readable(NamedTuple):
    """What the index is made of: the opened parts of a memory that can be searched."""

    text: str
    tags: list[str]
    turn: Turn | None
    valid_from: int | None
    valid_until: int | None
    learned: int
    origin: str = ""


Analyse = Callable[[bytes, Readable], IndexedText]
"""(tenant key, readable) to what the index keeps of it."""

RESTRICTED = 1
HAS_LIFESPAN = 2


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
    valid, told = valid_time.valid_time, provenance.provenance
    return Readable(
        content_text(content),
        list(tags.tags.tags),
        told.turn if told.HasField("turn") else None,
        getattr(valid, "from") if valid.HasField("from") else None,
        valid.until if valid.HasField("until") else None,
        learned,
        told.origin,
    )


def content_text(body: Body) -> str:
    """The text of a body; empty where its media type is not text or it is kept elsewhere."""
    content = body.content
    if not content.media_type.startswith("text/"):
        return ""
    return content.inline.decode("utf-8", "surrogatepass")
