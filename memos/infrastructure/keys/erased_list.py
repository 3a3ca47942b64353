"""The list of what was erased: a file beside the keys, and in no backup. An older copy of the vault is
held to it before it is used. It holds ids and keyed digests only, a line of JSON a transaction; on servers,
where one machine's list may be another's too, one or two an erase.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from memos.infrastructure.keys.root import sync_directory
from memos.infrastructure.regular_files import check_regular
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged
from memos.kernel.event import id_bytes, id_text

ERASED_FILE = "erased.jsonl"


class Erased(NamedTuple):
    """What one transaction erased, or several.

    Attributes:
        origin: the vault's, under which it signs.
        time: the log time (microseconds since 1970).
        cube_ids: the memories.
        subjects: the digests of subjects whose keys were destroyed.
        operation_id: the erase's; empty where a transaction ended several.
    """

    origin: str
    time: int
    cube_ids: tuple[bytes, ...]
    subjects: tuple[bytes, ...] = ()
    operation_id: bytes = b""

    def to_line(self) -> str:
        """The line of the list."""
        operation = {"operation": id_text(self.operation_id)} if self.operation_id else {}
        return json.dumps(
            {
                "vault": self.origin,
                "time": self.time,
                **operation,
                "cube_ids": list(map(id_text, self.cube_ids)),
                "subjects": [subject.hex() for subject in self.subjects],
            }
        )

    @classmethod
    def from_line(cls, line: str) -> Erased:
        """What `to_line` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is no such line.
        """
        fields = json.loads(line)
        return cls(
            str(fields["vault"]),
            int(fields["time"]),
            tuple(map(id_bytes, fields["cube_ids"])),
            tuple(map(bytes.fromhex, fields["subjects"])),
            id_bytes(fields["operation"]) if "operation" in fields else b"",
        )

    @classmethod
    def from_receipt(cls, origin: str, receipt: str) -> Erased:
        """What a receipt names that a vault keeps.

        Raises:
            KeyError, TypeError, ValueError: it is no receipt.
        """
        kept = json.loads(receipt)
        subjects = [a["name"] for a in kept["artefacts"] if a["kind"] == "subject key"]
        return cls(
            origin,
            round(datetime.fromisoformat(kept["erased_at"]).timestamp() * 1e6),
            tuple(map(id_bytes, kept["cube_ids"])),
            tuple(map(bytes.fromhex, subjects)),
            id_bytes(kept["operation_id"]),
        )


def read_erased(path: Path) -> list[Erased]:
    """The lines of a list; none where there is no file. A last line that was cut off is left out (see
    `is_cut_off`): the erase that was writing it goes on without.

    Raises:
        Damaged: a line is none of such a list, or the file cannot be read.
    """
    try:
        check_regular(path)
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged(f"{path} cannot be read ({error}): put the list of erases back") from None
    *lines, last = text.split("\n")
    erased = []
    for number, line in enumerate(lines, 1):
        try:
            erased.append(Erased.from_line(line))
        except (KeyError, TypeError, ValueError):
            raise Damaged(
                f"line {number} of {path} is none of a list of erases: put your newest copy of the file "
                "back, or take the line out, which may name what must not come back"
            ) from None
    with suppress(KeyError, TypeError, ValueError):
        erased.append(Erased.from_line(last))  # whole, but for its end of line
    return erased


def is_cut_off(path: Path) -> bool:
    """Whether a list that can be read ends amid a line: what that named is not known."""
    last = path.read_text("utf-8").rpartition("\n")[2]
    try:
        return bool(last) and not Erased.from_line(last)
    except (KeyError, TypeError, ValueError):
        return True


class ErasedList:
    """The list of an open vault. Lines of several processes come one behind the other."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """How many bytes it has."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def append(self, erased: Iterable[Erased]) -> int:
        """Put lines behind those that are there, on the disk when this returns; the new size.

        Raises:
            DiskFull, VaultError: it cannot be written.
        """
        with writing(self.path):
            is_new = not self.path.exists()
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(handle, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(_end_of_lines(file))
                file.truncate()
                file.write("".join(f"{one.to_line()}\n" for one in erased).encode())
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            if is_new:
                sync_directory(self.path.parent)
        return size

    def truncate(self, size: int) -> None:
        """Take back what stands behind the first so many bytes.

        Raises:
            DiskFull, VaultError: it cannot be written.
        """
        with writing(self.path), self.path.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())


def _end_of_lines(file: BinaryIO) -> int:
    """Where the last whole line ends: one that was cut off is written over."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            return file.read().rfind(b"\n") + 1
    return size
