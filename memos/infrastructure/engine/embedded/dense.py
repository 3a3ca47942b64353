"""Embedding behind the write: a thread that follows the index and embeds what is new in it.

Several processes may do it at once: a text's vectors are written once, whoever is first. Nothing
here can hold up a write or lose one; a text that waits is found by its words.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import apsw

from memos.infrastructure.engine.dense import Counts
from memos.infrastructure.engine.embedded.reader import EmbeddedReader, connection_of
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.models.embedders.calls import EmbedderCalls
from memos.infrastructure.index.models.embedders.each import RefusedText, embed_each
from memos.infrastructure.index.models.embedders.port import Embedder, Vectors
from memos.infrastructure.index.port import Nearest, View, Within, paths_of
from memos.infrastructure.index.projection import content_text
from memos.infrastructure.index.sqlite.nearest_in import nearest_in
from memos.infrastructure.index.sqlite.scope_vectors import ScopeVectors
from memos.infrastructure.index.sqlite.set_aside import (
    SetAsideText,
    set_aside,
    set_aside_before,
    set_aside_cubes,
    take_back,
)
from memos.infrastructure.index.sqlite.snapshot import index_state
from memos.infrastructure.index.sqlite.tables import SCOPE_BITS, doc_range, scope_row
from memos.infrastructure.index.sqlite.vector_index import VectorIndex
from memos.infrastructure.index.sqlite.vectors import (
    Embedded,
    Model,
    add_model,
    add_vectors,
    model_number,
)
from memos.infrastructure.release import RELEASE
from memos.infrastructure.sqlite.statements import rows
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged, EmbeddingFailed, VaultError
from memos.language.sentences import texts_to_embed

BATCH = 32  # texts embedded and written together
POLL_SECONDS = 0.5
LONGEST_WAIT = 60.0  # seconds between two tries of an embedder that keeps failing

_WAITING_CUBES = (
    "SELECT cube_id, count(DISTINCT doc) FROM index_scope s"
    " LEFT JOIN index_embedded e ON e.scope_id = s.scope_id AND e.model = ?"
    f" JOIN index_span ON doc BETWEEN (s.scope_id << {SCOPE_BITS}) + coalesce(e.docs, 0) + 1"
    f" AND (s.scope_id << {SCOPE_BITS}) + s.docs"
    " WHERE s.docs > coalesce(e.docs, 0) GROUP BY cube_id"
)


NO_MODEL = 0
"""The number of no model: those that are kept count from 1."""


class _Waiting(NamedTuple):
    doc: int
    cube_id: bytes
    opened: int
    texts: list[str]


class _Batch(NamedTuple):
    waiting: list[_Waiting]
    marks: list[tuple[int, int]]  # (scope id, n of the last doc that the batch covers)
    cleared: int


class EmbeddedDense:
    """See `engine.dense.DenseIndex`."""

    def __init__(self, stores: EmbeddedStores, embedder: Embedder) -> None:
        self._stores = stores
        self._embedder = embedder
        self._vectors = VectorIndex(stores.cube_keys.key)
        self.model = self._registered_model()
        self._calls = EmbedderCalls(embedder)
        self._one_at_a_time = threading.Lock()
        self._tries_again = True
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memos-embedding", daemon=True)

    @property
    def name(self) -> str:
        """The embedder's name."""
        return self._embedder.name

    @property
    def failure(self) -> str:
        """Why the embedder's last call did not succeed; empty where it did."""
        return self._calls.failure

    def start(self) -> None:
        """Begin to follow the index in the background."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the batch at hand; what waits is embedded when the vault is next open."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._vectors.forget()

    def waiting(self, reader: Reader, counts: Counts | None = None) -> int:
        connection = connection_of(reader)
        if counts is not None:
            waiting = rows(connection, _WAITING_CUBES, (self.model.number,))
            return sum(texts for cube_id, texts in waiting if counts(cube_id))
        ((every,),) = rows(
            connection,
            "SELECT coalesce(sum(s.docs - coalesce(e.docs, 0)), 0) FROM index_scope s"
            " LEFT JOIN index_embedded e ON e.scope_id = s.scope_id AND e.model = ?",
            (self.model.number,),
        )
        return int(every)

    def embed_pending(self) -> int:
        done = 0
        while (written := self._step(self._calls.embed)) is not None:
            done += written
        return done

    def set_aside(self, reader: Reader, counts: Counts | None = None) -> int:
        cubes = set_aside_cubes(connection_of(reader), self.model.number)
        return sum(counts is None or counts(cube_id) for cube_id in cubes)

    def nearest(self, reader: Reader, view: View, within: Within, queries: Vectors) -> Nearest:
        kept = [self.kept(reader, scope) for scope in paths_of(within)]
        return nearest_in(kept, view.doc, queries)

    def kept(self, reader: Reader, scope: str) -> ScopeVectors:
        """The vectors at and under a scope, as they are kept in memory between searches."""
        return self._vectors.of_scope(connection_of(reader), scope, self.model)

    def of_query(self, texts: Sequence[str]) -> Vectors:
        return self._calls.of_query(texts)

    def _registered_model(self) -> Model:
        embedder = self._embedder
        digest, database = embedder.digest, self._stores.database
        with database.reading() as connection:
            number = model_number(connection, digest)
        if number is None:
            if database.read_only:  # none of its vectors is here
                return Model(NO_MODEL, digest, embedder.dimensions)
            database.write(lambda: add_model(database.writer, digest, embedder.name))
            with database.reading() as connection:
                number = model_number(connection, digest)
        assert number is not None  # noqa: S101 - just written
        return Model(number, digest, embedder.dimensions)

    def _run(self) -> None:
        wait, next_try = POLL_SECONDS, 0.0
        while not self._closing.is_set():
            worked = False
            try:
                self._forget_erased()
                if time.monotonic() >= next_try:
                    worked = self._step(self._calls.embed_behind) is not None
                    wait = POLL_SECONDS
            except (EmbeddingFailed, VaultError):
                # Nothing is lost: the texts wait, `failure` tells, and it is tried again.
                wait = min(wait * 2, LONGEST_WAIT)
                next_try = time.monotonic() + wait
            if not worked:
                self._closing.wait(POLL_SECONDS)

    def _forget_erased(self) -> None:
        """Have what was erased, here or by another process, leave this one's memory."""
        with self._stores.read() as reader:
            self._vectors.forget_erased(reader.connection)

    def _step(self, embed: Callable[[Sequence[str]], Vectors]) -> int | None:
        """Embed one batch: how many texts got their vectors; None where none waited."""
        with self._one_at_a_time:
            with self._stores.read() as reader:
                batch = self._next_batch(reader)
            if batch is None:
                return None
            waiting = [doc for doc in batch.waiting if doc.texts]
            answers = embed_each(embed, [doc.texts for doc in waiting])
            embedded: list[Embedded] = []
            refused: list[SetAsideText] = []
            for doc, answer in zip(waiting, answers, strict=True):
                if isinstance(answer, RefusedText):
                    refused.append(SetAsideText(doc.doc, doc.cube_id, doc.opened, answer.cause))
                else:
                    embedded.append(Embedded(doc.doc, doc.cube_id, doc.opened, answer))
            return self._stores.database.write(lambda: self._write(batch, embedded, refused))

    def _next_batch(self, reader: EmbeddedReader) -> _Batch | None:
        """What waits; before it what was set aside and is to be tried again."""
        connection = reader.connection
        cleared = index_state(connection).cleared
        again = self._set_aside_before(connection)
        if again:
            waiting = [
                _Waiting(
                    text.doc, text.cube_id, text.opened, texts_of(reader, text.cube_id, text.opened)
                )
                for text in again
            ]
            return _Batch(waiting, [], cleared)
        scopes = rows(
            connection,
            "SELECT max(coalesce(e.docs, 0), 0), s.scope_id, s.docs, s.inverted, s.changed FROM index_scope s"
            " LEFT JOIN index_embedded e ON e.scope_id = s.scope_id AND e.model = ?"
            " WHERE s.docs > coalesce(e.docs, 0) ORDER BY s.scope_id LIMIT ?",
            (self.model.number, BATCH),
        )
        batch = _Batch([], [], cleared)
        left = BATCH
        for done, *stored in scopes:
            scope_id, docs, *_ = scope_row(stored)
            last = min(docs, done + left)
            spans = rows(
                connection,
                "SELECT doc, cube_id, min(opened) FROM index_span WHERE doc BETWEEN ? AND ?"
                " GROUP BY doc",
                doc_range(scope_id, done + 1, last),
            )
            for doc, cube_id, opened in spans:
                texts = texts_of(reader, cube_id, opened)
                batch.waiting.append(_Waiting(doc, cube_id, opened, texts))
            batch.marks.append((scope_id, last))
            left -= last - done
            if left <= 0:
                break
        return batch if batch.marks else None

    def _set_aside_before(self, connection: apsw.Connection) -> list[SetAsideText]:
        """What another release set aside: tried again once, when the vault is opened."""
        if not self._tries_again:
            return []
        again = set_aside_before(connection, self.model.number, RELEASE, BATCH)
        self._tries_again = bool(again)
        return again

    def _write(
        self, batch: _Batch, embedded: Sequence[Embedded], refused: Sequence[SetAsideText]
    ) -> int:
        writer, cube_keys = self._stores.database.writer, self._stores.cube_keys
        if index_state(writer).cleared != batch.cleared:
            return 0  # the index was rebuilt meanwhile, and its texts are numbered anew
        written = add_vectors(
            writer, self.model, embedded, lambda cube_id: cube_keys.key(writer, cube_id)
        )
        take_back(writer, (doc.doc for doc in batch.waiting), self.model.number)
        still = [text for text in refused if cube_keys.key(writer, text.cube_id) is not None]
        if still:
            set_aside(writer, self.model.number, RELEASE, still)
        writer.executemany(
            "INSERT INTO index_embedded VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET docs = max(docs, excluded.docs)",
            ((self.model.number, scope_id, last) for scope_id, last in batch.marks),
        )
        return written


def texts_of(reader: EmbeddedReader, cube_id: bytes, opened: int) -> list[str]:
    """What to embed of a cube as it was at an offset; nothing where it cannot be read."""
    attempt = reader.vault.state_at(cube_id, opened)
    state: CubeState | None = None if attempt is None else attempt.state
    if state is None:
        return []
    try:
        bodies = [reader.body(cube_id, version) for version in state.parts]
    except Damaged:
        return []  # the index has no words of it either, and `memos verify` names it
    content, _, provenance, *_ = bodies
    if content is None or provenance is None:
        return []
    return texts_to_embed(content_text(content), provenance.provenance.turn.caption)
