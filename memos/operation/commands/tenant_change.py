"""A change of the cube of a tenant, or of the vault, by whoever administers it."""

from __future__ import annotations

from collections.abc import Callable

from memos.infrastructure.engine.commit import Committed, Draft
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict
from memos.kernel.event import Kind
from memos.kernel.outcome import Reason
from memos.kernel.tenant import tenant_cube_id
from memos.operation.commands.change import COMPOSE_TRIES
from memos.operation.commands.draft import new_event
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.operation.wording import WHOLE_VAULT
from memos.wire.event_pb2 import Event

Fill = Callable[[Passage, CubeState | None, Event], None]
"""Says what changes, from the tenant's cube as it is; it may be asked again."""


def change_tenant(
    session: Session, operation: str, kind: Kind, tenant: str, fill: Fill
) -> Committed:
    """Append to the tenant's cube at the version by which the caller's own right was judged: whoever
    lost it meanwhile is judged again.

    Raises:
        Denied: the caller does not administer the tenant; or the vault, where that is empty.
        Conflict: others changed it too often meanwhile.
    """
    cube_id = tenant_cube_id(tenant)
    for _ in range(COMPOSE_TRIES):
        with session.gate.enter(operation) as passage:
            with session.engine.read() as reader:
                state = reader.vault.head(cube_id)
            passage.require_administrator(tenant)
            version = 0 if state is None else state.version
            event = new_event(
                session, kind, cube_id, tenant, expected_version=version, passage=passage
            )
            fill(passage, state, event)
            (committed,) = session.engine.writer.commit([Draft(event)])
            if committed.outcome.reason is not Reason.CONFLICT:
                return committed
    raise Conflict(
        f"what {tenant or WHOLE_VAULT} is set up with changed {COMPOSE_TRIES} times meanwhile: try again",
        committed.outcome.version,
    )
