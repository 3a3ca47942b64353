"""The contract of a dense index (see `memos.infrastructure.engine.dense`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from memos.infrastructure.engine.dense import DenseIndex
from memos.kernel.errors import EmbeddingFailed
from tests.conformance.engine.vault import EngineVault


@pytest.fixture
def dense(vault: EngineVault) -> Iterator[DenseIndex]:
    embedder = vault.embeddings.embedder()
    with closing(vault.engine.dense(embedder)) as opened:
        assert opened.name == embedder.name
        yield opened


def test_what_was_written_waits_until_it_is_embedded(vault: EngineVault, dense: DenseIndex) -> None:
    with vault.embeddings.hold("quokka"):
        mine = vault.add("The quokka sleeps by the kiln.").event.cube_id
        with vault.engine.read() as reader:
            assert dense.waiting(reader) > 0
            assert dense.waiting(reader, lambda cube_id: cube_id == mine) == 1
            assert dense.waiting(reader, lambda cube_id: False) == 0
    dense.embed_pending()
    with vault.engine.read() as reader:
        assert dense.waiting(reader) == 0
    assert dense.embed_pending() == 0
    assert dense.failure == ""


def test_the_nearest_text_is_the_one_that_means_the_same(
    vault: EngineVault, dense: DenseIndex
) -> None:
    kiln = vault.add("She fires her pottery in a kiln.").event.cube_id
    bread = vault.add("He bakes bread on Sundays.").event.cube_id
    other = vault.add("Ceramics are fired here.", tenant=f"other{vault.tenant}").event.cube_id
    dense.embed_pending()
    queries = dense.of_query(["making ceramics"])
    assert queries.shape == (1, vault.embeddings.dimensions)
    with vault.engine.read() as reader:
        view = reader.view(vault.tenant)
        near = dense.nearest(reader, view, vault.tenant, queries)
        rows = reader.rows_of(view, [kiln, bread, other])
    assert near.complete
    assert rows.keys() == {kiln, bread}
    scores = dict(zip(near.docs.tolist(), near.texts[0].tolist(), strict=True))
    assert scores.keys() == {int(view.doc[row]) for row in rows.values()}
    assert scores[int(view.doc[rows[kiln]])] > scores[int(view.doc[rows[bread]])]


def test_several_scopes_are_compared_as_each_by_itself(
    vault: EngineVault, dense: DenseIndex
) -> None:
    scopes = tuple(f"{vault.tenant}/{name}" for name in ("a", "b", "c"))
    for scope in scopes:
        vault.add("She fires her pottery in a kiln.", scope=f"{scope}/1")
        vault.add(f"He bakes bread in {scope}.", scope=scope)
    dense.embed_pending()
    queries = dense.of_query(["making ceramics"])
    asked = scopes[:2]
    with vault.engine.read() as reader:
        both = dense.nearest(reader, reader.view(asked), asked, queries)
        each = [dense.nearest(reader, reader.view(scope), scope, queries) for scope in asked]
        every = dense.nearest(reader, reader.view(asked[0]), asked, queries)
    order = np.argsort(np.concatenate([near.docs for near in each]))
    for name in ("docs", "texts", "sentences"):
        alone = np.concatenate([getattr(near, name) for near in each], axis=-1)[..., order]
        np.testing.assert_array_equal(getattr(both, name), alone)
    np.testing.assert_array_equal(every.docs, each[0].docs)


def test_equal_queries_get_equal_scores_after_the_vault_was_opened_again(
    vault: EngineVault, dense: DenseIndex
) -> None:
    vault.add("She fires her pottery in a kiln.")
    dense.embed_pending()
    queries = dense.of_query(["making ceramics"])
    with vault.engine.read() as reader:
        first = dense.nearest(reader, reader.view(vault.tenant), vault.tenant, queries)
    engine = vault.open()
    with (
        closing(engine.dense(vault.embeddings.embedder())) as again,
        engine.read() as reader,
    ):
        second = again.nearest(reader, reader.view(vault.tenant), vault.tenant, queries)
    np.testing.assert_array_equal(first.docs, second.docs)
    np.testing.assert_array_equal(first.texts, second.texts)
    np.testing.assert_array_equal(first.sentences, second.sentences)


def test_an_embedder_that_is_away_is_an_error_and_its_reason_is_told(
    vault: EngineVault, dense: DenseIndex
) -> None:
    with vault.embeddings.gone(), pytest.raises(EmbeddingFailed):
        dense.of_query(["anything"])
    assert dense.failure != ""
