from __future__ import annotations

import json
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.server.lowlevel import Server

from memos import Denied, Memory
from memos.interface.mcp.server import mcp_server, offered
from memos.interface.mcp.tools import TOOLS
from memos.operation.reads.quote import estimate_tokens
from tests.interface.mcp.support import VERSIONS, answer, hosted, refusal

MOST_TOKENS = 1500
ODD: tuple[Any, ...] = (
    None, "", 0, -1, 10**30, 1.5, True, [], {}, [1], {"a": 1}, "\ud800", "\0", [["a"]], "..",
    "2026-99-99", "0:99999999999999999999", ["a"] * 2000, "x" * 100_000,
)  # fmt: skip
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def server(memory: Memory) -> Server[Any]:
    return mcp_server(lambda _: memory, scope="acme/alice")


def test_all_definitions_together_take_at_most_1500_tokens() -> None:
    told = [offered(tool).model_dump(by_alias=True, exclude_none=True) for tool in TOOLS]
    # By the estimate of prompts, which counts rather too many: each mark of the JSON is one.
    assert estimate_tokens(json.dumps(told)) <= MOST_TOKENS


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tools_stand_in_one_order_and_say_what_they_do(
    server: Server[Any], version: str
) -> None:
    async def host(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [
            "add_memory", "search_memories", "get_memory", "list_memories", "update_memory",
            "delete_memory", "purge_memory", "memory_history", "memory_diff", "restore_memory",
            "explain_access",
        ]  # fmt: skip
        hints = {tool.name: tool.annotations for tool in tools}
        reads = {name for name, hint in hints.items() if hint and hint.read_only_hint}
        assert reads == {
            "search_memories", "get_memory", "list_memories", "memory_history", "memory_diff",
            "explain_access",
        }  # fmt: skip
        destructive = {name for name, hint in hints.items() if hint and hint.destructive_hint}
        assert destructive == {"delete_memory", "purge_memory"}
        assert {
            name for name, hint in hints.items() if hint and hint.idempotent_hint
        } == destructive
        (purge,) = (tool for tool in tools if tool.name == "purge_memory")
        assert purge.meta == {"anthropic/requiresUserInteraction": True}

    hosted(server, version, host)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_memory_is_added_changed_deleted_and_brought_back(
    server: Server[Any], version: str
) -> None:
    async def host(client: Client) -> None:
        added = await answer(client, "add_memory", text="She likes pottery", tags=["hobby"])
        memory_id = added["id"]
        (found,) = (await answer(client, "search_memories", query="pottery", tags=["hobby"]))[
            "memories"
        ]
        assert (found["id"], found["scope"], found["score"] > 0) == (memory_id, "acme/alice", True)
        updated = await answer(client, "update_memory", id=memory_id, text="She likes lakes")
        assert updated["version"] == 2
        diff = await answer(client, "memory_diff", id=memory_id, before=1, after=2)
        assert diff["text"][-2:] == ["-She likes pottery", "+She likes lakes"]
        await answer(client, "delete_memory", id=memory_id)
        assert (await answer(client, "list_memories"))["memories"] == []
        (deleted,) = (await answer(client, "list_memories", state="Archived"))["memories"]
        assert deleted["id"] == memory_id
        assert (await answer(client, "get_memory", id=memory_id))["state"] == "Archived"
        await answer(client, "restore_memory", id=memory_id)
        await answer(client, "restore_memory", id=memory_id, version=1)
        assert (await answer(client, "get_memory", id=memory_id))["text"] == "She likes pottery"
        changes = (await answer(client, "memory_history", id=memory_id))["changes"]
        assert [change["kind"] for change in changes] == [
            "Generated", "Revised", "Archived", "Restored", "RolledBack",
        ]  # fmt: skip
        assert {change["actor"] for change in changes} == {"agent:alice"}

    hosted(server, version, host)


def test_a_purge_is_planned_then_confirmed_and_no_other_plan_confirms_it(
    server: Server[Any], memory: Memory
) -> None:
    async def host(client: Client) -> None:
        kept = memory.add("kept", scope="acme/alice").cube_id
        gone = memory.add("gone", scope="acme/alice").cube_id
        plan = await answer(client, "purge_memory", id=gone)
        assert [each["title"] for each in plan["plan"]["memories"]] == ["gone"]
        assert memory.get(gone)
        assert "another plan" in await refusal(
            client, "purge_memory", id=kept, confirm=plan["confirm"]
        )
        memory.add("made of it", scope="acme/alice", derived_from=[gone])
        assert "another plan" in await refusal(
            client, "purge_memory", id=gone, confirm=plan["confirm"]
        )
        assert memory.get(gone)
        plan = await answer(client, "purge_memory", id=gone)
        assert len(plan["plan"]["memories"]) == 2
        await answer(client, "purge_memory", id=gone, confirm=plan["confirm"])
        assert not memory.get(gone)
        assert memory.get(kept)

    hosted(server, "2026-07-28", host)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_refused_is_told_in_words_as_the_result_of_the_tool(
    server: Server[Any], memory: Memory, version: str
) -> None:
    async def host(client: Client) -> None:
        memory_id = memory.add("text", scope="acme/alice").cube_id
        for tool, arguments, words in (
            ("get_memory", {"id": "x"}, "InvalidInput: cube id"),
            ("get_memory", {"id": NOBODY}, "NotFound: "),
            ("get_memory", {}, "InvalidInput: get_memory needs id"),
            ("get_memory", {"id": memory_id, "scope": "acme"}, "has no argument scope"),
            ("search_memories", {"query": "a", "scope": ".."}, "InvalidInput: "),
            ("list_memories", {"limit": "5"}, "InvalidInput: limit must be a whole number"),
            ("add_memory", {"text": ["a"]}, "InvalidInput: "),
            (
                "update_memory",
                {"id": memory_id, "text": "b", "expected_version": 7},
                "Conflict: ",
            ),
            ("restore_memory", {"id": memory_id}, "IllegalMove: "),
        ):
            assert words in await refusal(client, tool, **arguments)
        with pytest.raises(MCPError, match="there is no tool nothing"):
            await client.call_tool("nothing", {})

    hosted(server, version, host)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_value_of_any_argument_is_a_fault_of_the_server(
    server: Server[Any], memory: Memory, version: str
) -> None:
    memory_id = memory.add("She likes pottery", scope="acme/alice").cube_id
    good = {"text": "t", "query": "q", "id": memory_id, "before": 1, "after": 1}

    async def host(client: Client) -> None:
        for tool in TOOLS:
            for argument in tool.arguments:
                for value in ODD:
                    given = {name: good[name] for name in tool.required} | {argument: value}
                    await client.call_tool(tool.name, given)  # answered, or refused in words

    hosted(server, version, host)


def test_the_gate_judges_every_call_by_who_asks(memory: Memory) -> None:
    private = memory.add("secret", scope="acme", readers=["agent:alice"]).cube_id
    shared = memory.add("shared", scope="acme").cube_id
    bob = memory.as_actor("agent:bob", tenant="acme")

    async def host(client: Client) -> None:
        assert (await answer(client, "search_memories", query="secret"))["memories"] == []
        assert (await refusal(client, "get_memory", id=private)).startswith(("NotFound", "Denied"))
        assert "no memory" in await refusal(client, "explain_access", id=private)
        explained = await answer(client, "explain_access", id=shared)
        assert explained["owner"] == "agent:alice"
        assert explained["readers"] == ["every actor of the tenant"]
        assert "accesses_denied" in explained  # those of others are not Bob's to see
        assert (await refusal(client, "purge_memory", id=shared)).startswith("Denied")

    hosted(mcp_server(lambda _: bob, scope="acme"), "2026-07-28", host)
    with pytest.raises(Denied):
        bob.erase(cube_id=shared)


def test_explain_access_tells_the_owner_who_read_and_who_was_refused(
    server: Server[Any], memory: Memory
) -> None:
    async def host(client: Client) -> None:
        memory_id = memory.add("text", scope="acme/alice", writers=["agent:alice"]).cube_id
        bob = memory.as_actor("agent:bob", tenant="acme")
        bob.get(memory_id)
        with pytest.raises(Denied):
            bob.update(memory_id, "mine")
        explained = await answer(client, "explain_access", id=memory_id)
        assert ("agent:bob", "get") in [
            (each["actor"], each["action"]) for each in explained["accesses"]
        ]
        (denial,) = explained["denials"]
        assert denial["actor"] == "agent:bob"
        assert denial["rule"]

    hosted(server, "2026-07-28", host)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_context_is_a_resource(server: Server[Any], memory: Memory, version: str) -> None:
    memory.add("She likes pottery & lakes", scope="acme/alice")

    async def host(client: Client) -> None:
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "memos://context/{+scope}{?query}"
        assert (await client.list_resources()).resources == []
        uri = "memos://context/acme/alice?query=pottery%20%26%20lakes"
        (contents,) = (await client.read_resource(uri)).contents
        assert '"She likes pottery & lakes" [1]' in getattr(contents, "text", "")
        for wrong in ("memos://context/acme/alice", "memos://other", "file:///etc/passwd"):
            with pytest.raises(MCPError, match="there is no resource"):
                await client.read_resource(wrong)
        with pytest.raises(MCPError, match="InvalidInput"):
            await client.read_resource("memos://context/acme/../other?query=a")

    hosted(server, version, host)


def test_a_server_without_a_scope_asks_for_one(memory: Memory) -> None:
    async def host(client: Client) -> None:
        assert "say the scope" in await refusal(client, "add_memory", text="a")
        assert "say the scope" in await refusal(client, "search_memories", query="a")
        await answer(client, "add_memory", text="a", scope="acme/else")
        assert len((await answer(client, "list_memories"))["memories"]) == 1

    hosted(mcp_server(lambda _: memory), "2026-07-28", host)
