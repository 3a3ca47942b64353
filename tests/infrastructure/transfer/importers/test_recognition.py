"""Which format a file is of is told by its shape, and what is none says what it looked like."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from memos.infrastructure.transfer.importers import FORMATS
from memos.kernel.errors import InvalidInput, Refused
from tests.infrastructure.transfer.importers.support import FIXTURES, parse, parsed

PAGE = Path(__file__).resolve().parents[4] / "docs" / "importers.md"
ROW = re.compile(r"\| `([a-z0-9-]+)` \|.*\|(.*)\|$", re.MULTILINE)


def rows() -> dict[str, list[str]]:
    """Each format of the page's table, with the fixtures that hold it."""
    found = ROW.findall(PAGE.read_text("utf-8"))
    return {form: re.findall(r"`([\w./-]+)`", held) for form, held in found}


def test_the_page_lists_every_format_and_the_fixtures_that_hold_it() -> None:
    assert list(rows()) == list(FORMATS)
    named = {name for names in rows().values() for name in names}
    there = {path.name for path in FIXTURES.iterdir() if path.is_file()}
    assert there <= named


@pytest.mark.parametrize("form", [form for form in rows() if form != "markdown"])
def test_each_fixture_is_recognised_as_what_the_page_says(form: str) -> None:
    assert rows()[form]
    for name in rows()[form]:
        found, read = parsed(name)
        assert (found, bool(read.items), list(read.refused)) == (form, True, []), name


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("a.json", {}, "a JSON object with nothing in it"),
        ("a.json", [], "a JSON list without an object"),
        ("a.json", 7, "a JSON int"),
        ("a.json", {"rows": 3, "when": 1}, "a JSON object with rows, when"),
        ("a.json", [{"a": 1}, {"b": 2}], "a JSON list of 2 values, objects with a, b"),
        ("a.jsonl", '{"a": 1}\n', "JSON lines of 1 values, objects with a"),
        ("a.txt", "words", "text that is no JSON"),
        ("a", "words", "text that is no JSON"),
    ],
)
def test_a_file_of_no_known_format_says_what_it_looked_like(
    tmp_path: Path, name: str, value: Any, told: str
) -> None:
    with pytest.raises(Refused, match=rf"not clear: it looks like {told}; say which with format="):
        parse(tmp_path / name, value)


def test_a_format_that_is_named_is_not_guessed(tmp_path: Path) -> None:
    form, read = parse(tmp_path / "a.json", [{"role": "user", "content": "x"}], "responses")
    assert (form, len(read.items)) == ("responses", 1)
    with pytest.raises(InvalidInput, match="format='xml' is not known: choose auto, markdown"):
        parse(tmp_path / "a.json", [], "xml")


def test_a_conversation_may_stand_in_what_its_program_wraps_it_in(tmp_path: Path) -> None:
    inner = {
        "messages": {"role": "user", "content": "x"},
        "langchain": {"type": "human", "content": "x"},
        "ui-messages": {"role": "user", "parts": [{"type": "text", "text": "x"}]},
        "gemini": {"role": "user", "parts": [{"text": "x"}]},
    }
    for form, message in inner.items():
        held = "contents" if form == "gemini" else "messages"
        found, read = parse(tmp_path / "a.json", {held: [message]})
        assert (found, len(read.items)) == (form, 1)
        found, read = parse(tmp_path / "a.json", [message])
        assert (found, len(read.items)) == (form, 1)
