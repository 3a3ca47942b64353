"""Paths of the memory tool: below `/memories`, by whole names, with no way out of it.

Nothing here is a file of this machine, so there is nothing to reach. A path that would be one
elsewhere, by `..`, an encoding of it or a letter that looks like a dot, is refused all the same: what
is stored under it may be written out as files one day.
"""

from __future__ import annotations

import re
from unicodedata import category, normalize
from urllib.parse import unquote

from memos.kernel.errors import InvalidInput, shorten

ROOT = "/memories"
MAX_BYTES = 1024
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Between letters of some scripts, and parts of an emoji."""
_WIDE_ESCAPE = re.compile("%u([0-9A-Fa-f]{4})")


def check_path(path: object) -> str:
    """A path as it is stored: in Unicode's form NFC, without a slash at its end.

    Raises:
        InvalidInput: it does not lie in `/memories`, or could be taken for one that does not.
    """
    if not isinstance(path, str):
        raise InvalidInput(f"a path must be a text, not {shorten(path)}")
    path = normalize("NFC", path)
    inner = path.removeprefix(ROOT)
    if path == inner or (inner and not inner.startswith("/")):
        raise InvalidInput(f"Path must start with {ROOT}, got: {shorten(path)}")
    names = inner.removesuffix("/").split("/")[1:]
    for name in names:
        _check_name(name, path)
    if len(path.encode()) > MAX_BYTES:
        raise InvalidInput(f"a path has at most {MAX_BYTES} bytes: {shorten(path)}")
    return "/".join([ROOT, *names])


def is_under(path: str, folder: str) -> bool:
    """Whether a path lies below a folder."""
    return path.startswith(f"{folder}/")


def folders_of(path: str) -> list[str]:
    """The folders that a path lies in, the outermost first, `/memories` left out."""
    names = path.split("/")
    return ["/".join(names[:count]) for count in range(3, len(names))]


def _check_name(name: str, path: str) -> None:
    if any(_is_unseen(character) for character in name):
        raise InvalidInput(f"a path holds no control or format characters: {shorten(path)}")
    if name != name.strip() or not name:
        raise InvalidInput(
            f"a name in a path is not empty, and begins and ends with no space: {shorten(path)}"
        )
    if any(_leads_away(form) for form in _readings(name)):
        raise InvalidInput(f"Path {shorten(path)} would escape {ROOT} directory")


def _is_unseen(character: str) -> bool:
    return category(character) in _UNSEEN and character not in _JOINERS


def _readings(name: str) -> set[str]:
    """What a name may be read as: percent signs decoded, however often, letters like dots as dots, and
    what is not seen left out.
    """
    readings = {name}
    decoded = name
    while (again := _decoded(decoded)) != decoded:
        decoded = again
        readings.add(decoded)
    readings |= {normalize("NFKC", reading) for reading in readings}
    return readings | {
        "".join(each for each in reading if category(each) not in _UNSEEN) for reading in readings
    }


def _decoded(name: str) -> str:
    return unquote(_WIDE_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), name))


def _leads_away(name: str) -> bool:
    # The last is what stands for percent signs that are no UTF-8.
    return name.strip(" ") in (".", "..") or any(mark in name for mark in "/\\\0\ufffd")
