"""The parts of a sealed body: what may stand in each is checked where it is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from memos.kernel.body import is_text
from memos.kernel.cube import PARTS
from memos.kernel.errors import InvalidInput, shorten
from memos.language.blank import is_blank
from memos.operation.validation import Time, check_json, check_name, check_time
from memos.wire.body_pb2 import Body

MAX_TEXT_BYTES = 64 * 2**20
MAX_METADATA_BYTES = 2**20

CONTENT, TAGS, PROVENANCE, METADATA, VALID_TIME = PARTS


PLAIN_TEXT = "text/plain"


def put_text(body: Body, text: object, media_type: object = None) -> int:
    """A text as the content; a plain one, where no media type of texts is named.

    Raises:
        InvalidInput: it is no text, or the media type none of texts.
    """
    name = PLAIN_TEXT if media_type is None else _check_media_type(media_type)
    if not is_text(name):
        raise InvalidInput(
            f"a text has a media_type such as text/plain or text/markdown, not {shorten(name)}: "
            "what is no text is passed as content"
        )
    body.content.media_type, body.content.inline = name, check_text(text)
    return CONTENT


def put_content(body: Body, media_type: object, data: object) -> int:
    """Bytes of a media type as the content.

    Raises:
        InvalidInput: they do not fit, or are no UTF-8 though the media type is one of texts.
    """
    body.content.media_type, body.content.inline = _check_content(data, media_type)
    return CONTENT


def put_tags(body: Body, tags: Iterable[str]) -> int:
    """Tags that `check_names` has checked."""
    body.tags.tags.extend(tags)
    body.tags.SetInParent()
    return TAGS


def put_provenance(
    body: Body, source: str | None, origin: str | None, semantic_type: str | None
) -> int:
    """Where the content came from: None leaves what stands there, an empty text takes it away."""
    provenance = body.provenance
    if source is not None:
        provenance.source = check_name(source, "source", empty=True)
    if origin is not None:
        provenance.origin = check_name(origin, "origin", empty=True)
    if semantic_type is not None:
        provenance.semantic_type = check_name(semantic_type, "semantic_type", empty=True)
    provenance.SetInParent()
    return PROVENANCE


def put_metadata(body: Body, metadata: object) -> int:
    """A JSON object."""
    body.metadata.json = check_metadata(metadata)
    return METADATA


def put_valid_time(body: Body, start: Time | None, end: Time | None) -> int:
    """When the content is true in the world: None leaves the bound that stands there, or none.

    Raises:
        InvalidInput: it ends before it begins.
    """
    valid = body.valid_time
    valid.SetInParent()
    if start is not None:
        setattr(valid, "from", check_time(start, "valid_from"))
    if end is not None:
        valid.until = check_time(end, "valid_until")
    if valid.HasField("from") and valid.HasField("until") and getattr(valid, "from") >= valid.until:
        raise InvalidInput("valid_until must be later than valid_from: pass both where both change")
    return VALID_TIME


def check_text(text: object) -> bytes:
    """A memory's text as stored bytes; lone surrogates survive the round trip."""
    if not isinstance(text, str):
        raise InvalidInput(f"the text must be a string, not {type(text).__name__}")
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_TEXT_BYTES:
        raise InvalidInput(
            f"the text has {len(data):,} bytes; at most {MAX_TEXT_BYTES:,} fit into one memory: "
            "split it"
        )
    return data


def check_says_something(text: object) -> None:
    """Refuse a text with nothing in it that can be seen.

    Raises:
        InvalidInput: it is one.
    """
    if isinstance(text, str) and is_blank(text):
        raise InvalidInput(
            "the text is empty: a memory says something, and one that ends is archived"
        )


def _check_media_type(value: object) -> str:
    name = check_name(value, "media_type")
    kind, slash, subtype = name.partition("/")
    if not (kind and slash and subtype):
        raise InvalidInput(f"media_type looks like image/png, not {shorten(name)}")
    return name


def _check_content(data: object, media_type: object) -> tuple[str, bytes]:
    """The media type and bytes of a content."""
    name = _check_media_type(media_type)
    if not isinstance(data, bytes):
        raise InvalidInput(f"content must be bytes, not {type(data).__name__}")
    if len(data) > MAX_TEXT_BYTES:
        raise InvalidInput(
            f"the content has {len(data):,} bytes; at most {MAX_TEXT_BYTES:,} fit: keep it "
            "elsewhere and store a reference"
        )
    try:
        if is_text(name):
            data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"content of the media type {shorten(name)} must be UTF-8, and it is none "
            f"({error.reason}): encode it anew, or name it application/octet-stream"
        ) from None
    return name, data


def check_metadata(metadata: object) -> bytes:
    """A JSON object as stored bytes."""
    if not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata must be a mapping, not {shorten(metadata)}")
    if not metadata:
        return b"{}"
    check_json(metadata, "metadata")
    try:
        data = json.dumps(dict(metadata), separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"metadata must be JSON: {error}") from None
    if len(data) > MAX_METADATA_BYTES:
        raise InvalidInput(f"metadata has {len(data):,} bytes; at most {MAX_METADATA_BYTES:,} fit")
    return data
