"""An export as a zip: the same files as in the tar, compressed, for people whose tools open zips."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from memos.infrastructure.transfer.files import NewFiles, PassingFiles
from memos.infrastructure.transfer.layout import EVENTS, FILES, MANIFEST
from memos.kernel.errors import Refused

ZIP_SUFFIX = ".zip"
MOST_TIMES = 100
"""How many times its own size a zip may unpack to. Records are sealed, and hardly shrink: of an export
it is three to five times."""
_SMALL = 2**20
CHUNK = 2**20
_ENCRYPTED = 1
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say: the manifest says when the export was made."""


def write_zip(files: NewFiles, target: BinaryIO) -> None:
    """Write the files of an export as a zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            path = files.path(name)
            member = zipfile.ZipInfo(name, _EARLIEST)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (stat.S_IFREG | 0o600) << 16
            member.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(member, "w") as opened:
                while chunk := source.read(CHUNK):
                    opened.write(chunk)


def unpack_zip(file: BinaryIO, files: PassingFiles, wanted: Collection[str]) -> dict[str, int]:
    """Take the wanted members of a zip out; the names and sizes of all.

    Raises:
        Refused: it is none, or holds something that an export never does.
    """
    most = max(_SMALL, MOST_TIMES * os.fstat(file.fileno()).st_size)
    sizes: dict[str, int] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                _check_member(member, sizes)
                sizes[member.filename] = member.file_size
                if sum(sizes.values()) > most:
                    raise Refused(
                        f"{member.filename!r} unpacks to {member.file_size:,} bytes: a zip may unpack "
                        f"to {MOST_TIMES} times its own size"
                    )
                if member.filename not in wanted:
                    continue
                with archive.open(member) as source, files.write(member.filename) as target:
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise Refused(f"the file is no zip, or damaged: {error}") from None
    return sizes


def holds_export(path: Path) -> bool:
    """Whether a file is a zip with the files of an export in it."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return {MANIFEST, EVENTS} <= set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError):
        return False


def _check_member(member: zipfile.ZipInfo, before: dict[str, int]) -> None:
    shown = ascii(member.filename)
    if member.filename.startswith("/") or ".." in member.filename.split("/"):
        raise Refused(f"the member {shown} leads out of its directory (path traversal)")
    if member.filename not in FILES:
        raise Refused(f"the member {shown} does not belong into an export")
    if member.filename in before:
        raise Refused(f"{member.filename} is in the zip twice")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise Refused(f"the member {shown} is no regular file: links and devices are not taken")
    if member.flag_bits & _ENCRYPTED:
        raise Refused(f"the member {shown} is encrypted: keys are wrapped by passphrase= instead")
