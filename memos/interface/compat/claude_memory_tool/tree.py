"""A tree of files that are memories: a memory's metadata name its path, and every edit is a version.

A file that is deleted is archived; `restore` brings it back. Folders are what paths name: one is
there as long as a file lies in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memos.interface.compat.claude_memory_tool.paths import ROOT, folders_of, is_under
from memos.kernel.errors import AlreadyErased, InvalidInput, NotFound, OtherContent
from memos.language.blank import is_blank
from memos.language.well_formed import well_formed

if TYPE_CHECKING:
    from memos.interface.memory import Memory
    from memos.operation.cube import MemCube

PATH = "path"
"""The key of the metadata that names where a file lies."""
FIRST_PATH = "first_path"
"""The key that names where it was made: it is told apart from others that were made there by it."""
BLANK = "blank"
"""The key that has the text of a file in which nothing can be seen; a memory's own text says something."""
_SAYS_BLANK = "(an empty file)"
_PAGE = 1000
_EVERY_STATE = ("Generated", "Activated", "Merged", "Archived", "Frozen", "Expired")


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read: the memory that it is, at which version, and its text."""

    cube_id: str
    version: int
    text: str


class Tree:
    """The files in a scope, which holds nothing else that has a path."""

    def __init__(self, memory: Memory, scope: str) -> None:
        """See the files of a scope."""
        self._memory = memory
        self._scope = scope

    def files(self) -> dict[str, File]:
        """Every file by its path, in order. Where two writers made one path at once the older is it."""
        found: dict[str, File] = {}
        for cube in self._cubes():
            path, blank = cube.metadata.get(PATH), cube.metadata.get(BLANK)
            if isinstance(path, str):
                text = blank if isinstance(blank, str) else cube.text
                file = File(cube.cube_id, cube.version, well_formed(text))
                found.setdefault(well_formed(path), file)
        return dict(sorted(found.items()))

    def read(self, path: str) -> str:
        """The text of a file; it counts as use.

        Raises:
            NotFound: there is none.
        """
        file = self._file(path)
        self._memory.get(file.cube_id)
        return file.text

    def create(self, path: str, text: str) -> None:
        """Make a file, and the folders that it lies in.

        Raises:
            InvalidInput: there is a file or a folder, or a folder that it would lie in is a file.
        """
        # The key first: who comes between it and the look is seen, and who comes behind has the same one.
        key = self._key_of(path)
        self._check_free(path, self.files())
        try:
            said, blank = _said(text)
            self._memory.add(
                said,
                scope=self._scope,
                source=f"claude-memory-tool:{path}",
                metadata={PATH: path, FIRST_PATH: path, **blank},
                idempotency_key=key,
            )
        except (AlreadyErased, OtherContent):  # another writer was first
            raise InvalidInput(f"File {path} already exists") from None

    def write(self, before: File, text: str) -> None:
        """Give a file another text.

        Raises:
            Conflict: it has changed since `before` was read.
        """
        said, blank = _said(text)
        self._memory.update(
            before.cube_id,
            said,
            metadata=blank or {BLANK: None},
            expected_version=before.version,
        )

    def move(self, path: str, to: str) -> None:
        """Move a file, or a folder with all that lies in it: all of them or none.

        Raises:
            NotFound: there is none.
            InvalidInput: something is there already, or it would lie in itself.
        """
        files = self.files()
        if is_under(to, path):
            raise InvalidInput(f"{path} cannot be moved into itself")
        self._check_free(to, files, destination=True)
        moved = self._at(path, files)
        self._memory.update_many(
            [
                {"cube_id": file.cube_id, "metadata": {PATH: to + old.removeprefix(path)}}
                for old, file in moved.items()
            ]
        )

    def delete(self, path: str) -> None:
        """Archive a file, or all that lies in a folder.

        Raises:
            NotFound: there is none.
        """
        self._memory.archive_many([file.cube_id for file in self._at(path, self.files()).values()])

    def clear(self) -> None:
        """Archive every file."""
        files = self.files()
        if files:
            self._memory.archive_many([file.cube_id for file in files.values()])

    def _file(self, path: str) -> File:
        try:
            return self.files()[path]
        except KeyError:
            raise NotFound(f"The path {path} does not exist") from None

    def _at(self, path: str, files: Mapping[str, File]) -> dict[str, File]:
        """The file at a path, or what lies in the folder there."""
        found = {each: file for each, file in files.items() if each == path or is_under(each, path)}
        if not found:
            raise NotFound(f"The path {path} does not exist")
        return found

    def _check_free(
        self, path: str, files: Mapping[str, File], *, destination: bool = False
    ) -> None:
        what = "The destination" if destination else "File"
        if path == ROOT or path in files or any(is_under(each, path) for each in files):
            raise InvalidInput(f"{what} {path} already exists")
        for folder in folders_of(path):
            if folder in files:
                raise InvalidInput(f"{folder} is a file, and nothing lies in it")

    def _key_of(self, path: str) -> str:
        """The same for two writers that make one path at once, another once that one was made."""
        made_here = sum(cube.metadata.get(FIRST_PATH) == path for cube in self._cubes(_EVERY_STATE))
        return hashlib.sha256(f"{self._scope}\n{path}\n{made_here}".encode()).hexdigest()

    def _cubes(self, states: Iterable[str] | None = None) -> Iterable[MemCube]:
        cursor: str | None = None
        while True:
            page = self._memory.list(
                scope=self._scope, state=states, order="oldest", limit=_PAGE, cursor=cursor
            )
            yield from page
            cursor = page.cursor
            if cursor is None:
                return


def _said(text: str) -> tuple[str, dict[str, Any]]:
    """What the memory of a file says, and what its metadata keep of a text in which nothing can be seen."""
    return (_SAYS_BLANK, {BLANK: text}) if is_blank(text) else (text, {})
