"""How the rooms of search import each other: search → english → language."""

from __future__ import annotations

import ast
from pathlib import Path

import memos

OPERATION = Path(memos.__file__).parent / "operation"


def imports_of(room: str) -> set[str]:
    """The modules of MemOS that a room imports, itself left out."""
    imported: set[str] = set()
    for file in (OPERATION / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    own = f"memos.operation.{room}."
    return {name for name in imported if name.startswith("memos.") and not name.startswith(own)}


def test_what_is_asked_of_a_language_knows_no_language_and_no_search() -> None:
    assert imports_of("language") == set()


def test_english_knows_what_is_asked_of_it_and_nothing_of_search() -> None:
    assert imports_of("english") == {
        "memos.infrastructure.index.port",
        "memos.operation.language.letters",
        "memos.operation.language.port",
    }


def test_search_knows_english_by_its_face_alone() -> None:
    named = {name for name in imports_of("search") if name.startswith("memos.operation.english")}
    assert named == {"memos.operation.english.language"}


def test_search_and_reads_reach_stores_through_ports() -> None:
    stores = {"sqlite", "cassandra", "milvus", "kafka", "embedded", "distributed"}
    for room in ("search", "reads"):
        assert {
            name for name in imports_of(room) if not stores.isdisjoint(name.split("."))
        } == set()
