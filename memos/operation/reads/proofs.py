"""Proofs of the log: signed checkpoints, that an event is in it, that it only grew."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.keys.signer import NoteVerifier
from memos.kernel.errors import NotFound
from memos.kernel.event import Position
from memos.kernel.merkle import verify_consistency, verify_inclusion
from memos.kernel.note import Checkpoint, NoteError, open_note
from memos.operation.session import Session
from memos.operation.validation import check_id


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """The log's tree head, signed (C2SP tlog-checkpoint). `note` is what to publish."""

    size: int
    root: str
    note: str


@dataclass(frozen=True, slots=True)
class Proof:
    """That an event is in the log that a checkpoint signs (RFC 6962 inclusion proof)."""

    event_id: str
    position: Position
    leaf: str
    path: tuple[str, ...]
    checkpoint: SignedCheckpoint

    def verify(self, verifier_key: str) -> bool:
        """Whether the holder of the verifier key signed a log that holds this leaf here."""
        try:
            signed = _signed(self.checkpoint, verifier_key)
        except NoteError:
            return False
        return verify_inclusion(
            bytes.fromhex(self.leaf),
            self.position.offset,
            signed.size,
            [bytes.fromhex(node) for node in self.path],
            signed.root,
        )


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log only grew since an earlier checkpoint (RFC 6962 consistency proof)."""

    old_size: int
    path: tuple[str, ...]
    checkpoint: SignedCheckpoint

    def verify(self, old_root: str, verifier_key: str) -> bool:
        """Whether the signed log holds, unchanged, the one that had `old_root` (hexadecimal)."""
        try:
            signed = _signed(self.checkpoint, verifier_key)
            root = bytes.fromhex(old_root)
        except ValueError:
            return False
        path = [bytes.fromhex(node) for node in self.path]
        return verify_consistency(self.old_size, root, signed.size, signed.root, path)


def checkpoint(session: Session, partition: int) -> SignedCheckpoint:
    """See `Memory.checkpoint`."""
    with session.gate.enter("checkpoint") as passage:
        passage.require_vault()
        return _checkpoint(session, partition)


def prove(session: Session, event_id: str) -> Proof:
    """See `Memory.prove`."""
    with session.gate.enter("prove") as passage:
        passage.require_vault()
        raw = check_id(event_id, "event id")
        with session.engine.read() as reader:
            attempt = reader.vault.by_event(raw)
        if attempt is None:
            raise NotFound(f"there is no event {event_id} in this log")
        position, proofs = attempt.position, session.engine.proofs
        signed = _checkpoint(session, position.partition)
        path = proofs.inclusion(position, signed.size)
        leaf = proofs.leaf(position).hex()
        return Proof(event_id, position, leaf, tuple(node.hex() for node in path), signed)


def prove_consistency(
    session: Session, since: SignedCheckpoint | int, partition: int
) -> ConsistencyProof:
    """See `Memory.prove_consistency`."""
    with session.gate.enter("prove_consistency") as passage:
        passage.require_vault()
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


def _checkpoint(session: Session, partition: int) -> SignedCheckpoint:
    head = session.engine.proofs.sign(partition)
    return SignedCheckpoint(head.size, head.root.hex(), head.note)


def _signed(checkpoint: SignedCheckpoint, verifier_key: str) -> Checkpoint:
    note = open_note(checkpoint.note, [NoteVerifier(verifier_key)])
    return Checkpoint.parse(note.text)
