"""Names of other worlds as segments of a scope: a text for a segment and back, no two alike.

Letters, digits and `._:@|-` stand for themselves; every other byte of UTF-8 is `+` and two hexadecimal digits, and
a `+` alone is the empty text. So a prefix of names is a scope, and what lies under it has that prefix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import normalize

from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import check_scope, contains
from memos.operation.plain import plain

_EMPTY = "+"
_PLAIN = re.compile(r"[A-Za-z0-9._:@|-]")
_ESCAPED = re.compile(r"\+([0-9A-F]{2})")


def segment_of(name: str) -> str:
    """A name as one segment.

    Raises:
        InvalidInput: it is no text.
    """
    if not isinstance(name, str):
        raise InvalidInput(f"{shorten(name)} is no text, and names are texts")
    if not name:
        return _EMPTY
    if name in (".", ".."):
        return _escaped(name)
    segment = "".join(_letter(character) for character in name)
    # A mark joins the letter before it, also one of an escape: such a name is escaped throughout.
    return segment if normalize("NFC", segment) == segment else _ascii(name)


def name_of(segment: str) -> str:
    """The name that `segment_of` gave this segment."""
    if segment == _EMPTY:
        return ""
    parts = _ESCAPED.split(segment)
    raw = b"".join(
        bytes.fromhex(part) if number % 2 else part.encode("utf-8", "surrogatepass")
        for number, part in enumerate(parts)
    )
    return raw.decode("utf-8", "surrogatepass")


def base_scope(scope: object) -> str:
    """The scope that all of an adapter's own lie below.

    Raises:
        InvalidInput: it is none.
    """
    return check_scope(plain(scope))


def scope_under(base: str, names: Sequence[str]) -> str:
    """The scope of some names, one below the other, under a base.

    Raises:
        InvalidInput: they are too many or too long for a scope.
    """
    return check_scope("/".join([base, *map(segment_of, plain(names))]))


def names_under(base: str, scope: str) -> tuple[str, ...] | None:
    """The names that `scope_under` made this scope of; None where it made no such scope under this base."""
    if not contains(base, scope):
        return None
    names = [made_of(segment) for segment in scope.removeprefix(base).split("/")[1:]]
    return None if None in names else tuple(name for name in names if name is not None)


def made_of(segment: str) -> str | None:
    """The name that a segment was made of; None where none was."""
    try:
        name = name_of(segment)
    except UnicodeDecodeError:
        return None
    return name if segment_of(name) == segment else None


def _letter(character: str) -> str:
    if _PLAIN.fullmatch(character) or (not character.isascii() and character.isalnum()):
        return character
    return _escaped(character)


def _ascii(name: str) -> str:
    return "".join(
        character if _PLAIN.fullmatch(character) else _escaped(character) for character in name
    )


def _escaped(text: str) -> str:
    return "".join(f"+{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
