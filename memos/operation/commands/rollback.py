"""Undo: each cube goes back to its last clean version, by new events; the history stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import Held, IllegalMove, InvalidInput, NotFound
from memos.kernel.event import Kind, id_text
from memos.kernel.scope import tenant_of
from memos.operation.commands.draft import operation_event
from memos.operation.commands.restriction import require_loosening
from memos.operation.commands.rollback_plan import (
    PlannedChange,
    PlannedTarget,
    Planner,
    attempts_to_undo,
    fill_targets,
)
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.reads.log import LogFilter
from memos.operation.receipt import Rejection, rejections
from memos.operation.session import Session, live_state
from memos.operation.validation import check_id, check_version

TARGETS_PER_EVENT = 5_000
"""Keeps an operation's event well below a broker's limit of 1 MB."""

MOST_WALKS = 100


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback, planned (`dry_run`) or done. `changes` names every cube that it touches."""

    changes: tuple[PlannedChange, ...]
    operation_ids: tuple[str, ...]
    rejected: tuple[Rejection, ...]
    dry_run: bool

    def __str__(self) -> str:
        if not self.changes:
            return "nothing to undo"
        title = "would change" if self.dry_run else "changed"
        count = len(self.changes)
        lines = [f"{title} {count} cube{'s' if count != 1 else ''}:"]
        lines += [f"  {change}" for change in self.changes]
        lines += [f"  {no.cube_id} refused: {no.reason}" for no in self.rejected]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """What to take back: a cube to a version, or what the records of a filter did.

    Raises:
        InvalidInput: both are given, a cube without a version, or a version without a cube.
    """

    cube_id: str | None = None
    to_version: int | None = None
    records: LogFilter = field(default_factory=LogFilter)
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.cube_id is not None and self.names_records:
            raise InvalidInput("pass a cube with to_version, or what to undo, not both")
        if self.cube_id is None and self.to_version is not None:
            raise InvalidInput("to_version needs a cube")

    @property
    def names_records(self) -> bool:
        """Whether it says which records to undo."""
        of = self.records
        stated = (of.actor, of.source, of.operation, of.since, of.until, of.cut)
        return any(given is not None for given in stated)


def rollback(session: Session, request: RollbackRequest) -> Rollback:
    """See `Memory.rollback`."""
    if request.cube_id is not None:
        return _restore_version(session, request.cube_id, request)
    return _undo_records(session, request)


def _undo_records(session: Session, request: RollbackRequest) -> Rollback:
    """Undo what the records of a filter did, and all that came of it."""
    records, dry_run = request.records, request.dry_run
    if not request.names_records:
        raise InvalidInput("say what to undo: source=, actor=, operation=, cut=, since=, until=")
    with session.gate.enter("rollback") as passage:
        if records.scope is not None:
            passage.require(Action.READ, records.scope)
        permitted = passage.permitted(Action.READ)
        scope = permitted.tenant if records.scope is None else records.scope
        query = records.query(session, passage, scope)
        if query is None:
            return Rollback((), (), (), dry_run)
        if dry_run:
            with session.engine.read() as reader:
                planner = _shown_to(passage, reader)
                return _report(planner.undo(attempts_to_undo(reader, query)), [], dry_run=True)
        with session.engine.writer.transaction() as transaction:
            return _undo(session, passage, transaction, query)


def _restore_version(session: Session, cube_id: str, request: RollbackRequest) -> Rollback:
    """Take one cube to an earlier version."""
    raw = check_id(cube_id)
    number = check_version(request.to_version, "to_version")
    with session.gate.enter("rollback") as passage:
        with session.engine.read() as reader:
            state = live_state(passage, reader, raw)
            passage.require(Action.WRITE, state.scope, state)
            if reader.vault.version(raw, number) is None:
                raise NotFound(f"cube {cube_id} has no version {number}: see its history")
            if request.dry_run:
                planner = _shown_to(passage, reader)
                return _report(_to_version(planner, reader, raw, number), [], dry_run=True)
        with session.engine.writer.transaction() as transaction:
            seen = transaction.reader()
            targets = _to_version(Planner(seen), seen, raw, number)
            committed = _execute(session, passage, transaction, targets)
            done = _report(targets, committed, dry_run=False)
        for rejection in done.rejected:
            if rejection.cube_id == cube_id:
                _raise_refusal(cube_id, rejection)
        return done


def _shown_to(passage: Passage, reader: Reader) -> Planner:
    """Plans what the caller is shown of a rollback: no cube that they may not read, and nothing
    that only such a cube leads to. A rollback that reaches one is refused.
    """
    return Planner(reader, lambda cube_id: is_readable(passage, reader, cube_id))


def _to_version(planner: Planner, reader: Reader, raw: bytes, number: int) -> list[PlannedTarget]:
    head, version = reader.vault.head(raw), reader.vault.version(raw, number)
    if head is None or version is None:
        return []
    return planner.to_version(head, version)


def _undo(
    session: Session, passage: Passage, transaction: Transaction, query: LogQuery
) -> Rollback:
    """Walk until the closure is empty: what was rejected is reported, not tried again."""
    seen: set[bytes] = set()
    done: list[PlannedTarget] = []
    committed: list[Committed] = []
    for _ in range(MOST_WALKS):
        reader = transaction.reader()
        planned = Planner(reader).undo(attempts_to_undo(reader, query))
        targets = [target for target in planned if target.state.cube_id not in seen]
        if not targets:
            break
        committed += _execute(session, passage, transaction, targets)
        seen |= {target.state.cube_id for target in targets}
        done += targets
    return _report(done, committed, dry_run=False)


def _execute(
    session: Session, passage: Passage, transaction: Transaction, targets: Sequence[PlannedTarget]
) -> list[Committed]:
    """Append the operation, one event a tenant and five thousand cubes."""
    passage.require_each(Action.WRITE, [target.state for target in targets])
    reader = transaction.reader()
    for target in targets:
        if target.header != target.state.header:
            require_loosening(passage, reader, target.state, target.header)
    committed = []
    tenants: dict[str, list[PlannedTarget]] = {}
    for target in targets:
        tenants.setdefault(tenant_of(target.state.scope), []).append(target)
    for tenant, mine in tenants.items():
        for start in range(0, len(mine), TARGETS_PER_EVENT):
            event = operation_event(session, Kind.ROLLED_BACK, session.new_id(), tenant, passage)
            fill_targets(event, mine[start : start + TARGETS_PER_EVENT])
            committed.append(transaction.append(Draft(event)))
    return committed


def _raise_refusal(cube_id: str, rejection: Rejection) -> NoReturn:
    """Say why the cube itself did not go back."""
    if rejection.reason == "frozen":
        raise Held(f"cube {cube_id} is frozen: thaw it before a rollback", (cube_id,))
    raise IllegalMove(f"cube {cube_id} was not rolled back: {rejection.reason}")


def _report(
    targets: Sequence[PlannedTarget], committed: Sequence[Committed], dry_run: bool
) -> Rollback:
    rejected = [no for one in committed for no in rejections(one)]
    refused = {no.cube_id for no in rejected}
    changes = tuple(t.change for t in targets if t.change.cube_id not in refused)
    ids = tuple(id_text(one.event.operation_id) for one in committed)
    return Rollback(changes, ids, tuple(rejected), dry_run)
