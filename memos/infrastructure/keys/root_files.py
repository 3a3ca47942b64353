"""The files of a root key: that which is used, and beside it, while it is rotated, the one that follows
(`.new`) and the one before (`.old`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.root import RootKey, sync_directory, write_root_file
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.reports import RootChecked
from memos.kernel.errors import Damaged, InvalidInput, VaultError, WrongRootKey

Read = Callable[[Path, str], RootKey]
"""How a root key is read: `RootKey.read`, or `RootKey.read_private`."""


UNFINISHED = (
    "a rotation of the root key is under way, or was cut off: some keys are under the former one"
)
ROTATE_AGAIN = "where nobody is at it, run `memos vault rotate-key` again: it goes on where it was"
"""What the doctor says of a vault whose root key is being rotated."""


def next_file(path: Path) -> Path:
    """Where the root key waits that is to follow the one in a file."""
    return path.with_name(f"{path.name}.new")


def former_file(path: Path) -> Path:
    """Where the root key stays that was in a file before it was rotated."""
    return path.with_name(f"{path.name}.old")


def vault_root(path: Path, record: RootRecord | None, store: str, read: Read) -> RootKey:
    """The root key of a vault: the one in the file, or beside it, where a rotation was cut off before it
    got the name.

    Args:
        path: the root key's file.
        record: what the vault keeps of its root key; None where that was never rotated.
        store: names the vault's keys, for errors.
        read: reads a file.

    Raises:
        WrongRootKey: it is neither.
        VaultError, Damaged: as `RootKey.read`.
    """
    found = read(path, store)
    if record is None:
        return found
    if found.fingerprint != record.fingerprint:
        beside = next_file(path)
        found = read(beside, store) if beside.exists() else found
    if found.fingerprint != record.fingerprint:
        since = _moment(record).isoformat(timespec="seconds")
        raise WrongRootKey(
            f"{path} is not the root key of {store}: that was rotated last at {since}. Put the key of "
            "since then there (`memos vault check-key` knows it) and start again; nothing was written"
        )
    return found.under(record)


def offered_root(path: Path) -> RootKey:
    """The root key in a file that somebody names.

    Raises:
        InvalidInput: there is no such file, or it holds none.
        VaultError: it cannot be read, or others may read it.
    """
    if not path.exists():
        raise InvalidInput(f"there is no file {path}: name the one that holds the root key")
    try:
        return RootKey.read_private(path)
    except Damaged:
        raise InvalidInput(
            f"{path} holds no root key, which is 64 hexadecimal digits: `openssl rand -hex 32` makes one"
        ) from None


def checked_by(record: RootRecord, path: Path, fingerprint: str) -> RootChecked:
    """Whether the root key in a file is the one of a record."""
    return RootChecked(
        str(path),
        fingerprint == record.fingerprint,
        _moment(record),
        record.rotated_by,
        not record.is_complete,
    )


def nothing_to_check_by(vault: str) -> VaultError:
    """The error of a vault that an earlier release made, and that has no key yet."""
    return VaultError(
        f"nothing in {vault} is wrapped under its root key yet, nor sealed: write one memory, and ask again"
    )


def check_offered(offered: Path | None, begun: RootRecord) -> None:
    """Refuse another root key than the one of a rotation that is under way.

    Raises:
        InvalidInput: it is another, or none.
    """
    if offered is not None and offered_root(offered).fingerprint != begun.fingerprint:
        raise InvalidInput(
            f"a rotation of the root key to another key than that in {offered} was cut off: finish it "
            "first, with `memos vault rotate-key` alone"
        )


def prepare_next(path: Path, current: RootKey, offered: Path | None) -> RootKey:
    """The root key that is to follow, on the disk beside the current one; made where none is offered.

    One that was prepared before and is not used yet is taken, or refused where another is offered: it
    may be used by a rotation whose answer was lost.

    Raises:
        InvalidInput: what is offered is the current one, is another than was prepared, or is none.
        VaultError: it cannot be written.
    """
    beside, former = next_file(path), former_file(path)
    if former.exists() and RootKey.read(former).fingerprint != current.fingerprint:
        raise VaultError(
            f"the last rotation is complete, and {former} holds the root key of before it, which backups "
            "of then are opened with: move it to them, or remove it, and ask again; nothing was changed"
        )
    given = None if offered is None else offered_root(offered)
    if given is not None and given.fingerprint == current.fingerprint:
        raise InvalidInput(f"{offered} is the root key that the vault has: name another")
    if beside.exists():
        prepared = RootKey.read(beside)
        if given is not None and given.fingerprint != prepared.fingerprint:
            raise InvalidInput(
                f"{beside} holds another key, of a rotation that was cut off: go on with that one, "
                f"without {offered}, or remove the file where it is the vault's root key nowhere "
                "(`memos vault check-key` says so)"
            )
        return prepared
    text = new_key().hex() if offered is None else offered.read_text("ascii").strip()
    _write(beside, text)
    return RootKey.read(beside)


def promote_next(path: Path, fingerprint: str) -> None:
    """Give the root key that follows its place, once it is the vault's; the one before stays as `.old`.
    Run again, it goes on where it was cut off.

    Raises:
        VaultError: a file cannot be written.
    """
    beside, former = next_file(path), former_file(path)
    if not beside.exists() or RootKey.read(beside).fingerprint != fingerprint:
        return
    if not former.exists() and RootKey.read(path).fingerprint != fingerprint:
        _write(former, path.read_text("ascii").strip())
    try:
        _share_as(path, beside)
        beside.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise VaultError(
            f"{beside}, the root key of the vault now, cannot take the place of {path} "
            f"({error.strerror}): mend that, and run `memos vault rotate-key` again"
        ) from error


def _moment(record: RootRecord) -> datetime:
    return datetime.fromtimestamp(record.rotated / 1e6, UTC)


def _share_as(path: Path, other: Path) -> None:
    """Let those read another file who may read this one: a container has the key by its group."""
    wanted, has = path.stat(), other.stat()
    if (wanted.st_uid, wanted.st_gid) != (has.st_uid, has.st_gid):
        os.chown(other, wanted.st_uid, wanted.st_gid)
    other.chmod(stat.S_IMODE(wanted.st_mode))


def _write(path: Path, text: str) -> None:
    """Write a root key's file whole or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        write_root_file(unfinished, text)
        unfinished.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise VaultError(
            f"{path} cannot be written ({error.strerror}): rotate the root key where its directory "
            "may be written, with a copy of the settings; the vault has the key that it had"
        ) from error
