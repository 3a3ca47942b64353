from __future__ import annotations

import numpy as np
import pytest

from memos.infrastructure.index.milvus.rotation import Rotations, rotation
from tests.infrastructure.index.milvus.support import tenant_key

DIGEST = bytes(range(32))


@pytest.mark.parametrize("dimensions", [1, 2, 15, 384])
def test_a_rotation_is_orthogonal(dimensions: int) -> None:
    matrix = rotation(b"k" * 32, DIGEST, dimensions)
    assert np.allclose(matrix @ matrix.T, np.eye(dimensions), atol=1e-12)


def test_a_rotation_is_the_same_for_ever() -> None:
    matrix = rotation(b"k" * 32, DIGEST, 3)
    expected = [
        [0.063774442936, 0.624167985885, -0.778682955910],
        [0.986474912475, 0.078630941633, 0.143820798480],
        [0.150996912172, -0.777323292083, -0.610711414745],
    ]
    assert np.allclose(matrix, expected, atol=1e-9)


def test_every_tenant_and_every_model_is_turned_another_way() -> None:
    first = rotation(b"k" * 32, DIGEST, 8)
    assert not np.allclose(first, rotation(b"j" * 32, DIGEST, 8), atol=0.1)
    assert not np.allclose(first, rotation(b"k" * 32, DIGEST[::-1], 8), atol=0.1)


def test_turned_vectors_are_as_near_to_each_other_as_before_and_not_to_themselves() -> None:
    rotations = Rotations(tenant_key, DIGEST, 384)
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(50, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turned = rotations.turn("acme", vectors)
    assert turned.dtype == np.float32
    assert np.allclose(turned @ turned.T, vectors @ vectors.T, atol=2e-6)
    assert np.abs((turned * vectors).sum(axis=1)).max() < 0.3


def test_rotations_that_do_not_fit_are_made_again_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos.infrastructure.index.milvus.rotation.CACHE_BYTES", 0)
    rotations = Rotations(tenant_key, DIGEST, 8)
    vector = np.ones((1, 8), np.float32)
    before = rotations.turn("a", vector)
    for other in "bcde":
        rotations.turn(other, vector)
    assert np.array_equal(rotations.turn("a", vector), before)
