"""What an error carries beside its words."""

from __future__ import annotations

import pytest

from memos.kernel.errors import (
    Conflict,
    Denied,
    EraseUnfinished,
    Held,
    NotFound,
    SourceErased,
    shorten,
)


def test_an_error_says_its_words_and_carries_its_facts() -> None:
    assert str(NotFound("there is none")) == "there is none"  # and not quoted, as KeyError would
    assert str(NotFound()) == ""
    conflict, denied = Conflict("moved on", 7), Denied("no", "owner-only")
    assert (str(conflict), conflict.current_version) == ("moved on", 7)
    assert (str(denied), denied.rule) == ("no", "owner-only")
    unfinished = EraseUnfinished("asked for again, it goes on", "0c7e")
    assert (str(unfinished), unfinished.operation_id) == ("asked for again, it goes on", "0c7e")
    for kind in (Held, SourceErased):
        error = kind("held", ("a", "b"))
        assert (str(error), error.cube_ids) == ("held", ("a", "b"))
        assert kind("held").cube_ids == ()


class Unshowable:
    def __repr__(self) -> str:
        raise ValueError("not to be shown")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("short", "'short'"),
        (12, "12"),
        ("größe", "'gr\\xf6\\xdfe'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 58, f"'{'x' * 58}'"),
        ("x" * 59, f"'{'x' * 59}…"),
        (Unshowable(), "a value of type Unshowable"),
    ],
)
def test_a_value_in_a_message_is_short_and_in_ascii(value: object, shown: str) -> None:
    assert shorten(value) == shown


def test_a_value_is_cut_at_the_length_that_is_asked_for() -> None:
    assert shorten("abcdef", 4) == "'abc…"
    assert shorten("ab", 4) == "'ab'"
