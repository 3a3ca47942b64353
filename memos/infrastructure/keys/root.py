"""The root key: a file of its own, and what is wrapped under it."""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from memos.infrastructure.keys.envelope import KEY_BYTES, decrypt, encrypt, new_key
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.regular_files import check_regular
from memos.kernel.errors import Damaged, VaultError

FINGERPRINT_BYTES = 16
_OTHERS = 0o037  # a group may read it: so a container is given it
_SIGNING_BINDING = b"memos/root-record/signing/v1"
_FORMER_BINDING = b"memos/root-record/former/v1"


class RootKey:
    """Wraps and opens the keys of tenants and subjects, each bound to its place.

    Args:
        key: the root key.
        store: names where the wrapped keys are, for errors.
        former: the root key before it, under which some keys are wrapped still: a rotation is under
            way.
        signing_seed: what the vault's signing key is made of; derived from the key where the vault
            has had no other.
    """

    def __init__(
        self,
        key: bytes,
        store: str = "",
        *,
        former: RootKey | None = None,
        signing_seed: bytes | None = None,
    ) -> None:
        self._key = key
        self._store = store
        self._former = former
        self._signing_seed = signing_seed or self._derived(b"memos/signing/v1")
        self.fingerprint = self._derived(b"memos/root-key-fingerprint/v1")[:FINGERPRINT_BYTES].hex()
        """Names the key, and tells nothing of it."""

    @classmethod
    def read(cls, path: Path, store: str = "") -> RootKey:
        """The root key in a file.

        Raises:
            VaultError: the file is missing or cannot be read.
            Damaged: it holds no root key.
        """
        try:
            check_regular(path)
            text = path.read_text("ascii").strip()
        except FileNotFoundError:
            raise VaultError(
                f"{path} is missing: without its root key nothing in this vault can be opened; "
                "put the file back from your backup"
            ) from None
        except PermissionError:
            raise VaultError(f"{path} cannot be read: run as the user who owns the vault") from None
        except OSError as error:
            raise VaultError(
                f"{path} cannot be read ({error.strerror}): put the root key's file there from your "
                "backup"
            ) from None
        except UnicodeDecodeError:
            text = ""
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise Damaged(f"{path} is no root key: put the file back from your backup")
        return cls(key, store)

    def under(self, record: RootRecord) -> RootKey:
        """This key as the root key of the vault that has this record of it.

        Raises:
            Damaged: the record was not made under this key.
        """
        seed = decrypt(self._key, record.signing_seed, _SIGNING_BINDING)
        former = record.former and decrypt(self._key, record.former, _FORMER_BINDING)
        return RootKey(
            self._key,
            self._store,
            former=RootKey(former, self._store) if former else None,
            signing_seed=seed,
        )

    def succession(self, new: RootKey, time: int, actor: str) -> RootRecord:
        """The record of a rotation to another root key that begins (microseconds since 1970)."""
        return RootRecord(
            new.fingerprint,
            encrypt(new._key, self._signing_seed, _SIGNING_BINDING),
            encrypt(new._key, self._key, _FORMER_BINDING),
            time,
            actor,
        )

    @classmethod
    def read_private(cls, path: Path, store: str = "") -> RootKey:
        """The root key in a file that nobody but its owner may read.

        Raises:
            VaultError: as `read`, or others have rights to the file.
        """
        root = cls.read(path, store)
        mode = path.stat().st_mode & 0o777
        if mode & _OTHERS:
            raise VaultError(
                f"{path} has mode {mode:04o}, and whoever reads it can open every memory: "
                f"chmod 0600 {path}"
            )
        return root

    def wrap_tenant(self, tenant: str, place: int, key: bytes) -> bytes:
        """A tenant's key, to be kept at a place in its ring."""
        return encrypt(self._key, key, _tenant_binding(tenant, place))

    def open_tenant(self, tenant: Any, place: Any, wrapped: Any) -> bytes:
        """What `wrap_tenant` wrapped.

        Raises:
            Damaged: a row with these values, whatever their types, is not.
        """
        try:
            return self._opened(wrapped, _tenant_binding(tenant, place))
        except _NOT_OPENED:
            raise self._damaged("tenant_key", f"tenant {tenant!r} at place {place!r}") from None

    def wrap_subject(self, tenant: str, subject: bytes, key: bytes) -> bytes:
        """A subject's key."""
        return encrypt(self._key, key, _subject_binding(tenant, subject))

    def open_subject(self, tenant: Any, subject: Any, wrapped: Any) -> bytes:
        """What `wrap_subject` wrapped; raises Damaged as `open_tenant`."""
        try:
            return self._opened(wrapped, _subject_binding(tenant, subject))
        except _NOT_OPENED:
            named = subject.hex() if isinstance(subject, bytes) else repr(subject)
            raise self._damaged("subject_key", f"subject {named} of tenant {tenant!r}") from None

    def opens_tenant(self, tenant: Any, place: Any, wrapped: Any) -> bool:
        """Whether a stored row, whatever its types, is what `wrap_tenant` wrapped."""
        try:
            self.open_tenant(tenant, place, wrapped)
        except Damaged:
            return False
        return True

    def opens_subject(self, tenant: Any, subject: Any, wrapped: Any) -> bool:
        """Whether a stored row, whatever its types, is what `wrap_subject` wrapped."""
        try:
            self.open_subject(tenant, subject, wrapped)
        except Damaged:
            return False
        return True

    def renewed_tenant(self, tenant: Any, place: Any, wrapped: Any) -> bytes | None:
        """A stored row that is wrapped under the former root key, wrapped under this one; None where
        it is not, or opens under neither.
        """
        former = self._former
        if former is None or not former.opens_tenant(tenant, place, wrapped):
            return None
        return self.wrap_tenant(tenant, place, former.open_tenant(tenant, place, wrapped))

    def renewed_subject(self, tenant: Any, subject: Any, wrapped: Any) -> bytes | None:
        """The same of a subject's row."""
        former = self._former
        if former is None or not former.opens_subject(tenant, subject, wrapped):
            return None
        return self.wrap_subject(tenant, subject, former.open_subject(tenant, subject, wrapped))

    def _opened(self, wrapped: Any, binding: bytes) -> bytes:
        try:
            return decrypt(self._key, wrapped, binding)
        except Damaged:
            if self._former is None:
                raise
            return decrypt(self._former._key, wrapped, binding)

    def _derived(self, purpose: bytes) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(self._key)

    def _damaged(self, table: str, row: str) -> Damaged:
        return Damaged(
            f"the key of {row}, in {table} of {self._store}, does not open under the root key: one of "
            "the two is not what was written; put them back from your backup that has them, or load "
            "your last export"
        )

    def seal_of(self, data: bytes) -> bytes:
        """A digest of something that only who has the root key can make (32 bytes)."""
        return hmac.digest(self._derived(b"memos/seal/v1"), data, "sha256")

    def has_sealed(self, data: bytes, seal: str) -> bool:
        """Whether a seal, in hex, is that of something, by this root key or by the former."""
        if seal == self.seal_of(data).hex():
            return True
        return self._former is not None and self._former.has_sealed(data, seal)

    def signing_key(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints and receipts: it stays the same under every root key."""
        return Ed25519PrivateKey.from_private_bytes(self._signing_seed)


_NOT_OPENED = (Damaged, TypeError, AttributeError)
"""What comes of bytes that were changed, and of values of other types."""


def create_root_file(path: Path) -> None:
    """Make a root key, readable by its owner only, on the disk before first use.

    Raises:
        FileExistsError: there is a file of that name.
    """
    write_root_file(path, new_key().hex())


def write_root_file(path: Path, text: str) -> None:
    """Write what a root key's file holds, as `create_root_file` does."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a directory's entries durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _subject_binding(tenant: str, subject: bytes) -> bytes:
    return b"memos/subject/v1\n" + tenant.encode() + b"\n" + subject


def _tenant_binding(tenant: str, place: int) -> bytes:
    return b"memos/tenant/v1\n" + tenant.encode() + b"\n" + str(place).encode()
