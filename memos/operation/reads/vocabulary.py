"""Reading tags: those in use, and the vocabulary that a scope is to use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, CubeState, Lifecycle
from memos.kernel.errors import Damaged, Unreadable
from memos.kernel.scope import check_scope, path_prefixes, tenant_of
from memos.operation.cube import open_parts
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.operation.validation import AsOf
from memos.operation.vocabulary import (
    Vocabulary,
    add_up,
    from_content,
    vocabulary_heads,
)

if TYPE_CHECKING:
    from memos.operation.search.scope_view import ScopeView


class VocabularyInForce(NamedTuple):
    """What vocabularies come to in a scope, and whether the actor may read every one of them."""

    vocabulary: Vocabulary
    readable: bool


def tags(session: Session, scope: str, as_of: AsOf | None) -> dict[str, int]:
    """See `Memory.tags`."""
    from memos.operation.reads.scope import SearchRequest, open_scope  # a write starts without it

    scope = check_scope(scope)
    with (
        session.gate.enter("tags") as passage,
        open_scope(session, passage, SearchRequest(scope=scope, as_of=as_of)) as scope_view,
    ):
        counts = {} if scope_view is None else tags_in_use(scope_view)
        passage.note(scope, at=0 if scope_view is None else scope_view.view.at)
        return counts


def vocabulary(session: Session, scope: str) -> Vocabulary:
    """See `Memory.vocabulary`."""
    with session.gate.enter("vocabulary") as passage:
        scope = check_scope(scope)
        passage.require(Action.READ, scope)
        with session.engine.read() as reader:
            in_force = vocabulary_in_force(session, passage, reader, scope)
            if not in_force.readable:
                for at in in_force.vocabulary.set_in:
                    _, head = vocabulary_cube(session, reader, at)
                    passage.require(Action.READ, at, head, named=scope)
        passage.note(scope)
        return in_force.vocabulary


def vocabulary_cube(session: Session, reader: Reader, scope: str) -> tuple[bytes, CubeState | None]:
    """The cube of a scope's own vocabulary: its id, empty where the tenant has no key yet, and its head
    where it is there.
    """
    free = b""
    ring = session.engine.keys.ring(tenant_of(scope))
    for cube_id, head in vocabulary_heads(reader.vault.head, ring, scope):
        if head is None:
            free = free or cube_id
        elif head.lifecycle is not Lifecycle.ERASED:
            return cube_id, head
    return free, None


def vocabulary_in_force(
    session: Session, passage: Passage, reader: Reader, scope: str
) -> VocabularyInForce:
    """The vocabularies of a scope and all above it, added up; archived ones are not in force."""
    parts, readable = [], True
    for at in path_prefixes(scope):
        _, head = vocabulary_cube(session, reader, at)
        if head is None or head.lifecycle not in SHOWN:
            continue
        try:
            opened = open_parts(reader, head)
        except Unreadable:
            continue  # nothing is in force that nobody can read
        content = None if opened is None else from_content(opened.content.content)
        if content is not None:
            parts.append((at, *content))
            readable &= passage.allows(Action.READ, head)
    return VocabularyInForce(add_up(scope, parts), readable)


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
