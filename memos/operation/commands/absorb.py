"""A source of a merge that moved on before its turn: it refused, and is merged as it is now.

Only in a log of several partitions can it be: elsewhere nobody writes between a merge and its sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import seal_body
from memos.kernel.cube import CubeState
from memos.kernel.errors import Denied, IllegalMove, NotFound
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.kernel.outcome import Reason, Result
from memos.operation.commands.change import COMPOSE_TRIES, pause_before_retry
from memos.operation.commands.draft import add_sources, new_event
from memos.operation.commands.header import narrowed
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import opened_parts, permitted_state, source_versions
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, Rejection, reason_text
from memos.operation.session import Session
from memos.wire.event_pb2 import Revised

Compose = Callable[[str, Sequence[Parts]], NewMemory]
"""The merged memory in a scope, made of the opened parts of its sources."""


def moved_sources(committed: Committed) -> list[str]:
    """The sources that refused a merge because they are at another version than it was made of."""
    return [
        id_text(followed.event.cube_id)
        for followed in committed.consequences
        if followed.outcome.result is Result.REJECTED and followed.outcome.reason is Reason.CONFLICT
    ]


class Absorption:
    """Merges sources into a memory that was made of earlier versions of them.

    Args:
        session: the open vault.
        passage: the merge's.
        transaction: where it is written.
        receipt: the merge's, so far.
        compose: makes the merged memory anew.
    """

    def __init__(
        self,
        session: Session,
        passage: Passage,
        transaction: Transaction,
        receipt: Receipt,
        compose: Compose,
    ) -> None:
        self._session = session
        self._passage = passage
        self._transaction = transaction
        self._receipt = receipt
        self._operation_id = id_bytes(receipt.operation_id)
        self._compose = compose

    def absorb(self, cube_ids: Sequence[str], moved: Sequence[str]) -> Receipt:
        """Make the merged memory of its sources as they are now, and have those absorbed that moved.

        What cannot be stays as it is, with all that was written to it, and is in the receipt.

        Args:
            cube_ids: all sources, in order.
            moved: those that refused.
        """
        waiting = list(moved)
        for tries in range(COMPOSE_TRIES):
            pause_before_retry(tries)
            try:
                states = self._revise(cube_ids, waiting)
            except (Denied, IllegalMove, NotFound):
                break  # the merge stands: what it made of them is an earlier version's
            if states is None:
                break
            waiting = [raw for raw in map(self._absorb, states) if raw is not None]
            if not waiting:
                break
        return self._receipt

    def _revise(self, cube_ids: Sequence[str], moved: Sequence[str]) -> list[CubeState] | None:
        """The merged memory's next version; the states of the moved sources that it is made of, or
        None where another writer has changed it since.
        """
        session, passage, receipt = self._session, self._passage, self._receipt
        into = permitted_state(session, passage, receipt.cube_id, Action.WRITE)
        heads = [permitted_state(session, passage, cube, Action.WRITE) for cube in cube_ids]
        sources = source_versions(session, passage, moved, Relation.MERGED_INTO, into.scope)
        if into.version != receipt.version:
            return None
        drafts = narrowed(session, passage, into, sources, self._operation_id)
        event = new_event(
            session,
            Kind.REVISED,
            into.cube_id,
            into.scope,
            operation_id=self._operation_id,
            expected_version=into.version + len(drafts),
            passage=passage,
        )
        event.revised.mode = Revised.MODE_MERGE
        event.composed_from = into.version + len(drafts)
        add_sources(event, sources.versions)
        event.subject_digests.extend(sources.subjects)
        with session.engine.read() as reader:
            memory = self._compose(into.scope, [opened_parts(reader, head) for head in heads])
            key = reader.cube_key(into.cube_id)
        if key is None:
            return None
        event.parts = memory.parts
        seal_body(key, event, memory.body)
        for draft in (*drafts, Draft(event, memory.body)):
            committed = self._transaction.append(draft)
            if committed.outcome.result is Result.REJECTED:
                return None
            self._receipt = replace(self._receipt, version=committed.outcome.version)
        return [head for head in heads if id_text(head.cube_id) in moved]

    def _absorb(self, state: CubeState) -> str | None:
        """Have one source absorbed; its id where it has moved on once more."""
        session, receipt = self._session, self._receipt
        event = new_event(
            session,
            Kind.MERGED,
            state.cube_id,
            state.scope,
            expected_version=state.version,
            operation_id=self._operation_id,
            passage=self._passage,
        )
        cube_id = id_text(state.cube_id)
        event.merged.into_cube_id = id_bytes(receipt.cube_id)
        outcome = self._transaction.append(Draft(event)).outcome
        others = tuple(no for no in receipt.rejected if no.cube_id != cube_id)
        if outcome.result is Result.REJECTED:
            others = (*others, Rejection(cube_id, reason_text(outcome.reason)))
        self._receipt = replace(receipt, rejected=others)
        moved_again = outcome.result is Result.REJECTED and outcome.reason is Reason.CONFLICT
        return cube_id if moved_again else None
