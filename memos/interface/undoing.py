"""The part of the Memory API that undoes: rollback; and erase and sweep, which are called here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import Held, IllegalMove, InvalidInput, NotFound
from memos.kernel.event import Kind, id_text
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.commands.draft import new_event
from memos.operation.commands.erase import erase_cubes
from memos.operation.commands.rollback_plan import (
    PlannedChange,
    PlannedTarget,
    Planner,
    attempts_to_undo,
    fill_targets,
)
from memos.operation.commands.sweep import Sweep, sweep_ended
from memos.operation.erasure_receipt import ErasureReceipt
from memos.operation.reads.moment import AsOf, stretch
from memos.operation.receipt import Rejection, rejections
from memos.operation.session import Session
from memos.operation.validation import Time

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


class Undoing:
    """Compensating operations. Each is new events; the history stays."""

    _session: Session

    def rollback(
        self,
        cube_id: str | None = None,
        *,
        to_version: int | None = None,
        source: str | None = None,
        actor: str | None = None,
        operation: str | None = None,
        cut: str | None = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
        scope: str | None = None,
        dry_run: bool = False,
    ) -> Rollback:
        """Take a cube to a version, or undo a source, an actor, an operation or a stretch of log.

        Walks the taint: everything that was derived, merged, quoted or appended from what is
        undone goes back to its last clean version, or is archived where there is none.

        Args:
            cube_id: with `to_version`, the cube to take back.
            to_version: the version that it goes back to.
            source: undo what came from this source, or from below it (whole path segments).
            actor: undo what this actor did.
            operation: undo the operation with this id.
            cut: undo everything after this named cut.
            since: only from this position on.
            until: only before this position.
            scope: only in this scope and what lies under it.
            dry_run: only plan.

        Raises:
            Denied: a cube may not be written by the actor; nothing was changed.
        """
        session = self._session
        if cube_id is not None:
            if any(given is not None for given in (source, actor, operation, cut, since, until)):
                raise InvalidInput("pass a cube with to_version, or what to undo, not both")
            return _cube_to_version(session, cube_id, to_version, dry_run)
        if to_version is not None:
            raise InvalidInput("to_version needs a cube")
        if all(given is None for given in (source, actor, operation, cut, since, until)):
            raise InvalidInput(
                "say what to undo: source=, actor=, operation=, cut=, since=, until="
            )
        for name, value in (("actor", actor), ("source", source)):
            if value is not None:
                validate.check_name(value, name)
        if scope is not None:
            session.require(Action.READ, check_scope(scope), operation="rollback")
        with session.engine.read() as reader:
            after, upto = stretch(reader, cut if cut is not None else since, until)
        wanted = LogQuery(
            actor=actor or "",
            scope=session.subject.tenant if scope is None else check_scope(scope),
            operation_id=b"" if operation is None else validate.check_id(operation, "operation id"),
            sources=() if source is None else session.all_lookups(b"source", source, scope),
            after=after,
            upto=upto,
        )
        if source is not None and not wanted.sources:
            return Rollback((), (), (), dry_run)
        return _undo(session, wanted, dry_run)

    def erase(
        self,
        *,
        subject: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
    ) -> ErasureReceipt:
        """Erase for good: destroy keys, purge every copy, and sign a receipt that lists them.

        The events stay, sealed for ever; the log's proofs still hold.

        Args:
            subject: all that is about this subject, and all that was derived from it.
            scope: all that lies in or under this scope, and all that was derived from it.
            cube_id: this cube, and all that was derived from it.

        Raises:
            Held: a cube is frozen; nothing was erased.
            NotFound: nothing matches.
        """
        return erase_cubes(self._session, subject=subject, scope=scope, cube_id=cube_id)

    def sweep(self, now: Time | None = None) -> Sweep:
        """End what has outlived its lifespan: archive, expire or erase it, as its header says.

        Args:
            now: the time to judge by; by default the clock's.
        """
        return sweep_ended(self._session, now)


def _cube_to_version(
    session: Session, cube_id: str, to_version: int | None, dry_run: bool
) -> Rollback:
    raw = validate.check_id(cube_id)
    number = validate.check_version(to_version, "to_version")
    with session.engine.read() as reader:
        state = session.live_state(reader, raw)
        session.require(Action.WRITE, state.scope, state, operation="rollback")
        if reader.vault.version(raw, number) is None:
            raise NotFound(f"cube {cube_id} has no version {number}: see its history")

    def plan(reader: Reader) -> list[PlannedTarget]:
        head, version = reader.vault.head(raw), reader.vault.version(raw, number)
        if head is None or version is None:
            return []
        return Planner(reader).to_version(head, version)

    if dry_run:
        with session.engine.read() as reader:
            return _report(plan(reader), [], dry_run=True)

    def work(engine: Transaction) -> Rollback:
        targets = plan(engine.reader())
        _require_all(session, targets)
        return _report(targets, _execute(session, engine, targets), dry_run=False)

    done = session.engine.writer.write(work)
    for rejection in done.rejected:
        if rejection.cube_id == cube_id:
            _raise_refusal(cube_id, rejection)
    return done


def _raise_refusal(cube_id: str, rejection: Rejection) -> NoReturn:
    """Say why the cube itself did not go back."""
    if rejection.reason == "frozen":
        raise Held(f"cube {cube_id} is frozen: thaw it before a rollback", (cube_id,))
    raise IllegalMove(f"cube {cube_id} was not rolled back: {rejection.reason}")


def _undo(session: Session, wanted: LogQuery, dry_run: bool) -> Rollback:
    if dry_run:
        with session.engine.read() as reader:
            targets = Planner(reader).undo(attempts_to_undo(reader, wanted))
            visible = [t for t in targets if _may(session, Action.READ, t)]
            return _report(visible, [], dry_run=True)

    def work(engine: Transaction) -> Rollback:
        """Walk until the closure is empty: what was rejected is reported, not tried again."""
        seen: set[bytes] = set()
        done: list[PlannedTarget] = []
        committed: list[Committed] = []
        for _ in range(MOST_WALKS):
            reader = engine.reader()
            planned = Planner(reader).undo(attempts_to_undo(reader, wanted))
            targets = [t for t in planned if t.state.cube_id not in seen]
            if not targets:
                break
            _require_all(session, targets)
            committed += _execute(session, engine, targets)
            seen |= {target.state.cube_id for target in targets}
            done += targets
        return _report(done, committed, dry_run=False)

    return session.engine.writer.write(work)


def _execute(
    session: Session, engine: Transaction, targets: Sequence[PlannedTarget]
) -> list[Committed]:
    """Append the operation, one event a tenant and five thousand cubes."""
    committed = []
    tenants: dict[str, list[PlannedTarget]] = {}
    for target in targets:
        tenants.setdefault(tenant_of(target.state.scope), []).append(target)
    for tenant, mine in tenants.items():
        for start in range(0, len(mine), TARGETS_PER_EVENT):
            operation_id = session.new_id()
            event = new_event(
                session, Kind.ROLLED_BACK, operation_id, tenant, operation_id=operation_id
            )
            fill_targets(event, mine[start : start + TARGETS_PER_EVENT])
            committed.append(engine.append(Draft(event)))
    return committed


def _may(session: Session, action: Action, target: PlannedTarget) -> bool:
    return session.decide(action, target.state.scope, target.state).allowed


def _require_all(session: Session, targets: Iterable[PlannedTarget]) -> None:
    for target in targets:
        session.require(Action.WRITE, target.state.scope, target.state, operation="rollback")


def _report(
    targets: Sequence[PlannedTarget], committed: Sequence[Committed], dry_run: bool
) -> Rollback:
    rejected = [no for each in committed for no in rejections(each)]
    refused = {no.cube_id for no in rejected}
    changes = tuple(t.change for t in targets if t.change.cube_id not in refused)
    ids = tuple(id_text(each.event.operation_id) for each in committed)
    return Rollback(changes, ids, tuple(rejected), dry_run)
