"""The policy's decisions on adapters, kept in the log once they are carried out."""

from __future__ import annotations

from collections.abc import Set
from contextlib import suppress
from dataclasses import replace

from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import Form
from memos.kernel.errors import Denied, IllegalMove, NotFound, PartlyDone
from memos.kernel.event import id_bytes
from memos.operation.scheduler.decided import decided_form
from memos.operation.scheduler.plan import Plan
from memos.operation.scheduler.port import Decision
from memos.operation.scheduler.record import record
from memos.operation.session import Session

_CHANGED_SINCE = (Denied, IllegalMove, NotFound, PartlyDone)
"""What a decision meets on a memory that another has changed since: the next round decides on it as it is then."""


def keep_decisions(session: Session, plan: Plan, held: Set[str]) -> None:
    """Keep what a policy decided on adapters, as far as it is so: that a memory is parametric where an adapter
    holds it, and that one is plaintext where none does any more. On the activation form `schedule` decides.

    Args:
        session: the open vault.
        plan: what the policy decided.
        held: the memories that a live adapter holds.
    """
    with session.engine.read() as reader:
        done = tuple(each for each in plan.decisions if _is_done(reader, each, held))
    try:
        record(session, replace(plan, decisions=done))
    except _CHANGED_SINCE:
        for each in done:
            with suppress(*_CHANGED_SINCE):
                record(session, replace(plan, decisions=(each,)))


def _is_done(reader: Reader, decision: Decision, held: Set[str]) -> bool:
    is_held = decision.cube_id in held
    if decision.form is Form.PARAMETRIC:
        return is_held
    attempts = reader.vault.attempts(id_bytes(decision.cube_id))
    return not is_held and decided_form(reader, attempts) is Form.PARAMETRIC
