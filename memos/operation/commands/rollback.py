"""Undo: each cube goes back to its last clean version, by new events; the history stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import CubeState
from memos.kernel.errors import IllegalMove, InvalidInput, NotFound
from memos.kernel.event import Kind, id_text
from memos.kernel.outcome import Reason, Result
from memos.kernel.scope import tenant_of
from memos.operation.commands.draft import operation_event
from memos.operation.commands.foresee import foreseen_refusals
from memos.operation.commands.parts import in_parts
from memos.operation.commands.restriction import require_loosening
from memos.operation.commands.rollback_plan import (
    PlannedChange,
    PlannedTarget,
    Planner,
    attempts_to_undo,
    fill_targets,
    target_size,
)
from memos.operation.commands.rollback_rights import HeaderRights
from memos.operation.commands.rollback_texts import with_texts
from memos.operation.commands.undone_links import still_ended
from memos.operation.commands.undone_operation import check_operation
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.reads.log import LogFilter
from memos.operation.receipt import Rejection, held, reason_text
from memos.operation.session import Session, live_state
from memos.operation.validation import check_flag, check_id, check_version
from memos.wire.event_pb2 import Event

MOST_WALKS = 100

Plan = Callable[[Reader], list[PlannedTarget]]
"""What is to change, as a reader sees the vault."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback, planned (`dry_run`) or done. `changes` names every cube that it touches, and
    `headers_kept` those whose header facts or links were changed by what is undone, and stay: to bring
    them back is not the caller's. `links_ended` names those of which what is undone took links back:
    these are not made again, and `link` makes them.
    """

    changes: tuple[PlannedChange, ...]
    operation_ids: tuple[str, ...]
    rejected: tuple[Rejection, ...]
    dry_run: bool
    headers_kept: tuple[str, ...] = ()
    links_ended: tuple[str, ...] = ()

    @property
    def tells_nothing(self) -> bool:
        """Whether there is nothing to undo, and nothing that stays."""
        return not (self.changes or self.rejected or self.headers_kept or self.links_ended)

    @property
    def stays(self) -> tuple[str, ...]:
        """What is not undone, a sentence a memory."""
        return (
            *(f"{one} keeps its header and links: not yours to undo" for one in self.headers_kept),
            *(
                f"{one} gets no link back that what is undone took from it: link makes it again"
                for one in self.links_ended
            ),
        )

    def __str__(self) -> str:
        if self.tells_nothing:
            return "nothing to undo"
        title = "would change" if self.dry_run else "changed"
        count = len(self.changes)
        lines = [f"{title} {count} cube{'s' if count != 1 else ''}:"]
        lines += [f"  {change}" for change in self.changes]
        lines += [f"  {no.cube_id} refused: {no.reason}" for no in self.rejected]
        lines += [f"  {sentence}" for sentence in self.stays]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """What to take back: a cube to a version, or what the records of a filter did.

    Raises:
        InvalidInput: both are given, a cube without a version, or a version without a cube; or a
            scope beside a cube, which lies in its own.
    """

    cube_id: str | None = None
    to_version: int | None = None
    records: LogFilter = field(default_factory=LogFilter)
    dry_run: bool = False

    def __post_init__(self) -> None:
        check_flag(self.dry_run, "dry_run")
        if self.cube_id is not None and self.records != LogFilter():
            raise InvalidInput(
                "pass a cube with to_version, or what to undo and its scope, not both"
            )
        if self.cube_id is None and self.to_version is not None:
            raise InvalidInput("to_version needs a cube")

    @property
    def names_records(self) -> bool:
        """Whether it says which records to undo."""
        of = self.records
        stated = (of.actor, of.source, of.operation, of.since, of.until, of.cut)
        return any(given is not None for given in stated)

    @property
    def is_of_log(self) -> bool:
        """Whether it undoes what an actor did, or a stretch of the log."""
        of = self.records
        return any(given is not None for given in (of.actor, of.since, of.until, of.cut))


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
        rights = HeaderRights(passage, of_log=request.is_of_log)
        passage.admit(Action.READ)
        scope = passage.within if records.scope is None else records.scope
        query = records.query(session, passage, scope)
        if query is None:
            return Rollback((), (), (), dry_run)
        if dry_run:
            with session.engine.read() as reader:
                undone = list(_to_undo(passage, reader, query))
                targets = rights.bound(_shown_to(passage, reader).undo(undone))
                report = _planned(session, passage, reader, targets)
                report = replace(
                    report,
                    headers_kept=rights.kept(),
                    links_ended=_readable(passage, still_ended(reader, undone)),
                )
                _check_operation(passage, reader, query, report)
                return report
        ended: list[Mapping[bytes, CubeState]] = []

        def plan(reader: Reader) -> list[PlannedTarget]:
            undone = list(_to_undo(passage, reader, query))
            if not ended:  # a later walk may find what this rollback ended itself
                ended.append(still_ended(reader, undone))
            return rights.bound(Planner(reader).undo(undone))

        report = session.engine.writer.transact(
            lambda transaction: _carry_out(session, passage, transaction, plan)
        )
        report = replace(
            report, headers_kept=rights.kept(), links_ended=_readable(passage, ended[0])
        )
        with session.engine.read() as reader:
            _check_operation(passage, reader, query, report)
        return report


def _to_undo(passage: Passage, reader: Reader, query: LogQuery) -> Iterator[Attempt]:
    """The attempts that are asked to be undone, of what the caller reaches: what these led to counts
    wherever it is.
    """
    for attempt in attempts_to_undo(reader, query):
        if passage.reaches(attempt.scope):
            yield attempt


def _readable(passage: Passage, states: Mapping[bytes, CubeState]) -> tuple[str, ...]:
    """The ids of some cubes, as far as the caller may see them."""
    return tuple(
        id_text(cube_id)
        for cube_id, state in sorted(states.items())
        if passage.allows(Action.READ, state)
    )


def _check_operation(passage: Passage, reader: Reader, query: LogQuery, report: Rollback) -> None:
    """Say why nothing was undone of an operation that was named, but that it is undone already."""
    if query.operation_id and report.tells_nothing:
        check_operation(
            passage, reader, LogQuery(operation_id=query.operation_id, scope=query.scope)
        )


def _restore_version(session: Session, cube_id: str, request: RollbackRequest) -> Rollback:
    """Take one cube to an earlier version."""
    raw = check_id(cube_id)
    number = check_version(request.to_version, "to_version")
    with session.gate.enter("rollback") as passage:
        rights = HeaderRights(passage, of_log=False)
        with session.engine.read() as reader:
            state = live_state(passage, reader, raw)
            passage.require(Action.WRITE, state.scope, state)
            if reader.vault.version(raw, number) is None:
                raise NotFound(f"cube {cube_id} has no version {number}: see its history")
            if request.dry_run:
                planner = _shown_to(passage, reader)
                targets = rights.bound(_to_version(planner, reader, raw, number), raw)
                planned = _planned(session, passage, reader, targets)
                _check_named(reader, raw, planned)
                return replace(planned, headers_kept=rights.kept())

        def plan(reader: Reader) -> list[PlannedTarget]:
            return rights.bound(_to_version(Planner(reader), reader, raw, number), raw)

        report = session.engine.writer.transact(
            lambda transaction: _carry_out(session, passage, transaction, plan, named=raw)
        )
        return replace(report, headers_kept=rights.kept())


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


def _carry_out(
    session: Session, passage: Passage, transaction: Transaction, plan: Plan, named: bytes = b""
) -> Rollback:
    """Walk and write until there is nothing left to change.

    A cube that moved on after it was planned is planned again; what else refuses is reported and
    not tried again. Where `named`, the cube that the caller named, would refuse, nothing is written.

    Raises:
        Held, IllegalMove: it refuses.
    """
    done: dict[bytes, PlannedTarget] = {}
    refused: dict[bytes, Reason] = {}
    operation_ids: list[str] = []
    for _ in range(MOST_WALKS):
        reader = transaction.reader()
        targets = [
            target
            for target in plan(reader)
            if target.state.cube_id not in done
            and refused.get(target.state.cube_id, Reason.STALE) is Reason.STALE
        ]
        if not targets:
            break
        _require_rights(passage, reader, targets)
        events = _operations(session, passage, targets)
        if named:
            foreseen = _foreseen(events, targets)
            _check_named(reader, named, _report(done.values(), foreseen, operation_ids))
        planned = {target.state.cube_id: target for target in targets}
        for event in events:
            committed = transaction.append(Draft(event))
            operation_ids.append(id_text(event.operation_id))
            for followed in committed.consequences:
                cube_id = followed.event.cube_id
                if followed.outcome.result is Result.REJECTED:
                    refused[cube_id] = followed.outcome.reason
                else:
                    refused.pop(cube_id, None)
                    done[cube_id] = planned[cube_id]
        if named:
            told = _report(done.values(), refused, operation_ids)
            _check_named(transaction.reader(), named, told, last=False)
    report = _report(done.values(), refused, operation_ids)
    if named:
        _check_named(transaction.reader(), named, report)
    return report


_ONE_BY_ONE = (
    "; what is yours you can bring back one by one: with its cube_id and to_version, or, of what was "
    "merged, by archive and restore"
)


def _require_rights(passage: Passage, reader: Reader, targets: Sequence[PlannedTarget]) -> None:
    """Go on only where the actor may change each of the cubes, and its header as it is planned."""
    passage.require_each(Action.WRITE, [target.state for target in targets], hint=_ONE_BY_ONE)
    for target in targets:
        if target.header != target.state.header:
            require_loosening(passage, reader, target.state, target.header)


def _operations(
    session: Session, passage: Passage, targets: Sequence[PlannedTarget]
) -> list[Event]:
    """The events of an operation: of each tenant as many as its cubes need."""
    tenants: dict[str, list[PlannedTarget]] = {}
    for target in targets:
        tenants.setdefault(tenant_of(target.state.scope), []).append(target)
    events = []
    for tenant, mine in tenants.items():
        for part in in_parts(mine, target_size):
            event = operation_event(session, Kind.ROLLED_BACK, session.new_id(), tenant, passage)
            fill_targets(event, part)
            events.append(event)
    return events


def _foreseen(events: Iterable[Event], targets: Sequence[PlannedTarget]) -> dict[bytes, Reason]:
    """The cubes that would refuse, and why."""
    states = [target.state for target in targets]
    return {
        cube_id: reason
        for event in events
        for cube_id, reason in foreseen_refusals(event, states).items()
    }


def _planned(
    session: Session, passage: Passage, reader: Reader, targets: Sequence[PlannedTarget]
) -> Rollback:
    """What a rollback would do, with the texts that it is about."""
    foreseen = _foreseen(_operations(session, passage, targets), targets)
    told = [with_texts(reader, target) for target in targets]
    return _report(told, foreseen, (), dry_run=True)


def _check_named(reader: Reader, named: bytes, report: Rollback, *, last: bool = True) -> None:
    """Raise where the cube that the caller named did, or would, not go back.

    Args:
        reader: where it is read.
        named: the cube.
        report: what was done, and what refused.
        last: a cube that has moved on meanwhile is not planned again any more.
    """
    cube_id = id_text(named)
    reason = next((no.reason for no in report.rejected if no.cube_id == cube_id), None)
    if reason is None or (reason == reason_text(Reason.STALE) and not last):
        return
    if report.changes and not report.dry_run:
        changed = ", ".join(change.cube_id for change in report.changes)
        what = f"changed before it refused: {changed} (operation {report.operation_ids[-1]})"
    else:
        what = "nothing was changed"
    state = reader.vault.head(named)
    if reason == reason_text(Reason.FROZEN) and state is not None:
        raise held(state, "roll it back", f"; {what}")
    raise IllegalMove(f"cube {cube_id} cannot be rolled back ({reason}); {what}")


def _report(
    targets: Iterable[PlannedTarget],
    refused: Mapping[bytes, Reason],
    operation_ids: Sequence[str],
    *,
    dry_run: bool = False,
) -> Rollback:
    changes = tuple(t.change for t in targets if t.state.cube_id not in refused)
    rejected = tuple(
        Rejection(id_text(cube_id), reason_text(reason))
        for cube_id, reason in sorted(refused.items())
    )
    return Rollback(changes, tuple(operation_ids), rejected, dry_run)
