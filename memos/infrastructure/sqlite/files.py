"""The files of a database: which are there, what may be done with them, whether they were changed."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

Status = tuple[int, int, int, int] | None
"""Device, number, size and time of a file; None where there is none."""

INDEX_BYTES = 32 * 2**10
"""What the index of a write-ahead log has at least."""
SIDE_FILE_BYTES = 64 * 2**10
"""What the index of a write-ahead log takes, and the head of the log."""


def side_files(path: Path) -> tuple[Path, Path]:
    """The write-ahead log of a database, and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def can_be_written(path: Path) -> bool:
    """Whether this process may write a database, and the side files that come with that."""
    return os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)


def holds(path: Path, size: int) -> bool:
    """Whether a file has so many bytes; one that was to be made on a full disk has a few at most."""
    try:
        return path.stat().st_size >= size
    except OSError:
        return False


def makes_side_files(path: Path) -> bool:
    """Whether SQLite can make the files that it has beside a database."""
    return os.access(path.parent, os.W_OK) and not is_full(path)


def is_full(path: Path) -> bool:
    """Whether the disk of a database has no room for its side files."""
    try:
        return shutil.disk_usage(path.parent).free < SIDE_FILE_BYTES
    except OSError:
        return False


def written(path: Path) -> tuple[Status, Status]:
    """By what a write to a database is known: its status, and that of a write-ahead log that is not empty."""
    wal, _ = side_files(path)
    return status(path), status(wal) if holds(wal, 1) else None


def status(path: Path) -> Status:
    """By what a change of a file is suspected; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def content(path: Path) -> bytes:
    """A digest of what is in a file; empty where it cannot be read."""
    try:
        return sha256(path.read_bytes()).digest()
    except OSError:
        return b""


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
