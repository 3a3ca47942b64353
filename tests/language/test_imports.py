"""How the rooms of language and search import each other: search, analysis, English, port."""

from __future__ import annotations

import ast
from pathlib import Path

import memos

PACKAGE = Path(memos.__file__).parent


def imports_of(*rooms: str) -> set[str]:
    """The modules of MemOS that files and rooms import, themselves left out."""
    imported: set[str] = set()
    for room in rooms:
        path = PACKAGE / room
        for file in path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module is not None:
                    imported.add(node.module)
                elif isinstance(node, ast.Import):
                    imported.update(alias.name for alias in node.names)
    own = tuple("memos." + room.replace("/", ".") for room in rooms)
    return {name for name in imported if name.startswith("memos.") and not name.startswith(own)}


def test_what_is_asked_of_a_language_knows_no_language() -> None:
    assert imports_of("language/port", "language/letters", "language/sentences") == set()


def test_english_knows_what_is_asked_of_it_and_nothing_of_who_asks() -> None:
    assert imports_of("language/english") == {
        "memos.language.indexed_text",
        "memos.language.letters",
        "memos.language.port",
    }


def test_english_is_known_by_its_face_alone_and_in_one_place() -> None:
    knowing = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if "memos.language.english." in file.read_text("utf-8")
        and PACKAGE / "language/english" not in file.parents
    }
    assert knowing == {"language/analyzer.py"}
    named = {name for name in imports_of("language/analyzer") if ".english." in name}
    assert named == {"memos.language.english.language"}


def test_search_and_reads_reach_stores_through_ports() -> None:
    stores = {"sqlite", "cassandra", "milvus", "kafka", "embedded", "distributed"}
    for room in ("operation/search", "operation/reads"):
        assert {
            name for name in imports_of(room) if not stores.isdisjoint(name.split("."))
        } == set()
