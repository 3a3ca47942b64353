"""The JSON of results and errors, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos import Conflict, Position, Receipt, Rejection
from memos.interface.serialise import document, error_document, json_line, plain
from memos.kernel.cube import LifespanEnd


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Position(0, 42), "0:42"),
        (Path("a/b"), "a/b"),
        (LifespanEnd.ARCHIVE, "archive"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006Z"),
        (b"\x00\xff", "AP8="),
        ({1: (None, True)}, {"1": [None, True]}),
        (("a", ["b"]), ["a", ["b"]]),
    ],
)
def test_a_value_becomes_what_json_knows(value: object, expected: object) -> None:
    assert plain(value) == expected


def test_a_result_is_one_line_in_its_envelope() -> None:
    receipt = Receipt("e", "c", 2, Position(0, 7), "o", (Rejection("d", "frozen"),))
    assert document("cut name", receipt) == (
        '{"schema": 1, "command": "cut name", "result": {"event_id": "e", "cube_id": "c", '
        '"version": 2, "position": "0:7", "operation_id": "o", "rejected": [{"cube_id": "d", "reason": "frozen"}], '
        '"digest": ""}}'
    )


def test_an_error_is_one_line_in_its_envelope() -> None:
    line = error_document("update", Conflict.__name__, "read – again", 5, {"current_version": 3})
    assert line == (
        '{"schema": 1, "command": "update", "error": {"type": "Conflict", '
        '"message": "read \\u2013 again", "exit_code": 5, "current_version": 3}}'
    )


def test_json_on_a_line_is_ascii_and_ends_without_a_line_break() -> None:
    assert json_line({"text": "日本\n"}) == '{"text": "\\u65e5\\u672c\\n"}'
