"""What other programs wrote, brought in: the same on both engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memos import Forgotten, Held, Memory
from tests.scenarios.place import read, texts

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "imports"


def test_users_of_mem0_are_scopes_and_subjects_and_what_is_immutable_is_frozen(
    memory: Memory, tenant: str
) -> None:
    report = memory.import_file(FIXTURES / "mem0_platform.json", scope=f"{tenant}/mem0")
    likes, nuts, runs = (read(memory, cube_id) for cube_id in report.cube_ids)
    assert (report.format, report.added) == ("mem0", 3)
    assert likes.scope == f"{tenant}/mem0/alice@example.org"
    assert likes.valid_until is not None
    assert (likes.valid_until.year, nuts.state) == (2199, "Frozen")
    assert likes.lifespan is not None
    ends = likes.lifespan.since + likes.lifespan.after
    assert ends == int(likes.valid_until.timestamp()) * 1_000_000
    with pytest.raises(Held):
        memory.update(nuts.cube_id, "Is allergic to milk")
    again = memory.import_file(FIXTURES / "mem0_platform.json", scope=f"{tenant}/mem0")
    assert (again.added, again.changed, again.unchanged) == (0, 0, 3)
    assert memory.erase(subject="Bob Øst").cube_ids == (runs.cube_id,)
    assert isinstance(memory.get(runs.cube_id), Forgotten)


def test_a_relation_of_mem0_leads_to_the_memories_that_it_is_about(
    memory: Memory, tenant: str
) -> None:
    report = memory.import_file(FIXTURES / "mem0_oss.json", scope=tenant)
    lives, _, relation = report.cube_ids
    (edge,) = memory.lineage(relation).edges
    assert (edge.relation, edge.source[0], edge.derived[0]) == ("linked", lives, relation)


def test_a_chat_comes_in_once_and_grows(memory: Memory, tenant: str, tmp_path: Path) -> None:
    chats = json.loads((FIXTURES / "chatgpt.json").read_text("utf-8"))
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(chats))
    first = memory.import_file(path, scope=tenant)
    assert (first.format, first.added) == ("chatgpt", 5)
    assert first.not_kept["message on another branch"] == 1
    (hit, *_) = memory.search("How hot for stoneware?", scope=f"{tenant}/c0a8-11", k=1)
    assert hit.metadata["title"] == "Kiln temperatures"
    assert memory.search("porcelain", scope=tenant) == []
    nodes = chats[0]["mapping"]
    nodes["n6"]["children"] = ["n7"]
    message = {
        **nodes["n6"]["message"],
        "id": "n7",
        "content": {"content_type": "text", "parts": ["Cone six."]},
    }
    nodes["n7"] = {"id": "n7", "parent": "n6", "children": [], "message": message}
    chats[0]["current_node"] = "n7"
    path.write_text(json.dumps(chats))
    grown = memory.import_file(path, scope=tenant)
    assert (grown.added, grown.changed, grown.unchanged) == (1, 0, 5)
    assert texts(memory.search("cone six", scope=tenant, k=1)) == ["Cone six."]


def test_times_without_a_zone_are_in_the_one_that_is_stated(memory: Memory, tenant: str) -> None:
    path = FIXTURES / "letta_v1.af"
    report = memory.import_file(path, scope=tenant, timezone="Europe/Oslo")
    asked = read(memory, report.cube_ids[1])
    assert str(asked.valid_from) == "2025-05-01 06:01:00+00:00"
    assert asked.scope == f"{tenant}/Robin"


def test_messages_of_the_chat_api_are_turns(memory: Memory, tenant: str) -> None:
    receipts = memory.add_conversation(
        [
            {"role": "user", "content": [{"type": "text", "text": "Which glaze is on shelf 3?"}]},
            {"role": "tool", "tool_call_id": "c1", "content": "cobalt"},
        ],
        scope=tenant,
        session="1",
        at=1714564800,
    )
    asked, told = (read(memory, receipt.cube_id) for receipt in receipts)
    assert (asked.metadata["role"], told.metadata["role"]) == ("user", "tool")
    assert str(asked.valid_from) == "2024-05-01 12:00:00+00:00"
