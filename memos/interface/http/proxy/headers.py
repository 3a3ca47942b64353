"""Which headers travel on, either way: none that is of one connection only, and no secret of the other side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

HeaderPairs = list[tuple[bytes, bytes]]

MEMORY_PREFIX = b"x-memos-"
_OF_A_CONNECTION = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OF_THIS_SERVER = frozenset(
    {
        b"accept-encoding",
        b"authorization",
        b"content-length",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"origin",
        b"referer",
        b"via",
        b"x-real-ip",
    }
)
"""Of a request: about who asks this server, or written anew."""

_SELF_CHOSEN = frozenset({b"openai-organization", b"openai-project"})
"""Whose account pays: who sends a key of their own chooses among their own."""

_PREFIXES_OF_THIS_SERVER = (MEMORY_PREFIX, b"x-forwarded-", b"sec-")
_OF_THE_OTHER_SERVER = frozenset(
    {b"alt-svc", b"date", b"location", b"server", b"set-cookie", b"strict-transport-security"}
)
"""Of an answer: about the server that gave it."""

_PREFIX_OF_PAGES = b"access-control-"
"""Which pages may read an answer this server says."""


def request_headers(
    sent: Iterable[tuple[bytes, bytes]], api_key: str, upstream_key: str, *, is_own: bool
) -> HeaderPairs:
    """The headers of a request that goes on.

    Args:
        sent: those that came, with names in small letters.
        api_key: of the caller here; no header that holds it travels.
        upstream_key: of the server that is asked; empty for none.
        is_own: whether that key is the caller's own.
    """
    pairs = list(sent)
    dropped = _OF_THIS_SERVER | _named_by_connection(pairs)
    if not is_own:
        dropped |= _SELF_CHOSEN
    secret = api_key.encode("latin-1", "replace")
    kept = [
        (name, value)
        for name, value in pairs
        if name not in dropped
        and not name.startswith(_PREFIXES_OF_THIS_SERVER)
        and not (secret and secret in value)
    ]
    kept.append((b"accept-encoding", b"identity"))
    if upstream_key:
        kept.append((b"authorization", b"Bearer " + upstream_key.encode("ascii")))
    return kept


def answer_headers(
    came: Iterable[tuple[bytes, bytes]], secret: str
) -> Iterator[tuple[bytes, bytes]]:
    """The headers of an answer that go on to the caller; none that holds the secret does."""
    pairs = [(name.lower(), value) for name, value in came]
    dropped = _OF_THE_OTHER_SERVER | _named_by_connection(pairs)
    hidden = secret.encode("ascii")
    for name, value in pairs:
        is_ours = name.startswith((MEMORY_PREFIX, _PREFIX_OF_PAGES))
        if name not in dropped and not is_ours and not (hidden and hidden in value):
            yield name, value


def _named_by_connection(pairs: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """What is of one connection: always, or because `Connection` says so."""
    named = (
        part.strip().lower()
        for name, value in pairs
        if name == b"connection"
        for part in value.split(b",")
    )
    return _OF_A_CONNECTION | frozenset(named)
