"""What is sealed, once it is opened: whether all of it can be read.

A body comes from whoever could write to the log, or made the export that was loaded. It is looked
at once, where it is opened, so that nothing behind that has to expect more than its own release
writes.
"""

from __future__ import annotations

import json
from typing import Any

from memos.kernel.errors import Unreadable
from memos.wire.body_pb2 import Body

FIRST_TIME, LAST_TIME = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds since 1970: what can be shown as a time."""

MOST_NUMBER = 2**63 - 1
"""What every store keeps of a whole number."""

MAX_JSON_DEPTH = 100


def is_text(media_type: str) -> bool:
    """Whether content of a media type reads as a text."""
    return media_type.startswith("text/")


def check_body(body: Body) -> None:
    """Look at every value of an opened body.

    Raises:
        Unreadable: one cannot be read; the message names it.
    """
    if is_text(body.content.media_type):
        _check_text(body.content.inline)
    if body.HasField("metadata"):
        metadata_of(body)
    valid = body.valid_time
    for name, time in (("from", getattr(valid, "from")), ("until", valid.until)):
        if not FIRST_TIME <= time <= LAST_TIME:
            raise Unreadable(f"its valid time ({name}) lies outside the years 1 to 9999")
    turn = body.provenance.turn
    if turn.number > MOST_NUMBER or not FIRST_TIME <= turn.at <= LAST_TIME:
        raise Unreadable("its place in a conversation is no number or time that can be kept")


def metadata_of(body: Body) -> dict[str, Any]:
    """The metadata of a body, a fresh copy.

    Raises:
        Unreadable: it is no JSON object, or nested too deep.
    """
    stored = body.metadata.json
    if not stored or stored == b"{}":
        return {}
    try:
        metadata = _JSON.decode(stored.decode(json.detect_encoding(stored), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"its metadata is no JSON: {error}") from None
    if not isinstance(metadata, dict):
        raise Unreadable("its metadata is no JSON object")
    if stored.count(b"{") + stored.count(b"[") > MAX_JSON_DEPTH:
        _check_depth(metadata)
    return metadata


def _check_text(data: bytes) -> None:
    try:
        data.decode(errors="surrogatepass")
    except UnicodeDecodeError as error:
        raise Unreadable(f"its text is no UTF-8: {error.reason}") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


_JSON = json.JSONDecoder(parse_constant=_no_number)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Unreadable(f"its metadata is nested deeper than {MAX_JSON_DEPTH} levels")
