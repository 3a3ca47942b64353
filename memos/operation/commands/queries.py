"""The texts of queries: whether a vault keeps them, and what it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.governance.query_keys import DAY, RETENTION_DAYS, open_query
from memos.kernel.errors import InvalidInput
from memos.kernel.scope import check_scope, contains, tenant_of
from memos.operation.cube import as_datetime
from memos.operation.session import Session
from memos.operation.validation import check_duration


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query whose text a vault keeps: what was asked, in which scope, when."""

    text: str
    scope: str
    asked: datetime


def keep_queries(session: Session, lifetime: str | None) -> None:
    """See `Memory.keep_queries`."""
    duration = 0 if lifetime is None else check_duration(lifetime, "lifetime")
    if duration > RETENTION_DAYS * DAY:
        raise InvalidInput(
            f"lifetime={lifetime!r}: the text of a query is kept for {RETENTION_DAYS}d at most"
        )
    with session.gate.enter("keep_queries") as passage:
        passage.require_vault(Action.ADMINISTER)
        passage.require_administrator("")
        session.engine.queries.set_lifetime(duration)


def queries(session: Session, scope: str) -> list[AskedQuery]:
    """See `Memory.queries`."""
    scope = check_scope(scope)
    tenant = tenant_of(scope)
    with session.gate.enter("queries") as passage:
        passage.require_administrator(tenant)
        session.access_log.flush()
        keys = session.engine.keys
        asked = []
        for kept in session.engine.queries.kept(tenant, session.clock()):
            if contains(scope, kept.scope):
                text = open_query(keys, tenant, kept.box, kept.asked, kept.access_id)
                if text is not None:
                    asked.append(AskedQuery(text, kept.scope, as_datetime(kept.asked)))
        return asked
