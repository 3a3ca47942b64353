"""A tenant's rotation: vectors are turned by a secret orthogonal matrix before they leave.

A turn keeps every inner product, so Milvus finds the same neighbours, while a vector's direction
means nothing to whoever lacks the tenant's key: a stolen copy cannot be fed to a model that inverts
embeddings, probed with the vector of a guessed text, or compared with another tenant's.

It is no encryption. What is near to what inside a tenant shows, and so do norms. Who knows as many
texts of a tenant, with their vectors, as there are dimensions solves for the matrix (orthogonal
Procrustes); who holds very many of its vectors may align them with those of another corpus by
their distribution alone. So a server is still trusted with what it holds, as the design says.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from hashlib import shake_256
from threading import Lock

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

CACHE_BYTES = 256 * 2**20
"""1.2 MB a tenant at 384 dimensions."""


def rotation(key: bytes, digest: bytes, dimensions: int) -> Matrix:
    """The orthogonal matrix of a tenant's key and a model: shape (dimensions, dimensions).

    Uniform over all rotations and reflections: Q of a Gaussian matrix, its columns' signs set by
    R's diagonal (Mezzadri, "How to generate random matrices from the classical compact groups",
    2007). The Gaussians are made here, from SHAKE-256 by Box and Muller: numpy may change what its
    generators give, and rows written before would then mean nothing.
    """
    seed = hmac.digest(key, b"memos/rotation/v1\n" + digest, "sha256")
    count = dimensions * dimensions
    pairs = -(-count // 2)
    words = np.frombuffer(shake_256(seed).digest(16 * pairs), "<u8") >> np.uint64(11)
    uniform = (words.astype(np.float64) + 0.5) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log(uniform[:pairs]))
    angle = 2.0 * np.pi * uniform[pairs:]
    normal = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))[:count]
    q, r = np.linalg.qr(normal.reshape(dimensions, dimensions))
    turned: Matrix = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return turned


class Rotations:
    """The rotations of tenants for one model, kept while there is room. Safe for threads.

    Args:
        key_of: a tenant's own key; the first of its ring, which stays for ever.
        digest: of the embedder's model.
        dimensions: the width of its vectors.
    """

    def __init__(self, key_of: Callable[[str], bytes], digest: bytes, dimensions: int) -> None:
        self._key_of = key_of
        self.digest = digest
        self.dimensions = dimensions
        self._most = max(2, CACHE_BYTES // (8 * dimensions * dimensions))
        self._kept: OrderedDict[bytes, Matrix] = OrderedDict()
        self._lock = Lock()

    def turn(self, tenant: str, vectors: Vectors) -> Vectors:
        """Vectors, shape (n, dimensions), as they are held; inner products stay to about 1e-7."""
        turned: Vectors = (vectors.astype(np.float64) @ self._of(tenant)).astype(np.float32)
        return turned

    def _of(self, tenant: str) -> Matrix:
        key = self._key_of(tenant)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = rotation(key, self.digest, self.dimensions)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return kept
