"""The six commands of the memory tool, and the words in which each answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memos.interface.compat.claude_memory_tool.parameters import (
    check_line,
    check_range,
    check_text,
)
from memos.interface.compat.claude_memory_tool.paths import ROOT, check_path, is_under
from memos.interface.compat.claude_memory_tool.tree import File, Tree
from memos.kernel.errors import Conflict, InvalidInput, NotFound, shorten

if TYPE_CHECKING:
    from memos.interface.memory import Memory

MOST_LINES = 999_999
_WIDTH = len(str(MOST_LINES))
_DEPTH = 2
"""Of what a folder shows."""
_AROUND = 2
"""Lines on each side of a change that are shown with it."""
_UNITS = "BKMG"
_KIBI = 1024


class Commands:
    """The commands on the tree of one scope. What they refuse is a `MemosError`."""

    def __init__(self, memory: Memory, scope: str) -> None:
        """Work on the files of a scope."""
        self._tree = Tree(memory, scope)

    def view(self, path: str, view_range: Sequence[int] | None) -> str:
        """The lines of a file, numbered, or what lies in a folder."""
        asked = check_path(path)
        if view_range is not None:
            check_range(view_range)
        files = self._tree.files()
        if asked in files:
            return self._view_file(path, asked, view_range)
        if asked != ROOT and not any(is_under(each, asked) for each in files):
            raise NotFound(f"The path {path} does not exist. Please provide a valid path.")
        return _folder_view(path, asked, {each: len(f.text.encode()) for each, f in files.items()})

    def create(self, path: str, file_text: str) -> str:
        """Make a file."""
        self._tree.create(check_path(path), check_text(file_text, "file_text"))
        return f"File created successfully at: {path}"

    def str_replace(self, path: str, old_str: str, new_str: str) -> str:
        """Put a text in the place of another one that stands once in a file."""
        check_text(old_str, "old_str")
        check_text(new_str, "new_str")
        file = self._file(path)
        places = _places(file.text, old_str)
        if not places:
            raise InvalidInput(
                f"No replacement was performed, old_str `{old_str}` did not appear verbatim in {path}."
            )
        lines = [file.text.count("\n", 0, place) for place in places]
        if file.text.count(old_str) > 1:
            told = ", ".join(str(line + 1) for line in lines)
            raise InvalidInput(
                f"No replacement was performed. Multiple occurrences of old_str `{old_str}` in lines: "
                f"{told}. Please ensure it is unique"
            )
        text = file.text[: places[0]] + new_str + file.text[places[0] + len(old_str) :]
        self._write(path, file, text)
        after = text.split("\n")
        first = max(0, lines[0] - _AROUND)
        return (
            "The memory file has been edited. Here is the snippet showing the change (with line "
            "numbers):\n" + _numbered(after[first : lines[0] + _AROUND + 1], first + 1)
        )

    def insert(self, path: str, insert_line: int, insert_text: str) -> str:
        """Put lines behind a line of a file, or before the first."""
        check_line(insert_line, "insert_line")
        check_text(insert_text, "insert_text")
        file = self._file(path)
        lines = file.text.split("\n")
        if lines[-1] == "":
            lines.pop()
        if not 0 <= insert_line <= len(lines):
            raise InvalidInput(
                f"Invalid `insert_line` parameter: {shorten(insert_line)}. It should be within the range "
                f"[0, {len(lines)}]."
            )
        lines.insert(insert_line, insert_text.rstrip("\n"))
        self._write(path, file, "\n".join(lines).removesuffix("\n") + "\n")
        return f"The file {path} has been edited."

    def delete(self, path: str) -> str:
        """Put a file, or a folder with all that lies in it, out of sight."""
        asked = check_path(path)
        if asked == ROOT:
            raise InvalidInput(f"Cannot delete the {ROOT} directory itself")
        self._tree.delete(asked)
        return f"Successfully deleted {path}"

    def rename(self, old_path: str, new_path: str) -> str:
        """Move a file, or a folder with all that lies in it."""
        asked = check_path(old_path)
        if asked == ROOT:
            raise InvalidInput(f"Cannot rename the {ROOT} directory itself")
        self._tree.move(asked, check_path(new_path))
        return f"Successfully renamed {old_path} to {new_path}"

    def clear(self) -> str:
        """Put every file out of sight."""
        self._tree.clear()
        return "All memory cleared"

    def _view_file(self, path: str, asked: str, view_range: Sequence[int] | None) -> str:
        lines = self._tree.read(asked).split("\n")
        if len(lines) > MOST_LINES:
            raise InvalidInput(f"File {path} exceeds maximum line limit of {MOST_LINES:,} lines.")
        first = 1
        if view_range is not None and len(view_range) == 2:
            first = max(1, view_range[0])
            lines = lines[first - 1 : len(lines) if view_range[1] == -1 else view_range[1]]
        return f"Here's the content of {path} with line numbers:\n{_numbered(lines, first)}"

    def _file(self, path: str) -> File:
        asked = check_path(path)
        files = self._tree.files()
        if asked in files:
            return files[asked]
        if asked == ROOT or any(is_under(each, asked) for each in files):
            raise InvalidInput(f"The path {path} is not a file.")
        raise NotFound(f"The path {path} does not exist. Please provide a valid path.")

    def _write(self, path: str, file: File, text: str) -> None:
        try:
            self._tree.write(file, text)
        except Conflict:
            raise InvalidInput(
                f"The file {path} was changed meanwhile, and this edit was not made: view it again."
            ) from None


def _places(text: str, part: str) -> list[int]:
    """Where a part stands, overlapping ones too."""
    places, place = [], text.find(part)
    while part and place >= 0:
        places.append(place)
        place = text.find(part, place + 1)
    return places


def _numbered(lines: Sequence[str], first: int) -> str:
    return "\n".join(f"{number:>{_WIDTH}}\t{line}" for number, line in enumerate(lines, first))


def _folder_view(path: str, folder: str, sizes: dict[str, int]) -> str:
    """Two levels of a folder, each with the bytes of its text; hidden names are left out."""
    inner = {
        each.removeprefix(f"{folder}/"): size
        for each, size in sizes.items()
        if is_under(each, folder)
    }
    shown: dict[tuple[str, ...], tuple[str, int]] = {}
    for name, size in inner.items():
        names = name.split("/")
        for depth in range(1, min(len(names), _DEPTH) + 1):
            if any(part.startswith(".") for part in names[:depth]):
                break
            is_folder = depth < len(names)
            _, so_far = shown.get(tuple(names[:depth]), ("", 0))
            shown[tuple(names[:depth])] = ("/" if is_folder else "", so_far + size)
    lines = [f"{_size(sum(inner.values()))}\t{folder}"]
    lines += [
        f"{_size(size)}\t{folder}/{'/'.join(names)}{mark}"
        for names, (mark, size) in sorted(shown.items())
    ]
    return (
        f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items:\n"
        + "\n".join(lines)
    )


def _size(count: int) -> str:
    """Bytes as people write them, such as 1.5K."""
    unit = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    scaled = count / _KIBI**unit
    return f"{int(scaled) if scaled == int(scaled) else f'{scaled:.1f}'}{_UNITS[unit]}"
