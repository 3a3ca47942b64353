"""Naming a moment of the log."""

from __future__ import annotations

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import IllegalMove, InvalidInput
from memos.kernel.event import Kind
from memos.operation.commands.draft import new_event
from memos.operation.reads.as_of import is_cut_name
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import VAULT_SCOPE, Session
from memos.operation.tenant_digests import keyed_ids
from memos.operation.validation import check_name


def name_cut(session: Session, name: str) -> Receipt:
    """See `Memory.name_cut`."""
    with session.gate.enter("name_cut") as passage:
        passage.require_vault(Action.CREATE)
        checked = check_name(name, "a cut's name")
        if not is_cut_name(checked):
            raise InvalidInput(f"{name!r} looks like a position or a time: give the cut a name")
        cut_id = keyed_ids(session.digests.key(VAULT_SCOPE), ("cut", checked)).cube_id

        def name_it(transaction: Transaction) -> Committed:
            if transaction.head(cut_id) is not None:
                raise IllegalMove(f"there is a cut named {name!r} already: choose another name")
            event = new_event(session, Kind.CUT_NAMED, cut_id, VAULT_SCOPE)
            event.cut_named.name = checked
            return transaction.name_cut(Draft(event))

        return receipt_of(session.engine, session.engine.writer.transact(name_it))
