"""LangGraph's contract of a store, and what a vault adds to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.base.batch import AsyncBatchedBaseStore

from memos import Denied, Held, InvalidInput, Memory
from memos.compat.langgraph import MemosStore

USERS = ("users", "alice")


def keys(found: list[Any]) -> list[str]:
    return [item.key for item in found]


def test_what_is_put_is_got_with_its_times(store: MemosStore) -> None:
    value = {"text": "pottery", "n": 3, "inner": {"list": [1, None, True], "é": "ß"}}
    store.put(USERS, "likes", value)
    item = store.get(USERS, "likes")
    assert item is not None
    assert (item.namespace, item.key, item.value) == (USERS, "likes", value)
    assert item.created_at == item.updated_at
    assert item.created_at.tzinfo is not None
    assert store.get(USERS, "other") is None
    assert store.get(("users",), "likes") is None


def test_a_put_replaces_the_whole_value_and_keeps_when_it_began(store: MemosStore) -> None:
    store.put(USERS, "likes", {"text": "pottery", "old": True})
    first = store.get(USERS, "likes")
    store.put(USERS, "likes", {"text": "chess"})
    second = store.get(USERS, "likes")
    assert first is not None
    assert second is not None
    assert second.value == {"text": "chess"}
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert len(store.search(())) == 1


def test_a_delete_is_a_tombstone_that_history_tells_and_restore_takes_back(
    store: MemosStore,
) -> None:
    store.put(USERS, "likes", {"text": "pottery"})
    store.put(USERS, "likes", {"text": "chess"})
    cube_id = store.item_id(USERS, "likes")
    assert cube_id is not None
    store.delete(USERS, "likes")
    store.delete(USERS, "never was")
    assert store.get(USERS, "likes") is None
    assert store.item_id(USERS, "likes") is None
    assert store.search(()) == []
    assert store.list_namespaces() == []
    told = [(change.entry.kind, change.text) for change in store.memory.history(cube_id)]
    assert told == [("Generated", "pottery"), ("Revised", "chess"), ("Archived", "chess")]
    store.memory.restore(cube_id)
    back = store.get(USERS, "likes")
    assert back is not None
    assert back.value == {"text": "chess"}


def test_a_key_that_is_put_again_after_its_delete_is_a_new_item(store: MemosStore) -> None:
    store.put(USERS, "likes", {"text": "pottery"})
    old = store.item_id(USERS, "likes")
    store.delete(USERS, "likes")
    store.put(USERS, "likes", {"text": "chess"})
    assert store.item_id(USERS, "likes") != old
    store.memory.erase(cube_id=store.item_id(USERS, "likes"))
    assert store.get(USERS, "likes") is None
    store.put(USERS, "likes", {"text": "pottery"})
    found = store.get(USERS, "likes")
    assert found is not None
    assert found.value == {"text": "pottery"}


def test_what_was_known_at_a_cut_can_be_read(store: MemosStore) -> None:
    store.put(USERS, "likes", {"text": "pottery"})
    store.memory.name_cut("before")
    store.put(USERS, "likes", {"text": "chess"})
    then = store.memory.list(scope=store.scope_of(USERS), as_of="before")
    assert [cube.metadata["value"] for cube in then] == [{"text": "pottery"}]


def test_namespaces_are_told_apart_label_by_label(store: MemosStore) -> None:
    hostile = [
        ("a",),
        ("a", "b"),
        ("a/b",),
        ("a%",),
        ("a_",),
        ("A",),
        ("a+2Fb",),
        ("é",),
        ("e\u0301",),
    ]
    for number, namespace in enumerate(hostile):
        store.put(namespace, "key", {"n": number})
    for number, namespace in enumerate(hostile):
        item = store.get(namespace, "key")
        assert item is not None
        assert (item.namespace, item.value) == (namespace, {"n": number})
    assert sorted(store.list_namespaces()) == sorted(hostile)
    assert {item.namespace for item in store.search(("a",))} == {("a",), ("a", "b")}


def test_keys_are_any_texts(store: MemosStore) -> None:
    hostile = ["", " ", "a/b", "%", "'; DROP", "k" * 5000, "\ud800", "e\u0301", "\u00e9"]
    for number, key in enumerate(hostile):
        store.put(("ns",), key, {"n": number})
    for number, key in enumerate(hostile):
        item = store.get(("ns",), key)
        assert item is not None
        assert (item.key, item.value) == (key, {"n": number})


@pytest.mark.parametrize(
    "namespace", [(), ("the", "thing.about"), ("some", ""), ("langgraph", "x"), ("a", "b\0"), (7,)]
)
def test_a_namespace_that_is_none_is_refused(store: MemosStore, namespace: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "key", {"n": 1})
    with pytest.raises(InvalidNamespaceError):
        asyncio.run(store.aput(namespace, "key", {"n": 1}))


def test_operations_that_pass_the_methods_by_are_checked_as_well(store: MemosStore) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.batch([PutOp(("a.b",), "key", {"n": 1})])
    with pytest.raises(InvalidInput, match="no operation"):
        store.batch(["get"])  # type: ignore[list-item]


def test_a_value_that_is_no_json_is_refused_and_nothing_is_stored(store: MemosStore) -> None:
    for value in ({"a": float("nan")}, {"a": object()}, {"a": {1: 2}}):
        with pytest.raises(InvalidInput):
            store.batch([PutOp(USERS, "good", {"n": 1}), PutOp(USERS, "bad", value)])
    assert store.search(()) == []


def test_a_batch_reads_first_then_writes_and_gives_its_results_in_order(store: MemosStore) -> None:
    store.put(USERS, "likes", {"text": "pottery"})
    results = store.batch(
        [
            PutOp(USERS, "likes", {"text": "chess"}),
            GetOp(USERS, "likes"),
            SearchOp(("users",)),
            ListNamespacesOp((MatchCondition("prefix", ("users",)),)),
            PutOp(USERS, "new", {"n": 1}),
            PutOp(USERS, "new", {"n": 2}),
        ]
    )
    assert results[0] is results[4] is results[5] is None
    assert isinstance(results[1], Item)
    assert results[1].value == {"text": "pottery"}
    assert results[3] == [USERS]
    new = store.get(USERS, "new")
    assert new is not None
    assert new.value == {"n": 2}


def test_a_search_without_words_shows_what_changed_last_first_page_by_page(
    store: MemosStore,
) -> None:
    for number in range(7):
        store.put(("docs", str(number % 2)), f"d{number}", {"n": number})
    store.put(("docs", "0"), "d0", {"n": 10})
    everything = keys(store.search(("docs",), limit=100))
    assert everything == ["d0", "d6", "d5", "d4", "d3", "d2", "d1"]
    paged = [keys(store.search(("docs",), limit=3, offset=at)) for at in (0, 3, 6, 9)]
    assert paged == [everything[:3], everything[3:6], everything[6:], []]
    assert store.search(("docs",), limit=0) == []
    assert store.search(("doc",)) == []
    assert all(item.score is None for item in store.search(("docs",)))


def test_a_search_by_words_shows_what_fits_first_and_fills_up_with_the_rest(
    store: MemosStore,
) -> None:
    store.put(("docs",), "red", {"text": "a red apple", "kind": "fruit"})
    store.put(("docs",), "car", {"text": "a blue car", "kind": "thing"})
    store.put(("docs",), "hidden", {"text": "an apple that is not searched"}, index=False)
    found = store.search(("docs",), query="apple")
    assert found[0].key == "red"
    assert found[0].score is not None
    assert 0 < found[0].score <= 1
    assert sorted((item.key, item.score) for item in found[1:]) == [("car", None), ("hidden", None)]
    assert keys(store.search(("docs",), query="apple", limit=1)) == ["red"]
    pages = [keys(store.search(("docs",), query="apple", limit=1, offset=at)) for at in range(4)]
    assert sorted(key for page in pages for key in page) == ["car", "hidden", "red"]
    assert keys(store.search(("docs",), query="apple", filter={"kind": "thing"})) == ["car"]


def test_a_rare_value_is_found_among_many_by_a_filter_that_the_vault_has_not(
    store: MemosStore,
) -> None:
    store.batch([PutOp(("docs",), f"d{n}", {"name": f"{n:03}"}) for n in range(300)])
    assert keys(store.search(("docs",), filter={"name": {"$lt": "001"}}, limit=1)) == ["d0"]
    assert len(store.search(("docs",), filter={"name": {"$ne": "001"}}, limit=500)) == 299
    rare = store.search(("docs",), query="000 001 002", filter={"name": {"$lt": "001"}}, limit=1)
    assert keys(rare) == ["d0"]


@pytest.mark.parametrize("page", [{"limit": -1}, {"offset": -1}])
def test_a_page_that_is_none_is_refused(store: MemosStore, page: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="0 or more"):
        store.search((), **page)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="0 or more"):
        store.list_namespaces(**page)  # type: ignore[arg-type]


def test_fields_say_which_texts_an_item_is_searched_by(vault: Path) -> None:
    with MemosStore(vault, scope="acme", index={"fields": ["title", "parts[*].text"]}) as store:
        value = {"title": "pottery", "body": "chess", "parts": [{"text": "clay"}, {"text": "kiln"}]}
        store.put(("docs",), "one", value)
        store.put(("docs",), "two", value, index=["body"])
        first = {
            word: [item.key for item in store.search(("docs",), query=word) if item.score]
            for word in ("pottery", "clay", "chess")
        }
    assert first == {"pottery": ["one"], "clay": ["one"], "chess": ["two"]}


def test_an_item_changes_between_searched_and_not(store: MemosStore) -> None:
    for index in (None, False, False, None):
        store.put(USERS, "likes", {"text": "pottery", "index": index}, index=index)
        found = store.search((), query="pottery")
        assert [item.value["index"] for item in found] == [index]
        assert (found[0].score is None) is (index is False)


def test_meaning_is_found_where_an_embedder_is_named(vault: Path) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        return [[1.0, 0.1] if "cat" in text or "kitten" in text else [0.1, 1.0] for text in texts]

    index: Any = {"dims": 2, "embed": embed, "fields": ["text"]}
    with MemosStore(vault, scope="acme", index=index) as store:
        store.put(("docs",), "pet", {"text": "a kitten sleeps"})
        store.put(("docs",), "money", {"text": "a bank opens"})
        assert store.search(("docs",), query="cat", limit=1)[0].key == "pet"
        with pytest.raises(InvalidInput, match="embedder"):
            MemosStore(store.memory, scope="acme", index=index)
    with pytest.raises(InvalidInput, match="dims"):
        MemosStore(vault, scope="acme", index={"embed": index["embed"]})


def test_what_cannot_be_embedded_is_stored_found_by_words_and_told(
    vault: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        raise OSError("away")

    async def awaited(texts: list[str]) -> list[list[float]]:
        return []

    broken: Any = {"dims": 2, "embed": embed}
    with pytest.raises(InvalidInput, match="awaited"):
        MemosStore(vault, scope="acme", index=broken | {"embed": awaited})
    with MemosStore(vault, scope="acme", index=broken) as store:
        store.put(("docs",), "pet", {"text": "a kitten sleeps"})
        assert store.search(("docs",), query="kitten", limit=1)[0].score
    assert "away" in caplog.text


def test_namespaces_are_listed_by_prefix_suffix_wildcard_and_depth(store: MemosStore) -> None:
    held = [("a", "b", "c"), ("a", "b", "d", "e"), ("a", "c", "f"), ("b", "a", "f"), ("users", "*")]
    for namespace in held:
        store.put(namespace, "key", {"n": 1})
    listed = store.list_namespaces
    assert listed() == sorted(held)
    assert listed(prefix=("a", "b")) == [("a", "b", "c"), ("a", "b", "d", "e")]
    assert listed(suffix=("f",)) == [("a", "c", "f"), ("b", "a", "f")]
    assert listed(prefix=("a", "*", "f")) == [("a", "c", "f")]
    assert listed(prefix=("a",), suffix=("*", "c")) == [("a", "b", "c")]
    assert listed(prefix=("a",), max_depth=2) == [("a", "b"), ("a", "c")]
    assert listed(limit=2, offset=1) == sorted(held)[1:3]
    assert listed(prefix=("nothing",)) == []


def test_the_twins_for_asyncio_do_the_same(store: MemosStore) -> None:
    async def calls() -> list[Any]:
        await asyncio.gather(*(store.aput(("docs",), f"d{n}", {"n": n}) for n in range(5)))
        await store.adelete(("docs",), "d0")
        got = await store.aget(("docs",), "d1")
        found = await store.asearch(("docs",), filter={"n": {"$gte": 3}})
        return [got and got.value, sorted(keys(found)), await store.alist_namespaces()]

    assert asyncio.run(calls()) == [{"n": 1}, ["d3", "d4"], [("docs",)]]


def test_other_memories_of_a_namespace_are_no_items(store: MemosStore) -> None:
    store.put(USERS, "likes", {"text": "pottery"})
    store.memory.add("said over another door: pottery", scope=store.scope_of(USERS))
    alike = {"key": "likes", "value": {"text": "pottery"}}
    store.memory.add("pottery", scope="acme/store/users/not+name", metadata=alike)
    store.memory.add("pottery", scope=store.scope_of(USERS), metadata={"key": 1, "value": []})
    assert keys(store.search(("users",), query="pottery")) == ["likes"]
    assert keys(store.search(("users",))) == ["likes"]


def test_two_stores_of_one_vault_see_nothing_of_each_other(vault: Path) -> None:
    with Memory(vault) as memory:
        one, other = (MemosStore(memory, scope=f"acme/{name}") for name in ("one", "other"))
        one.put(USERS, "likes", {"text": "pottery"})
        assert other.get(USERS, "likes") is None
        assert other.search((), query="pottery") == []
        assert other.list_namespaces() == []
        one.close()
        assert one.get(USERS, "likes") is not None  # who opened a vault closes it


def test_a_key_of_the_door_holds_a_store_to_its_scopes(memory: Memory) -> None:
    made = memory.create_api_key("agent:bot", tenant="acme", scopes=["acme/own"])
    narrowed = memory.as_api_key(made.key)
    own = MemosStore(narrowed, scope="acme/own")
    own.put(USERS, "likes", {"text": "pottery"})
    assert keys(own.search((), query="pottery")) == ["likes"]
    other = MemosStore(narrowed, scope="acme/other")
    for call in (lambda: other.put(USERS, "likes", {"n": 1}), lambda: other.search(())):
        with pytest.raises(Denied):
            call()


def test_a_frozen_item_refuses_aloud(store: MemosStore) -> None:
    store.put(USERS, "likes", {"text": "pottery"})
    cube_id = store.item_id(USERS, "likes")
    assert cube_id is not None
    store.memory.freeze(cube_id)
    with pytest.raises(Held):
        store.put(USERS, "likes", {"text": "chess"})
    with pytest.raises(Held):
        store.delete(USERS, "likes")
    item = store.get(USERS, "likes")
    assert item is not None
    assert item.value == {"text": "pottery"}


PUTS = """
import sys
from memos.compat.langgraph import MemosStore
with MemosStore(sys.argv[1], scope="acme/store", actor=sys.argv[2]) as store:
    for number in range(8):
        store.put(("shared",), f"key{number % 4}", {"by": sys.argv[2], "n": number})
        store.put(("own", sys.argv[2]), f"key{number}", {"n": number})
"""


def test_two_processes_put_the_same_keys_and_each_key_has_one_item(
    vault: Path, store: MemosStore
) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", PUTS, str(vault), actor])
        for actor in ("agent:bob", "agent:eve")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    shared = store.search(("shared",), limit=100)
    assert sorted(keys(shared)) == ["key0", "key1", "key2", "key3"]
    assert all(item.value["n"] in (4, 5, 6, 7) for item in shared)
    assert len(store.search(("own",), limit=100)) == 16


def test_threads_that_put_and_delete_one_key_at_once_hinder_each_other_never(
    store: MemosStore,
) -> None:
    def write(thread: int) -> None:
        for number in range(12):
            if (thread + number) % 3:
                store.put(("shared",), "key", {"n": number, "text": "pottery"})
            else:
                store.delete(("shared",), "key")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    store.put(("shared",), "key", {"n": 99})
    assert [item.value for item in store.search(("shared",))] == [{"n": 99}]


def test_a_batch_of_langgraph_may_stand_before_the_store(vault: Path) -> None:
    class Batched(AsyncBatchedBaseStore):
        def __init__(self, inner: MemosStore) -> None:
            super().__init__()
            self._inner = inner

        def batch(self, ops: Any) -> Any:
            return self._inner.batch(ops)

        async def abatch(self, ops: Any) -> Any:
            return await self._inner.abatch(ops)

    async def calls() -> list[str]:
        with MemosStore(vault, scope="acme") as inner:
            store = Batched(inner)
            await asyncio.gather(*(store.aput(("docs",), f"d{n}", {"n": n}) for n in range(5)))
            return sorted(keys(await store.asearch(("docs",))))

    assert asyncio.run(calls()) == ["d0", "d1", "d2", "d3", "d4"]


def test_options_for_an_open_vault_are_refused(store: MemosStore) -> None:
    with pytest.raises(InvalidInput, match="actor"):
        MemosStore(store.memory, scope="acme", actor="agent:bob")


def test_values_filters_and_queries_of_another_kind_are_told_in_words(store: MemosStore) -> None:
    store.put(USERS, "likes", {"text": "pottery"})
    wrong: list[tuple[str, Callable[[], object]]] = [
        ("value is a mapping", lambda: store.put(USERS, "likes", [1])),  # type: ignore[arg-type]
        ("value is a mapping", lambda: store.put(USERS, "likes", [])),  # type: ignore[arg-type]
        ("filter is a mapping", lambda: store.search(USERS, filter="x")),  # type: ignore[arg-type]
        ("filter is a mapping", lambda: store.search(USERS, filter=[])),  # type: ignore[arg-type]
        ("query is a text", lambda: store.search(USERS, query=5)),  # type: ignore[arg-type]
    ]
    for told, call in wrong:
        with pytest.raises(ValueError, match=told):
            call()
    found = store.get(USERS, "likes")
    assert found is not None
    assert found.value == {"text": "pottery"}
