"""What the workers that index and embed set aside, by name; another release tries it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from memos import Memory, NotApplied
from memos.infrastructure.engine.distributed.refold import index_worker
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers import index, vectors
from memos.infrastructure.engine.distributed.workers.vectors import VectorIndexer
from memos.infrastructure.index.milvus.audit import rows_without_vectors
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.log.port import Cut
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.event import id_bytes
from memos.language.analysis import analyse
from memos.language.indexed_text import IndexedText, Readable
from tests.fleet import Fleet, waiting_for
from tests.interface.embedder import HashingEmbedder
from tests.waiting import wait_until

ACTOR = "agent:alice"
POISON = "This text about pottery is poison."
GOOD = "She likes pottery."

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


class Refusing(HashingEmbedder):
    """Refuses a batch that has poison in it, until it is cured."""

    cured = False

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if not self.cured and any("poison" in text for text in texts):
            raise TypeError("no text")
        return super().embed(texts)


@dataclass
class Bench:
    """A vault of which only the fold runs; the test takes the steps of the other workers."""

    path: Path
    stores: Stores
    live: Generation
    milvus: Milvus
    embedder: Refusing

    def index_all(self) -> None:
        """What an index worker that starts does with all that is there."""
        worker = index_worker(self.stores, self.live)
        end = self.await_folded()
        for partition in end:
            worker.assigned(partition)
        for records in self.stores.logs.events.read_all(end):
            worker.take(records)

    def embed_all(self) -> None:
        """What the thread of one that starts does."""
        indexer = VectorIndexer(self.stores, self.live, self.milvus, self.embedder)
        end = self.await_folded()
        for partition in end:
            indexer.try_again(partition)
            while indexer.step(partition):
                pass

    def named(self, projection: str) -> list[tuple[bytes, str]]:
        return [(row.cube_id, row.cause) for row in self.live.set_aside.of(projection)]

    def vectors_of(self, cube_id: str) -> list[tuple[int, int]]:
        collections = Generations(self.milvus, self.embedder.digest, self.embedder.dimensions)
        live = collections.live()
        assert live is not None
        rows = rows_without_vectors(self.milvus, collections.name(live))
        mine = [row for row in rows if row["key"].startswith(id_bytes(cube_id).hex())]
        return sorted((row["opened"], row["closed"]) for row in mine)

    def await_folded(self) -> Cut:
        """Where the log ends, once all before that is folded."""
        end = self.stores.logs.events.end()
        wait_until(
            lambda: all(
                self.live.vault.checkpoints(FOLD).get(partition, (0,))[0] >= size
                for partition, size in end.items()
            )
        )
        return end


@pytest.fixture
def bench(engines: LocalServers, tmp_path: Path) -> Iterator[Bench]:
    fleet = Fleet(tmp_path, engines, embedder='[embedder]\nname = "minilm"\n')
    with ExitStack() as stack:
        stack.callback(fleet.remove)
        fleet.make(ACTOR)
        fleet.start("fold")
        stores = stack.enter_context(closing(Stores(fleet.settings)))
        assert stores.settings.milvus is not None
        milvus = stack.enter_context(closing(Milvus(stores.settings.milvus)))
        embedder = Refusing(fleet.directory.name)
        stack.callback(Generations(milvus, embedder.digest, embedder.dimensions).drop_all)
        yield Bench(fleet.path, stores, stores.live(), milvus, embedder)


def add(bench: Bench, *texts: str) -> list[str]:
    with Memory(bench.path, actor=ACTOR, wait="durable") as memory:
        return [memory.add(text, scope="acme").cube_id for text in texts]


def found(bench: Bench) -> set[str]:
    with Memory(bench.path, actor=ACTOR) as memory:
        return {hit.text for hit in memory.search("pottery", scope="acme")}


def failing(word: str) -> Callable[[bytes, Readable], IndexedText]:
    """An analysis that has a fault with texts that have a word in them."""

    def analysed(tenant_key: bytes, memory: Readable) -> IndexedText:
        if word in memory.text:
            raise RecursionError(memory.text)
        return analyse(tenant_key, memory)

    return analysed


def test_a_text_whose_analysis_fails_is_set_aside_until_another_release(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, *_ = add(bench, POISON, GOOD, f"{GOOD} Again.")
    with monkeypatch.context() as patched:
        patched.setattr(index, "analyse", failing("poison"))
        bench.index_all()
        assert bench.named("index") == [(id_bytes(poison), "RecursionError")]
        assert found(bench) == {GOOD, f"{GOOD} Again."}
        patched.setattr(index, "RELEASE", "9.9.8")
        bench.index_all()
        assert bench.named("index") == [(id_bytes(poison), "RecursionError")]
    bench.index_all()
    assert bench.named("index") == []
    assert found(bench) == {POISON, GOOD, f"{GOOD} Again."}


def test_a_text_that_a_model_refuses_is_tried_again_by_another_release_or_model(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, good, changed = add(bench, POISON, GOOD, f"{POISON} Once.")
    bench.await_folded()
    bench.path.write_text(waiting_for(bench.path.read_text(), 1))
    with Memory(bench.path, actor=ACTOR) as memory, pytest.raises(NotApplied, match="index"):
        memory.update(changed, GOOD)  # durable, and no worker indexes it
    bench.embed_all()
    assert sorted(bench.named("vectors")) == sorted(
        (id_bytes(cube), "TypeError") for cube in (poison, changed)
    )
    assert len(bench.vectors_of(good)) == len(bench.vectors_of(changed)) == 1
    bench.embedder.cured = True
    bench.embed_all()  # the same release and model: it is left as it is
    assert bench.vectors_of(poison) == []
    monkeypatch.setattr(vectors, "RELEASE", "9.9.9")
    bench.embed_all()
    assert bench.named("vectors") == []
    assert len(bench.vectors_of(poison)) == 1
    (first, ends), (second, _) = bench.vectors_of(changed)
    assert first < second == ends
