"""How near the texts of several scopes are to queries: each scope is compared by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, Nearest
from memos.infrastructure.index.sqlite.scope_vectors import ScopeVectors

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]


def nearest_in(scopes: Sequence[ScopeVectors], docs: Ints, queries: Vectors) -> Nearest:
    """How near texts are to queries; see `ScopeVectors.nearest`.

    Args:
        scopes: what is kept of one or several scopes, none of which lies under another.
        docs: ascending and distinct; those that have no vectors are left out.
        queries: one a row.
    """
    if len(scopes) == 1:
        return scopes[0].nearest(docs, queries)
    parts = [scope.nearest(_shown(scope.docs, docs), queries) for scope in scopes]
    found = np.concatenate([part.docs for part in parts])
    order = np.argsort(found)  # the texts of a scope need not stand together
    return Nearest(
        found[order],
        np.concatenate([part.texts for part in parts], axis=1)[:, order],
        np.concatenate([part.sentences for part in parts], axis=1)[:, order],
        complete=True,
        exactly=partial(_exactly, parts, order) if any(part.exactly for part in parts) else None,
    )


def _shown(kept: Ints, docs: Ints) -> Ints:
    """Those of a scope's docs that are among all."""
    if not len(docs):
        return docs
    places = np.minimum(np.searchsorted(docs, kept), len(docs) - 1)
    shown: Ints = kept[docs[places] == kept]
    return shown


def _exactly(parts: Sequence[Nearest], order: Ints, columns: Ints) -> tuple[Floats, Floats]:
    """Both nearnesses of some columns, each from the scope that it is of."""
    asked, queries = order[columns], len(parts[0].texts)
    texts, sentences = np.empty((queries, len(columns))), np.empty((queries, len(columns)))
    first = 0
    for part in parts:
        here = np.flatnonzero((asked >= first) & (asked < first + len(part.docs)))
        own = asked[here] - first
        if part.exactly is None:
            texts[:, here], sentences[:, here] = part.texts[:, own], part.sentences[:, own]
        else:
            texts[:, here], sentences[:, here] = part.exactly(own)
        first += len(part.docs)
    return texts, sentences
