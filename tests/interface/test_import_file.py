"""Importers: what other programs wrote becomes memories, whole and once, or a clear refusal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos import Denied, Forgotten, InvalidInput, MemCube, Memory, Refused

SCOPE = "acme/imports"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as opened:
        yield opened


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def cubes(memory: Memory, cube_ids: tuple[str, ...]) -> list[MemCube]:
    found = [memory.get(cube_id) for cube_id in cube_ids]
    return [cube for cube in found if not isinstance(cube, Forgotten)]


def test_json_lines_take_every_field_of_add(memory: Memory, tmp_path: Path) -> None:
    path = write(
        tmp_path / "notes.jsonl",
        '{"text": "She likes pottery.", "tags": ["craft"], "metadata": {"a": 1}}\n\n'
        '{"text": "He runs.", "scope": "bob", "source": "diary:3", "priority": 2,'
        ' "valid_from": "2024-01-02", "subject": "bob", "lifespan": "90d"}\n',
    )
    report = memory.import_file(path, scope=SCOPE)
    one, two = cubes(memory, report.cube_ids)
    assert (report.format, report.added, report.present) == ("jsonl", 2, 0)
    assert (one.text, one.tags, one.metadata) == ("She likes pottery.", ("craft",), {"a": 1})
    assert (one.scope, one.source) == (SCOPE, "jsonl:notes.jsonl/1")
    assert (two.scope, two.source, two.priority) == (f"{SCOPE}/bob", "diary:3", 2)
    assert memory.erase(subject="bob").cube_ids == (two.cube_id,)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2 is no JSON"),
        ("[]", "line 2 must be an object"),
        ("{}", "line 2: 'text' must be a text"),
        ('{"text": 7}', "line 2: 'text' must be a text"),
        ('{"text": "x", "colour": "red"}', "line 2: a memory has no 'colour'"),
        ('{"text": "x", "tags": "craft"}', "line 2: tags must be a list"),
        ('{"text": "x", "valid_from": "soon"}', "line 2: its valid_from"),
        ('{"text": "x", "scope": "../other"}', "line 2: .* is no scope"),
        ('{"text": "x", "derived_from": []}', "line 2: 'derived_from' cannot be imported"),
    ],
)
def test_one_bad_line_refuses_the_whole_file(
    memory: Memory, tmp_path: Path, line: str, reason: str
) -> None:
    path = write(tmp_path / "notes.jsonl", f'{{"text": "Good."}}\n{line}\n')
    with pytest.raises(Refused, match=reason):
        memory.import_file(path, scope=SCOPE)
    assert memory.stats().events == 0


def test_a_repeated_import_has_one_effect_and_a_grown_file_adds_what_is_new(
    memory: Memory, tmp_path: Path
) -> None:
    path = write(tmp_path / "notes.jsonl", '{"text": "One."}\n{"text": "One."}\n')
    first = memory.import_file(path, scope=SCOPE)
    assert (first.added, len(set(first.cube_ids))) == (2, 2)  # identity is not content
    digest = memory.digest()
    again = memory.import_file(path, scope=SCOPE)
    assert (again.added, again.present, again.cube_ids) == (0, 2, first.cube_ids)
    assert memory.digest() == digest
    write(path, path.read_text() + '{"text": "Three."}\n')
    grown = memory.import_file(path, scope=SCOPE)
    assert (grown.added, grown.present) == (1, 2)


def test_a_message_list_keeps_roles_ids_and_times(memory: Memory, tmp_path: Path) -> None:
    path = write(
        tmp_path / "chat.json",
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Hello", "id": "m1", "timestamp": 1700000000},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
                {"role": "tool", "content": "42", "tool_call_id": "c1"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look:"},
                        {"type": "image_url", "image_url": {"url": "data:,"}},
                    ],
                },
            ]
        },
    )
    report = memory.import_file(path, scope=SCOPE)
    found = cubes(memory, report.cube_ids)
    assert report.format == "messages"
    assert report.skipped == ()
    assert [cube.text for cube in found] == ["Be kind.", "Hello", "()", "42", "Look:"]
    assert found[1].metadata == {"role": "user", "id": "m1", "session": "chat.json"}
    assert found[1].valid_from is not None
    assert found[1].valid_from.isoformat() == "2023-11-14T22:13:20+00:00"
    assert found[3].metadata["tool_call_id"] == "c1"
    assert found[4].metadata["parts"] == ["text", "image_url"]
    assert found[4].source == "messages:chat.json/5"
    bare = write(tmp_path / "bare.json", [{"role": "user", "content": "Hi"}])
    assert memory.import_file(bare, scope=SCOPE).format == "messages"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"role": "user", "content": 3}], "message 1: its content must be a list"),
        ([{"role": "user", "content": [{"type": "text"}]}], "message 1, part 1: 'text'"),
        ([{"role": 1.5, "content": "x"}], "message 1: 'role'"),
        ([{"role": "user", "content": "x", "timestamp": "noon"}], "message 1: 'noon'"),
        (["x"], "message 1 must be an object"),
    ],
)
def test_a_bad_message_is_named(memory: Memory, tmp_path: Path, messages: Any, reason: str) -> None:
    path = write(tmp_path / "chat.json", messages)
    with pytest.raises(Refused, match=reason):
        memory.import_file(path, scope=SCOPE, format="messages")


def sample(**changes: Any) -> dict[str, Any]:
    """One conversation in the shape of the data set; every word in it is our own."""
    conversation = {
        "speaker_a": "Ada",
        "speaker_b": "Ben",
        "session_1_date_time": "12:05 am on 3 March, 2024",
        "session_1": [
            {"speaker": "Ada", "dia_id": "D1:1", "text": "My kiln arrived."},
            {"speaker": "Ben", "dia_id": "D1:2", "text": "See!", "blip_caption": "a red bowl"},
        ],
        "session_10_date_time": "1:56 pm on 8 May, 2024",
        "session_10": [{"speaker": "Ada", "dia_id": "D10:1", "text": "It broke."}],
        "session_2_date_time": "12:00 pm on 4 March, 2024",
        "session_2": [{"speaker": "Ben", "dia_id": "D2:1", "text": "Well done."}],
    }
    return {
        "sample_id": "conv-1",
        "conversation": {**conversation, **changes},
        "qa": [{"question": "What arrived?", "answer": "qaanswer"}],
        "observation": {"x": "observationword"},
        "session_summary": {"x": "summaryword"},
        "event_summary": {"x": "eventword"},
    }


def test_a_locomo_file_gives_its_turns_and_nothing_made_for_grading(
    memory: Memory, tmp_path: Path
) -> None:
    path = write(tmp_path / "locomo.json", [sample(), {**sample(), "sample_id": "conv-2"}])
    report = memory.import_file(path, scope=SCOPE)
    found = cubes(memory, report.cube_ids)
    assert (report.format, report.added) == ("locomo", 8)
    assert report.scopes == (f"{SCOPE}/conv-1", f"{SCOPE}/conv-2")
    assert [cube.text for cube in found[:4]] == [
        "My kiln arrived.",
        "See!",
        "Well done.",
        "It broke.",
    ]
    assert found[0].metadata == {
        "speaker": "Ada",
        "id": "D1:1",
        "session": "1",
        "sample_id": "conv-1",
    }
    assert found[0].source == "locomo:locomo.json/conv-1/D1:1"
    assert [str(cube.valid_from) for cube in found[:4]] == [
        "2024-03-03 00:05:00+00:00",
        "2024-03-03 00:05:00+00:00",
        "2024-03-04 12:00:00+00:00",
        "2024-05-08 13:56:00+00:00",
    ]
    for word in ("qaanswer", "observationword", "summaryword", "eventword"):
        assert memory.search(word, scope="acme") == []


def test_imported_turns_know_their_place_as_those_of_add_conversation_do(
    memory: Memory, tmp_path: Path
) -> None:
    memory.import_file(write(tmp_path / "locomo.json", [sample()]), scope=SCOPE)
    (hit, *_) = memory.search("Which bowl does Ben show?", scope=SCOPE)
    assert (hit.metadata["id"], hit.metadata["caption"]) == ("D1:2", "a red bowl")
    assert hit.explain["factors"]["speaker"] == 1.5
    assert memory.search("bowl", scope=SCOPE)[0].text == "See!"  # by what its picture shows
    chat = [
        {"role": "user", "content": "Where is the kiln now?"},
        {"role": "assistant", "content": "Behind the shed."},
        {"role": "developer", "content": "Be brief about sheds."},
    ]
    memory.import_file(write(tmp_path / "chat.json", chat), scope="acme/chat")
    found = {hit.text: hit.explain for hit in memory.search("kiln", scope="acme/chat")}
    assert found["Behind the shed."]["terms"][0]["with_context"] > 0  # a reply to the question
    assert found["Behind the shed."]["factors"]["assistant"] == 0.3
    assert found["Be brief about sheds."]["factors"]["assistant"] == 0.3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"session_2_date_time": "8 May 2024"}, "conv-1, session 2: '8 May 2024' is no time"),
        ({"session_2_date_time": "1:00 pm on 31 June, 2024"}, "session 2: "),
        ({"session_2": {}}, "session 2 must be a list"),
        ({"session_2": [{"speaker": "Ada", "text": "x"}]}, "session 2, turn 1: 'dia_id'"),
    ],
)
def test_a_bad_conversation_is_named(
    memory: Memory, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    path = write(tmp_path / "locomo.json", [sample(**changes)])
    with pytest.raises(Refused, match=reason):
        memory.import_file(path, scope=SCOPE)
    assert memory.stats().events == 0


def test_mem0s_output_keeps_ids_and_metadata(memory: Memory, tmp_path: Path) -> None:
    result = {
        "id": "0a1b",
        "memory": "Likes pottery",
        "hash": "x",
        "metadata": {"mood": "good"},
        "categories": ["hobbies"],
        "created_at": "2024-03-03T10:00:00-07:00",
        "updated_at": None,
        "user_id": "alice",
    }
    report = memory.import_file(write(tmp_path / "m.json", {"results": [result]}), scope=SCOPE)
    (cube,) = cubes(memory, report.cube_ids)
    assert report.format == "mem0"
    assert (cube.text, cube.tags, cube.source) == (
        "Likes pottery",
        ("hobbies",),
        "mem0:m.json/0a1b",
    )
    assert cube.metadata == {"mood": "good", "user_id": "alice", "mem0_id": "0a1b"}
    assert str(cube.valid_from) == "2024-03-03 17:00:00+00:00"
    with pytest.raises(Refused, match="result 2: there are two"):
        memory.import_file(write(tmp_path / "two.json", [result, result]), scope=SCOPE)


def test_what_cannot_be_told_apart_asks_for_a_format(memory: Memory, tmp_path: Path) -> None:
    for name, text in (("a.txt", "words"), ("a.json", "{}"), ("b.json", "[]"), ("c.json", "7")):
        with pytest.raises(Refused, match="say which with format="):
            memory.import_file(write(tmp_path / name, text), scope=SCOPE)
    with pytest.raises(InvalidInput, match="choose auto"):
        memory.import_file(tmp_path / "a.txt", scope=SCOPE, format="xml")
    with pytest.raises(InvalidInput, match="no file"):
        memory.import_file(tmp_path / "absent.json", scope=SCOPE)
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "caf\xe9"}')
    with pytest.raises(Refused, match="no UTF-8 text, at byte 13"):
        memory.import_file(tmp_path / "latin.jsonl", scope=SCOPE)


def test_an_import_into_another_tenant_is_denied(memory: Memory, tmp_path: Path) -> None:
    path = write(tmp_path / "notes.jsonl", '{"text": "One."}\n')
    with Memory(memory.path, actor="agent:bob", tenant="acme2") as other, pytest.raises(Denied):
        other.import_file(path, scope=SCOPE)


def test_a_large_file_goes_in_by_durable_batches(memory: Memory, tmp_path: Path) -> None:
    lines = "".join(f'{{"text": "Fact number {number}."}}\n' for number in range(4500))
    told: list[tuple[int, int]] = []
    report = memory.import_file(
        write(tmp_path / "many.jsonl", lines),
        scope=SCOPE,
        progress=lambda done, total: told.append((done, total)),
    )
    assert report.added == 4500
    assert told == [(2000, 4500), (4000, 4500), (4500, 4500)]
    assert memory.digest() == memory.rebuild().digest


def test_a_folder_that_changes_while_it_is_read_is_refused(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanished(folder: str) -> Iterator[os.DirEntry[str]]:
        raise FileNotFoundError(2, "No such file or directory", f"{folder}/1234")

    monkeypatch.setattr(os, "scandir", vanished)
    with pytest.raises(Refused, match="1234 cannot be read"):
        memory.import_file(tmp_path, scope="acme")
    assert memory.stats().memories == 0


def test_every_bad_line_is_named_and_the_others_are_imported_where_that_is_asked(
    memory: Memory, tmp_path: Path
) -> None:
    path = write(tmp_path / "notes.jsonl", '{"text": "Good."}\n{\n[]\n{"text": "x", "tags": "y"}\n')
    with pytest.raises(Refused, match=r"3 items cannot .*line 2 .*; line 3 .*; line 4"):
        memory.import_file(path, scope=SCOPE)
    assert memory.stats().memories == 0
    report = memory.import_file(path, scope=SCOPE, skip_bad=True)
    assert (report.added, [told[:6] for told in report.refused]) == (
        1,
        ["line 2", "line 3", "line 4"],
    )
    with pytest.raises(Refused, match="while 3 items"):
        memory.import_file(path, scope=SCOPE, skip_bad=True, prune=True)


def test_what_holds_nothing_is_an_error(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    write(tmp_path / "notes" / "empty.md", "\n")
    for path in (write(tmp_path / "none.jsonl", "\n"), tmp_path / "notes"):
        with pytest.raises(Refused, match="holds nothing to import"):
            memory.import_file(path, scope=SCOPE)


@pytest.mark.parametrize(
    "told",
    [
        "2024-05-01T12:00:00",
        "Wed, 01 May 2024 12:00:00 +0200",
        1714557600,
        1714557600000,
        {"$date": "2024-05-01T10:00:00Z"},
        {"$date": {"$numberLong": "1714557600000"}},
    ],
)
def test_a_lines_times_are_read_as_those_of_every_format(
    memory: Memory, tmp_path: Path, told: object
) -> None:
    line = json.dumps({"text": "A time.", "valid_from": told, "valid_until": None})
    memory.import_file(write(tmp_path / "a.jsonl", line), scope=SCOPE, timezone="Europe/Oslo")
    (found,) = memory.list(scope=SCOPE)
    assert found.valid_from == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert found.valid_until is None
