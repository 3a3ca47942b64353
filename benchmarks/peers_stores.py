"""The memory stores that `peers` compares, each behind the same few calls.

Each is used as its documentation says for one process and one directory, without a model: the
vector stores get the same hashed bag of words. What a store has no means for is told by `lacks`.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, ClassVar, cast

from benchmarks.peers_port import DIMENSIONS, Store, embed, embed_all

SCOPE = "bench/user-0"
USER = "user-0"


class MemosStore:
    """This project. Its search is lexical; it gets no embedder."""

    name: ClassVar[str] = "MemOS"
    retry: ClassVar[str] = "idempotency key"
    guard: ClassVar[str] = "expected version"

    def __init__(self, directory: Path) -> None:
        import memos

        self._memos = memos
        self._memory = memos.Memory(directory / "vault")

    def lacks(self) -> list[str]:
        return []

    def add(self, text: str, key: str) -> str:
        return self._memory.add(text, scope=SCOPE, idempotency_key=key).cube_id

    def get(self, id_: str) -> str | None:
        try:
            return cast("str", getattr(self._memory.get(id_), "text", None))
        except self._memos.NotFound:
            return None

    def search(self, query: str, k: int) -> list[str]:
        return [hit.text for hit in self._memory.search(query, scope=SCOPE, k=k)]

    def change(self, id_: str) -> None:
        while True:
            read = self._memory.get(id_)
            assert isinstance(read, self._memos.MemCube)
            try:
                text = str(int(read.text) + 1)
                self._memory.update(id_, text, expected_version=read.version)
            except self._memos.Conflict:
                continue
            return

    def delete(self, id_: str) -> None:
        self._memory.erase(cube_id=id_)

    def count(self) -> int:
        return self._memory.stats().memories

    def close(self) -> None:
        self._memory.close()


class Mem0Store:
    """mem0 with infer=False, over Qdrant's local mode on disk."""

    name: ClassVar[str] = "mem0"
    retry: ClassVar[str] = "none"
    guard: ClassVar[str] = "none"

    def __init__(self, directory: Path) -> None:
        os.environ["MEM0_DIR"] = str(directory / "home")
        from langchain.embeddings import Embeddings
        from mem0 import Memory

        class Hashed(Embeddings):  # type: ignore[misc] # untyped where the extra is absent
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return embed_all(texts)

            def embed_query(self, text: str) -> list[float]:
                return embed(text)

        self._memory: Any = Memory.from_config(
            {
                "embedder": {"provider": "langchain", "config": {"model": Hashed()}},
                "vector_store": {
                    "provider": "qdrant",
                    "config": {
                        "path": str(directory / "qdrant"),
                        "on_disk": True,
                        "collection_name": "memories",
                        "embedding_model_dims": DIMENSIONS,
                    },
                },
                "llm": {"provider": "openai", "config": {"api_key": "unused"}},
                "history_db_path": str(directory / "history.db"),
            }
        )

    def lacks(self) -> list[str]:
        return ["an idempotency key", "a version to compare"]

    def add(self, text: str, key: str) -> str:
        told = self._memory.add(text, user_id=USER, infer=False, metadata={"key": key})
        return cast("str", told["results"][0]["id"])

    def get(self, id_: str) -> str | None:
        found = self._memory.get(id_)
        return None if found is None else cast("str", found["memory"])

    def search(self, query: str, k: int) -> list[str]:
        found = self._memory.search(query, filters={"user_id": USER}, top_k=k, threshold=0.0)
        return [each["memory"] for each in found["results"]]

    def change(self, id_: str) -> None:
        self._memory.update(id_, str(int(self._memory.get(id_)["memory"]) + 1))

    def delete(self, id_: str) -> None:
        self._memory.delete(id_)

    def count(self) -> int:
        return len(self._memory.get_all(filters={"user_id": USER}, top_k=100_000)["results"])

    def close(self) -> None:
        self._memory.close()


class _LangGraph:
    """What LangGraph's two stores share: namespaces, and keys that the caller chooses."""

    retry: ClassVar[str] = "key chosen by the caller"
    guard: ClassVar[str] = "none"
    _store: Any

    def lacks(self) -> list[str]:
        return ["a version to compare"]

    def add(self, text: str, key: str) -> str:
        self._store.put(("bench", USER), key, {"text": text})
        return key

    def get(self, id_: str) -> str | None:
        found = self._store.get(("bench", USER), id_)
        return None if found is None else cast("str", found.value["text"])

    def search(self, query: str, k: int) -> list[str]:
        found = self._store.search(("bench", USER), query=query, limit=k)
        return [each.value["text"] for each in found]

    def change(self, id_: str) -> None:
        self.add(str(int(self.get(id_) or "") + 1), id_)

    def delete(self, id_: str) -> None:
        self._store.delete(("bench", USER), id_)

    def count(self) -> int:
        return len(self._store.search(("bench", USER), limit=100_000))


class InMemoryStore(_LangGraph):
    """LangGraph's store in memory."""

    name: ClassVar[str] = "LangGraph InMemoryStore"

    def __init__(self, directory: Path) -> None:
        from langgraph.store.memory import InMemoryStore as Peer

        index: Any = {"dims": DIMENSIONS, "embed": embed_all, "fields": ["text"]}
        self._directory = directory
        self._store = Peer(index=index)

    def lacks(self) -> list[str]:
        return [*super().lacks(), "anything on disk"]

    def close(self) -> None:
        pass


class SqliteStore(_LangGraph):
    """LangGraph's store in SQLite, with its vector index where this Python can load one."""

    name: ClassVar[str] = "LangGraph SqliteStore"

    def __init__(self, directory: Path) -> None:
        from langgraph.store.sqlite import SqliteStore as Peer

        self._indexed = hasattr(sqlite3.Connection, "enable_load_extension")
        index = {"dims": DIMENSIONS, "embed": embed_all, "fields": ["text"]}
        self._opened = Peer.from_conn_string(
            str(directory / "store.db"), **({"index": index} if self._indexed else {})
        )
        self._store = self._opened.__enter__()
        self._store.setup()

    def lacks(self) -> list[str]:
        missing = "search by text (this Python's sqlite3 loads no extension)"
        return super().lacks() + ([] if self._indexed else [missing])

    def search(self, query: str, k: int) -> list[str]:
        if not self._indexed:
            raise NotImplementedError("no vector index")
        return super().search(query, k)

    def close(self) -> None:
        self._opened.__exit__(None, None, None)


class ChromaStore:
    """Chroma's PersistentClient; embeddings are passed in."""

    name: ClassVar[str] = "Chroma"
    retry: ClassVar[str] = "id chosen by the caller"
    guard: ClassVar[str] = "none"

    def __init__(self, directory: Path) -> None:
        import chromadb

        self._client = chromadb.PersistentClient(
            str(directory / "chroma"), chromadb.Settings(anonymized_telemetry=False)
        )
        self._kept: Any = self._client.get_or_create_collection("memories", embedding_function=None)

    def lacks(self) -> list[str]:
        return ["a version to compare"]

    def add(self, text: str, key: str) -> str:
        self._kept.add(
            ids=[key], documents=[text], embeddings=[embed(text)], metadatas=[{"user": USER}]
        )
        return key

    def get(self, id_: str) -> str | None:
        found = self._kept.get(ids=[id_])["documents"]
        return cast("str", found[0]) if found else None

    def search(self, query: str, k: int) -> list[str]:
        found = self._kept.query(query_embeddings=[embed(query)], n_results=k, where={"user": USER})
        return cast("list[str]", found["documents"][0])

    def change(self, id_: str) -> None:
        text = str(int(self.get(id_) or "") + 1)
        self._kept.update(ids=[id_], documents=[text], embeddings=[embed(text)])

    def delete(self, id_: str) -> None:
        self._kept.delete(ids=[id_])

    def count(self) -> int:
        return cast("int", self._kept.count())

    def close(self) -> None:
        self._client.close()


STORES: dict[str, type[Store]] = {
    store.name: store for store in (MemosStore, Mem0Store, InMemoryStore, SqliteStore, ChromaStore)
}
