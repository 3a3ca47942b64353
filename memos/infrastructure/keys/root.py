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
from memos.kernel.errors import Damaged, VaultError

_OTHERS = 0o037  # a group may read it: so a container is given it

_NOT_OPENED = (Damaged, TypeError, AttributeError)


class RootKey:
    """Wraps and opens the keys of tenants and subjects, each bound to its place."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def read(cls, path: Path) -> RootKey:
        """The root key in a file.

        Raises:
            VaultError: the file is missing or cannot be read.
            Damaged: it holds no root key.
        """
        try:
            text = path.read_text("ascii").strip()
        except FileNotFoundError:
            raise VaultError(
                f"{path} is missing: without its root key nothing in this vault can be opened; "
                "put the file back from your backup"
            ) from None
        except PermissionError:
            raise VaultError(f"{path} cannot be read: run as the user who owns the vault") from None
        except UnicodeDecodeError:
            text = ""
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise Damaged(f"{path} is no root key: put the file back from your backup")
        return cls(key)

    @classmethod
    def read_private(cls, path: Path) -> RootKey:
        """The root key in a file that nobody but its owner may read.

        Raises:
            VaultError: as `read`, or others have rights to the file.
        """
        root = cls.read(path)
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

    def open_tenant(self, tenant: str, place: int, wrapped: bytes) -> bytes:
        """What `wrap_tenant` wrapped."""
        return decrypt(self._key, wrapped, _tenant_binding(tenant, place))

    def wrap_subject(self, tenant: str, subject: bytes, key: bytes) -> bytes:
        """A subject's key."""
        return encrypt(self._key, key, _subject_binding(tenant, subject))

    def open_subject(self, tenant: str, subject: bytes, wrapped: bytes) -> bytes:
        """What `wrap_subject` wrapped."""
        return decrypt(self._key, wrapped, _subject_binding(tenant, subject))

    def opens_tenant(self, tenant: Any, place: Any, wrapped: Any) -> bool:
        """Whether a stored row, whatever its types, is what `wrap_tenant` wrapped."""
        try:
            self.open_tenant(tenant, place, wrapped)
        except _NOT_OPENED:
            return False
        return True

    def opens_subject(self, tenant: Any, subject: Any, wrapped: Any) -> bool:
        """Whether a stored row, whatever its types, is what `wrap_subject` wrapped."""
        try:
            self.open_subject(tenant, subject, wrapped)
        except _NOT_OPENED:
            return False
        return True

    def seal_of(self, data: bytes) -> bytes:
        """A digest of something that only who has the root key can make (32 bytes)."""
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"memos/seal/v1").derive(self._key)
        return hmac.digest(derived, data, "sha256")

    def signing_key(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints and receipts: derived, so that it is stored nowhere."""
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"memos/signing/v1").derive(self._key)
        return Ed25519PrivateKey.from_private_bytes(derived)


def create_root_file(path: Path) -> None:
    """Make a root key, readable by its owner only, on the disk before first use.

    Raises:
        FileExistsError: there is a file of that name.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(new_key().hex().encode() + b"\n")
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
