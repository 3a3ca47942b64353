from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest

from memos.infrastructure.index.milvus import (
    Generations,
    Milvus,
    MilvusSettings,
    VectorWriter,
    inventory,
)
from memos.infrastructure.index.milvus.removal import collections_of, drop_collections
from memos.infrastructure.servers import LocalServers
from memos.kernel.errors import InvalidInput
from memos.kernel.moment import NEWEST
from tests.infrastructure.index.milvus.support import DIMENSIONS, Vectors, cube, span, unit

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


def test_making_what_is_there_changes_nothing(fresh: Vectors) -> None:
    fresh.upsert(span(1, 10, unit(1)))
    assert fresh.generations.create() == 1
    assert fresh.generations.all() == [1]
    assert inventory(fresh.milvus, fresh.collection).rows == 1


def test_a_rebuild_goes_on_beside_the_live_generation_and_is_switched_to(fresh: Vectors) -> None:
    generations = fresh.generations
    after = fresh.upsert(span(1, 10, unit(1)), span(2, 11, unit(1)))
    second = generations.new_generation()
    rebuilt = VectorWriter(fresh.milvus, generations.name(second), fresh.rotations)
    rebuilt.upsert([span(1, 10, unit(1))])
    assert generations.live() == 1
    assert fresh.cubes("acme", NEWEST, after) == [1, 2]
    partial = inventory(fresh.milvus, generations.name(second))
    assert partial != inventory(fresh.milvus, generations.name(1))
    after = rebuilt.upsert([span(2, 11, unit(1))]).timestamp
    full = inventory(fresh.milvus, generations.name(second))
    assert full == inventory(fresh.milvus, generations.name(1))
    generations.switch(second)
    generations.drop(1)
    assert generations.all() == [second]
    rebuilt.purge([cube(2)])
    after = rebuilt.upsert([span(3, 12, unit(1))]).timestamp
    assert fresh.cubes("acme", NEWEST, after) == [1, 3]


def test_the_live_generation_is_not_dropped(fresh: Vectors) -> None:
    with pytest.raises(InvalidInput, match="generation 1 is live: switch"):
        fresh.generations.drop(1)


def test_a_generation_that_is_not_there_is_not_switched_to(fresh: Vectors) -> None:
    with pytest.raises(InvalidInput, match="there is no collection"):
        fresh.generations.switch(7)


def test_an_embedder_whose_width_changed_is_refused(fresh: Vectors) -> None:
    wider = Generations(fresh.milvus, fresh.rotations.digest, DIMENSIONS + 1)
    with pytest.raises(InvalidInput, match="holds vectors of 16 numbers, the embedder gives 17"):
        wider.create()


def test_two_models_live_side_by_side(fresh: Vectors) -> None:
    other = Vectors(fresh.milvus)
    after = fresh.upsert(span(1, 10, unit(1)))
    assert other.cubes("acme", NEWEST, other.upsert(span(2, 11, unit(1)))) == [2]
    assert fresh.cubes("acme", NEWEST, after) == [1]
    other.generations.drop_all()
    assert fresh.generations.all() == [1]


def test_all_collections_of_a_vault_are_dropped_and_none_of_another(engines: LocalServers) -> None:
    settings = MilvusSettings(engines.address("milvus"), prefix=f"t{uuid4().hex[:12]}", timeout=60)
    with (
        closing(Milvus(settings)) as ours,
        closing(Milvus(replace(settings, prefix="u"))) as theirs,
    ):
        kept = Vectors(theirs)
        models = [Vectors(ours), Vectors(ours)]
        models[0].generations.new_generation()
        assert len(collections_of(ours)) == 3
        drop_collections(ours)
        assert collections_of(ours) == []
        drop_collections(ours)
        assert kept.collection in collections_of(theirs)
        kept.generations.drop_all()
