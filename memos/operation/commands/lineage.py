"""Commands that tie cubes together: link, and merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import IllegalMove, InvalidInput
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.lifecycle import may_move
from memos.kernel.lineage import CARRIES_TAINT, Relation
from memos.kernel.scope import check_scope, common_scope, tenant_of
from memos.operation.commands.absorb import Absorption, moved_sources
from memos.operation.commands.add import with_key
from memos.operation.commands.body import PLAIN_TEXT
from memos.operation.commands.change import again_on_conflict
from memos.operation.commands.composition import merge_texts, text_within
from memos.operation.commands.draft import (
    add_sources,
    create_cube,
    new_event,
)
from memos.operation.commands.header import narrowed
from memos.operation.commands.idempotency import (
    MERGE,
    KeyedCommand,
    identify,
    identify_one,
    stated_arguments,
)
from memos.operation.commands.meaning import meaning
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import opened_parts, permitted_state, source_versions
from memos.operation.commands.tags import check_tags
from memos.operation.cube import Parts, state_title
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, held, raise_rejected, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_choice, check_id, check_list

_ANY_SCOPE = "any"
_ANY_TEXT = "any"

RELATIONS = {relation.name.lower(): relation for relation in Relation}


def link(session: Session, cube_id: str, other_id: str, relation: str) -> Receipt:
    """See `Memory.link`."""
    check_choice(relation, RELATIONS, "relation")
    takes_content = RELATIONS[relation] in CARRIES_TAINT
    with session.gate.enter("link") as passage:
        action = Action.ADMINISTER if takes_content else Action.WRITE

        def attempt() -> Receipt:
            state = permitted_state(session, passage, cube_id, action)
            sources = source_versions(
                session, passage, (other_id,), RELATIONS[relation], state.scope
            )
            if sources.versions[0].cube_id == state.cube_id:
                raise InvalidInput("a memory cannot be linked to itself")
            event = new_event(session, Kind.LINKED, state.cube_id, state.scope, passage=passage)
            add_sources(event, sources.versions, binding=takes_content)
            event.subject_digests.extend(sources.subjects)
            narrowing = narrowed(session, passage, state, sources, event.operation_id)
            event.expected_version = state.version + len(narrowing)
            commits = session.engine.writer.commit_whole([*narrowing, Draft(event)], raise_rejected)
            return receipt_of(session.engine, commits[-1])

        return again_on_conflict(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """Which memories are to be absorbed, and into what. See `Memory.merge`.

    Raises:
        InvalidInput: they are not two or more.
    """

    cube_ids: Sequence[str]
    text: str | None = None
    scope: str | None = None
    source: str | None = None
    tags: Iterable[str] | None = None
    metadata: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    distinct: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "cube_ids", check_list(self.cube_ids, "cube_ids"))
        put(self, "distinct", tuple(dict.fromkeys(map(id_text, self._named()))))
        if len(self.distinct) < 2:
            raise InvalidInput("merge needs two or more different cubes")
        if self.scope is not None:
            put(self, "scope", check_scope(self.scope))
        if self.tags is not None:
            put(self, "tags", check_list(self.tags, "tags"))
        self.memory(self.scope or _ANY_SCOPE, ())  # whatever its sources hold, the rest must fit

    def memory(self, scope: str, parts: Sequence[Parts]) -> NewMemory:
        """The merged memory, made of the opened parts of its sources, in the order of `distinct`; of
        none it only shows whether the rest fits.

        Raises:
            IllegalMove: its text is to be composed of theirs, and one holds no text.
        """
        tags = self.tags
        if tags is None:
            tags = dict.fromkeys(tag for part in parts for tag in part.tag_list)
        item = {
            "text": self.text,
            "scope": scope,
            "source": self.source,
            "tags": tuple(tags),
            "metadata": self.metadata,
            "idempotency_key": self.idempotency_key,
        }
        if self.text is None and not parts:
            item["text"] = _ANY_TEXT
        elif self.text is None:
            named = zip(map(id_bytes, self.distinct), parts, strict=False)
            item["text"] = merge_texts(*(text_within(cube, part) for cube, part in named))
            media_types = {part.media_type for part in parts}
            if len(media_types) == 1 and media_types != {PLAIN_TEXT}:
                (item["media_type"],) = media_types
        return NewMemory.of_item(item)

    def keyed(self, memory: NewMemory) -> KeyedCommand | None:
        """The merge as a command under its key; None where it has none.

        Args:
            memory: the merged memory: former releases made the fingerprint over what it is composed
                of, which changes meanwhile; what is asked for does not.
        """
        command = memory.keyed(operation=MERGE, sources=self._named())
        if command is None:
            return None
        stated = stated_arguments(self)
        return replace(command, asked={"merge": stated}, meant={"merge": self._meant(stated)})

    def _meant(self, stated: Mapping[str, Any]) -> dict[str, Any]:
        """As it is meant: the scope is named by the key, and an empty source says nothing, nor does
        metadata without a key.
        """
        meant = meaning(stated)
        silent = [name for name in ("source", "metadata") if not meant.get(name)]
        return {name: meant[name] for name in meant.keys() - {*silent, "scope"}}

    def _named(self) -> tuple[bytes, ...]:
        return tuple(map(check_id, self.cube_ids))


def merge(session: Session, request: MergeRequest) -> Receipt:
    """See `Memory.merge`."""
    with session.gate.enter("merge") as passage:

        def attempt(transaction: Transaction) -> Receipt:
            draft = _repeat(session, passage, request) or _compose(session, passage, request)
            committed = transaction.append(draft)
            receipt = receipt_of(session.engine, committed)
            moved = moved_sources(committed)
            if not moved:
                return receipt
            absorption = Absorption(session, passage, transaction, receipt, request.memory)
            return absorption.absorb(request.distinct, moved)

        return with_key(request.idempotency_key, lambda: session.engine.writer.transact(attempt))


def _repeat(session: Session, passage: Passage, request: MergeRequest) -> Draft | None:
    """What the fold knows as the repeat of a merge; None where it is not known to be one. Its sources
    are not looked at again: they may be erased, or no longer the caller's to change.

    Raises:
        AlreadyErased: it is one, and the merged memory was erased.
    """
    scope = None if request.idempotency_key is None else _scope_of(session, passage, request)
    if scope is None:
        return None
    memory = request.memory(scope, ())
    (identity,) = identify(session, [request.keyed(memory)])
    if identity is None or not identity.is_known:
        return None
    passage.require(Action.CREATE, scope)
    identity.check_not_erased()
    return None if identity.is_other else create_cube(session, memory, identity=identity)


def _scope_of(session: Session, passage: Passage, request: MergeRequest) -> str | None:
    """Where a merged memory goes, as far as the caller may be told of its sources."""
    if request.scope is not None:
        return request.scope
    with session.engine.read() as reader:
        heads = [reader.vault.head(id_bytes(cube_id)) for cube_id in request.distinct]
    scopes = [head.scope for head in heads if head is not None]
    tenants = set(map(tenant_of, scopes))
    shown = len(scopes) == len(heads) and len(tenants) == 1 and all(map(passage.reaches, scopes))
    return common_scope(scopes) if shown else None


def _compose(session: Session, passage: Passage, request: MergeRequest) -> Draft:
    """The merged memory, made of its sources as they are, each of which is bound to its version."""
    states = [
        permitted_state(session, passage, cube_id, Action.WRITE) for cube_id in request.distinct
    ]
    scope = request.scope or common_scope([state.scope for state in states])
    sources = source_versions(session, passage, request.distinct, Relation.MERGED_INTO, scope)
    with session.engine.read() as reader:
        memory = request.memory(scope, [opened_parts(reader, state) for state in states])
    passage.require(Action.CREATE, memory.scope)
    command = request.keyed(memory)
    identity = None if command is None else identify_one(session, command)
    if identity is None or not identity.is_known:
        check_tags(session, passage, memory.scope, memory.body.tags.tags)
        _check_mergeable(states)
    draft = create_cube(session, memory, sources, identity=identity)
    draft.event.subject_digests[:] = sources.subjects
    for state in states:
        draft.event.generated.absorbs.add(
            cube_id=state.cube_id, scope=state.scope, expected_version=state.version
        )
    return draft


def _check_mergeable(states: Sequence[CubeState]) -> None:
    """Refuse a merge whose sources would refuse it, before the merged memory is there."""
    for state in states:
        cube = id_text(state.cube_id)
        if state.lifecycle is Lifecycle.FROZEN:
            raise held(state, "merge it")
        if not may_move(state.lifecycle, Kind.MERGED):
            raise IllegalMove(
                f"cube {cube} is {state_title(state.lifecycle)}: only memories that are Generated, "
                "Activated or Archived can be merged"
            )
