"""A Milvus that is killed while it is written to has everything that it acknowledged."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal

import pytest

from memos.infrastructure.index.milvus import Milvus, MilvusSettings
from memos.infrastructure.index.milvus.audit import span_keys
from memos.infrastructure.servers import LocalServers, leased
from memos.kernel.errors import IndexUnavailable
from memos.kernel.moment import NEWEST
from tests.engines import up_or_skip
from tests.infrastructure.index.milvus.support import Vectors, cube, span, unit

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]

BATCH = 50


@pytest.mark.parametrize("kind", ["lite", "server"])
def test_what_was_acknowledged_before_a_kill_is_there_after_it(
    tmp_path: Path, kind: Literal["lite", "server"]
) -> None:
    with leased(LocalServers(tmp_path / "engine", ("milvus",), milvus=kind)) as engine:
        up_or_skip(engine)
        vectors = Vectors(Milvus(MilvusSettings(engine.address("milvus"), timeout=5)))
        acknowledged, told = _write_until_killed(engine, vectors)
        assert engine.address("milvus") in told
        assert "try again" in told or "Start it" in told
        engine.start("milvus")
        vectors.milvus.wait_loaded(vectors.collection)
        kept = {key.key for key in span_keys(vectors.milvus, vectors.collection)}
        assert acknowledged
        assert acknowledged <= kept
        after = vectors.upsert(span(10**6, 10**6, unit(1)))
        found = vectors.candidates("acme", NEWEST, unit(1), 10, after=after)
        assert len(found) == 10
        assert vectors.writer.close({cube(0): 10**7}).rows == 1


def _write_until_killed(engine: LocalServers, vectors: Vectors) -> tuple[set[str], str]:
    """The keys that the server acknowledged, and what the writer was told at the end."""
    acknowledged: set[str] = set()
    started = threading.Event()

    def kill() -> None:
        started.wait()
        engine.kill("milvus")

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for number in range(10_000):
            rows = [span(number * BATCH + n, number, unit(1, n)) for n in range(BATCH)]
            try:
                vectors.upsert(*rows)
            except IndexUnavailable as error:
                return acknowledged, str(error)
            acknowledged |= {row.key for row in rows}
            if number == 20:
                started.set()
    finally:
        started.set()
        killer.join()
    raise AssertionError("the server was killed, and still answered")
