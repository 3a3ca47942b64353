"""The end of an adapter: its cube is archived, and models let go of its tensors; the memories stay as they are."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from memos.infrastructure.chat_models.caching_models import forget_everywhere
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.cube import SHOWN, CubeState
from memos.kernel.errors import MemosError
from memos.kernel.event import Kind, id_text
from memos.kernel.lifecycle import CONTENT_STATES
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.adapter_manifest import adapter_manifest, promoted_versions
from memos.operation.adapters.adapter import adapter_state, adapters_for
from memos.operation.adapters.verdict import rejections
from memos.operation.commands.lifecycle import Move, move
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import check_version

RETIRE = Move(Kind.RETIRED, Action.WRITE)


def retire(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.retire`."""
    if expected_version is not None:
        check_version(expected_version, "expected_version")
    with session.gate.enter("retire") as passage:
        state = adapter_state(session, passage, cube_id, Action.WRITE)
        with session.engine.read() as reader:
            digests = [
                bytes.fromhex(manifest.sha256)
                for _, manifest in promoted_versions(reader, state.cube_id)
                if manifest is not None
            ]
        receipt = move(session, passage, cube_id, RETIRE, expected_version)
    let_go(session, tenant_of(state.scope), digests)
    return receipt


def retire_outdated(session: Session, scope: str) -> tuple[Receipt, ...]:
    """Retire the adapters in a scope and under it that may answer nobody any more, as far as the actor may
    write them: no answer was made from one since, so this is housekeeping.
    """
    within = check_scope(scope)
    with session.gate.enter("retire") as passage:
        passage.require(Action.READ, within)
        with session.engine.stream() as reader:
            outdated = [
                id_text(known.state.cube_id)
                for known in adapters_for(passage, reader).within(within)
                if known.manifest is not None
                and known.state.lifecycle in CONTENT_STATES
                and any(each.for_all for each in known.outdated)
                and passage.allows(Action.WRITE, known.state)
            ]
    return tuple(retire(session, cube_id, None) for cube_id in outdated)


def retire_unfinished(session: Session, state: CubeState) -> None:
    """Retire a cube that was begun and holds nothing, where it is still there."""
    with session.engine.read() as reader:
        holds = any(True for _ in promoted_versions(reader, state.cube_id))
        holds = holds or any(True for _ in rejections(reader, state.cube_id))
    if not holds:
        with suppress(MemosError):  # it is erased, or another call ended it
            retire(session, id_text(state.cube_id), None)


def let_go(session: Session, tenant: str, digests: Collection[bytes]) -> None:
    """Have models let go of adapters, but for those that another cube has, too."""
    with session.engine.stream() as reader:
        made = {a.cube_id for a in reader.vault.query(LogQuery(kind=Kind.DISTILLED, scope=tenant))}
        heads = reader.vault.heads_many(sorted(made))
        standing = (
            adapter_manifest(reader, state)
            for state in heads.values()
            if state.lifecycle in SHOWN and not state.erasing
        )
        kept = {bytes.fromhex(each.sha256) for each in standing if each is not None}
    forget_everywhere([digest for digest in digests if digest not in kept])
