"""Files that must stay as they are while a database is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memos.infrastructure.sqlite.files import Status, content, identity, status
from memos.infrastructure.sqlite.statements import replaced


class WatchedFiles:
    """Knows whether files were removed or replaced, or something else was written into them."""

    def __init__(self) -> None:
        self._files: dict[Path, tuple[int, int] | None] = {}
        self._contents: dict[Path, tuple[Status, bytes]] = {}
        self._is_good: dict[Path, Callable[[], bool]] = {}

    def watch(self, path: Path) -> None:
        """Have a file stay the one that is at its path now."""
        self._files[path] = identity(path)

    def watch_content(self, path: Path, is_good: Callable[[], bool]) -> None:
        """Have what is in a file stay, unless that which is there then `is_good`."""
        self._contents[path] = status(path), content(path)
        self._is_good[path] = is_good

    def check_same(self, path: Path) -> None:
        """Go on only where a watched file is the one that it was.

        Raises:
            VaultError: it was removed or replaced.
        """
        if identity(path) != self._files[path]:
            raise replaced(path)

    def check(self) -> None:
        """Go on only where all files are as they are to be: what goes into a deleted one is lost.

        Raises:
            VaultError: one was removed or replaced.
        """
        for path, known in self._files.items():
            if identity(path) != known:
                raise replaced(path)
        for path, (before, kept) in self._contents.items():
            now = status(path)
            if now != before:
                found = content(path)
                if found != kept and not self._is_good[path]():
                    raise replaced(path)
                self._contents[path] = now, found
