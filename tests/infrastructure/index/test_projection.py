"""What a folded record is to the index, whatever store keeps the index."""

from __future__ import annotations

import pytest

from memos.infrastructure.index.port import SpanChange
from memos.infrastructure.index.projection import (
    HAS_LIFESPAN,
    NO_BODY,
    RESTRICTED,
    OpenedBody,
    concerns_index,
    index_change,
    readable_of,
)
from memos.kernel.cube import CubeState, Form, Lifecycle, Lifespan, PartVersions
from memos.kernel.event import Kind
from memos.kernel.fold import fold
from memos.kernel.outcome import Result
from memos.language.indexed_text import IndexedText
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event
from tests.kernel.builders import event, generated, ident, revised, sealed

TEXT = IndexedText({7: 1}, 1)
KEY = b"key"


def after(*events: Event) -> CubeState:
    state = None
    for following in events:
        state, _, _ = fold(state, following)
    assert state is not None
    return state


def change(
    kind: Kind, before: CubeState | None, state: CubeState, key: bytes | None = KEY
) -> SpanChange | None:
    """The change of the record at 9, whose text is asked for under the cube's key."""

    def text(cube_key: bytes) -> IndexedText:
        assert cube_key == KEY
        return TEXT

    return index_change(9, kind, before, state, key, text)


def no_text(cube_key: bytes) -> IndexedText:
    raise AssertionError("the text was asked for, and it is the same")


def test_a_new_memory_opens_its_first_span_with_its_text() -> None:
    state = after(generated(1))
    assert change(Kind.GENERATED, None, state) == SpanChange(
        ident(1), state.scope, 9, 1, int(Lifecycle.GENERATED), 0, TEXT, True
    )


def test_new_content_opens_a_span_with_the_new_text() -> None:
    before = after(generated(1))
    revision = change(Kind.REVISED, before, after(generated(1), revised(2)))
    assert revision is not None
    assert (revision.version, revision.text, revision.is_first) == (2, TEXT, False)


def test_a_move_opens_a_span_of_the_same_text_which_nobody_opens() -> None:
    before, state = after(generated(1)), after(generated(1), event(Kind.ARCHIVED, 2))
    moved = index_change(9, Kind.ARCHIVED, before, state, KEY, no_text)
    assert moved is not None
    assert (moved.state, moved.text, moved.is_first) == (int(Lifecycle.ARCHIVED), None, False)


def test_new_metadata_is_a_new_version_of_the_same_text() -> None:
    before = after(generated(1))
    state = after(generated(1), sealed(event(Kind.REVISED, 2), parts=8))
    assert state.parts == PartVersions(1, 1, 1, 2, 1)
    revision = index_change(9, Kind.REVISED, before, state, KEY, no_text)
    assert revision is not None
    assert (revision.version, revision.text) == (2, None)


def test_a_record_that_changes_neither_text_nor_span_is_nothing_to_the_index() -> None:
    before, state = after(generated(1)), after(generated(1), event(Kind.LINKED, 2))
    assert index_change(9, Kind.LINKED, before, state, KEY, no_text) is None


def test_readers_and_lifespans_are_flags_of_the_span() -> None:
    state = after(generated(1))
    for fields, flags in (
        ({"readers": ("agent:bob",)}, RESTRICTED),
        ({"lifespan": Lifespan(after=1)}, HAS_LIFESPAN),
        ({"readers": ("agent:bob",), "lifespan": Lifespan(after=1)}, RESTRICTED | HAS_LIFESPAN),
    ):
        header = state.header._replace(**fields)
        flagged = change(Kind.HEADER_CHANGED, state, state._replace(header=header))
        assert flagged is not None
        assert flagged.flags == flags


def test_of_a_cube_whose_key_was_destroyed_only_its_end_is_a_change() -> None:
    before, state = after(generated(1)), after(generated(1), revised(2))
    assert change(Kind.GENERATED, None, before, None) is None
    assert change(Kind.REVISED, before, state, None) is None
    ended = change(Kind.ERASED, before, before._replace(lifecycle=Lifecycle.ERASED), None)
    assert ended is not None
    assert (ended.state, ended.text) == (int(Lifecycle.ERASED), None)


@pytest.mark.parametrize(
    ("result", "form", "concerns"),
    [
        (Result.ACCEPTED, Form.PLAINTEXT, True),
        (Result.REJECTED, Form.PLAINTEXT, False),
        (Result.DUPLICATE, Form.PLAINTEXT, False),
        (Result.ACCEPTED, Form.ACTIVATION, False),
        (Result.ACCEPTED, Form.OPERATION, False),
    ],
)
def test_accepted_records_of_texts_alone_concern_the_index(
    result: Result, form: Form, concerns: bool
) -> None:
    assert concerns_index(result, after(generated(1))._replace(form=form)) is concerns
    assert not concerns_index(result, None)


def test_a_memory_is_read_from_the_version_of_each_part_each_opened_once() -> None:
    content, tags = Body(), Body()
    content.content.media_type, content.content.inline = "text/plain", b"the text"
    tags.tags.tags.append("a tag")
    tags.provenance.origin = "from here"
    opened: list[int] = []

    def open_version(version: int) -> OpenedBody:
        opened.append(version)
        return {3: OpenedBody(content, 300), 2: OpenedBody(tags, 200)}[version]

    memory = readable_of(PartVersions(3, 2, 2, 0, 0), open_version)
    assert (memory.text, memory.tags, memory.origin) == ("the text", ["a tag"], "from here")
    assert memory.learned == 300  # when the content was, whatever came with it later
    assert (memory.turn, memory.valid_from, memory.valid_until) == (None, None, None)
    assert sorted(opened) == [2, 3]
    assert OpenedBody(Body(), 0) == NO_BODY  # shared, and never changed
