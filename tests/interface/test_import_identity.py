"""What an import knows its items by, and what its errors call them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from memos import InvalidInput, Memory, Refused
from memos.infrastructure.transfer.importers import parse_file

SCOPE = "acme/notes"
UUID = "7d3c2a1e-0000-4000-8000-00000000000"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as opened:
        yield opened


def written(folder: Path, name: str, value: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(value))
    return folder / name


def chat(ids: list[str], *words: str) -> list[dict[str, str]]:
    return [{"id": i, "role": "user", "content": w} for i, w in zip(ids, words, strict=True)]


def test_chats_that_number_their_messages_are_two_and_a_moved_one_is_the_same(
    memory: Memory, tmp_path: Path
) -> None:
    one = written(tmp_path, "c1.json", chat(["1", "2"], "The key is blue", "It hangs left"))
    two = written(tmp_path, "c2.json", chat(["1", "2"], "The dog is Rex", "He is four"))
    first = memory.import_file(one, scope=SCOPE)
    assert memory.import_file(two, scope=SCOPE).added == 2
    assert memory.search("blue key", scope=SCOPE)[0].text == "The key is blue"
    both = memory.import_file([one, two], scope=SCOPE)
    assert (both.unchanged, both.changed, both.refused) == (4, 0, ())
    written(tmp_path, "c1.json", chat(["1", "2"], "The key is red", "It hangs left"))
    assert memory.import_file(one, scope=SCOPE).changed == 1
    moved = memory.import_file(one.rename(tmp_path / "c3.json"), scope=SCOPE)
    assert (moved.added, moved.moved, moved.cube_ids) == (0, 2, first.cube_ids)


@pytest.mark.parametrize(
    "ids",
    [[f"{UUID}1", f"{UUID}2"], ["msg_67c9fdcf37fc8190ba82116e33fb28c5", "chatcmpl-" + "a" * 29]],
)
def test_an_id_that_no_other_chat_has_is_known_in_any_file(
    memory: Memory, tmp_path: Path, ids: list[str]
) -> None:
    memory.import_file(written(tmp_path, "a.json", chat(ids, "one", "two")), scope=SCOPE)
    other = written(tmp_path / "other", "a.json", chat(ids, "one", "2"))
    grown = memory.import_file(other, scope=SCOPE)
    assert (grown.added, grown.changed, grown.unchanged) == (0, 1, 1)


def page(follows: str | None, *ids: int, before: str | None = None) -> dict[str, Any]:
    results = [{"id": str(number), "memory": f"fact {number}"} for number in ids]
    return {"next": follows, "previous": before, "results": results}


def test_nothing_is_pruned_where_a_page_is_known_to_be_missing(
    memory: Memory, tmp_path: Path
) -> None:
    whole = written(tmp_path, "m.json", [page("p2", *range(10)), page(None, 10)])
    assert memory.import_file(whole, scope=SCOPE, prune=True).added == 11
    written(tmp_path, "m.json", page("p2", *range(10)))
    with pytest.raises(Refused, match=r"another page follows.*without prune"):
        memory.import_file(whole, scope=SCOPE, prune=True, yes=True)
    assert memory.import_file(whole, scope=SCOPE).removed == ()
    rest = written(tmp_path, "m2.json", page(None, 10, before="p1"))
    pruned = memory.import_file([whole, rest], scope=SCOPE, prune=True)
    assert (pruned.unchanged, pruned.archived) == (11, 0)
    written(tmp_path, "m.json", page(None, *range(10)))
    assert memory.import_file(whole, scope=SCOPE, prune=True).archived == 1


@pytest.mark.parametrize(
    ("written_as", "start"),
    [
        ("202405011230", "2024-05-01T10:30:00+00:00"),
        ("20240501123045", "2024-05-01T10:30:45+00:00"),
        ("20249901123045", None),
        ("1714564800", None),
        ("20240501", None),
        ("2024-05-01 12:30", "2024-05-01T10:30:00+00:00"),
    ],
)
def test_a_stamp_of_digits_in_front_matter_is_its_date_and_other_digits_are_metadata(
    tmp_path: Path, written_as: str, start: str | None
) -> None:
    note = tmp_path / "note.md"
    note.write_text(f'---\ncreated: "{written_as}"\n---\nA note.\n')
    _, parsed = parse_file(note, "markdown", ZoneInfo("Europe/Oslo"))
    fields = parsed.items[0].fields
    assert fields.get("valid_from") == start
    assert fields["metadata"]["created"] == written_as


def test_of_several_files_every_error_says_which(memory: Memory, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"text": 1}\n{"text": "good"}\n')
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "empty.md").write_text("")
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", notes, notes / "empty.md"]
    with pytest.raises(Refused, match="2 items") as refused:
        memory.import_file(paths, scope=SCOPE)
    for path in paths[:2]:
        assert f"{path}, line 1: " in str(refused.value)
    report = memory.import_file(paths, scope=SCOPE, skip_bad=True)
    assert report.skipped == (f"{notes}/empty.md: it has no text",) * 2


def mondays(*texts: str) -> str:
    return "# Log\n\n" + "".join(f"## Monday\n\n{text}\n\n" for text in texts)


def test_sections_under_the_same_heading_are_known_by_what_they_say(
    memory: Memory, tmp_path: Path
) -> None:
    note = tmp_path / "log.md"
    note.write_text(mondays("first", "second", "third"))
    log, first, second, third = memory.import_file(note, scope=SCOPE).cube_ids
    note.write_text(mondays("second", "third"))
    report = memory.import_file(note, scope=SCOPE, prune=True, yes=True)
    assert (report.changed, report.archived, report.cube_ids) == (0, 1, (log, second, third))
    note.write_text(mondays("new", "second", "edited", "last"))
    report = memory.import_file(note, scope=SCOPE)
    assert (report.added, report.changed) == (2, 1)
    assert [report.cube_ids[at] for at in (2, 3)] == [second, third]
    assert [len(memory.history(one)) for one in (first, second, third)] == [2, 1, 2]
    memory.erase(cube_id=second)
    note.write_text(mondays("before", "new", "second", "edited", "last"))
    report = memory.import_file(note, scope=SCOPE)
    assert (report.added, report.withheld, report.changed, report.unchanged) == (1, 1, 0, 4)
    events = memory.stats().events
    assert memory.import_file(note, scope=SCOPE).withheld == 1
    assert memory.stats().events == events


def test_an_edit_of_a_long_section_is_a_change_of_few_parts(memory: Memory, tmp_path: Path) -> None:
    note = tmp_path / "long.md"
    paragraphs = [f"Paragraph {n}. " + f"word{n} " * 60 for n in range(30)]
    note.write_text("# Long\n\n" + "\n\n".join(paragraphs))
    first = memory.import_file(note, scope=SCOPE)
    assert first.added >= 8
    note.write_text("# Long\n\nA short one.\n\n" + "\n\n".join(paragraphs))
    report = memory.import_file(note, scope=SCOPE, prune=True)
    assert report.added + report.changed + report.archived <= 2
    paragraphs[15] = "Another paragraph."
    note.write_text("# Long\n\nA short one.\n\n" + "\n\n".join(paragraphs))
    report = memory.import_file(note, scope=SCOPE, prune=True)
    assert report.added + report.changed + report.archived <= 4


@pytest.mark.parametrize(
    "words", ["A sentence of some words. " * 1600, "word " * 8000, "字" * 4000]
)
def test_a_paragraph_of_any_length_is_cut(tmp_path: Path, words: str) -> None:
    note = tmp_path / "a.md"
    note.write_text(words)
    _, parsed = parse_file(note, "markdown")
    texts = [item.words for item in parsed.items]
    assert max(map(len, texts)) <= 4000
    assert "".join("".join(texts).split()) == "".join(words.split())


def test_a_relation_of_mem0_stays_whose_it_is_when_a_second_user_appears(
    memory: Memory, tmp_path: Path
) -> None:
    def fact(number: int, user: str, text: str) -> dict[str, Any]:
        at = f"2024-01-0{number}T00:00:00Z"
        return {"id": str(number), "user_id": user, "memory": text, "created_at": at}

    relation = {"source": "ann", "relationship": "lives_in", "target": "oslo"}
    ann, bob = fact(1, "ann", "Ann lives in Oslo"), fact(2, "bob", "Bob likes Oslo")
    file = written(tmp_path, "m.json", {"results": [ann], "relations": [relation]})
    first = memory.import_file(file, scope=SCOPE)
    written(tmp_path, "m.json", {"results": [bob, ann], "relations": [relation]})
    report = memory.import_file(file, scope=SCOPE)
    assert (report.added, report.unchanged) == (1, 2)
    assert set(first.cube_ids) < set(report.cube_ids)


def test_a_folder_of_sessions_is_kept_in_step(memory: Memory, tmp_path: Path) -> None:
    folder = tmp_path / "projects"
    (folder / "kiln").mkdir(parents=True)

    def session(name: str, words: str) -> Path:
        said = {
            "type": "user",
            "uuid": f"u-{name}",
            "sessionId": name,
            "message": {"role": "user", "content": words},
        }
        file = folder / "kiln" / f"{name}.jsonl"
        file.write_text(json.dumps(said) + "\n")
        return file

    files = [session(f"s{n}", f"Fire kiln {n}") for n in range(6)]
    report = memory.import_file(folder, scope=SCOPE)
    assert (report.format, report.added) == ("claude-code", 6)
    assert memory.import_file(folder, scope=SCOPE).unchanged == 6
    files[0].unlink()
    (folder / "kiln" / "bad.jsonl").write_text("{\n")
    with pytest.raises(Refused, match=r"kiln/bad.jsonl, line 1"):
        memory.import_file(folder, scope=SCOPE)
    (folder / "kiln" / "bad.jsonl").unlink()
    assert memory.import_file(folder, scope=SCOPE, prune=True).archived == 1


def test_a_conversation_takes_naive_times_and_passes_over_a_picture(memory: Memory) -> None:
    noon = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - that is what is tried
    picture: dict[str, Any] = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": "x"}}],
    }
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "Look", "created_at": noon},
        picture,
        {"role": "assistant", "text": "I see", "at": "2024-05-01T12:00"},
        {"role": "user", "text": "Well", "at": noon},
    ]
    receipts = memory.add_conversation(turns, scope=SCOPE, session="1", timezone="Europe/Oslo")
    assert len(receipts) == 3
    assert [told.partition(":")[0] for told in receipts.skipped] == ["turn 1"]
    assert "image_url part" in receipts.skipped[0]
    starts = {cube.valid_from for cube in memory.list(scope=SCOPE)}
    assert starts == {datetime(2024, 5, 1, 10, tzinfo=UTC)}
    receipts = memory.add_conversation(turns[:1], scope=SCOPE, session="2")
    (cube,) = memory.list(scope=SCOPE, limit=1)
    assert cube.valid_from == noon.replace(tzinfo=UTC)
    with pytest.raises(InvalidInput, match="no turn has words: turn 0"):
        memory.add_conversation([picture], scope=SCOPE, session="3")
