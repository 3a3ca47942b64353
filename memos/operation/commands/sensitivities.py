"""A tenant's labels of sensitivity, in order: what is made of several memories takes the highest."""

from __future__ import annotations

from collections.abc import Iterable

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.event import Kind
from memos.kernel.tenant import tenant_cube_id
from memos.operation.commands import restriction
from memos.operation.commands.draft import new_event
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_names, check_tenant


def set_sensitivities(session: Session, tenant: str, labels: Iterable[str]) -> Receipt:
    """See `Memory.set_sensitivities`."""
    named = check_tenant(tenant)
    ordered = check_names(labels, "labels")
    with session.gate.enter("set_sensitivities") as passage:
        passage.require_administrator(named)
        event = new_event(session, Kind.CONFIGURED, tenant_cube_id(named), named)
        event.configured.sensitivities.extend(ordered)
        (committed,) = session.engine.writer.commit([Draft(event)])
        return receipt_of(session.engine, committed)


def sensitivities(session: Session, tenant: str) -> tuple[str, ...]:
    """See `Memory.sensitivities`."""
    named = check_tenant(tenant)
    with session.gate.enter("sensitivities") as passage:
        passage.require(Action.READ, named)
        with session.engine.read() as reader:
            return restriction.sensitivities(reader, named)
