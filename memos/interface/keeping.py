"""The part of the Memory API that keeps the vault itself: proofs, checks, rebuilding, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import Rebuilt, Verification
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import IllegalMove, InvalidInput, NotFound
from memos.kernel.event import Kind, Position
from memos.kernel.merkle import (
    verify_consistency,
    verify_inclusion,
)
from memos.kernel.note import Checkpoint, NoteError, open_note
from memos.operation import validation as validate
from memos.operation.commands.draft import new_event
from memos.operation.cube import state_title
from memos.operation.reads.moment import is_cut_name
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import VAULT_SCOPE, Session


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
            signed = Checkpoint.parse(
                open_note(self.checkpoint.note, [NoteVerifier(verifier_key)]).text
            )
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
            signed = Checkpoint.parse(
                open_note(self.checkpoint.note, [NoteVerifier(verifier_key)]).text
            )
            root = bytes.fromhex(old_root)
        except ValueError:
            return False
        path = [bytes.fromhex(node) for node in self.path]
        return verify_consistency(self.old_size, root, signed.size, signed.root, path)


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of a vault. `states` counts its memories by state."""

    events: int
    memories: int
    states: Mapping[str, int]
    scopes: int
    accesses: int
    bytes_on_disk: int
    vault_id: str
    verifier_key: str


class Keeping:
    """What an operator and an auditor do."""

    _session: Session

    def name_cut(self, name: str) -> Receipt:
        """Name this moment, for `as_of` and `rollback(cut=...)`.

        Raises:
            IllegalMove: the name is taken.
        """
        self._session.require_whole_vault("name_cut")
        session = self._session
        checked = validate.check_name(name, "a cut's name")
        if not is_cut_name(checked):
            raise InvalidInput(f"{name!r} looks like a position or a time: give the cut a name")
        _, cut_id, _ = session.keyed_ids(VAULT_SCOPE, ("cut", checked))

        def work(engine: Transaction) -> Committed | None:
            if engine.head(cut_id) is not None:
                return None
            event = new_event(session, Kind.CUT_NAMED, cut_id, VAULT_SCOPE)
            event.cut_named.name = checked
            return engine.name_cut(Draft(event))

        committed = session.engine.writer.write(work)
        if committed is None:
            raise IllegalMove(f"there is a cut named {name!r} already: choose another name")
        return receipt_of(session.engine, committed)

    def cuts(self) -> dict[str, int]:
        """The named cuts, and the number of records before each."""
        self._session.require_whole_vault("cuts")
        with self._session.engine.read() as reader:
            return reader.cuts()

    def verify(self, progress: Progress = no_progress) -> Verification:
        """Check the log against its hashes, tree and signed checkpoints, and every head.

        Returns:
            What was found; `.ok`, and `.problems` that name what is damaged.
        """
        self._session.require_whole_vault("verify")
        return self._session.engine.maintenance.verify(progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        """What `verify` checks, and every cube folded again from the log and compared.

        Returns:
            What was found; `.problems` names every cube whose projections differ.
        """
        self._session.require_whole_vault("audit")
        return self._session.engine.maintenance.audit(progress)

    def checkpoint(self, partition: int = 0) -> SignedCheckpoint:
        """Sign the log as it is now: whoever keeps the note can prove a later change.

        Args:
            partition: of a log of several partitions, which: each has a tree of its own.
        """
        self._session.require_whole_vault("checkpoint")
        head = self._session.engine.proofs.sign(partition)
        return SignedCheckpoint(head.size, head.root.hex(), head.note)

    def prove(self, event_id: str) -> Proof:
        """Prove that an event is in the log; `Proof.verify` needs only the verifier key.

        Raises:
            NotFound: there is no such event.
        """
        self._session.require_whole_vault("prove")
        raw = validate.check_id(event_id, "event id")
        engine = self._session.engine
        with engine.read() as reader:
            attempt = reader.vault.by_event(raw)
        if attempt is None:
            raise NotFound(f"there is no event {event_id} in this log")
        position = attempt.position
        checkpoint = self.checkpoint(position.partition)
        path = engine.proofs.inclusion(position, checkpoint.size)
        return Proof(
            event_id,
            position,
            engine.proofs.leaf(position).hex(),
            tuple(node.hex() for node in path),
            checkpoint,
        )

    def prove_consistency(
        self, since: SignedCheckpoint | int, partition: int = 0
    ) -> ConsistencyProof:
        """Prove that nothing was changed or removed since an earlier checkpoint (or its size).

        Args:
            since: the earlier checkpoint.
            partition: of which partition of the log it is.

        Raises:
            NotFound: the log is shorter than that.
        """
        self._session.require_whole_vault("prove_consistency")
        size = since.size if isinstance(since, SignedCheckpoint) else since
        checkpoint = self.checkpoint(partition)
        if not 0 <= size <= checkpoint.size:
            raise NotFound(f"the log has {checkpoint.size} records, not {size}")
        path = self._session.engine.proofs.consistency(partition, size, checkpoint.size)
        return ConsistencyProof(size, tuple(node.hex() for node in path), checkpoint)

    def verifier_key(self) -> str:
        """The public key that checks this vault's checkpoints, proofs and erasure receipts."""
        return self._session.engine.proofs.signer().verifier_key

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        """Drop every projection and fold the log again; `digest` must come out the same."""
        self._session.require_whole_vault("rebuild")
        self._session.access_log.flush()
        return self._session.engine.maintenance.rebuild(progress)

    def digest(self) -> str:
        """SHA-256 over every cube: two vaults with the same history have the same digest."""
        self._session.require_whole_vault("digest")
        return self._session.engine.maintenance.digest()

    def usage_digest(self) -> str:
        """SHA-256 over how often and when last each cube was used; `digest` leaves usage out."""
        self._session.require_whole_vault("usage_digest")
        self._session.access_log.flush()
        return self._session.engine.maintenance.usage_digest()

    def stats(self) -> Stats:
        """Figures of the vault."""
        self._session.require_whole_vault("stats")
        session = self._session
        session.access_log.flush()
        figures = session.engine.maintenance.figures()
        counted = {state_title(Lifecycle(at)): count for at, count in figures.states.items()}
        return Stats(
            events=figures.events,
            memories=sum(counted.values()),
            states=counted,
            scopes=figures.scopes,
            accesses=figures.accesses,
            bytes_on_disk=figures.bytes_on_disk,
            vault_id=session.engine.setting("vault_id"),
            verifier_key=self.verifier_key(),
        )
