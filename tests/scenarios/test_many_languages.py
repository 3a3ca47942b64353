"""With the multilingual model both engines find, and rank alike, what was said in another language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory
from memos.infrastructure.servers import LocalServers
from tests.fleet import PARTITIONS, Fleet
from tests.multilingual import installed
from tests.operation.search.meanings import CASES
from tests.scenarios.conftest import SECONDS
from tests.scenarios.place import ADMINISTRATOR

TOLD = CASES[::4]
NEAR = 2e-3
"""Embedded keeps vectors in half precision: two engines' scores agree as far as that goes."""

pytestmark = [installed, pytest.mark.engines, pytest.mark.timeout(SECONDS)]


@pytest.fixture
def fleet(engines: LocalServers, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, engines, embedder='[embedder]\nname = "multilingual"\n')
    try:
        made.make(ADMINISTRATOR)
        for worker in ("fold", "index"):
            made.start(worker)
            made.await_said(worker, "goes on from", PARTITIONS)
        yield made
    finally:
        made.remove()


def test_both_engines_find_alike_across_languages(fleet: Fleet, tmp_path: Path) -> None:
    found, scores = [], []
    for path in (tmp_path / "team.vault", fleet.path):
        with Memory(path, actor=ADMINISTRATOR, embedder="multilingual") as memory:
            memory.add_many([{"text": case.text, "scope": "acme"} for case in TOLD])
            memory.embed_pending()
            hits = [memory.search(case.question, scope="acme", k=3) for case in TOLD]
            found.append([[hit.text for hit in each] for each in hits])
            scores.append([hit.score for each in hits for hit in each])
    assert found[0] == found[1]
    assert scores[0] == pytest.approx(scores[1], abs=NEAR)
    first = [each[0] for each in found[0]]
    assert sum(text == case.text for text, case in zip(first, TOLD, strict=True)) >= 0.75 * len(
        TOLD
    )
