"""Which files of a folder are sessions: JSON lines, as Claude Code keeps them, a file each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from memos.infrastructure.transfer.importers.document import LINES, holds_conversations
from memos.infrastructure.transfer.importers.note_files import SUFFIXES
from memos.infrastructure.transfer.package import is_export
from memos.kernel.errors import Refused


def session_files(folder: Path) -> list[Path]:
    """The files of JSON lines in a folder and below, in name order; none of a folder that is something
    else: notes, the export of a chat program, or one of MemOS. What is hidden, and a link that leads out
    of the folder, is none.

    Raises:
        Refused: the folder cannot be read.
    """
    root = Path(os.path.realpath(folder))
    sessions: list[Path] = []
    try:
        if is_export(folder) or holds_conversations(folder):
            return []
        for file in _files(folder):
            if file.suffix.lower() in SUFFIXES:
                return []
            if file.suffix.lower() in LINES and Path(os.path.realpath(file)).is_relative_to(root):
                sessions.append(file)
    except OSError as error:
        named = error.filename or folder
        raise Refused(f"{named} cannot be read: {error.strerror}; nothing was imported") from error
    return sorted(sessions)


def _files(folder: Path) -> Iterator[Path]:
    """All files that are not hidden; links to folders are not followed."""
    for place, folders, names in os.walk(folder, onerror=_fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in names if not name.startswith("."))


def _fail(error: OSError) -> None:
    raise error
