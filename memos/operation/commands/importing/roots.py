"""The files and folders that are imported, and what memories keep of where their items lay."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from memos.infrastructure.transfer.importers import Item
from memos.infrastructure.transfer.importers.session_files import session_files
from memos.kernel.scope import contains
from memos.wire.body_pb2 import Imported as Found


class Root(NamedTuple):
    """A file or folder that is imported.

    Attributes:
        path: as it was given.
        name: what the caller calls the root; empty for the path itself.
        label: what its source is called by.
        below: the path, as memories keep it, under which its files lie.
        here: that path on this machine.
        file: the file's name; empty for a folder.
        former: what releases without marks called its source by.
        folder: the path on this machine of the folder of sessions that it is one of; empty for others.
    """

    path: Path
    name: str
    label: str
    below: str
    here: str
    file: str
    former: str
    folder: str = ""

    def found(self, item: Item) -> Found:
        """Where an item was found."""
        return self._found(item, self.name, self.below)

    def found_here(self, item: Item) -> Found:
        """The same, had the root no name."""
        return self._found(item, "", self.here)

    def holds(self, found: Found) -> bool:
        """Whether what was found there would be found again, were it still in what is imported."""
        if found.root:
            return found.root == self.name
        within = self.folder or "/".join(filter(None, (self.here, self.file)))
        return _is_below(within, found.path)

    def inner(self, item: Item) -> str:
        """The path of an item's file below that of the root's files."""
        return item.section[0] if item.section else self.file

    def as_known(self, found: Found, item: Item) -> Root | None:
        """The root that this one was imported as, had an item of it been found there: this one by another
        name, or by none. None where that is another file, or another root of a name.
        """
        inner = self.inner(item)
        if bool(found.root) is bool(self.name) or not _is_below_any(inner, found.path):
            return None
        below = found.path[: -len(inner)].rstrip("/")
        return self._replace(name=found.root, below=below, here=below)

    def held(self, found: Found) -> bool:
        """Whether something was found in the files of the root, by the name that it has here."""
        within = "/".join(filter(None, (self.below, self.file)))
        return found.root == self.name and _is_below(within, found.path)

    def _found(self, item: Item, name: str, below: str) -> Found:
        path = "/".join(filter(None, (below, self.inner(item))))
        return Found(root=name, path=path, id=item.own_id)


def _is_below(path: str, inner: str) -> bool:
    """Whether a path is another or lies under it; everything lies under none."""
    return not path or contains(path, inner)


def _is_below_any(inner: str, path: str) -> bool:
    """Whether a path is another one, below whatever folder."""
    return bool(inner) and (path == inner or path.endswith(f"/{inner}"))


def roots(paths: Sequence[Path], name: str) -> list[Root]:
    """What is imported: a named root holds a single folder's files, files, and several folders by
    their names. Of a folder of sessions each file is one.

    Raises:
        Refused: a folder cannot be read.
    """
    found = []
    for path in paths:
        whole, is_folder = _as_text(path.resolve()), path.is_dir()
        here = (whole if is_folder else whole.parent).as_posix()
        file = "" if is_folder else whole.name
        inner = whole.name if is_folder and len(paths) > 1 else ""
        label = "/".join(filter(None, (name, inner))) if name else whole.name
        root = Root(path, name, label, inner if name else here, here, file, _as_text(path).name)
        sessions = session_files(path) if is_folder else []
        for session in sessions:
            below = _as_text(session.relative_to(path)).as_posix()
            called = f"{label}/{below}"
            found.append(root._replace(path=session, file=below, label=called, folder=here))
        if not sessions:
            found.append(root)
    return found


def _as_text(path: Path) -> Path:
    """A path as it is noted: bytes of it that are no text are shown as such."""
    return Path(os.fsencode(path).decode("utf-8", "replace"))


def is_gone(found: Found) -> bool:
    """Whether the file that an import read on this machine is no longer there."""
    # A path that a file system does not take is no file's.
    return bool(found.path) and not found.root and not os.path.exists(found.path)  # noqa: PTH110
