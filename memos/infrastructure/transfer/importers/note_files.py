"""Which files of a folder are notes: not what is hidden, and not what `.memosignore` names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from memos.infrastructure.transfer.importers.item import read_text

SUFFIXES = (".md", ".markdown")
IGNORE_FILE = ".memosignore"
_NO_NOTES = frozenset({"node_modules", "__pycache__"})


class NoteFiles(NamedTuple):
    """The notes of a folder in name order, as paths below it, and what is named like one and is not
    read, with the reason.
    """

    names: list[str]
    unread: dict[str, str]


def note_files(folder: Path) -> NoteFiles:
    """Look through a folder and all below it.

    Raises:
        OSError: a folder cannot be read.
    """
    root = Path(os.path.realpath(folder))
    names: list[str] = []
    unread: dict[str, str] = {}
    for name in sorted(_named_like_notes(folder)):
        file = folder / name
        if not _is_text(name):
            unread[_shown(name)] = "its name is no UTF-8"
        elif not Path(os.path.realpath(file)).is_relative_to(root):
            unread[name] = "it is a link that leads out of the folder"
        elif not file.is_file():
            unread[name] = "it leads to no file, or to none that can be read to its end"
        else:
            names.append(name)
    return NoteFiles(names, unread)


def _is_text(name: str) -> bool:
    """Whether a name that the file system gave is a text; bytes that are none come as surrogates."""
    return _shown(name) == name


def _shown(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _named_like_notes(folder: Path) -> Iterator[str]:
    """What has a note's name, whatever it is; links to folders are not followed."""
    rules: list[tuple[str, Callable[[str], bool]]] = []
    for place, folders, files in os.walk(folder, onerror=_fail):
        below = Path(place).relative_to(folder).as_posix()
        prefix = "" if below == "." else f"{below}/"
        if IGNORE_FILE in files:
            rules.append((prefix, _rule(Path(place) / IGNORE_FILE)))
        folders[:] = sorted(
            name
            for name in folders
            if not (
                name.startswith(".") or name in _NO_NOTES or _ignored(rules, f"{prefix}{name}/")
            )
        )
        for name in files:
            is_note = not name.startswith(".") and name.lower().endswith(SUFFIXES)
            if is_note and not _ignored(rules, prefix + name):
                yield prefix + name


def _rule(file: Path) -> Callable[[str], bool]:
    """What an ignore file names, in the language of `.gitignore`."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(read_text(file).splitlines()).match_file


def _ignored(rules: list[tuple[str, Callable[[str], bool]]], name: str) -> bool:
    return any(
        name.startswith(prefix) and matches(name[len(prefix) :]) for prefix, matches in rules
    )


def _fail(error: OSError) -> NoReturn:
    raise error
