"""An export as a directory or as one file, a tar or a zip: put there whole or not at all, and read with care.

The tar is plain ustar with regular members only. Its headers are read one block at a time, so
that no member can make the reader take in more than 512 bytes before its name and size are judged.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from memos.infrastructure.directories import stage_beside
from memos.infrastructure.keys.root import sync_directory
from memos.infrastructure.regular_files import check_regular, is_regular
from memos.infrastructure.transfer.files import NewFiles, PassingFiles
from memos.infrastructure.transfer.layout import (
    CHECKPOINT,
    CHECKSUMS,
    FILES,
    MANIFEST,
    MAX_SMALL_BYTES,
    SIGNATURE,
)
from memos.infrastructure.transfer.zipped import (
    ZIP_SUFFIX,
    holds_export,
    unpack_zip,
    write_zip,
)
from memos.kernel.errors import InvalidInput, MemosError, Refused, VaultError

TAR_SUFFIXES = (".tar", ".memos")
ARCHIVE = "export.archive"
"""What the file of an export is called until it has its name."""
_ZIPPED = b"PK"
_OTHER_FORMS = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".json", ".jsonl")
BLOCK = 512
CHUNK = 2**20
_SMALL = frozenset({MANIFEST, CHECKPOINT, CHECKSUMS, SIGNATURE})


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """See `stage_beside`.

    Raises:
        VaultError: it cannot be made there, or something cannot be written in it.
    """
    with ExitStack() as stack:
        try:
            stage = stack.enter_context(stage_beside(target))
        except OSError as error:
            raise VaultError(f"nothing can be written beside {target}: {error.strerror}") from error
        try:
            yield stage
        except MemosError:
            raise  # it says itself what it is about: Denied is an OSError too
        except OSError as error:
            raise VaultError(
                f"{target} could not be written ({error.strerror or error}), and nothing is left there: "
                "free space, or name another place"
            ) from error


def check_target(target: Path) -> None:
    """Whether an export can be put there.

    Raises:
        InvalidInput: there is something, or its name says a form that an export has not.
    """
    if target.exists() or target.is_symlink():
        raise InvalidInput(f"{target} exists already: name a path that does not")
    if target.suffix.lower() in _OTHER_FORMS:
        raise InvalidInput(
            f"an export is a directory, or a file that ends in {', '.join(TAR_SUFFIXES)} or "
            f"{ZIP_SUFFIX}: {target.name} names another form"
        )


def is_export(path: Path) -> bool:
    """Whether a path looks like an export, by its name or what it holds."""
    if path.is_dir():
        return (path / MANIFEST).is_file() and (path / SIGNATURE).is_file()
    return path.suffix.lower() in TAR_SUFFIXES or (is_regular(path) and holds_export(path))


def publish(files: NewFiles, target: Path) -> None:
    """Put a finished export where it belongs, whole: on the disk before this returns."""
    check_target(target)
    suffix = target.suffix.lower()
    if suffix in (*TAR_SUFFIXES, ZIP_SUFFIX):
        with files.write(ARCHIVE) as file:
            (write_zip if suffix == ZIP_SUFFIX else _write_tar)(files, file)
        files.give_name(ARCHIVE, target)
    else:
        for name in FILES:
            files.give_name(name, files.directory / name)
        sync_directory(files.directory)
        files.directory.rename(target)
    sync_directory(target.absolute().parent)


@contextmanager
def opened(
    path: Path, workplace: Path, wanted: Collection[str] = FILES
) -> Iterator[Mapping[str, Path]]:
    """The files of an export by their names; those of a file are unpacked beside `workplace` for as
    long as needed, without a name there: a process that is killed leaves nothing of them.

    Args:
        path: the export.
        workplace: beside which path.
        wanted: the files that are needed of it.

    Raises:
        Refused: it is no export, or holds something that an export never does.
    """
    try:
        if path.is_symlink() or not path.exists():
            raise Refused(f"there is no export at {path}")
        is_directory = path.is_dir()
        if is_directory:
            _check_directory(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if is_directory:
        yield {name: path / name for name in wanted}
        return
    with staged(workplace) as stage, closing(PassingFiles(stage)) as files:
        try:
            check_regular(path)
            file = path.open("rb")
        except OSError as error:
            raise _unreadable(path, error) from error
        with file:
            names = _unpack_any(file, files, wanted)
        _check_complete(names)
        yield {name: files.path(name) for name in wanted}


def _unreadable(path: Path, error: OSError) -> Refused:
    return Refused(f"{path} cannot be read: {error.strerror}; nothing was taken")


def _check_directory(directory: Path) -> None:
    names = set()
    for file in directory.iterdir():
        if file.name not in FILES:
            raise Refused(f"{file.name!r} does not belong into an export; nothing was taken")
        if file.is_symlink() or not file.is_file():
            raise Refused(f"{file.name} is no regular file; nothing was taken")
        _check_size(file.name, file.stat().st_size)
        names.add(file.name)
    _check_complete(frozenset(names))


def _check_complete(names: frozenset[str]) -> None:
    missing = [name for name in FILES if name not in names]
    if missing:
        raise Refused(f"the export lacks {', '.join(missing)}: it is truncated, or is none")


def _check_size(name: str, size: int) -> None:
    if name in _SMALL and size > MAX_SMALL_BYTES:
        raise Refused(f"{name} has {size:,} bytes; at most {MAX_SMALL_BYTES:,} are taken")


def _write_tar(files: NewFiles, file: BinaryIO) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in FILES:
            path = files.path(name)
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            member.mode = 0o600
            member.mtime = int(path.stat().st_mtime)
            with path.open("rb") as source:
                tar.addfile(member, source)


def _unpack_any(file: BinaryIO, files: PassingFiles, wanted: Collection[str]) -> frozenset[str]:
    """Take the wanted members of a file out, a zip or a tar, whatever it is called; the names of all."""
    is_zip = file.read(len(_ZIPPED)) == _ZIPPED
    file.seek(0)
    if not is_zip:
        return _unpack(file, files, wanted)
    sizes = unpack_zip(file, files, wanted)
    for name, size in sizes.items():
        _check_size(name, size)
    return frozenset(sizes)


def _unpack(file: BinaryIO, files: PassingFiles, wanted: Collection[str]) -> frozenset[str]:
    """Take the wanted members of a tar out; the names of all."""
    names: set[str] = set()
    total = os.fstat(file.fileno()).st_size
    at = 0
    while at < total:
        member = _header(file.read(BLOCK), at)
        at += BLOCK
        if member is None:
            return frozenset(names)
        name = _member_name(member)
        if member.size > total - at:
            raise Refused(
                f"{member.name!r} claims {member.size:,} bytes, and {total - at:,} are there: the "
                "file is truncated or forged"
            )
        if name:
            _check_size(name, member.size)
            if name in names:
                raise Refused(f"{name} is in the tar file twice")
            names.add(name)
        if name in wanted:
            with files.write(name) as target:
                _copy(file, target, name, member.size)
        else:
            file.seek(member.size, os.SEEK_CUR)
        padding = -member.size % BLOCK
        file.seek(padding, os.SEEK_CUR)
        at += member.size + padding
    raise Refused("the tar file has no end: it is truncated")


def _header(block: bytes, at: int) -> tarfile.TarInfo | None:
    """One header; None at the end of the archive."""
    if len(block) == BLOCK and not block.strip(b"\0"):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError) as error:
        raise Refused(f"the file is no tar, or damaged, at byte {at:,}: {error}") from None


def _member_name(member: tarfile.TarInfo) -> str:
    """The file that a member is; empty for the entry of the directory itself."""
    shown = ascii(member.name)
    name = member.name.removeprefix("./")
    if member.isdir() and name.rstrip("/") in ("", "."):
        return ""
    if name.startswith("/") or ".." in name.split("/"):
        raise Refused(f"the member {shown} leads out of its directory (path traversal)")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise Refused(f"the member {shown} is no regular file: links and devices are not taken")
    if name not in FILES:
        raise Refused(f"the member {shown} does not belong into an export")
    return name


def _copy(source: BinaryIO, target: BinaryIO, name: str, size: int) -> None:
    while size:
        chunk = source.read(min(CHUNK, size))
        if not chunk:
            raise Refused(f"{name} is truncated")
        target.write(chunk)
        size -= len(chunk)
