"""Files whose contents end: reading a queue may wait for ever, and a device need not end."""

from __future__ import annotations

import errno
import stat
from pathlib import Path


def is_regular(path: Path) -> bool:
    """Whether a path leads to a regular file.

    Raises:
        OSError: nothing is there, or it cannot be looked at.
    """
    return stat.S_ISREG(path.stat().st_mode)


def check_regular(path: Path) -> None:
    """Go on only where a path leads to a regular file.

    Raises:
        OSError: it leads to none, or to something else; its `strerror` says to what.
    """
    if is_regular(path):
        return
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory", str(path))
    raise OSError(errno.EINVAL, "it is a queue, a socket or a device, and no file", str(path))
