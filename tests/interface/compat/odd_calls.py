"""Good calls of the adapters: every argument of every public method, and what stands within these."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from langgraph.store.base import (
    GetOp,
    IndexConfig,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchOp,
    TTLConfig,
)

from memos import Memory
from memos.compat.anthropic import AsyncMemoryTool, MemoryTool
from memos.compat.langgraph import MemosStore
from memos.compat.openai_agents import MemosSession

SCOPE = "acme/bot"
COMPARISONS: Mapping[str, Any] = dict.fromkeys(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"), 1)


class Call(NamedTuple):
    """What is called, and what it takes."""

    of: Callable[..., object]
    good: Mapping[str, Any]


Calls = Mapping[str, Call]


def called(call: Call, arguments: Mapping[str, Any]) -> None:
    """Call it; what is to be awaited is awaited, and what was opened is closed."""
    result = call.of(**arguments)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    close = getattr(result, "close", None)
    if close is not None:
        close()


def public_methods(adapter: type) -> set[str]:
    """The names of the methods that an adapter itself has."""
    own = [part for part in adapter.__mro__ if part.__module__.startswith("memos.")]
    named = {name: value for part in own for name, value in vars(part).items()}
    return {
        name
        for name, value in named.items()
        if not name.startswith("_") and (callable(value) or isinstance(value, classmethod))
    }


def parameters_of(method: Callable[..., object]) -> set[str]:
    """The names of what a method takes, options left out."""
    parameters = inspect.signature(method).parameters.values()
    return {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}


def langgraph_calls(memory: Memory, folder: Path) -> Calls:
    """Those of LangGraph's store. Of its own methods what LangGraph looks at before the store is asked
    (namespaces, keys and the time of a put) stands in the operations, which they make.
    """
    store = MemosStore(memory, scope=SCOPE)
    users = ("users", "alice")
    store.put(users, "k", {"text": "pottery", "likes": [1, {"n": 2}]}, ttl=5)

    def asked(kind: Callable[..., Op]) -> Callable[..., object]:
        return lambda **fields: store.batch([kind(**fields)])

    opened: dict[str, Any] = {"vault": folder / "opened.vault", "scope": SCOPE}
    ttl = {"refresh_on_read": True, "omit_expired": True, "default_ttl": 5.0,
           "sweep_interval_minutes": 5}  # fmt: skip
    index = {"dims": 3, "embed": lambda texts: [[1.0, 0.0, 0.0] for _ in texts], "fields": ["text"]}
    some = {"limit": 3, "offset": 0}
    search = {"filter": {"text": "x"}, **some, "query": "pot", "refresh_ttl": True}
    put = {"namespace": users, "key": "n", "value": {"text": "x"}, "index": ["text"], "ttl": 5.0}
    condition = {"match_type": "prefix", "path": ("users",)}
    listed = {"match_conditions": (MatchCondition("prefix", ("users",)),), "max_depth": 2, **some}
    return {
        "__init__": Call(MemosStore, {**opened, "index": None, "ttl": None}),
        "ttl": Call(lambda **config: MemosStore(**opened, ttl=cast("TTLConfig", config)), ttl),
        "index": Call(lambda **config: MemosStore(**opened, index=cast("IndexConfig", config)), index),
        "scope_of": Call(store.scope_of, {"namespace": users}),
        "item_id": Call(store.item_id, {"namespace": users, "key": "k"}),
        "batch": Call(store.batch, {"ops": []}),
        "abatch": Call(store.abatch, {"ops": []}),
        "op": Call(lambda op: store.batch([op]), {"op": GetOp(users, "k")}),
        "GetOp": Call(asked(GetOp), {"namespace": users, "key": "k", "refresh_ttl": True}),
        "SearchOp": Call(asked(SearchOp), {"namespace_prefix": users, **search}),
        "PutOp": Call(asked(PutOp), put),
        "ListNamespacesOp": Call(asked(ListNamespacesOp), listed),
        "MatchCondition": Call(
            lambda **fields: store.batch(
                [ListNamespacesOp(match_conditions=(MatchCondition(**fields),))]
            ),
            condition,
        ),
        "search": Call(lambda **given: store.search(users, **given), search),
        "list_namespaces": Call(store.list_namespaces, {"max_depth": 2, **some}),
        "put": Call(
            lambda **given: store.put(users, "n", **given),
            {"value": {"text": "x"}, "index": ["text"]},
        ),
        "field of a value": Call(
            lambda field: store.put(users, "n", {"text": "x", "field": field}), {"field": 1}
        ),
        "path": Call(lambda path: store.put(users, "n", {"a": [1]}, index=[path]), {"path": "a[0]"}),
        "filter": Call(
            lambda **wanted: [store.search(users, query=query, filter=wanted) for query in ("x", None)],
            {"likes": 1, "text": "x"},
        ),
        "listed in a filter": Call(
            lambda wanted: store.search(users, filter={"likes": [1, wanted]}), {"wanted": {"n": 2}}
        ),
        "operator": Call(
            lambda **wanted: store.search(users, filter={"text": wanted}), COMPARISONS
        ),
        "listed operator": Call(
            lambda **wanted: store.search(users, filter={"likes": [wanted, {"n": 2}]}), COMPARISONS
        ),
        "unknown operator": Call(
            lambda operand: store.search(users, filter={"likes": [{"$near": operand}, {"n": 2}]}),
            {"operand": 1},
        ),
    }  # fmt: skip


def openai_agents_calls(memory: Memory, folder: Path) -> Calls:
    """Those of a session of OpenAI's Agents SDK."""
    session = MemosSession("chat-7", memory, scope=SCOPE)
    memory.name_cut("begun")
    item = {"role": "user", "content": "hello"}
    asyncio.run(session.add_items([item]))  # type: ignore[list-item]

    def added(**fields: Any) -> Coroutine[Any, Any, None]:
        return session.add_items([fields])  # type: ignore[list-item]

    opened: dict[str, Any] = {
        "session_id": "chat-8",
        "vault": folder / "opened.vault",
        "scope": SCOPE,
    }
    return {
        "__init__": Call(MemosSession, {**opened, "session_settings": {"limit": 3}}),
        "settings": Call(
            lambda **settings: MemosSession(**opened, session_settings=settings), {"limit": 3}
        ),
        "get_items": Call(session.get_items, {"limit": 3, "as_of": "begun"}),
        "add_items": Call(session.add_items, {"items": [item]}),
        "item": Call(added, item),
        "call": Call(added, {"type": "function_call", "name": "weather", "arguments": "{}"}),
    }


def claude_calls(memory: Memory, folder: Path) -> Calls:
    """Those of Claude's memory tool, and of the one for asyncio."""
    made = {"memory": memory, "scope": SCOPE, "cache_control": None}
    return {
        "__init__": Call(lambda **given: MemoryTool(**given).to_dict(), made),
        "AsyncMemoryTool": Call(lambda **given: AsyncMemoryTool(**given).to_dict(), made),
        **_commands(memory, MemoryTool(memory, scope=SCOPE), "a"),
        **{
            f"async {name}": call
            for name, call in _commands(memory, AsyncMemoryTool(memory, scope=SCOPE), "b").items()
        },
    }


def _commands(memory: Memory, tool: Any, folder: str) -> Calls:
    root = f"/memories/{folder}"
    for name in ("file", "gone"):
        path = f"{root}/{name}"
        MemoryTool(memory, scope=SCOPE).call(
            {"command": "create", "path": path, "file_text": "one\ntwo\n"}
        )
    file = {"path": f"{root}/file"}
    commands: Mapping[str, Mapping[str, Any]] = {
        "view": {**file, "view_range": [1, 2]},
        "create": {"path": f"{root}/new", "file_text": "x"},
        "str_replace": {**file, "old_str": "one", "new_str": "1"},
        "insert": {**file, "insert_line": 1, "insert_text": "x"},
        "delete": {"path": f"{root}/gone"},
        "rename": {"old_path": f"{root}/file", "new_path": f"{root}/moved"},
    }

    def sent(command: str) -> Callable[..., object]:
        return lambda **fields: tool.call({"command": command, **fields})

    def seen(line: object) -> object:
        return tool.call({"command": "view", **file, "view_range": [line, 2]})

    made = {name: Call(sent(name), good) for name, good in commands.items()}
    return {"line": Call(seen, {"line": 1}), **made}
