"""An earlier version of an adapter made to answer again: a pointer moves, and nothing is trained."""

from __future__ import annotations

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import IllegalMove, NotFound
from memos.kernel.lifecycle import CONTENT_STATES
from memos.operation.adapter_manifest import promoted_versions
from memos.operation.adapters.adapter import adapter_state, adapters_for
from memos.operation.commands.rollback import Rollback, RollbackRequest, rollback
from memos.operation.cube import state_title
from memos.operation.session import Session
from memos.operation.validation import check_version


def promote_version(session: Session, cube_id: str, version: int) -> Rollback:
    """See `Memory.promote`."""
    check_version(version, "version")
    with session.gate.enter("promote") as passage:
        state = adapter_state(session, passage, cube_id, Action.WRITE)
        if state.lifecycle not in CONTENT_STATES:
            first = "thaw" if state.lifecycle is Lifecycle.FROZEN else "restore"
            raise IllegalMove(
                f"adapter {cube_id} is {state_title(state.lifecycle).lower()}: {first} it first, or rebuild it"
            )
        with session.engine.read() as reader:
            manifests = {
                attempt.outcome.version: manifest
                for attempt, manifest in promoted_versions(reader, state.cube_id)
            }
            manifest = manifests.get(version)
            if manifest is None:
                named = ", ".join(map(str, manifests)) or "none"
                raise NotFound(
                    f"no version {version} of adapter {cube_id} was promoted: there is {named}"
                )
            outdated = adapters_for(passage, reader).of_version(state, manifest)
        if outdated:
            raise IllegalMove(
                f"version {version} of adapter {cube_id} would not answer: "
                f"{'; '.join(each.reason for each in outdated)}: rebuild the adapter instead"
            )
    return rollback(session, RollbackRequest(cube_id=cube_id, to_version=version))
