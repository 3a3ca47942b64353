"""Good calls of mem0's Memory and AsyncMemory, as in `odd_calls`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memos import ChatPrompt, Memory
from memos.compat.mem0 import AsyncMemory
from memos.compat.mem0 import Memory as Mem0Memory
from tests.interface.compat.odd_calls import SCOPE, Call, Calls

USER: Mapping[str, Any] = {"user_id": "alice"}
ENTITIES: Mapping[str, Any] = {**USER, "agent_id": "a", "app_id": "b", "run_id": "c"}
CONDITIONS: Mapping[str, Any] = {
    "eq": "x", "ne": "x", "in": ["x"], "nin": ["x"], "gt": 1, "gte": 1, "lt": 1, "lte": 1,
    "contains": "x", "icontains": "x",
}  # fmt: skip


class Scribe:
    """A chat model that finds one fact."""

    name = "scribe"

    def stream(self, prompt: ChatPrompt) -> Any:
        yield '{"facts": ["a fact"]}'


def mem0_calls(memory: Memory, folder: Path) -> Calls:
    """Those of mem0's Memory, one of them with a chat model."""
    m = Mem0Memory(memory, scope=SCOPE)
    made = Mem0Memory(memory, scope=SCOPE, chat_model=Scribe())
    calls = mem0_methods(m, Mem0Memory, folder)
    config = configuration(folder)["vector_store"]["config"]
    return calls | {
        "add with a model": Call(made.add, {**calls["add"].good, "infer": True}),
        "message": Call(
            lambda **message: m.add([message], **USER), {"role": "user", "content": "x", "name": "Ann"}
        ),
        "part": Call(
            lambda **part: m.add([{"role": "user", "content": [part]}], **USER),
            {"type": "text", "text": "x"},
        ),
        "configuration": Call(
            lambda **config: Mem0Memory.from_config(config), configuration(folder)
        ),
        "vector_store": Call(
            lambda **store: Mem0Memory.from_config({"vector_store": store}),
            configuration(folder)["vector_store"],
        ),
        "vector_store.config": Call(
            lambda **config: Mem0Memory.from_config(
                {"vector_store": {"provider": "memos", "config": config}}
            ),
            config,
        ),
        "unknown option": Call(
            lambda option: Mem0Memory.from_config(
                {"vector_store": {"provider": "memos", "config": {**config, "chat_model": option}}}
            ),
            {"option": None},
        ),
        "llm.config": Call(
            lambda **config: Mem0Memory.from_config(
                {**configuration(folder), "llm": {"provider": "openai", "config": config}}
            ),
            configuration(folder)["llm"]["config"],
        ),
        "filters": Call(
            lambda **filters: m.get_all(**USER, filters=filters),
            {
                "kind": "x", "created_at": {"gte": "2023-01-01"}, "agent_id": {"in": ["a"]},
                "AND": [{"kind": "x"}], "OR": [{"kind": "x"}], "NOT": [{"kind": "y"}],
            },
        ),
        "condition": Call(
            lambda **condition: m.search("x", **USER, filters={"kind": condition}),
            CONDITIONS,
        ),
        "condition of an entity": Call(
            lambda **condition: m.search("x", filters={"run_id": condition}),
            CONDITIONS,
        ),
    }  # fmt: skip


def async_mem0_calls(memory: Memory, folder: Path) -> Calls:
    """Those of mem0's AsyncMemory."""
    return mem0_methods(AsyncMemory(memory, scope=SCOPE), AsyncMemory, folder)


def mem0_methods(m: Any, kind: type, folder: Path) -> dict[str, Call]:
    vault = m.vault
    first = vault.add("a pot", scope=f"{SCOPE}/user:alice").cube_id
    filters = {"AND": [USER]}
    found = {"filters": filters, "top_k": 3, "show_expired": False, **ENTITIES}
    dated = {"metadata": {"kind": "x"}, "timestamp": "2023-01-01", "expiration_date": "2100-01-01"}
    reading = {"threshold": 0.1, "rerank": False, "explain": True, "reference_date": "2023-01-01"}
    adding = {"infer": False, "memory_type": None, "prompt": "Briefly."}
    return {
        "__init__": Call(kind, {
            "vault": folder / "opened.vault", "scope": SCOPE, "chat_model": None,
            "custom_instructions": "Briefly.",
        }),
        "from_config": Call(kind.from_config, {"config_dict": configuration(folder)}),  # type: ignore[attr-defined]
        "add": Call(m.add, {"messages": "I like pottery.", **ENTITIES, **dated, **adding}),
        "get": Call(m.get, {"memory_id": first}),
        "get_all": Call(m.get_all, found),
        "search": Call(m.search, {"query": "pot", **found, **reading}),
        "update": Call(m.update, {"memory_id": first, "text": "x", "data": None, **dated}),
        "delete": Call(m.delete, {"memory_id": first}),
        "delete_all": Call(m.delete_all, dict(ENTITIES)),
        "history": Call(m.history, {"memory_id": first}),
    }  # fmt: skip


def configuration(folder: Path) -> dict[str, Any]:
    config = {"path": str(folder / "opened.vault"), "scope": SCOPE, "actor": "agent:alice"}
    llm = {"model": "small", "openai_base_url": "http://127.0.0.1:9/v1", "api_key": "k"}
    return {
        "vector_store": {"provider": "memos", "config": config},
        "llm": {"provider": "openai", "config": llm},
        "custom_instructions": "Briefly.",
        "version": "v1.1",
    }
