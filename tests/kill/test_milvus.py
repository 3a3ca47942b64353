"""SIGKILL of Milvus under adds and searches: writes go on, searches go by words and say why."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from memos import Memory, VaultError
from memos.infrastructure.index.milvus.audit import Inventory, inventory
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.servers import LocalServers
from tests.embeddings import Embeddings, serving
from tests.fleet import Fleet
from tests.kill.load import ACTOR
from tests.kill.trial import Trial, caught_up, check_projections
from tests.waiting import wait_until

ITEMS = 40
MILVUS_SECONDS = 3.0
QUERY = "what the load holds"


@pytest.fixture(scope="module")
def embeddings() -> Iterator[Embeddings]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def fleet(
    servers: LocalServers, embeddings: Embeddings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """A vault with vectors, and a worker of each kind."""
    made = Fleet(
        tmp_path_factory.mktemp("fleet"),
        servers,
        embedder=embeddings.section,
        milvus_timeout=MILVUS_SECONDS,
    )
    try:
        made.make(ACTOR)
        Memory(made.path, actor=ACTOR, embedder=embeddings.embedder()).close()
        made.start_all()
        yield made
    finally:
        made.remove()


class Searcher:
    """Searches by words and meaning, over and over, and keeps what each search said of itself."""

    def __init__(self, fleet: Fleet, embeddings: Embeddings, tenant: str) -> None:
        self._opened = Memory(fleet.path, actor=ACTOR, embedder=embeddings.embedder())
        self._tenant = tenant
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.told: list[dict[str, Any]] = []
        self.failures: list[str] = []

    def __enter__(self) -> Searcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._opened.close()

    @property
    def by_meaning(self) -> list[dict[str, Any]]:
        """What the searches said whose hits were compared in meaning."""
        return [each for each in self.told if "model" in each]

    @property
    def by_words(self) -> list[str]:
        """Why the others went without."""
        return [each["unavailable"] for each in self.told if "unavailable" in each]

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                hits = self._opened.search(QUERY, scope=self._tenant)
            except VaultError as error:
                self.failures.append(str(error))
            else:
                if hits:
                    self.told.append(hits[0].explain["dense"])
            time.sleep(0.1)


def held(fleet: Fleet) -> Inventory:
    """What the live collection holds."""
    with fleet.collections() as collections, closing(Milvus(fleet.milvus)) as milvus:
        live = collections.live()
        assert live is not None
        return inventory(milvus, collections.name(live))


@pytest.mark.soak
def test_a_milvus_killed_under_load_holds_up_no_write_and_lacks_no_vector_afterwards(
    fleet: Fleet, servers: LocalServers, embeddings: Embeddings
) -> None:
    trial = Trial(fleet, ITEMS)
    address = servers.address("milvus")
    with Searcher(fleet, embeddings, trial.tenant) as searcher:
        trial.begin()
        trial.await_acknowledged(10)
        wait_until(lambda: len(searcher.by_meaning) > 0, "a search by meaning")
        servers.kill("milvus")
        killed = time.monotonic()
        acknowledged = len(trial.acknowledged)
        wait_until(lambda: len(searcher.by_words) > 1, "two searches by words")
        wait_until(lambda: len(trial.acknowledged) > acknowledged + 20, "writes go on")
        with pytest.raises(VaultError, match=address) as refused:
            Memory(fleet.path, actor=ACTOR, embedder=embeddings.embedder())
        assert "memos doctor" in str(refused.value)
        servers.start("milvus")
        back = time.monotonic()
        before = len(searcher.by_meaning)
        wait_until(lambda: len(searcher.by_meaning) > before, "a search by meaning again")
        found = time.monotonic()
        trial.end()
        caught_up(fleet)
    assert searcher.failures == []
    for told in searcher.by_words:
        assert address in told or "nothing here is embedded yet" in told, told
        assert "embedded" in told or "memos doctor" in told or "try again" in told, told
    assert any(address in told for told in searcher.by_words)
    assert not any(address in each["message"] for each in trial.errors)
    with Memory(fleet.path, actor=ACTOR, embedder=embeddings.embedder()) as memory:
        memory.embed_pending()
        caught = time.monotonic()
        assert memory.embedding_lag().waiting == 0
        for each in trial.acknowledged[:10]:
            assert fleet.vectors_of(each["cube_id"])
        hits = memory.search(QUERY, scope=trial.tenant, k=1_000)
        assert all(hit.explain["dense"]["embedded"] for hit in hits[:100])
        check_projections(fleet)
        live, digest = held(fleet), memory.digest()
        assert memory.rebuild().digest == digest == memory.digest()
        assert held(fleet) == live
    trial.check(
        "milvus killed",
        seconds=caught - killed,
        after_it_was_back=caught - back,
        found_by_meaning_after=found - back,
        vectors=live.rows,
    )
