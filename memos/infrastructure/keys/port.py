"""What a key vault must do. `tests/conformance/test_keys.py` is the contract of every backend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class KeyVault(Protocol):
    """Tenants' and subjects' keys, wrapped under a root key. Safe for threads and processes.

    Two who make the same key at once end with one key.
    """

    def tenant_key(self, tenant: str, *, create: bool = True) -> bytes:
        """The tenant's own key, made when absent; it never changes.

        Raises:
            KeysMissing: it is not there, and what the vault holds of the tenant needs it, or it is
                not to be made.
        """
        ...

    def ring(self, tenant: str) -> list[bytes]:
        """All keys of the tenant, its own first; others came with what was loaded from elsewhere.

        As the store has them now, whoever else added one; empty where the tenant has none.

        Raises:
            KeysMissing: its own is not there, and what the vault holds of the tenant needs it.
        """
        ...

    def add_tenant_key(self, tenant: str, key: bytes) -> None:
        """Add a key to the tenant's ring, behind those that are there."""
        ...

    def tenants(self) -> list[str]:
        """Every tenant that has a key here, or should have one, sorted."""
        ...

    def subject_key(self, tenant: str, subject: bytes, *, create: bool = True) -> bytes | None:
        """The subject's key, durable when it is given out; None where it is not to be made."""
        ...

    def subjects(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Every (tenant, subject, key)."""
        ...

    def add_subject_keys(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Keep the keys of subjects that come from another vault; one that is there stays."""
        ...

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        """End the subjects' keys for good; how many there were."""
        ...

    def seal_of(self, data: bytes) -> bytes:
        """A digest of something that only who has the root key can make (32 bytes)."""
        ...

    def has_sealed(self, data: bytes, seal: str) -> bool:
        """Whether `seal` is what `seal_of` gives of something, in hex; while the root key is rotated,
        also what it gave before.
        """
        ...

    def signing_key(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints and receipts."""
        ...

    def refresh(self) -> None:
        """Forget what may have changed elsewhere."""
        ...

    def close(self) -> None:
        """Forget every key."""
        ...
