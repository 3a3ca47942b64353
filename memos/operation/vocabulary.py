"""Tags in use, and vocabularies: which tags a scope, and all that lies under it, is to use.

A vocabulary is a memory of semantic type `vocabulary`: it has versions, history, rollback, holds
and readers as any other. Its content is JSON under a media type of its own, which no search reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from itertools import count

from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import as_uuid
from memos.kernel.keyed_digest import keyed_digest
from memos.kernel.moment import NEWEST
from memos.wire.body_pb2 import Content

SEMANTIC_TYPE = "vocabulary"
MEDIA_TYPE = "application/vnd.memos.vocabulary+json"
SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tags that a scope is to use. `set_in` names the scopes, from the tenant down, whose
    vocabularies add up to it; where one of them is closed, no other tags are taken.
    """

    scope: str
    tags: tuple[str, ...]
    closed: bool
    set_in: tuple[str, ...]


def vocabulary_id(tenant_key: bytes, scope: str, number: int) -> bytes:
    """The id of a scope's vocabulary: known to who holds the key, so that it is found at once.

    `number` counts those that were erased before it: nothing leaves Erased.
    """
    return as_uuid(
        sha256(keyed_digest(tenant_key, b"vocabulary", f"{scope}\n{number}".encode())).digest()
    )


def vocabulary_heads(
    head_of: Callable[[bytes], CubeState | None], keys: Iterable[bytes], scope: str
) -> Iterator[tuple[bytes, CubeState | None]]:
    """Under each key of a tenant the ids of a scope's vocabularies and their heads: erased ones, and
    the one behind them that is there or (None) would be the next.
    """
    for key in keys:
        for number in count():
            cube_id = vocabulary_id(key, scope, number)
            head = head_of(cube_id)
            yield cube_id, head
            if head is None or head.lifecycle is not Lifecycle.ERASED:
                break


def vocabularies_in(
    reader: Reader, keys: Sequence[bytes], scopes: Collection[str]
) -> dict[bytes, CubeState]:
    """The vocabularies of scopes as they are now, erased ones too, by their ids; nothing is opened.

    Args:
        reader: of the vault.
        keys: those of the scopes' tenant.
        scopes: of one tenant.
    """

    def head_of(cube_id: bytes) -> CubeState | None:
        attempt = reader.vault.state_at(cube_id, NEWEST)  # of which many are read ahead
        return None if attempt is None else attempt.state

    first = [vocabulary_id(key, scope, 0) for key in keys[:1] for scope in scopes]
    reader.read_ahead(first, NEWEST)
    return {
        cube_id: head
        for scope in scopes
        for cube_id, head in vocabulary_heads(head_of, keys, scope)
        if head is not None
    }


def to_bytes(tags: Sequence[str], *, closed: bool) -> bytes:
    """A vocabulary as it is stored."""
    return json.dumps({"closed": closed, "tags": list(tags)}).encode()


def from_content(content: Content) -> tuple[tuple[str, ...], bool] | None:
    """Tags and whether they are all that is allowed; None where the content is no vocabulary."""
    if content.media_type != MEDIA_TYPE:
        return None
    try:
        stored = json.loads(content.inline)
        return tuple(map(str, stored["tags"])), bool(stored["closed"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def add_up(scope: str, parts: Sequence[tuple[str, tuple[str, ...], bool]]) -> Vocabulary:
    """What vocabularies (scope, tags, closed) from the tenant down to a scope come to."""
    tags = dict.fromkeys(tag for _, part, _ in parts for tag in part)
    closed = any(closed for _, _, closed in parts)
    return Vocabulary(scope, tuple(tags), closed, tuple(at for at, _, _ in parts))


def nearest(tag: str, known: Iterable[str]) -> list[str]:
    """The known tags that are spelt most like a tag, best first."""
    folded = {spelling.casefold(): spelling for spelling in sorted(known, reverse=True)}
    close = get_close_matches(tag.casefold(), sorted(folded), SUGGESTIONS, 0.5)
    return [folded[spelling] for spelling in close]
