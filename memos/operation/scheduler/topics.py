"""How near memories are to what was used last: the topics of the moment, told by the access log alone.

Which words were asked is not kept, and need not be: what was found for them says what they were about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import View
from memos.kernel.errors import InvalidInput
from memos.kernel.event import id_text
from memos.operation.search.dense import LONGEST_EMBEDDED
from memos.operation.session import Session

TOPICS = 16
"""How many of the memories that were used last are the topics."""


def nearness_of(
    session: Session, reader: Reader, view: View, scope: str, used: Iterable[str]
) -> Mapping[str, float]:
    """The cosine of each embedded memory of a view, by id, to the nearest of the texts that were used last.

    Args:
        session: the open vault.
        reader: where the view is of.
        view: the memories.
        scope: where the view looks.
        used: the texts, the latest first; the first TOPICS count.

    Raises:
        InvalidInput: the vault is open without an embedder.
        EmbeddingFailed, IndexUnavailable: as their names say.
    """
    if session.embedding is None:
        raise InvalidInput(
            "the policy goes by nearness, which needs an embedder: open the vault with embedder=..."
        )
    topics = [text[:LONGEST_EMBEDDED] for text in islice(used, TOPICS)]
    if not topics:
        return {}
    nearest = session.embedding.nearest(reader, view, scope, session.embedding.of_query(topics))
    if not len(nearest.docs):
        return {}
    near = dict(zip(nearest.docs.tolist(), nearest.texts.max(axis=0).tolist(), strict=True))
    cube_ids = view.cube_ids(np.arange(len(view)))
    return {
        id_text(raw): near[doc]
        for raw, doc in zip(cube_ids, view.doc.tolist(), strict=True)
        if doc in near
    }
