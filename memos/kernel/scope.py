"""Scopes: paths whose first segment is the tenant, such as `acme/alice/chat-7`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import category, normalize

from memos.kernel.errors import InvalidInput, shorten

MAX_BYTES = 1024
MAX_SEGMENTS = 16
MOST_SCOPES = 100
"""How many scopes one call takes."""

_SEGMENT = re.compile(r"[A-Za-z0-9._:@+|-]+")
_ALSO = frozenset("._:@+|-")
_BEHIND_SLASH = chr(ord("/") + 1)


def check_scope(scope: object) -> str:
    """A scope: 1 to 16 segments of letters and digits of any script and `._:@+|-`, joined by `/`.

    Returns:
        The scope in Unicode's form NFC, in which letters that look alike are alike.

    Raises:
        InvalidInput: it is none.
    """
    wrong = _not_a_scope(scope) if isinstance(scope, str) else "it is no text"
    if not isinstance(scope, str) or wrong:
        raise InvalidInput(
            f"{shorten(scope)} is no scope, for {wrong}: a scope is 1 to {MAX_SEGMENTS} segments of "
            "letters, digits, '.', '_', '-', ':', '@', '+' and '|' joined by '/', such as "
            "acme/alice/chat-7"
        )
    return scope if scope.isascii() else normalize("NFC", scope)


def check_scopes(scope: str | Sequence[str]) -> tuple[str, ...]:
    """One scope or several, in order, without those that lie under another.

    Raises:
        InvalidInput: one is no scope; or there is none, or more than MOST_SCOPES.
    """
    if isinstance(scope, str):
        return (check_scope(scope),)
    scopes = sorted(dict.fromkeys(map(check_scope, scope)))
    if not 1 <= len(scopes) <= MOST_SCOPES:
        raise InvalidInput(f"name 1 to {MOST_SCOPES} scopes, not {len(scopes)}")
    outermost: list[str] = []
    for path in scopes:  # what a scope holds may stand behind another: a-b is between a and a/b
        if not any(contains(other, path) for other in outermost):
            outermost.append(path)
    return tuple(outermost)


@lru_cache(maxsize=8192)
def _not_a_scope(scope: str) -> str:
    """Why a text is no scope; empty where it is one."""
    segments = scope.split("/")
    if len(segments) > MAX_SEGMENTS:
        return f"it has {len(segments)} segments"
    if "" in segments:
        return "a segment of it is empty"
    for segment in segments:
        if segment in (".", ".."):
            return f"{segment!r} is no segment"
        if not _SEGMENT.fullmatch(segment):
            for character in segment:
                if character not in _ALSO and not _is_letter(character):
                    return f"{character!r} (U+{ord(character):04X}) stands in none"
    if len(scope.encode()) > MAX_BYTES:
        return f"it has more than {MAX_BYTES} bytes"
    return ""


def _is_letter(character: str) -> bool:
    """Whether a character is a letter, a digit, or a mark on one, in any script."""
    return category(character)[0] in "LMN"


def tenant_of(scope: str) -> str:
    """The tenant that a scope belongs to; empty for what belongs to none."""
    return scope.partition("/")[0]


def contains(scope: str, inner: str) -> bool:
    """Whether `inner` is a scope or lies under it; the same for any path, such as a source."""
    return inner == scope or inner.startswith(f"{scope}/")


def bounds_under(scope: str) -> tuple[str, str]:
    """What lies under a scope sorts from the first of these up to, not including, the second."""
    return f"{scope}/", f"{scope}{_BEHIND_SLASH}"


def path_prefixes(path: str) -> list[str]:
    """A path and all above it by whole segments, shortest first."""
    segments = path.split("/")
    return ["/".join(segments[: count + 1]) for count in range(len(segments))]


def common_scope(scopes: Sequence[str]) -> str:
    """The deepest scope that holds all of these; there is at least one.

    Raises:
        InvalidInput: they belong to different tenants.
    """
    if len(scopes) == 1:
        return scopes[0]
    above = path_prefixes(scopes[0])
    shared = [path for path in above if all(contains(path, scope) for scope in scopes)]
    if not shared:
        raise InvalidInput("the cubes belong to different tenants: they cannot be brought together")
    return shared[-1]
