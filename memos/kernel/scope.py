"""Scopes: paths whose first segment is the tenant, such as `acme/alice/chat-7`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from memos.kernel.errors import InvalidInput, shorten

MAX_BYTES = 1024
MAX_SEGMENTS = 16

_SEGMENT = re.compile(r"[A-Za-z0-9._:@-]+")
_BEHIND_SLASH = chr(ord("/") + 1)


def check_scope(scope: object) -> str:
    """A scope: 1 to 16 segments of letters, digits and `._:@-`, joined by `/`.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(scope, str) or not _is_scope(scope):
        raise InvalidInput(
            f"{shorten(scope)} is no scope: a scope is 1 to {MAX_SEGMENTS} segments of letters, "
            "digits, '.', '_', '-', ':' and '@' joined by '/', such as acme/alice/chat-7"
        )
    return scope


@lru_cache(maxsize=8192)
def _is_scope(scope: str) -> bool:
    segments = scope.split("/")
    return (
        len(segments) <= MAX_SEGMENTS
        and len(scope) <= MAX_BYTES
        and all(_SEGMENT.fullmatch(part) and part not in (".", "..") for part in segments)
    )


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
