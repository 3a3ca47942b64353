"""The parts of a sealed body, each written from checked values; each function returns its part."""

from __future__ import annotations

from collections.abc import Iterable

from memos.kernel.cube import PARTS
from memos.kernel.errors import InvalidInput
from memos.operation.validation import Time, check_metadata, check_name, check_text, check_time
from memos.wire.body_pb2 import Body

# Plain numbers: a flag enum costs microseconds on the way of every write.
CONTENT, TAGS, PROVENANCE, METADATA, VALID_TIME = map(int, PARTS)


def put_text(body: Body, text: str) -> int:
    """A text as the content."""
    return put_content(body, "text/plain", check_text(text))


def put_content(body: Body, media_type: str, data: bytes) -> int:
    """Bytes of a media type as the content."""
    body.content.media_type = media_type
    body.content.inline = data
    return CONTENT


def put_tags(body: Body, tags: Iterable[str]) -> int:
    """Tags that `check_names` has checked."""
    body.tags.tags.extend(tags)
    body.tags.SetInParent()
    return TAGS


def put_provenance(
    body: Body, source: str | None, origin: str | None, semantic_type: str | None
) -> int:
    """Where the content came from; what is empty is left out."""
    provenance = body.provenance
    if source:
        provenance.source = check_name(source, "source")
    if origin:
        provenance.origin = check_name(origin, "origin")
    if semantic_type:
        provenance.semantic_type = check_name(semantic_type, "semantic_type")
    provenance.SetInParent()
    return PROVENANCE


def put_metadata(body: Body, metadata: object) -> int:
    """A JSON object."""
    body.metadata.json = check_metadata(metadata)
    return METADATA


def put_valid_time(body: Body, start: Time | None, end: Time | None) -> int:
    """When the content is true in the world; None where it has no beginning, or no end.

    Raises:
        InvalidInput: it ends before it begins.
    """
    valid = body.valid_time
    valid.SetInParent()
    if start is not None:
        setattr(valid, "from", check_time(start, "valid_from"))
    if end is not None:
        valid.until = check_time(end, "valid_until")
    if start is not None and end is not None and getattr(valid, "from") >= valid.until:
        raise InvalidInput("valid_until must be later than valid_from")
    return VALID_TIME
