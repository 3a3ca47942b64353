"""Which rows of a view are vocabularies: cubes that say how memories are tagged, and are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Mask, View
from memos.kernel.cube import CubeState
from memos.kernel.moment import NEWEST
from memos.operation.vocabulary import vocabulary_heads, vocabulary_id


def vocabulary_rows(reader: Reader, view: View, keys: Sequence[bytes]) -> Mask:
    """The vocabularies in a view, by their ids: only scopes that hold something without words are
    looked at, and nothing is opened.

    Args:
        reader: of the vault.
        view: of one tenant.
        keys: the tenant's.
    """
    vocabularies = np.zeros(len(view), np.bool_)
    silent = np.flatnonzero(view.length == 0)
    if not silent.size:
        return vocabularies
    by_scope = view.restrict(view.length == 0).scopes()

    def head_of(cube_id: bytes) -> CubeState | None:
        attempt = reader.vault.state_at(cube_id, NEWEST)  # of which many are read ahead
        return None if attempt is None else attempt.state

    reader.read_ahead([vocabulary_id(keys[0], scope, 0) for scope in by_scope], NEWEST)
    for scope, rows in by_scope.items():
        ids = {cube_id for cube_id, head in vocabulary_heads(head_of, keys, scope) if head}
        held = silent[rows]
        is_one = [cube_id in ids for cube_id in view.cube_ids(held)]
        vocabularies[held[is_one]] = True
    return vocabularies
