"""The files of an export: written durably, summed, and what the signature over them says."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

SIGNED_AS = "memos export"


class SyncedFile:
    """A new file, for the owner only, on the disk when the block ends well."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: BinaryIO = os.fdopen(handle, "wb")

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())


def file_sum(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    total = sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            total.update(chunk)
    return total.hexdigest()


def signed_text(sums: bytes) -> str:
    """What the vault signs: the digest of the checksums, and with them every byte of the export."""
    return f"{SIGNED_AS}\n{sha256(sums).hexdigest()}\n"
