"""Memories as other stores write them, and as this one does."""

from __future__ import annotations

import json
from pathlib import Path

from tests.infrastructure.transfer.importers.support import FIXTURES, parse, parsed


def test_mem0s_platform_pages_give_each_user_a_scope_and_a_subject() -> None:
    form, read = parsed("mem0_platform.json")
    assert form == "mem0"
    assert [(item.id, item.fields.get("subject"), item.frozen) for item in read.items] == [
        ("0a1b-1", "alice@example.org", False),
        ("0a1b-2", "alice@example.org", True),
        ("17", "Bob Øst", False),
    ]
    likes, _, runs = read.items
    assert likes.scope == "alice@example.org"
    assert runs.scope.startswith("Bob")
    assert " " not in runs.scope
    until = "2199-01-31T00:00:00+00:00"
    assert (likes.fields["valid_until"], likes.fields["lifespan"]) == (until, {"until": until})
    assert likes.fields["valid_from"] == "2024-07-20T01:30:36.275141-07:00"
    assert read.partial == ["the page: it says that another page follows"]
    assert read.not_kept == {"memory.structured_attributes": 1}


def test_mem0s_relations_are_memories_linked_to_those_that_name_them() -> None:
    _, read = parsed("mem0_oss.json")
    *_, relation = read.items
    assert (relation.fields["text"], relation.scope) == ("alice lives in oslo", "alice")
    assert relation.fields["semantic_type"] == "relation"
    assert relation.links == ("5f6c-1",)


def test_mem0s_bare_list_pages_of_pages_and_lines_are_one_format(tmp_path: Path) -> None:
    one, two = {"id": 1, "memory": "One.", "user_id": "u"}, {"id": 2, "memory": "Two."}
    lines = "".join(f"{json.dumps(memory)}\n" for memory in (one, two))
    for name, value in {
        "list.json": [one, two],
        "pages.json": [{"results": [one]}, {"results": [two], "next": None}],
        "lines.jsonl": lines,
    }.items():
        form, read = parse(tmp_path / name, value)
        assert (form, [(item.id, item.scope) for item in read.items]) == (
            "mem0",
            [("1", "u"), ("2", "")],
        )
    _, read = parse(tmp_path / "twice.json", [one, one])
    assert read.refused == ["result 2: there are two memories '1'"]
    _, read = parse(
        tmp_path / "both.json", [{**one, "immutable": True, "expiration_date": "2190-01-01"}]
    )
    assert read.items[0].frozen is False
    assert read.not_kept == {"memory.immutable, of what expires": 1}


def test_rows_of_a_langgraph_store_keep_namespace_key_and_end() -> None:
    form, read = parsed("langgraph.json")
    assert form == "langgraph"
    fiddle, bow, profile = read.items
    assert (fiddle.fields["text"], fiddle.scope, fiddle.id) == (
        "Liv plays the fiddle.",
        "memories/liv",
        "k1",
    )
    assert bow.fields["lifespan"] == {"until": "2126-03-01T10:00:00+00:00"}
    assert bow.fields["metadata"]["sure"] is True
    assert profile.fields["text"] == '{"name": "Åse", "town": "Voss"}'
    assert profile.fields["metadata"]["namespace"] == ["profiles", "Åse Lie"]
    assert read.not_kept == {}


def test_locomos_turns_are_read_and_what_was_made_for_grading_is_counted() -> None:
    form, read = parsed("locomo.json")
    assert form == "locomo"
    assert [(item.scope, item.id, item.fields["text"]) for item in read.items] == [
        ("conv-1", "D1:1", "My kiln arrived."),
        ("conv-1", "D1:2", "[image: a red bowl]"),
    ]
    assert read.not_kept == {
        "turn.img_url": 1,
        "turn.query": 1,
        "turn.re-download": 1,
        "sample.qa": 1,
        "sample.observation": 1,
        "sample.session_summary": 1,
        "sample.event_summary": 1,
    }


def test_a_line_may_say_its_own_id() -> None:
    form, read = parsed("notes.jsonl")
    assert form == "jsonl"
    assert [(item.id, item.scope) for item in read.items] == [("n-1", "town"), ("", "")]


def test_memories_that_a_command_printed_are_read() -> None:
    form, read = parsed("memories.jsonl")
    assert form == "memories"
    (item,) = read.items
    assert (item.fields["text"], item.fields["tags"], item.scope) == (
        "The bakery opens at six.",
        ["town"],
        "acme/town",
    )
    assert item.id == "0190a1b2-0000-7000-8000-000000000001"
    assert read.skipped == [
        "line 2: memory 0190a1b2-0000-7000-8000-000000000002 is Archived",
    ]
    assert read.not_kept == {
        "memory.owner": 1,
        "memory.lifespan": 1,
        "memory.uses": 1,
        "memory.subject, not in what was printed": 1,
    }
    assert (FIXTURES / "memories.jsonl").is_file()


def test_what_memos_keeps_for_itself_is_passed_over(tmp_path: Path) -> None:
    own = {
        "cube_id": "4b1a844b-5f45-8288-8821-f8fd4624d0fc",
        "version": 1,
        "state": "Generated",
        "scope": "acme",
        "semantic_type": "extraction",
        "media_type": "application/vnd.memos.extraction+json",
        "text": "",
    }
    kept = {**own, "cube_id": "0b418802-2a90-89c4-b652-860cedfb0a21", "text": "Tea at five."}
    kept |= {"media_type": "text/plain", "semantic_type": ""}
    form, read = parse(tmp_path / "memories.jsonl", "\n".join(map(json.dumps, (own, kept))))
    assert (form, [item.fields["text"] for item in read.items]) == ("memories", ["Tea at five."])
    (skipped,) = read.skipped
    assert "a record of MemOS's own (extraction)" in skipped
