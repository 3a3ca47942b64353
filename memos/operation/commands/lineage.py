"""Commands that tie cubes together: link, and merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import Held, IllegalMove, InvalidInput
from memos.kernel.event import Kind, id_text
from memos.kernel.lifecycle import may_move
from memos.kernel.lineage import CARRIES_TAINT, Relation
from memos.kernel.scope import check_scope, common_scope
from memos.operation.commands.absorb import Absorption, moved_sources
from memos.operation.commands.add import with_key
from memos.operation.commands.composition import merge_texts
from memos.operation.commands.draft import (
    Sources,
    add_sources,
    create_cube,
    new_event,
)
from memos.operation.commands.header import narrowed
from memos.operation.commands.idempotency import (
    KeyedCommand,
    identify_one,
    listed,
    stated_arguments,
)
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import opened_parts, permitted_state, source_versions
from memos.operation.commands.tags import check_tags
from memos.operation.cube import Parts, state_title
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, raise_rejected, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_choice, check_id, check_list, check_names

RELATIONS = {relation.name.lower(): relation for relation in Relation}


def link(session: Session, cube_id: str, other_id: str, relation: str) -> Receipt:
    """See `Memory.link`."""
    check_choice(relation, RELATIONS, "relation")
    takes_content = RELATIONS[relation] in CARRIES_TAINT
    with session.gate.enter("link") as passage:
        action = Action.ADMINISTER if takes_content else Action.WRITE
        state = permitted_state(session, passage, cube_id, action)
        sources = source_versions(session, passage, (other_id,), RELATIONS[relation], state.scope)
        if sources.versions[0].cube_id == state.cube_id:
            raise InvalidInput("a memory cannot be linked to itself")
        event = new_event(session, Kind.LINKED, state.cube_id, state.scope, passage=passage)
        add_sources(event, sources.versions, binding=takes_content)
        event.subject_digests.extend(sources.subjects)
        drafts = [*narrowed(session, passage, state, sources, event.operation_id), Draft(event)]
        commits = session.engine.writer.commit_whole(drafts, raise_rejected)
        return receipt_of(session.engine, commits[-1])


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

    def __post_init__(self) -> None:
        cube_ids = check_list(self.cube_ids, "cube_ids")
        if len({check_id(cube_id) for cube_id in cube_ids}) < 2:
            raise InvalidInput("merge needs two or more different cubes")
        object.__setattr__(self, "cube_ids", cube_ids)
        if self.scope is not None:
            check_scope(self.scope)
        if self.tags is not None:
            check_names(check_list(self.tags, "tags"), "tags")
            object.__setattr__(self, "tags", listed(self.tags))

    def memory(self, scope: str, parts: Sequence[Parts]) -> NewMemory:
        """The merged memory, made of the opened parts of its sources."""
        tags = self.tags
        if tags is None:
            tags = dict.fromkeys(tag for part in parts for tag in part.tag_list)
        item = {
            "text": self.text
            if self.text is not None
            else merge_texts(*(part.text for part in parts)),
            "scope": scope,
            "source": self.source,
            "tags": tuple(tags),
            "metadata": self.metadata,
            "idempotency_key": self.idempotency_key,
        }
        return NewMemory.of_item(item)

    def keyed(self, memory: NewMemory, sources: Sources) -> KeyedCommand | None:
        """The merge as a command under its key; None where it has none."""
        command = memory.keyed(sources.cube_ids)
        if command is None:
            return None
        # What it is composed of changes meanwhile; what was asked for does not.
        return replace(command, asked={"merge": stated_arguments(self)})


def merge(session: Session, request: MergeRequest) -> Receipt:
    """See `Memory.merge`."""
    with session.gate.enter("merge") as passage:

        def attempt(transaction: Transaction) -> Receipt:
            committed = transaction.append(_compose(session, passage, request))
            receipt = receipt_of(session.engine, committed)
            moved = moved_sources(committed)
            if not moved:
                return receipt
            absorption = Absorption(session, passage, transaction, receipt, request.memory)
            return absorption.absorb(request.cube_ids, moved)

        return with_key(request.idempotency_key, lambda: session.engine.writer.transact(attempt))


def _compose(session: Session, passage: Passage, request: MergeRequest) -> Draft:
    """The merged memory, made of its sources as they are, each of which is bound to its version."""
    states = [
        permitted_state(session, passage, cube_id, Action.WRITE) for cube_id in request.cube_ids
    ]
    scope = request.scope or common_scope([state.scope for state in states])
    sources = source_versions(session, passage, request.cube_ids, Relation.MERGED_INTO, scope)
    with session.engine.read() as reader:
        memory = request.memory(scope, [opened_parts(reader, state) for state in states])
    check_tags(session, passage, memory.scope, memory.body.tags.tags)
    passage.require(Action.CREATE, memory.scope)
    command = request.keyed(memory, sources)
    identity = None if command is None else identify_one(session, command)
    if identity is None or not identity.is_known:
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
            raise Held(f"cube {cube} is frozen: thaw it before merging it", (cube,))
        if not may_move(state.lifecycle, Kind.MERGED):
            raise IllegalMove(
                f"cube {cube} is {state_title(state.lifecycle)}: only memories that are Generated, "
                "Activated or Archived can be merged"
            )
