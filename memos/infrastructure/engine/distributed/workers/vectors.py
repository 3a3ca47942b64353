"""Vectors behind the fold: what is embedded goes to Milvus, as spans of visibility.

Nothing here can hold up a write: a text that waits is found by its words. The worker that indexes a
partition embeds it too, so a cube has one writer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.bodies import open_readable
from memos.infrastructure.engine.distributed.workers.fold import mark_of
from memos.infrastructure.engine.distributed.workers.index import concerns_search
from memos.infrastructure.engine.distributed.workers.port import Mark
from memos.infrastructure.engine.distributed.workers.prior_states import PriorStates
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.milvus.rotation import Rotations
from memos.infrastructure.index.milvus.spans import VectorSpan
from memos.infrastructure.index.milvus.terms import weights_of
from memos.infrastructure.index.milvus.writer import VectorWriter
from memos.infrastructure.index.models.embedders.port import Embedder, embed_checked
from memos.infrastructure.index.projection import changes_text
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.errors import Damaged, EmbeddingFailed, VaultError
from memos.kernel.event import Kind
from memos.kernel.moment import OPEN
from memos.kernel.scope import tenant_of
from memos.language.analysis import analyse
from memos.language.sentences import texts_to_embed

log = logging.getLogger("memos.worker")

PROJECTION = "vectors"
BATCH = 128
POLL_SECONDS = 0.2
SETTLE_ROWS = 500
LONGEST_PAUSE = 30.0


class Text(NamedTuple):
    """A memory's text that waits to be embedded: what is embedded of it, and until when it holds."""

    stored: Stored
    parts: list[str]
    weights: dict[int, float]
    closed: int


def rotations_of(stores: Stores, embedder: Embedder) -> Rotations:
    """The rotations under which a model's vectors are stored."""
    return Rotations(stores.keys.tenant_key, embedder.digest, embedder.dimensions)


class VectorIndexer:
    """Embeds the partitions that it is given, behind the fold; `step` by `step`.

    Args:
        stores: the vault.
        generation: its projections.
        milvus: where the vectors go, the alias of the model's live collection.
        embedder: the model.
        collection: another collection than the live one, that a rebuild fills.
    """

    def __init__(
        self,
        stores: Stores,
        generation: Generation,
        milvus: Milvus,
        embedder: Embedder,
        collection: str | None = None,
    ) -> None:
        self._stores = stores
        self._generation = generation
        self._embedder = embedder
        self._sparse = milvus.capabilities().sparse
        name = collection
        if name is None:
            collections = Generations(milvus, embedder.digest, embedder.dimensions)
            live = collections.live()
            name = collections.name(collections.create() if live is None else live)
        self._milvus, self._collection = milvus, name
        self._writer = VectorWriter(milvus, name, rotations_of(stores, embedder))
        self._prior = PriorStates(generation.vault)

    def behind(self, partitions: Iterable[int]) -> list[int]:
        """Those of some partitions in which records wait."""
        vault = self._generation.vault
        done, folded = vault.checkpoints(PROJECTION), vault.checkpoints(FOLD)
        nothing = (0, 0, 0)
        return [
            partition
            for partition in partitions
            if folded.get(partition, nothing)[0] > done.get(partition, nothing)[0]
        ]

    def step(self, partition: int) -> int:
        """Embed a batch of a partition; how many records it took, 0 where none wait.

        Raises:
            EmbeddingFailed, VaultError: it can be done again.
        """
        vault = self._generation.vault
        mark = mark_of(vault, PROJECTION, partition)
        end = mark_of(vault, FOLD, partition)
        if end.offset <= mark.offset:
            return 0
        records = list(islice(vault.folded(partition, mark.offset, end.offset), BATCH))
        memories = [stored for stored in records if concerns_search(stored.attempt)]
        self._milvus.served(self._collection, lambda: self._take(memories))
        if len(records) < BATCH:
            done = end
        else:
            last = records[-1].attempt
            done = Mark(last.position.offset + 1, last.ordinal, last.log_time)
        self._generation.writer.write_checkpoint(PROJECTION, partition, *done)
        return done.offset - mark.offset

    def text_of(self, stored: Stored) -> list[str] | None:
        """What is embedded of a memory as a record left it; None where nothing opens it."""
        key = self._stores.cube_keys.key(stored.attempt.cube_id)
        return None if key is None else self._text(stored, key).parts

    def settle(self) -> None:
        """Have the server index what was written; for a pause."""
        self._writer.settle(SETTLE_ROWS)

    def _take(self, memories: Sequence[Stored]) -> None:
        erased = [
            memory.attempt.cube_id for memory in memories if memory.attempt.kind is Kind.ERASED
        ]
        texts, closings = self._texts([e for e in memories if e.attempt.kind is not Kind.ERASED])
        if closings:
            self._writer.close(closings)
        spans = self._spans(texts)
        if spans:
            self._writer.upsert(spans)
            # Whoever was erased meanwhile is not to come back.
            cubes = {span.cube_id for span in spans}
            erased += sorted(cubes - self._stores.cube_keys.opened(cubes).keys())
        if erased:
            self._writer.purge(erased)

    def _texts(self, memories: Sequence[Stored]) -> tuple[list[Text], dict[bytes, int]]:
        """The new texts of a batch, and where the earlier texts of their cubes end."""
        keys = self._stores.cube_keys.opened({memory.attempt.cube_id for memory in memories})
        texts: list[Text] = []
        closings: dict[bytes, int] = {}
        newest: dict[bytes, int] = {}
        for stored in memories:
            attempt, after = stored.attempt, stored.attempt.state
            key = keys.get(attempt.cube_id)
            if after is None:
                continue
            before = self._prior.before(attempt, after)
            if key is None or not changes_text(before, after):
                continue
            earlier = newest.get(attempt.cube_id)
            if earlier is not None:
                texts[earlier] = texts[earlier]._replace(closed=attempt.ordinal)
            elif before is not None:
                closings[attempt.cube_id] = attempt.ordinal
            newest[attempt.cube_id] = len(texts)
            texts.append(self._text(stored, key))
        return texts, closings

    def _text(self, stored: Stored, key: bytes) -> Text:
        after = stored.attempt.state
        assert after is not None  # noqa: S101 - it was accepted
        try:
            memory = open_readable(self._generation.vault, stored, after, key)
        except Damaged:
            return Text(stored, [], {}, OPEN)  # it is not found by its words either
        caption = "" if memory.turn is None else memory.turn.caption
        weights = {}
        if self._sparse:
            tenant_key = self._stores.keys.tenant_key(tenant_of(after.scope))
            weights = weights_of(analyse(tenant_key, memory))
        return Text(stored, texts_to_embed(memory.text, caption), weights, OPEN)

    def _spans(self, texts: Sequence[Text]) -> list[VectorSpan]:
        parts = [part for text in texts for part in text.parts]
        if not parts:
            return []
        vectors = iter(embed_checked(self._embedder, parts))
        return [
            VectorSpan(
                text.stored.attempt.cube_id,
                text.stored.attempt.scope,
                text.stored.attempt.position.partition,
                text.stored.attempt.ordinal,
                number,
                next(vectors),
                text.weights if number == 0 else {},
                text.closed,
            )
            for text in texts
            for number in range(len(text.parts))
        ]


class VectorThread:
    """Runs an indexer behind a worker, over the partitions that the worker has."""

    def __init__(self, indexer: VectorIndexer, partitions: Callable[[], Iterable[int]]) -> None:
        self._indexer = indexer
        self._partitions = partitions
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memos-vectors", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the batch at hand."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        pause = POLL_SECONDS
        while not self._closing.is_set():
            try:
                behind = self._indexer.behind(self._partitions())
                worked = sum(map(self._indexer.step, behind))
                if not worked:
                    self._indexer.settle()
            except (EmbeddingFailed, VaultError) as error:
                # Nothing is lost: the texts wait, are found by their words, and are tried again.
                log.warning("texts wait to be embedded: %s", error)
                worked, pause = 0, min(pause * 2, LONGEST_PAUSE)
            else:
                pause = POLL_SECONDS
            if not worked:
                self._closing.wait(pause)
