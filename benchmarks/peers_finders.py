"""The memory stores whose retrieval `peers --data` compares, each in its best offline configuration.

All read the same turns and, where they take vectors, are given those of one all-MiniLM-L6-v2. A
store that knows nothing of speakers, captions and times gets them in the text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from memos.infrastructure.index.models.embedders.minilm import MiniLM


class Session(NamedTuple):
    """Turns, as `add_conversation` takes them, and when they were said."""

    name: str
    at: datetime | None
    turns: Sequence[Mapping[str, Any]]


class Facts(NamedTuple):
    """What a store has, for whoever asks where a hit comes from and what becomes of it."""

    words: bool
    """Searches by words."""
    meaning: bool
    """Searches by vectors."""
    source: bool
    """Keeps and proves where a memory comes from."""
    as_of: bool
    """Searches an earlier state."""
    valid_time: bool
    """Knows from when to when a memory holds."""
    erases: bool
    """Leaves no byte of an erased memory (as `peers` measures it)."""


class Finder(Protocol):
    """A store, opened in a directory of its own."""

    name: ClassVar[str]
    facts: ClassVar[Facts]
    setting: ClassVar[str]
    """The configuration, in words."""

    def __init__(self, directory: Path) -> None: ...

    def add(self, conversation: str, session: Session) -> None:
        """Take in one session's turns, in the way that the store offers for several."""
        ...

    def ready(self) -> None:
        """Wait until everything can be found in every way."""
        ...

    def find(self, conversation: str, query: str, k: int) -> list[str]:
        """The ids of the turns that fit best."""
        ...


class _Memos:
    facts: ClassVar[Facts] = Facts(True, False, True, True, True, True)
    embedder: ClassVar[str | None] = None
    recipe: ClassVar[str] = "lexical"

    def __init__(self, directory: Path) -> None:
        from memos import Memory

        self._memory = Memory(directory / "vault", embedder=self.embedder)

    def add(self, conversation: str, session: Session) -> None:
        scope = f"bench/{conversation}"
        name, at, turns = session
        self._memory.add_conversation(turns, scope=scope, session=name, at=at)

    def ready(self) -> None:
        if self.embedder:
            self._memory.embed_pending()

    def find(self, conversation: str, query: str, k: int) -> list[str]:
        scope = f"bench/{conversation}"
        hits = self._memory.search(query, scope=scope, k=k, recipe=self.recipe)
        return [str(hit.metadata["id"]) for hit in hits]


class MemosLexical(_Memos):
    """This project without a model."""

    name: ClassVar[str] = "MemOS, lexical"
    setting: ClassVar[str] = "add_conversation, recipe lexical"


class MemosHybrid(_Memos):
    """This project with the local model."""

    name: ClassVar[str] = "MemOS, hybrid"
    facts: ClassVar[Facts] = Facts(True, True, True, True, True, True)
    setting: ClassVar[str] = "add_conversation, recipe hybrid; embeds behind the write"
    embedder: ClassVar[str | None] = "minilm"
    recipe: ClassVar[str] = "hybrid"


class Mem0:
    """mem0 without a language model, over Qdrant's local mode."""

    name: ClassVar[str] = "mem0"
    facts: ClassVar[Facts] = Facts(False, True, False, False, False, False)
    setting: ClassVar[str] = (
        "infer=False, Qdrant's local mode; its search by words needs a download of fastembed's, its "
        "entities a model of spaCy's"
    )

    def __init__(self, directory: Path) -> None:
        os.environ["MEM0_DIR"] = str(directory / "home")
        from langchain.embeddings import Embeddings
        from mem0 import Memory

        embed = embedder()

        class Given(Embeddings):  # type: ignore[misc] # untyped where the extra is absent
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return embed(texts)

            def embed_query(self, text: str) -> list[float]:
                return embed([text])[0]

        store = {
            "path": str(directory / "qdrant"),
            "on_disk": True,
            "collection_name": "memories",
            "embedding_model_dims": MiniLM.dimensions,
        }
        self._memory: Any = Memory.from_config(
            {
                "embedder": {"provider": "langchain", "config": {"model": Given()}},
                "vector_store": {"provider": "qdrant", "config": store},
                "llm": {"provider": "openai", "config": {"api_key": "unused"}},
                "history_db_path": str(directory / "history.db"),
            }
        )

    def add(self, conversation: str, session: Session) -> None:
        for turn in session.turns:
            metadata = {"turn": turn["id"]}
            text = told(turn)
            self._memory.add(text, user_id=conversation, infer=False, metadata=metadata)

    def ready(self) -> None:
        pass

    def find(self, conversation: str, query: str, k: int) -> list[str]:
        filters = {"user_id": conversation}
        found = self._memory.search(query, filters=filters, top_k=k, threshold=0.0)
        return [each["metadata"]["turn"] for each in found["results"]]


class LangGraph:
    """LangGraph's store in memory, the one that searches by vectors without an extension."""

    name: ClassVar[str] = "LangGraph InMemoryStore"
    facts: ClassVar[Facts] = Facts(False, True, False, False, False, True)
    setting: ClassVar[str] = "a namespace a conversation, batch of PutOp; nothing on disk"

    def __init__(self, directory: Path) -> None:
        from langgraph.store.memory import InMemoryStore

        index: Any = {"dims": MiniLM.dimensions, "embed": embedder(), "fields": ["text"]}
        self._store: Any = InMemoryStore(index=index)

    def add(self, conversation: str, session: Session) -> None:
        from langgraph.store.base import PutOp

        self._store.batch(
            [
                PutOp(("bench", conversation), turn["id"], {"text": told(turn)})
                for turn in session.turns
            ]
        )

    def ready(self) -> None:
        pass

    def find(self, conversation: str, query: str, k: int) -> list[str]:
        found = self._store.search(("bench", conversation), query=query, limit=k)
        return [each.key for each in found]


class Chroma:
    """Chroma's PersistentClient, cosine distance."""

    name: ClassVar[str] = "Chroma"
    facts: ClassVar[Facts] = Facts(False, True, False, False, False, False)
    setting: ClassVar[str] = "a collection a conversation, HNSW over cosine, added by session"

    def __init__(self, directory: Path) -> None:
        import chromadb

        self._embed = embedder()
        self._client: Any = chromadb.PersistentClient(
            str(directory / "chroma"), chromadb.Settings(anonymized_telemetry=False)
        )

    def add(self, conversation: str, session: Session) -> None:
        texts = [told(turn) for turn in session.turns]
        self._of(conversation).add(
            ids=[turn["id"] for turn in session.turns],
            documents=texts,
            embeddings=self._embed(texts),
        )

    def ready(self) -> None:
        pass

    def find(self, conversation: str, query: str, k: int) -> list[str]:
        found = self._of(conversation).query(query_embeddings=self._embed([query]), n_results=k)
        return [str(id_) for id_ in found["ids"][0]]

    def _of(self, conversation: str) -> Any:
        return self._client.get_or_create_collection(
            conversation,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
        )


class Bm25:
    """Plain BM25 by tantivy: English stems, an index a conversation."""

    name: ClassVar[str] = "BM25 (tantivy)"
    facts: ClassVar[Facts] = Facts(True, False, False, False, False, False)
    setting: ClassVar[str] = "en_stem, an index a conversation, a commit a session"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._indexes: dict[str, Any] = {}

    def add(self, conversation: str, session: Session) -> None:
        import tantivy

        writer = self._of(conversation).writer(heap_size=20_000_000, num_threads=1)
        for turn in session.turns:
            writer.add_document(tantivy.Document(id=turn["id"], text=told(turn, session.at)))
        writer.commit()
        writer.wait_merging_threads()
        self._of(conversation).reload()

    def ready(self) -> None:
        pass

    def find(self, conversation: str, query: str, k: int) -> list[str]:
        index = self._of(conversation)
        words = " ".join(re.findall(r"\w+", query.lower()))  # none of it is tantivy's syntax
        parsed = index.parse_query(words, ["text"])
        searcher = index.searcher()
        return [searcher.doc(at)["id"][0] for _, at in searcher.search(parsed, k).hits]

    def _of(self, conversation: str) -> Any:
        if conversation not in self._indexes:
            import tantivy

            schema = tantivy.SchemaBuilder()
            schema.add_text_field("id", stored=True, tokenizer_name="raw")
            schema.add_text_field("text", tokenizer_name="en_stem")
            path = self._directory / conversation
            path.mkdir()
            self._indexes[conversation] = tantivy.Index(schema.build(), path=str(path))
        return self._indexes[conversation]


def embedder() -> Callable[[Sequence[str]], list[list[float]]]:
    """The one model, as the peers want it: texts to lists of numbers."""
    model = MiniLM()

    def embed(texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = model.embed(list(texts)).tolist()
        return vectors

    return embed


def told(turn: Mapping[str, Any], at: datetime | None = None) -> str:
    """A turn as one text, for stores that take nothing else: day, speaker, words, picture.

    With the day before the words, vectors find a little less at 10 and more at 1; words find more.
    """
    day = f"({at:%d %B %Y}) " if at is not None else ""
    caption = f" [image: {turn['caption']}]" if turn.get("caption") else ""
    return f"{day}{turn['speaker']}: {turn['text']}{caption}"


FINDERS: dict[str, type[Finder]] = {
    finder.name: finder for finder in (MemosLexical, MemosHybrid, Mem0, LangGraph, Chroma, Bm25)
}
