"""Who administers a tenant: granted and revoked by events on the tenant's own cube."""

from __future__ import annotations

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.event import Kind
from memos.kernel.tenant import ADMINISTRATOR
from memos.operation.commands.tenant_change import change_tenant
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_name, check_tenant
from memos.wire.event_pb2 import Event


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
    named = check_tenant(tenant)
    check_name(actor, "actor")

    def fill(passage: Passage, state: CubeState | None, event: Event) -> None:
        detail = event.granted if kind is Kind.GRANTED else event.revoked
        detail.role, detail.actor = ADMINISTRATOR, actor

    return receipt_of(session.engine, change_tenant(session, operation, kind, named, fill))
