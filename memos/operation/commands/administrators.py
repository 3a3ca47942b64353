"""Who administers a tenant: granted and revoked by events on the tenant's own cube."""

from __future__ import annotations

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import Conflict
from memos.kernel.event import Kind
from memos.kernel.outcome import Reason
from memos.kernel.tenant import ADMINISTRATOR, tenant_cube_id
from memos.operation.commands.change import COMPOSE_TRIES
from memos.operation.commands.draft import new_event
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_name, check_tenant


def grant_administrator(session: Session, tenant: str, actor: str) -> Receipt:
    """See `Memory.grant_administrator`."""
    return _set_role(session, "grant_administrator", Kind.GRANTED, tenant, actor)


def revoke_administrator(session: Session, tenant: str, actor: str) -> Receipt:
    """See `Memory.revoke_administrator`."""
    return _set_role(session, "revoke_administrator", Kind.REVOKED, tenant, actor)


def administrators(session: Session, tenant: str) -> tuple[str, ...]:
    """See `Memory.administrators`."""
    named = check_tenant(tenant)
    with session.gate.enter("administrators") as passage:
        passage.require(Action.READ, named)
        return session.administrators_of(named)


def _set_role(session: Session, operation: str, kind: Kind, tenant: str, actor: str) -> Receipt:
    """Append to the tenant's cube at the version by which the caller's own right was judged: whoever
    lost it meanwhile is judged again.
    """
    named = check_tenant(tenant)
    check_name(actor, "actor")
    cube_id = tenant_cube_id(named)
    for _ in range(COMPOSE_TRIES):
        with session.gate.enter(operation) as passage:
            with session.engine.read() as reader:
                state = reader.vault.head(cube_id)
            passage.require_administrator(named)
            version = 0 if state is None else state.version
            event = new_event(
                session, kind, cube_id, named, expected_version=version, passage=passage
            )
            detail = event.granted if kind is Kind.GRANTED else event.revoked
            detail.role, detail.actor = ADMINISTRATOR, actor
            (committed,) = session.engine.writer.commit([Draft(event)])
            if committed.outcome.reason is not Reason.CONFLICT:
                return receipt_of(session.engine, committed)
    raise Conflict(
        f"the administrators of {named} changed {COMPOSE_TRIES} times meanwhile: try again",
        committed.outcome.version,
    )
