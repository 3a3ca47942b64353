"""A pool's directory on a disk: its secret, and the lock of the one process that works in it."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged

SECRET, SEGMENTS = "secret", "segments"
SECRET_BYTES = 32


class PoolDirectory:
    """A directory that this process holds until it closes it, or ends.

    Attributes:
        segments: where the files of segments lie.
        secret: the pool's: without it, and the seals of the memories, no file opens.
    """

    def __init__(self, directory: Path, secret: bytes, lock: int) -> None:
        self.segments = directory / SEGMENTS
        self.secret = secret
        self._lock = lock

    @classmethod
    def hold(cls, directory: Path) -> PoolDirectory | None:
        """Hold a directory, made where it is not there; None where somebody else holds it.

        Raises:
            VaultError: it cannot be written.
            Damaged: its secret is not whole.
        """
        with writing(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(directory / SECRET, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(directory, _secret(directory, lock), lock)
            except BlockingIOError:
                os.close(lock)
                return None
            except BaseException:
                os.close(lock)
                raise

    def close(self) -> None:
        """Let somebody else hold it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _secret(directory: Path, lock: int) -> bytes:
    secret = os.pread(lock, SECRET_BYTES + 1, 0)
    if not secret:
        secret = secrets.token_bytes(SECRET_BYTES)
        os.pwrite(lock, secret, 0)
        os.fsync(lock)
    if len(secret) != SECRET_BYTES:
        raise Damaged(
            f"{directory / SECRET} is not the secret of a pool: remove {directory}, and its segments are "
            "computed again"
        )
    return secret
