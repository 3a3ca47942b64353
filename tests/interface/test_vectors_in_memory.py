"""What a vault keeps of vectors between searches: it grows by what is new, and an erase empties it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memos import Hit, Memory
from memos.infrastructure.engine.embedded.dense import EmbeddedDense
from memos.infrastructure.index.sqlite import scope_vectors
from memos.infrastructure.index.sqlite.scope_vectors import ScopeVectors
from memos.operation.search import dense
from tests.interface.embedder import HashingEmbedder
from tests.waiting import wait_until

PEOPLE = ("ann", "bob", "cid", "dot", "eve")
THINGS = ("pottery", "violins", "harbours", "gardens", "museums", "cameras", "kilns")


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def memory(vault: Path, embedder: HashingEmbedder) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice", embedder=embedder) as opened:
        yield opened


@pytest.fixture
def few_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scopes of some texts are estimated first, as large ones are."""
    monkeypatch.setattr(scope_vectors, "ALL_EXACT", 4)
    monkeypatch.setattr(dense, "CONTENDERS", 8)


def kept_of(memory: Memory) -> list[ScopeVectors]:
    index = memory._session.embedding
    assert isinstance(index, EmbeddedDense)
    return [kept.vectors for kept in index._vectors._kept.values()]


def held(memory: Memory, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bool:
    """Whether a vector lies anywhere in what is kept."""
    wanted = vector.astype(np.float16).tobytes()
    return any(
        row.tobytes() == wanted
        for kept in kept_of(memory)
        for rows in (kept.texts.stored, kept.sentences.stored)
        for _, block in rows._blocks
        for row in block
    )


def ranked(hits: list[Hit]) -> list[tuple[str, float]]:
    return [(hit.text, hit.score) for hit in hits]


def fill(memory: Memory) -> None:
    for person in PEOPLE:
        for thing in THINGS:
            memory.add(f"{person} likes {thing}. {person} sells them.", scope=f"acme/{person}")
    memory.embed_pending()


def test_lists_are_the_same_whether_all_is_compared_exactly_or_estimated_first(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memory)
    queries = ["who likes pottery", "does eve sell kilns", "museums and gardens", "bob"]
    exact = [ranked(memory.search(query, scope="acme", k=5)) for query in queries]
    monkeypatch.setattr(scope_vectors, "ALL_EXACT", 4)
    monkeypatch.setattr(dense, "CONTENDERS", 8)
    assert [ranked(memory.search(query, scope="acme", k=5)) for query in queries] == exact


@pytest.mark.usefixtures("few_exact")
def test_an_add_is_found_and_moves_nothing_that_is_kept(memory: Memory) -> None:
    fill(memory)
    memory.search("pottery", scope="acme")
    (before,) = kept_of(memory)
    blocks = [*before.texts.stored._blocks, *before.sentences.stored._blocks]
    memory.add("ann restores clocks", scope="acme/ann")
    memory.embed_pending()
    (hit, *_) = memory.search("restores clocks", scope="acme")
    assert hit.text == "ann restores clocks"
    (after,) = kept_of(memory)
    grown = [*after.texts.stored._blocks, *after.sentences.stored._blocks]
    assert len(after.docs) == len(before.docs) + 1
    assert {id(block) for _, block in blocks} <= {id(block) for _, block in grown}


@pytest.mark.usefixtures("few_exact")
def test_an_earlier_moment_is_searched_as_it_was(memory: Memory) -> None:
    fill(memory)
    made = memory.add("dot paints boats", scope="acme/dot").cube_id
    memory.embed_pending()
    then = ranked(memory.search("paints boats", scope="acme", k=5))
    memory.name_cut("before")
    memory.update(made, "dot sails")
    memory.add("eve paints boats", scope="acme/eve")
    memory.embed_pending()
    assert ranked(memory.search("paints boats", scope="acme", k=5)) != then
    assert ranked(memory.search("paints boats", scope="acme", k=5, as_of="before")) == then


def test_what_another_process_erases_leaves_the_memory_of_this_one_unasked(
    vault: Path, memory: Memory, embedder: HashingEmbedder
) -> None:
    fill(memory)
    text = "gus keeps bees"
    gone = memory.add(text, scope="acme/gus").cube_id
    memory.embed_pending()
    vector = embedder.embed([text])[0]
    for scope in ("acme", "acme/gus"):
        memory.search("bees", scope=scope)
    assert held(memory, vector)
    program = (
        "from memos import Memory\n"
        f"with Memory({str(vault)!r}, actor='agent:alice') as memory:\n"
        f"    memory.erase(cube_id={gone!r})\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=240)
    wait_until(lambda: not held(memory, vector))
    assert text not in [hit.text for hit in memory.search("bees", scope="acme", k=50)]


def test_an_erase_leaves_memory_while_the_embedder_fails(
    memory: Memory, embedder: HashingEmbedder
) -> None:
    gone = memory.add("gus keeps bees", scope="acme").cube_id
    memory.embed_pending()
    memory.search("bees", scope="acme")
    vector = embedder.embed(["gus keeps bees"])[0]
    embedder.broken = True
    memory.add("hal keeps hens", scope="acme")
    time.sleep(1.2)  # by now the thread waits longer than an erase may take
    memory.erase(cube_id=gone)
    wait_until(lambda: not held(memory, vector))


@pytest.mark.usefixtures("few_exact")
def test_threads_that_search_while_others_add_and_erase_see_whole_lists(memory: Memory) -> None:
    fill(memory)
    done = threading.Event()
    failures: list[BaseException] = []
    seen: list[int] = []

    def search() -> None:
        try:
            while not done.is_set():
                hits = memory.search("who likes pottery", scope="acme", k=5)
                seen.append(len(hits))
                assert {hit.text.split()[2] for hit in hits} == {"pottery."}
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(15):
        gone = memory.add(f"zoe {number} keeps hens", scope="acme/zoe").cube_id
        memory.embed_pending()
        memory.erase(cube_id=gone)
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert set(seen) == {5}
