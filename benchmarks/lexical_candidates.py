"""The engines that `lexical_engines` compares: one memory in, ten memories out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import apsw
import numpy as np
import tantivy

from memos.infrastructure.index.port import SpanChange
from memos.infrastructure.index.sqlite.index import SqliteIndex
from memos.infrastructure.index.sqlite.tables import create_tables
from memos.language.analyzer import QueryTerm
from memos.language.indexed_text import IndexedText
from memos.language.port import Request
from memos.operation.search.bm25 import K1, B
from memos.operation.search.ranking import LexicalQuery, rank
from memos.operation.search.recipe import BM25

BEST = 10


class Memory(NamedTuple):
    """An analysed text, in a scope."""

    number: int
    scope: int
    text: IndexedText

    @property
    def doc(self) -> int:
        """An id that keeps the memories of a scope together."""
        return self.scope << 32 | self.number


class Candidate:
    """An engine in a directory. What it can keep is told by its class, not measured."""

    name: ClassVar[str]
    scope_statistics: ClassVar[bool]
    """Whether scores depend on the searched scope alone."""
    as_of: ClassVar[bool]
    """Whether it can rank as of an earlier position."""
    same_transaction: ClassVar[bool]
    """Whether the index commits together with the log."""

    def __init__(self, directory: Path) -> None:
        raise NotImplementedError

    def add(self, memories: Sequence[Memory]) -> None:
        raise NotImplementedError

    def search(self, scope: int, terms: Sequence[int]) -> list[int]:
        raise NotImplementedError

    def erase(self, memory: Memory) -> None:
        raise NotImplementedError

    def flush(self) -> None:
        """Bring all to the files that will stay."""

    def holds(self, term: int) -> bool:
        """Whether a term is left anywhere; files that are compressed do not tell it."""
        return False


def token(term: int) -> str:
    """A term for engines that take words."""
    return f"{term & (2**64 - 1):016x}"


def words(text: IndexedText) -> str:
    """The text for engines that take words."""
    return " ".join(chain.from_iterable([token(t)] * n for t, n in text.terms.items()))


def files_of(directory: Path) -> Iterator[bytes]:
    """What each file of an engine holds."""
    return (path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def open_database(directory: Path) -> apsw.Connection:
    """A connection as a vault opens it."""
    connection = apsw.Connection(str(directory / "vault.db"))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("secure_delete", 1)
    return connection


class Blocks(Candidate):
    """MemOS's own: terms beside their text, turned into postings block by block."""

    name = "own blocks"
    scope_statistics = as_of = same_transaction = True

    def __init__(self, directory: Path) -> None:
        self._connection = open_database(directory)
        create_tables(self._connection)
        reader = open_database(directory)
        self._index = SqliteIndex(self._connection, lambda: reader)
        self._offset = 0

    def add(self, memories: Sequence[Memory]) -> None:
        changes = []
        for memory in memories:
            self._offset += 1
            cube_id = memory.number.to_bytes(16, "big")
            scope = f"tenant/s{memory.scope}"
            changes.append(SpanChange(cube_id, scope, self._offset, 1, 1, 0, memory.text))
        with self._connection:
            self._index.apply(changes)

    def search(self, scope: int, terms: Sequence[int]) -> list[int]:
        view = self._index.view(f"tenant/s{scope}")
        ranking = rank(
            view,
            LexicalQuery([QueryTerm("", term, 1) for term in terms], frozenset(), Request()),
            BM25,
        )
        best = np.array([row for row, _ in islice(ranking.best_first(), BEST)], np.int64)
        return [int.from_bytes(cube, "big") for cube in view.cube_ids(best)]

    def erase(self, memory: Memory) -> None:
        with self._connection:
            self._index.purge([memory.number.to_bytes(16, "big")])

    def flush(self) -> None:
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


class Rows(Candidate):
    """One table row a posting, in the order of term and memory."""

    name = "rows by term"
    scope_statistics = as_of = same_transaction = True
    key: ClassVar[str] = "term, doc"

    def __init__(self, directory: Path) -> None:
        self._connection = open_database(directory)
        self._connection.execute(
            "CREATE TABLE doc(doc INTEGER PRIMARY KEY, length INTEGER);"
            "CREATE TABLE posting(scope INTEGER, term INTEGER, doc INTEGER, tf INTEGER,"
            f" PRIMARY KEY({self.key})) WITHOUT ROWID"
        )
        self._lengths: dict[int, tuple[Any, Any]] = {}  # what any engine would cache

    def add(self, memories: Sequence[Memory]) -> None:
        rows = [(m.scope, t, m.doc, tf) for m in memories for t, tf in m.text.terms.items()]
        rows.sort()
        with self._connection:
            self._connection.executemany(
                "INSERT INTO doc VALUES (?, ?)", [(m.doc, m.text.length) for m in memories]
            )
            self._connection.executemany("INSERT INTO posting VALUES (?, ?, ?, ?)", rows)
        for memory in memories:
            self._lengths.pop(memory.scope, None)

    def search(self, scope: int, terms: Sequence[int]) -> list[int]:
        docs, norm = self._scope(scope)
        scores = np.zeros(len(docs))
        for term in terms:
            found = self._connection.execute(
                "SELECT doc, tf FROM posting"
                " WHERE scope = ?1 AND term = ?2 AND doc BETWEEN ?1 << 32 AND (?1 + 1) << 32",
                (scope, term),
            ).fetchall()
            hits = np.fromiter(chain.from_iterable(found), np.int64).reshape(-1, 2)
            rows, tf = np.searchsorted(docs, hits[:, 0]), hits[:, 1]
            idf = math.log(1 + (len(docs) - len(rows) + 0.5) / (len(rows) + 0.5))
            scores[rows] += idf * tf * (K1 + 1) / (tf + norm[rows])
        best = np.argsort(-scores, kind="stable")[:BEST]
        found_docs: list[int] = docs[best[scores[best] > 0]].tolist()
        return [doc & 0xFFFFFFFF for doc in found_docs]

    def erase(self, memory: Memory) -> None:
        where = "WHERE scope = ? AND term = ? AND doc = ?"
        keys = [(memory.scope, term, memory.doc) for term in memory.text.terms]
        with self._connection:
            self._connection.execute("DELETE FROM doc WHERE doc = ?", (memory.doc,))
            self._connection.executemany(f"DELETE FROM posting {where}", keys)

    def flush(self) -> None:
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def _scope(self, scope: int) -> tuple[Any, Any]:
        if scope not in self._lengths:
            rows = self._connection.execute(
                "SELECT doc, length FROM doc WHERE doc BETWEEN ?1 << 32 AND (?1 + 1) << 32",
                (scope,),
            ).fetchall()
            table = np.array(rows, np.int64).reshape(-1, 2)
            norm = K1 * (1 - B + B * table[:, 1] / table[:, 1].mean())
            self._lengths[scope] = (table[:, 0], norm)
        return self._lengths[scope]


class ScopedRows(Rows):
    """One table row a posting, in the order of scope, term and memory."""

    name = "rows by scope"
    key = "scope, term, doc"


class Fts5(Candidate):
    """SQLite FTS5 without contents; a scope is a range of row ids."""

    name = "FTS5"
    scope_statistics = False  # bm25() counts the whole table
    as_of = False
    same_transaction = True

    def __init__(self, directory: Path) -> None:
        self._connection = open_database(directory)
        self._connection.execute(
            "CREATE VIRTUAL TABLE memory USING"
            " fts5(text, content='', contentless_delete=1, tokenize='ascii');"
            "INSERT INTO memory(memory, rank) VALUES ('secure-delete', 1)"
        )

    def add(self, memories: Sequence[Memory]) -> None:
        with self._connection:
            self._connection.executemany(
                "INSERT INTO memory(rowid, text) VALUES (?, ?)",
                ((memory.doc, words(memory.text)) for memory in memories),
            )

    def search(self, scope: int, terms: Sequence[int]) -> list[int]:
        rows = self._connection.execute(
            "SELECT rowid FROM memory WHERE memory MATCH ?"
            " AND rowid BETWEEN ? AND ? ORDER BY rank LIMIT ?",
            (" OR ".join(map(token, terms)), scope << 32, (scope + 1) << 32, BEST),
        )
        return [doc & 0xFFFFFFFF for (doc,) in rows]

    def erase(self, memory: Memory) -> None:
        with self._connection:
            self._connection.execute("DELETE FROM memory WHERE rowid = ?", (memory.doc,))

    def flush(self) -> None:
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


class Tantivy(Candidate):
    """tantivy, one writing thread; a scope is a term of its own that adds nothing to scores."""

    name = "tantivy"
    scope_statistics = False  # statistics are those of its segments, deleted memories included
    as_of = False
    same_transaction = False

    def __init__(self, directory: Path) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("number", stored=True, indexed=True, fast=True)
        builder.add_integer_field("scope", indexed=True)
        builder.add_text_field("text", tokenizer_name="whitespace", index_option="freq")
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema, path=str(directory))
        analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("whitespace", analyzer)
        self._writer = self._index.writer(64_000_000, 1)

    def add(self, memories: Sequence[Memory]) -> None:
        for memory in memories:
            document = tantivy.Document()
            document.add_integer("number", memory.number)
            document.add_integer("scope", memory.scope)
            document.add_text("text", words(memory.text))
            self._writer.add_document(document)
        self._commit()

    def search(self, scope: int, terms: Sequence[int]) -> list[int]:
        must, should, term_query = (
            tantivy.Occur.Must,
            tantivy.Occur.Should,
            tantivy.Query.term_query,
        )
        any_term = tantivy.Query.boolean_query(
            [(should, term_query(self._schema, "text", token(term))) for term in terms]
        )
        scoped = tantivy.Query.const_score_query(term_query(self._schema, "scope", scope), 0.0)
        query = tantivy.Query.boolean_query([(must, scoped), (must, any_term)])
        searcher = self._index.searcher()
        hits = searcher.search(query, BEST, count=False).hits
        return [searcher.doc(address)["number"][0] for _, address in hits]

    def erase(self, memory: Memory) -> None:
        self._writer.delete_documents_by_term("number", memory.number)
        self._commit()

    def flush(self) -> None:
        self._writer.garbage_collect_files()

    def holds(self, term: int) -> bool:
        return bool(self._index.searcher().doc_freq("text", token(term)))

    def _commit(self) -> None:
        self._writer.commit()
        self._index.reload()


CANDIDATES: tuple[type[Candidate], ...] = (Blocks, Rows, ScopedRows, Fts5, Tantivy)
