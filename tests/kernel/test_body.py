"""A body is looked at once, where it is opened: all of it can be read, or it is told why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from memos.kernel.body import (
    FIRST_TIME,
    LAST_TIME,
    MAX_JSON_DEPTH,
    MOST_NUMBER,
    check_body,
    metadata_of,
)
from memos.kernel.errors import Unreadable
from memos.wire.body_pb2 import Body

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def with_text(data: bytes, media_type: str = "text/plain") -> Body:
    body = Body()
    body.content.media_type, body.content.inline = media_type, data
    return body


def with_metadata(stored: bytes) -> Body:
    body = Body()
    body.metadata.json = stored
    return body


def with_turn(number: int = 0, at: int = 0) -> Body:
    body = Body()
    body.provenance.turn.number, body.provenance.turn.at = number, at
    return body


def with_valid_time(end: str, time: int) -> Body:
    body = Body()
    setattr(body.valid_time, end, time)
    return body


def nested(depth: int, pair: str = "[]") -> bytes:
    """A JSON object, and in it arrays or objects that are nested so deep."""
    inner = "1"
    for _ in range(depth):
        inner = f"[{inner}]" if pair == "[]" else f'{{"a": {inner}}}'
    return f'{{"a": {inner}}}'.encode()


def test_the_times_that_can_be_shown_are_the_years_1_to_9999() -> None:
    microsecond = timedelta(microseconds=1)
    assert (datetime.min.replace(tzinfo=UTC) - EPOCH) // microsecond == FIRST_TIME
    assert (datetime.max.replace(tzinfo=UTC) - EPOCH) // microsecond == LAST_TIME


READABLE = {
    "nothing": Body(),
    "text in any script": with_text("Größe, \U0001f3fa".encode()),
    "a lone surrogate": with_text("a lone \ud800".encode("utf-8", "surrogatepass")),
    "a picture": with_text(b"\xff\xd8", "image/jpeg"),
    "empty metadata": with_metadata(b""),
    "metadata": with_metadata(b'{"a": [1, {"b": null}]}'),
    "the first time of a turn": with_turn(0, FIRST_TIME),
    "the last turn": with_turn(MOST_NUMBER, LAST_TIME),
    "valid from the first time": with_valid_time("from", FIRST_TIME),
    "valid from the last time": with_valid_time("from", LAST_TIME),
    "valid until the first time": with_valid_time("until", FIRST_TIME),
    "valid until the last time": with_valid_time("until", LAST_TIME),
}


@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE.keys())
def test_what_a_release_writes_can_be_read(body: Body) -> None:
    check_body(body)


PLACE = "its place in a conversation is no number or time that can be kept"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (with_text(b"\xff"), "its text is no UTF-8: invalid start byte"),
        (with_text(b"\xff", "text/markdown"), "its text is no UTF-8: invalid start byte"),
        (with_metadata(b"[]"), "its metadata is no JSON object"),
        *(
            (with_valid_time(end, at), f"its valid time ({end}) lies outside the years 1 to 9999")
            for end in ("from", "until")
            for at in (FIRST_TIME - 1, LAST_TIME + 1)
        ),
        *((with_turn(at=at), PLACE) for at in (FIRST_TIME - 1, LAST_TIME + 1)),
        (with_turn(number=MOST_NUMBER + 1), PLACE),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_a_value_that_no_release_writes_is_named(body: Body, told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        check_body(body)
    assert str(refused.value) == told


def test_metadata_is_a_json_object_and_each_time_a_fresh_copy() -> None:
    body = with_metadata(b'{"a": {"b": [1.5, true, null]}}')
    first = metadata_of(body)
    assert first == {"a": {"b": [1.5, True, None]}}
    first["a"]["b"] = "changed by a caller"
    assert metadata_of(body) == {"a": {"b": [1.5, True, None]}}
    assert metadata_of(Body()) == {}


@pytest.mark.parametrize(
    "stored",
    [b"{", b"\xff", b"{'a': 1}", b"[" * 100_000],
    ids=["cut short", "no text", "no quotes of JSON", "nested too deep for a parser"],
)
def test_metadata_that_is_no_json_is_told(stored: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^its metadata is no JSON: \S"):
        metadata_of(with_metadata(stored))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_metadata_with_what_is_no_number_of_json_names_it(name: str) -> None:
    with pytest.raises(Unreadable, match=f"^its metadata is no JSON: {name} is no number of JSON$"):
        metadata_of(with_metadata(f'{{"a": {name}}}'.encode()))


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_metadata_is_nested_so_deep_and_no_deeper(pair: str) -> None:
    deepest = with_metadata(nested(MAX_JSON_DEPTH, pair))
    assert metadata_of(deepest) == json.loads(deepest.metadata.json)
    told = f"^its metadata is nested deeper than {MAX_JSON_DEPTH} levels$"
    with pytest.raises(Unreadable, match=told):
        metadata_of(with_metadata(nested(MAX_JSON_DEPTH + 1, pair)))


def test_brackets_side_by_side_and_in_texts_nest_nothing() -> None:
    wide = {"lists": [[]] * 500, "objects": [{}] * 500, "text": "[{" * 500}
    assert metadata_of(with_metadata(json.dumps(wide).encode())) == wide
