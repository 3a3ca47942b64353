"""Vectors behind the fold: what is embedded goes to Milvus, as spans of visibility.

Nothing here can hold up a write: a text that waits is found by its words. The worker that indexes a
partition embeds it too, so a cube has one writer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.distributed.building import show_collection
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
from memos.infrastructure.index.models.embedders.each import RefusedText, embed_each
from memos.infrastructure.index.models.embedders.port import Embedder, Vectors, embed_checked
from memos.infrastructure.index.projection import changes_text
from memos.infrastructure.release import RELEASE
from memos.infrastructure.vault.cassandra.set_aside import VECTORS, SetAside
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, id_text
from memos.kernel.moment import OPEN
from memos.kernel.scope import tenant_of
from memos.language.analysis import analyse
from memos.language.sentences import texts_to_embed

log = logging.getLogger("memos.worker")

PROJECTION = VECTORS
BATCH = 128
SETTLE_ROWS = 500


class Text(NamedTuple):
    """A memory's text that waits to be embedded: what is embedded of it, and until when it holds."""

    stored: Stored
    parts: list[str]
    weights: dict[int, float]
    closed: int
    refused: RefusedText | None = None

    def spans(self, vectors: Vectors) -> Iterator[VectorSpan]:
        """What is stored of it, by the vectors of its parts."""
        attempt = self.stored.attempt
        for number, vector in enumerate(vectors):
            yield VectorSpan(
                attempt.cube_id,
                attempt.scope,
                attempt.position.partition,
                attempt.ordinal,
                number,
                vector,
                self.weights if number == 0 else {},
                self.closed,
            )

    def set_aside(self, by: bytes, refused: RefusedText) -> SetAside:
        """Its name, where a model refuses it."""
        at = self.stored.attempt
        return SetAside(at.cube_id, at.ordinal, at.position, by, RELEASE, refused.cause)


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
            show_collection(stores.cassandra, collections, generation.number)
            live = collections.live()
            name = collections.name(collections.create() if live is None else live)
        self._milvus, self._collection = milvus, name
        self._writer = VectorWriter(milvus, name, rotations_of(stores, embedder))
        self._prior = PriorStates(generation.vault)
        self._tried_again: set[int] = set()

    def behind(self, partitions: Iterable[int]) -> list[int]:
        """Those of some partitions in which records wait."""
        return [partition for partition, waiting in self._waiting(partitions) if waiting]

    def waiting(self, partitions: Iterable[int]) -> int:
        """How many records of some partitions wait to be embedded."""
        return sum(waiting for _, waiting in self._waiting(partitions))

    def _waiting(self, partitions: Iterable[int]) -> Iterator[tuple[int, int]]:
        at = self._generation.vault.offsets([PROJECTION, FOLD])
        done, folded = at[PROJECTION], at[FOLD]
        for partition in partitions:
            yield partition, max(folded.get(partition, 0) - done.get(partition, 0), 0)

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

    def try_again(self, partition: int) -> None:
        """Take up what another release or another model set aside in a partition; once for each.

        Raises:
            EmbeddingFailed, VaultError: it can be done again.
        """
        if partition in self._tried_again:
            return
        mine = (self._embedder.digest, RELEASE)
        aside = [
            row
            for row in self._generation.set_aside.of(PROJECTION)
            if row.position.partition == partition and (row.by, row.release) != mine
        ]
        for rows in batched(aside, BATCH):
            self._milvus.served(self._collection, partial(self._take_again, rows))
        self._tried_again.add(partition)

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
        self._store(texts)
        self._purge([*erased, *self._erased_meanwhile(texts)])

    def _take_again(self, aside: Sequence[SetAside]) -> None:
        records = self._generation.vault.at_positions([row.position for row in aside])
        keys = self._stores.cube_keys.opened({row.cube_id for row in aside})
        texts = [
            self._text(stored, keys[stored.attempt.cube_id])._replace(closed=self._end_of(stored))
            for stored in records.values()
            if stored.attempt.cube_id in keys
        ]
        refused = {row.ordinal for row in self._store(texts)}
        taken = [row for row in aside if row.ordinal not in refused]
        self._generation.set_aside.take_back(PROJECTION, taken)
        self._purge(self._erased_meanwhile(texts))

    def _purge(self, erased: Sequence[bytes]) -> None:
        if erased:
            self._writer.purge(erased)
            self._generation.set_aside.forget(erased)

    def _end_of(self, stored: Stored) -> int:
        """The ordinal at which a cube's text was followed by another."""
        before = stored.attempt.state
        for attempt in self._generation.vault.attempts(stored.attempt.cube_id):
            if attempt.ordinal <= stored.attempt.ordinal or attempt.state is None:
                continue
            if changes_text(before, attempt.state):
                return attempt.ordinal
            before = attempt.state
        return OPEN

    def _store(self, texts: Sequence[Text]) -> list[SetAside]:
        """Embed texts and write their vectors; those that are refused are set aside."""
        by = self._embedder.digest
        aside = [text.set_aside(by, text.refused) for text in texts if text.refused is not None]
        texts = [text for text in texts if text.parts]
        embed = partial(embed_checked, self._embedder)
        answers = embed_each(embed, [text.parts for text in texts]) if texts else []
        spans: list[VectorSpan] = []
        for text, answer in zip(texts, answers, strict=True):
            if isinstance(answer, RefusedText):
                aside.append(text.set_aside(by, answer))
            else:
                spans += text.spans(answer)
        if aside:
            # Its name is kept before the checkpoint passes it.
            self._generation.set_aside.keep(PROJECTION, aside)
            for row in aside:
                log.error(
                    "memory %s at %s is set aside: %s refuses it (%s) and takes others",
                    *(id_text(row.cube_id), row.position, self._embedder.name, row.cause),
                )
        if spans:
            self._writer.upsert(spans)
        return aside

    def _erased_meanwhile(self, texts: Sequence[Text]) -> list[bytes]:
        """Whoever was erased while texts were embedded is not to come back."""
        cubes = {text.stored.attempt.cube_id for text in texts}
        return sorted(cubes - self._stores.cube_keys.opened(cubes).keys()) if cubes else []

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
        key = self._stores.keys.tenant_key(tenant_of(after.scope), create=False)
        try:
            weights = weights_of(analyse(key, memory)) if self._sparse else {}
            return Text(stored, texts_to_embed(memory.text, caption), weights, OPEN)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - pure functions: they fail for this text always
            return Text(stored, [], {}, OPEN, RefusedText(type(error).__name__))
