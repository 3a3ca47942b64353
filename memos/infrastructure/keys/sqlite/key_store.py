"""The keys of an embedded vault: tenants' and subjects', wrapped by its root key, in its key file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.root import RootKey, create_root_file
from memos.infrastructure.keys.sqlite.held_root import SqliteHeldRoot
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, ROOT_FILE, LogEnd, explained_keys
from memos.infrastructure.keys.sqlite.open_key_file import OpenKeyFile
from memos.infrastructure.keys.sqlite.root_rotation import SqliteRootRotation
from memos.infrastructure.keys.sqlite.subject_keys import SqliteSubjectKeys
from memos.infrastructure.keys.sqlite.tenant_rings import SqliteTenantRings
from memos.infrastructure.keys.sqlite.waiting_keys import KeyCollector
from memos.infrastructure.sqlite.statements import rows


def create_root(directory: Path) -> None:
    """Make the vault's root key, readable by its owner only, on the disk before first use."""
    create_root_file(directory / ROOT_FILE)


@dataclass(frozen=True, slots=True)
class VaultFacts:
    """What is asked of the vault whose keys these are; by default it is an empty one.

    Attributes:
        known_tenants: the tenants whose own keys the vault needs: no other is made in the place of a
            lost one.
        needs_subject: whether the vault needs the key of this subject of a tenant; the same holds for
            it.
        log_end: where the vault's log ends, as far as it is committed; what is given where the log
            does not have that.
    """

    known_tenants: Callable[[], Collection[str]] = frozenset
    needs_subject: Callable[[str, bytes], bool] = lambda _tenant, _subject: False
    log_end: Callable[[LogEnd], LogEnd] = lambda known: known


_EMPTY = VaultFacts()


class SqliteKeyStore(KeyVault):
    """Tenants' and subjects' keys. Safe to share between threads and processes.

    A key handed out by `subject_key` inside the vault's write transaction is on the disk and
    stays valid until that transaction ends, because keys are destroyed under the same lock.
    """

    def __init__(
        self,
        directory: Path,
        vault: VaultFacts = _EMPTY,
        *,
        create: bool = False,
        read_only: bool = False,
    ) -> None:
        RootKey.read(directory / ROOT_FILE)  # where both files are missing, this one is told
        collector = KeyCollector()
        self.file = OpenKeyFile(
            directory / KEYS_FILE, vault.log_end, create=create, read_only=read_only
        )
        self.root = SqliteHeldRoot(directory / ROOT_FILE, self.file.connection, self.file.path)
        self.rotation = SqliteRootRotation(self.file, self.root)
        self._collector = collector
        self._version: object = None
        self._rings = SqliteTenantRings(self.file, self.root, collector, vault.known_tenants)
        self._subjects = SqliteSubjectKeys(self.file, self.root, collector, vault.needs_subject)

    def refresh(self) -> None:
        """Forget cached keys when another process changed the file."""
        with self.file.lock, explained_keys(self.file.path):
            (version,) = next(rows(self.file.connection, "PRAGMA data_version"))
            if version != self._version:
                self._version = version
                self._rings.forget_all()
                self._subjects.forget_all()
                self.file.read_state()
                self.root.follow()

    def tenant_key(self, tenant: str, *, create: bool = True) -> bytes:
        with self.file.lock:
            return self._rings.own_key(tenant, create=create)

    def ring(self, tenant: str) -> list[bytes]:
        with self.file.lock:
            self.refresh()
            return list(self._rings.ring(tenant))

    def add_tenant_key(self, tenant: str, key: bytes) -> None:
        with self.file.lock:
            self._rings.add(tenant, key)

    def tenants(self) -> list[str]:
        return self._rings.tenants()

    def subject_key(self, tenant: str, subject: bytes, *, create: bool = True) -> bytes | None:
        with self.file.lock:
            return self._subjects.get(tenant, subject, create=create)

    def subjects(self) -> Iterator[tuple[str, bytes, bytes]]:
        with self.file.lock:
            keys = self._subjects.all()
        yield from keys

    def add_subject_keys(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        with self.file.lock:
            self._subjects.add(keys)

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        """Overwrite the subjects' keys; how many there were. Call under the vault's write lock.

        Raises:
            Damaged: some are still there; the others are gone.
        """
        with self.file.lock:
            return self._subjects.destroy(tenant, subjects)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, the keys that this thread makes or adds wait, and nobody else sees them. They are
        written all together when the block ends well, and else none of them is.

        Raises:
            Busy: another process has made one of these tenants' own keys meanwhile.
        """
        with self._collector.collecting() as waiting:
            yield
        with self.file.lock:
            written = [*self._rings.statements(waiting), *self._subjects.statements(waiting)]
            if written:
                self.file.write(written)
            self._rings.forget(waiting.tenants)

    def seal_of(self, data: bytes) -> bytes:
        return self.root.key.seal_of(data)

    def has_sealed(self, data: bytes, seal: str) -> bool:
        return self.root.key.has_sealed(data, seal)

    def signing_key(self) -> Ed25519PrivateKey:
        return self.root.key.signing_key()

    def close(self) -> None:
        """Close the file and forget every key."""
        with self.file.lock:
            self.file.connection.close()
            self._rings.forget_all()
            self._subjects.forget_all()
