"""Proofs of the log: signed checkpoints, that an event is in it, that it only grew."""

from __future__ import annotations

from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import Damaged, NotFound
from memos.kernel.event import Position
from memos.operation.cube import as_datetime
from memos.operation.proof import ConsistencyProof, Proof, SignedCheckpoint
from memos.operation.reads.records import RecordsShown
from memos.operation.session import Session
from memos.operation.validation import check_id


def checkpoint(session: Session, partition: int) -> SignedCheckpoint:
    """See `Memory.checkpoint`."""
    with session.gate.enter("checkpoint") as passage:
        passage.require_vault(Action.READ)
        return _checkpoint(session, partition)


def prove(session: Session, event_id: str) -> Proof:
    """See `Memory.prove`."""
    with session.gate.enter("prove") as passage:
        passage.require_vault(Action.READ)
        raw = check_id(event_id, "event id")
        with session.engine.read() as reader:
            attempt = reader.vault.by_event(raw)
            shown = attempt is not None and RecordsShown(passage, reader).shows(attempt)
        if attempt is None or not shown:
            raise NotFound(f"there is no event {event_id} in this log")
        position, proofs = attempt.position, session.engine.proofs
        signed = _checkpoint(session, position.partition)
        if position.offset >= signed.size:
            raise _leads_astray(event_id, position)
        path = tuple(node.hex() for node in proofs.inclusion(position, signed.size))
        record = proofs.record(position)
        proof = Proof(position, as_datetime(record.log_time), record.data, path, signed)
        if proof.event_id != event_id.lower():
            raise _leads_astray(event_id, position)
        return proof


def prove_consistency(
    session: Session, since: SignedCheckpoint | int, partition: int
) -> ConsistencyProof:
    """See `Memory.prove_consistency`."""
    with session.gate.enter("prove_consistency") as passage:
        passage.require_vault(Action.READ)
        size = since.size if isinstance(since, SignedCheckpoint) else since
        signed = _checkpoint(session, partition)
        if not 0 <= size <= signed.size:
            raise NotFound(f"the log has {signed.size} records, not {size}")
        path = session.engine.proofs.consistency(partition, size, signed.size)
        return ConsistencyProof(size, tuple(node.hex() for node in path), signed)


def verifier_key(session: Session) -> str:
    """See `Memory.verifier_key`."""
    with session.gate.enter("verifier_key") as passage:
        passage.admit()  # a public key
        return session.engine.proofs.signer().verifier_key


def _leads_astray(event_id: str, position: Position) -> Damaged:
    return Damaged(
        f"what is stored of event {event_id} leads to another one at {position}, or to none: run "
        "`memos audit`"
    )


def _checkpoint(session: Session, partition: int) -> SignedCheckpoint:
    head = session.engine.proofs.sign(partition)
    return SignedCheckpoint(head.size, head.root.hex(), head.note)
