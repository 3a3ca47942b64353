"""What hosts use, on either engine: the MCP server by a settings file, Claude's memory tool, recollection."""

from __future__ import annotations

import pytest
from anthropic.lib.tools import ToolError
from mcp import Client

from memos.compat.anthropic import MemoryTool
from memos.interface.hosts.recollection import Recollection
from tests.interface.mcp.support import answer, command_line, refusal, started
from tests.scenarios.place import Place


def test_a_host_starts_the_mcp_server_on_a_vaults_settings(place: Place) -> None:
    scope = f"{place.tenant}/alice"

    async def host(client: Client) -> None:
        memory_id = (await answer(client, "add_memory", text="She likes pottery"))["id"]
        (found,) = (await answer(client, "search_memories", query="pottery"))["memories"]
        assert found["id"] == memory_id
        await answer(client, "update_memory", id=memory_id, text="She likes lakes")
        assert "Conflict" in await refusal(
            client, "update_memory", id=memory_id, text="x", expected_version=1
        )
        await answer(client, "delete_memory", id=memory_id)
        await answer(client, "restore_memory", id=memory_id, version=1)
        assert (await answer(client, "get_memory", id=memory_id))["text"] == "She likes pottery"
        plan = await answer(client, "purge_memory", id=memory_id)
        await answer(client, "purge_memory", id=memory_id, confirm=plan["confirm"])
        assert (await answer(client, "get_memory", id=memory_id))["state"] == "Erased"

    place.open().close()
    started(command_line(place.path, "--scope", scope), "2026-07-28", host)


def test_the_memory_tool_edits_moves_and_deletes(place: Place) -> None:
    memory = place.open()
    tool = MemoryTool(memory, scope=f"{place.tenant}/claude")
    for command in (
        {"command": "create", "path": "/memories/a", "file_text": "one\n"},
        {"command": "str_replace", "path": "/memories/a", "old_str": "one", "new_str": ""},
        {"command": "insert", "path": "/memories/a", "insert_line": 0, "insert_text": "two"},
        {"command": "create", "path": "/memories/notes/b", "file_text": "three"},
        {"command": "rename", "old_path": "/memories/notes", "new_path": "/memories/moved"},
        {"command": "delete", "path": "/memories/a"},
    ):
        tool.call(command)
    assert "/memories/moved/b" in str(tool.call({"command": "view", "path": "/memories"}))
    with pytest.raises(ToolError, match="does not exist"):
        tool.call({"command": "view", "path": "/memories/a"})
    (deleted,) = memory.list(scope=f"{place.tenant}/claude", state="Archived")
    assert (deleted.text, deleted.version) == ("two\n", 3)


def test_a_turn_is_retained_once_and_recalled_by_another_session(place: Place) -> None:
    agent = Recollection(place.open(), f"{place.tenant}/agent")
    turns = [
        {"id": "1", "role": "user", "text": "I like green tea best."},
        {"id": "2", "role": "assistant", "text": "Noted."},
    ]
    for _ in range(2):
        assert agent.retain(turns, session="s1", host="test") == 2
    assert agent.memory.count(scope=agent.scope) == 2
    assert agent.recall("Which tea?", session="s1", includes_own=False) is None
    block = agent.recall("Which tea?", session="s2", includes_own=False)
    assert block is not None
    assert "green tea" in block.text
