"""Errors of writing files, as the caller is told of them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memos.kernel.errors import DiskFull, VaultError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors into ours, with what to do.

    Raises:
        DiskFull: there is no room.
        VaultError: it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        named = error.filename or path
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"the disk that holds {named} is full: free space and try again"
            ) from error
        raise VaultError(
            f"{named} cannot be written ({error.strerror}): see to its directory and rights, and try again"
        ) from error
