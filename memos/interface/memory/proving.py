"""Calls that check the vault, and prove what its log holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memos.infrastructure.progress import Progress, no_progress
from memos.interface.memory.door import Door
from memos.operation.validation import (
    check_callable,
    check_count,
)

if TYPE_CHECKING:
    from memos.infrastructure.reports import Verification
    from memos.operation.proof import ConsistencyProof, Proof, SignedCheckpoint


class ProvingCalls(Door):
    """Calls that check the vault, and prove what its log holds. See `Memory`."""

    def verify(self, progress: Progress = no_progress) -> Verification:
        """Check the log against its hashes, tree and signed checkpoints, every head, and that every
        memory has its keys.

        Returns:
            What was found; `.ok`, and `.problems` that name what is damaged. `.keys_missing` counts
            memories that nobody erased and that nothing opens; `.not_compared` says what was not
            looked at.
        """
        from memos.operation.reads import vault

        return vault.verify(self._session, check_callable(progress, "progress"))

    def audit(self, progress: Progress = no_progress) -> Verification:
        """What `verify` checks, and every stored row compared with a fresh fold of the log, both
        ways: what is there and should not be, and what is missing. Keys are checked by opening what
        they wrap, usage by the access log.

        Returns:
            What was found; `.problems` names every row that differs, `.not_compared` what cannot be
            compared, each with its reason.
        """
        from memos.operation.reads import vault

        return vault.audit(self._session, check_callable(progress, "progress"))

    def checkpoint(self, partition: int = 0) -> SignedCheckpoint:
        """Sign the log as it is now: whoever keeps the note can prove a later change.

        Args:
            partition: of a log of several partitions, which: each has a tree of its own.
        """
        from memos.operation.reads import proofs

        return proofs.checkpoint(self._session, check_count(partition, "partition"))

    def prove(self, event_id: str) -> Proof:
        """Prove that an event is in the log; `Proof.verify` needs only the verifier key.

        Raises:
            NotFound: there is no such event.
        """
        from memos.operation.reads import proofs

        return proofs.prove(self._session, event_id)

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
        from memos.operation.proof import SignedCheckpoint
        from memos.operation.reads import proofs

        return proofs.prove_consistency(
            self._session,
            since if isinstance(since, SignedCheckpoint) else check_count(since, "since"),
            check_count(partition, "partition"),
        )

    def verifier_key(self) -> str:
        """The public key that checks this vault's checkpoints, proofs and erasure receipts."""
        from memos.operation.reads import proofs

        return proofs.verifier_key(self._session)
