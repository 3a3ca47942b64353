"""What took the place of the adapters that an erase ended: which, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import id_text
from memos.operation.adapter_manifest import promoted_versions
from memos.operation.adapters.adapter import adapters_for
from memos.operation.cube import as_datetime
from memos.operation.erasure_receipt import ErasureReceipt
from memos.operation.session import Session
from memos.operation.validation import check_id


@dataclass(frozen=True, slots=True)
class RebuiltAdapter:
    """An adapter that was made again.

    Attributes:
        cube_id: the adapter that was erased.
        successor, version: the one that took its place.
        at: when it was promoted.
    """

    cube_id: str
    successor: str
    version: int
    at: datetime


def rebuilt_adapters(session: Session, receipt: ErasureReceipt) -> tuple[RebuiltAdapter, ...]:
    """See `Memory.rebuilt_adapters`."""
    if not isinstance(receipt, ErasureReceipt):
        raise InvalidInput(f"receipt must be what erase returned, not {shorten(receipt)}")
    erased = {
        artefact.name.partition("@")[0]
        for artefact in receipt.artefacts
        if artefact.kind == "adapter"
    }
    with session.gate.enter("adapters") as passage:
        passage.admit()  # a receipt may name none
        with session.engine.stream() as reader:
            heads = reader.vault.heads_many(map(check_id, receipt.cube_ids))
            scopes = sorted(filter(passage.reaches, {state.scope for state in heads.values()}))
            for scope in scopes:
                passage.require(Action.READ, scope)
            known = adapters_for(passage, reader)
            found = [
                RebuiltAdapter(
                    manifest.parent.cube_id,
                    id_text(adapter.state.cube_id),
                    attempt.outcome.version,
                    as_datetime(attempt.log_time),
                )
                for scope in scopes
                for adapter in known.within(scope)
                if adapter.state.scope == scope
                for attempt, manifest in promoted_versions(reader, adapter.state.cube_id)
                if manifest is not None
                and manifest.parent is not None
                and manifest.parent.cube_id in erased
            ]
    return tuple(sorted(found, key=lambda each: each.at))
