from __future__ import annotations

import pytest

from memos.operation.vocabulary import (
    MEDIA_TYPE,
    Vocabulary,
    add_up,
    from_content,
    nearest,
    to_bytes,
    vocabulary_id,
)
from memos.wire.body_pb2 import Content


@pytest.mark.parametrize("closed", [True, False])
def test_what_is_stored_is_read_again(closed: bool) -> None:
    content = Content(media_type=MEDIA_TYPE, inline=to_bytes(["b", "a"], closed=closed))
    assert from_content(content) == (("b", "a"), closed)


@pytest.mark.parametrize(
    "content",
    [
        Content(media_type="text/plain", inline=to_bytes(["a"], closed=True)),
        Content(media_type=MEDIA_TYPE, inline=b"{"),
        Content(media_type=MEDIA_TYPE, inline=b'{"tags": ["a"]}'),
        Content(media_type=MEDIA_TYPE, inline=b"[]"),
    ],
)
def test_any_other_content_is_no_vocabulary(content: Content) -> None:
    assert from_content(content) is None


def test_vocabularies_of_a_path_add_up_and_one_that_is_closed_closes_all() -> None:
    parts = [("acme", ("a", "b"), True), ("acme/alice", ("b", "c"), False)]
    assert add_up("acme/alice", parts) == Vocabulary(
        "acme/alice", ("a", "b", "c"), True, ("acme", "acme/alice")
    )


def test_the_tags_spelt_most_like_one_are_suggested_in_their_own_case() -> None:
    assert nearest("musik", ["Music", "Musical", "garden"]) == ["Music", "Musical"]


def test_a_vocabulary_that_was_erased_has_a_successor_of_another_id() -> None:
    assert vocabulary_id(bytes(32), "acme", 0) != vocabulary_id(bytes(32), "acme", 1)
