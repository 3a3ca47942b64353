"""Which rows of a view are vocabularies: cubes that say how memories are tagged, and are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Mask, View
from memos.operation.vocabulary import vocabularies_in


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
    ids = vocabularies_in(reader, keys, by_scope)
    for rows in by_scope.values():
        held = silent[rows]
        is_one = [cube_id in ids for cube_id in view.cube_ids(held)]
        vocabularies[held[is_one]] = True
    return vocabularies
