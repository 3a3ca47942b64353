"""A process that embeds behind the write is killed in the middle of a flush."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from memos import Memory
from memos.infrastructure.engine.embedded.dense import BATCH
from tests.interface.embedder import HashingEmbedder

ROOT = Path(__file__).parents[3]
TEXTS = 300
THINGS = ("kiln", "violin", "harbour", "orchard", "lantern", "ferry", "glacier")
QUERIES = ("a kiln by the harbour", "who repaired the violin?", "orchard lantern", "the glacier")
SCOPES = ("acme/a", "acme/b", "acme/c")

KILLED_WHILE_SEALING = """
import os, signal, sys
import memos.infrastructure.index.sqlite.vectors as vectors
from memos import Memory
from tests.interface.embedder import HashingEmbedder

left = int(sys.argv[2])
seal = vectors.encrypt

def counted(*arguments):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return seal(*arguments)

vectors.encrypt = counted
with Memory(sys.argv[1], actor="agent:alice", embedder=HashingEmbedder()) as memory:
    memory.embed_pending()
"""

EMBEDS_AND_TELLS = """
import sys, time
from memos import Memory
from tests.interface.embedder import HashingEmbedder

class Telling(HashingEmbedder):
    def embed(self, texts):
        sys.stdout.write("batch\\n")
        sys.stdout.flush()
        return super().embed(texts)

with Memory(sys.argv[1], actor="agent:alice", embedder=Telling()) as memory:
    memory.embed_pending()
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault of texts that wait to be embedded."""
    vault = tmp_path_factory.mktemp("written") / "vault"
    chance = random.Random(5)
    with Memory(vault, actor="agent:alice") as memory:
        for number in range(TEXTS):
            one, two, three = chance.choices(THINGS, k=3)
            text = f"Number {number}: the {one} stood by the {two}. She repaired a {three} there."
            memory.add(text, scope=SCOPES[number % len(SCOPES)])
    return vault


@pytest.fixture(scope="module")
def unkilled(written: Path) -> list[object]:
    """What is found where nothing was killed."""
    vault = shutil.copytree(written, written.with_name("unkilled"))
    embed_the_rest(vault)
    return found(vault)


@pytest.fixture
def vault(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "vault")


def embed_the_rest(vault: Path) -> None:
    with Memory(vault, actor="agent:alice", embedder=HashingEmbedder()) as memory:
        memory.embed_pending()
        assert memory.embedding_lag().waiting == 0


def found(vault: Path) -> list[object]:
    """Every hit and score, and each text's nearness in meaning."""
    with Memory(vault, actor="agent:alice", embedder=HashingEmbedder()) as memory:
        hits = [
            memory.search(query, scope=scope, k=50)
            for query in QUERIES
            for scope in ("acme", *SCOPES)
        ]
    return [(hit.cube_id, hit.score, hit.explain["dense"]) for each in hits for hit in each]


def vector_rows(vault: Path) -> list[int]:
    """The texts that have vectors, one number a row."""
    connection = apsw.Connection(str(vault / "memos.db"))
    found = [int(doc) for (doc,) in connection.execute("SELECT doc FROM index_vector")]
    connection.close()
    return found


@pytest.mark.parametrize("seals", [1, 20, 33, 150, TEXTS])
def test_a_flush_killed_between_two_vectors_leaves_whole_batches_and_is_resumed(
    vault: Path, unkilled: list[object], seals: int
) -> None:
    done = run_killed(KILLED_WHILE_SEALING, vault, str(seals))
    assert done.returncode == -signal.SIGKILL, done.stderr
    kept = vector_rows(vault)
    assert len(kept) < seals
    assert len(kept) % BATCH == 0
    embed_the_rest(vault)
    rows = vector_rows(vault)
    assert len(rows) == len(set(rows)) == TEXTS
    assert found(vault) == unkilled


def test_flushes_killed_at_random_instants_end_as_one_that_was_not(
    vault: Path, unkilled: list[object]
) -> None:
    chance = random.Random(11)
    seen = [0]
    for _ in range(6):
        command = [sys.executable, "-c", EMBEDS_AND_TELLS, str(vault)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            if seen[-1] < TEXTS:
                assert worker.stdout.readline() == b"batch\n"
            time.sleep(chance.uniform(0, 0.01))
            worker.kill()
        rows = vector_rows(vault)
        assert len(rows) == len(set(rows))
        assert len(rows) >= seen[-1]  # what was committed is never lost
        seen.append(len(rows))
    embed_the_rest(vault)
    rows = vector_rows(vault)
    assert len(rows) == len(set(rows)) == TEXTS
    assert found(vault) == unkilled
    with Memory(vault, actor="agent:alice") as memory:
        assert memory.verify().ok


def run_killed(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
