"""LangGraph's store, OpenAI Agents' sessions and mem0's SDK: the same on both engines."""

from __future__ import annotations

import asyncio
from typing import Any

from memos import Memory
from memos.compat.langgraph import MemosStore
from memos.compat.mem0 import Memory as Mem0
from memos.compat.openai_agents import MemosSession


def test_a_langgraph_store_puts_finds_lists_and_deletes(memory: Memory, tenant: str) -> None:
    store = MemosStore(memory, scope=f"{tenant}/store", ttl={"default_ttl": 60})
    alice, bob = ("users", "alice"), ("users", "bob")
    store.put(alice, "likes", {"text": "pottery", "n": 1})
    store.put(alice, "likes", {"text": "chess", "n": 2})
    store.put(bob, "likes", {"text": "maps", "n": 3}, ttl=None)
    item = store.get(alice, "likes")
    assert item is not None
    assert item.value == {"text": "chess", "n": 2}
    assert item.updated_at > item.created_at
    assert [each.key for each in store.search(("users",), query="chess", limit=1)] == ["likes"]
    found = store.search(("users",), filter={"n": {"$gte": 3}})
    assert [each.namespace for each in found] == [bob]
    assert store.list_namespaces(prefix=("users",)) == [alice, bob]
    cube_id = store.item_id(alice, "likes")
    assert cube_id is not None
    store.delete(alice, "likes")
    assert store.get(alice, "likes") is None
    assert store.list_namespaces() == [bob]
    store.put(alice, "likes", {"text": "tea"})
    assert [each.value for each in store.search(alice)] == [{"text": "tea"}]
    kinds = [change.entry.kind for change in memory.history(cube_id)]
    assert kinds[0] == "Generated"
    assert kinds[-1] == "Archived"


def test_two_writers_of_a_key_leave_one_item(memory: Memory, tenant: str) -> None:
    store = MemosStore(memory, scope=f"{tenant}/store")

    async def puts() -> None:
        await asyncio.gather(*(store.aput(("shared",), "key", {"n": n}) for n in range(4)))

    asyncio.run(puts())
    found = store.search(("shared",))
    assert [each.key for each in found] == ["key"]
    item = store.get(("shared",), "key")
    assert item is not None
    assert item.value == found[0].value


def test_a_session_keeps_its_order_pops_and_clears(memory: Memory, tenant: str) -> None:
    session = MemosSession("chat/7", memory, scope=tenant)

    def items(*words: str) -> list[Any]:
        return [{"role": "user", "content": word} for word in words]

    async def talk() -> list[Any]:
        await session.add_items(items(*"abcdefgh"))
        await session.add_items(items("i", "j"))
        everything = await session.get_items()
        latest = await session.get_items(4)
        popped = [await session.pop_item() for _ in range(3)]
        left = await session.get_items()
        await session.clear_session()
        return [everything, latest, popped, left, await session.get_items()]

    everything, latest, popped, left, cleared = asyncio.run(talk())
    assert everything == items(*"abcdefghij")
    assert latest == items(*"ghij")
    assert popped == items("j", "i", "h")
    assert left == items(*"abcdefg")
    assert cleared == []


def test_mem0s_sdk_adds_finds_changes_and_deletes(memory: Memory, tenant: str) -> None:
    m = Mem0(memory, scope=f"{tenant}/mem0")
    first = m.add("I like pottery", user_id="alice", metadata={"n": 3})["results"][0]["id"]
    m.add("I play chess", user_id="alice", agent_id="bot")
    m.add("I collect maps", user_id="bob", agent_id="bot")

    def texts(found: dict[str, Any]) -> list[str]:
        return sorted(each["memory"] for each in found["results"])

    assert texts(m.search("pottery", filters={"user_id": "alice"})) == ["I like pottery"]
    assert texts(m.get_all(filters={"agent_id": "bot"})) == ["I collect maps", "I play chess"]
    assert texts(m.get_all(filters={"AND": [{"user_id": "alice"}, {"n": {"gte": 3}}]})) == [
        "I like pottery"
    ]
    m.update(first, "I love pottery")
    m.delete(first)
    assert m.get(first) is None
    assert [row["event"] for row in m.history(first)] == ["ADD", "UPDATE", "DELETE"]
    memory.restore(first)
    m.delete_all(user_id="alice")
    assert texts(m.get_all(filters={"user_id": "*"})) == ["I collect maps"]
    m.reset()
    assert texts(m.get_all(filters={"user_id": "*"})) == []
