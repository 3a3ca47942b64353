"""The rows: one a vector of a text, with the span in which the text is visible.

    key = cube id (32 hex digits) + ordinal of the change that brought the text (16) + part (4)

The key is made of what the log says, so that writing a row again, after a crash or in a rebuild,
writes the same row. Scopes are held percent-encoded: what is left are letters, digits and _.-~/%,
which need no escaping in a filter and keep "under" a range of strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from memos.kernel.moment import OPEN
from memos.kernel.scope import tenant_of

Vector = npt.NDArray[np.float32]

NO_TERMS: Mapping[int, float] = {}

KEY_LENGTH = 52
SCOPE_LENGTH = 3 * 1024
"""A scope has at most 1,024 bytes, each of which may take three characters."""


class VectorSpan(NamedTuple):
    """One vector of a text and from when to when the text is visible: opened <= at < closed.

    `opened` is the ordinal of the change that brought the text and `partition` that of the log in
    which the cube's events are. Part 0 is the whole text, 1 and on its sentences. `vector` is as
    the embedder gave it. `weights` (of part 0) are the text's terms: see `terms.weights_of`.
    """

    cube_id: bytes
    scope: str
    partition: int
    opened: int
    part: int
    vector: Vector
    weights: Mapping[int, float] = NO_TERMS
    closed: int = OPEN

    @property
    def key(self) -> str:
        """What names the row."""
        return f"{self.cube_id.hex()}{self.opened:016x}{self.part:04x}"


def encoded(scope: str) -> str:
    """A scope as it is held: percent-encoded, the slashes between segments left."""
    return quote(scope.encode("utf-8", "surrogatepass"), safe="/")


def row_of(span: VectorSpan, rotated: Vector, sparse: Mapping[int, float] | None) -> dict[str, Any]:
    """A span as the row that is written; `sparse` is None where the server has no such field."""
    scope = encoded(span.scope)
    row: dict[str, Any] = {
        "key": span.key,
        "tenant": tenant_of(scope),
        "scope": scope,
        "cube": span.cube_id.hex(),
        "partition": span.partition,
        "part": span.part,
        "opened": span.opened,
        "closed": span.closed,
        "dense": rotated,
    }
    if sparse is not None:
        row["sparse"] = dict(sparse)
    return row
