"""Tags in use, and vocabularies: which tags a scope, and all that lies under it, is to use.

A vocabulary is a memory of semantic type `vocabulary`: it has versions, history, rollback, holds
and readers as any other. Its content is JSON under a media type of its own, which no search reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING

from memos.kernel.errors import Damaged
from memos.kernel.event import as_uuid
from memos.kernel.keyed_digest import keyed_digest
from memos.operation.cube import open_parts
from memos.wire.body_pb2 import Content

if TYPE_CHECKING:
    from memos.operation.search.scope_view import ScopeView

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


def tags_in_use(scope_view: ScopeView) -> dict[str, int]:
    """How many visible memories carry each tag: the commonest first, then by name.

    The index holds tags as keyed terms; one memory of each is opened to learn its name.
    """
    view = scope_view.visible()
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    for term, rows in scope_view.reader.matched_terms(view).items():
        for cube_id in view.cube_ids(rows) if term not in names else ():
            tags = _tags_of(scope_view, cube_id)
            if tags is not None:
                names |= {scope_view.analyzer.exact_term("tag", tag): tag for tag in tags}
                break
        if term in names:  # a term of another kind has no name here
            counts[names[term]] = len(rows)
    return dict(sorted(counts.items(), key=lambda counted: (-counted[1], counted[0])))


def _tags_of(scope_view: ScopeView, cube_id: bytes) -> tuple[str, ...] | None:
    """The tags of a visible memory; None where it is damaged, so that another one is asked."""
    attempt = scope_view.reader.vault.state_at(cube_id, scope_view.view.at)
    state = None if attempt is None else attempt.state
    try:
        parts = None if state is None else open_parts(scope_view.reader, state)
    except Damaged:
        return None
    return () if parts is None else parts.tag_list
