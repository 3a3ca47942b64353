"""Idempotency-Key: a request that is sent again has one effect (draft-ietf-httpapi-idempotency-key-header-08).

The vault itself keeps the keys, each bound to actor, operation and content: no other actor's request
meets one, and one with other content is refused.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header

from memos.interface.http.problems import Refusal

LONGEST_KEY = 255


def idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(description="Sent again with the same body, the request has one effect."),
    ] = None,
) -> str | None:
    """The key, with or without the quotes of a structured field.

    Raises:
        Refusal: it is empty or too long, or no printable ASCII.
    """
    if idempotency_key is None:
        return None
    key = idempotency_key.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 0 < len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "malformed",
            f"Idempotency-Key takes 1 to {LONGEST_KEY} printable ASCII characters",
        )
    return key


def no_key_kept() -> Refusal:
    """The refusal of a key that a route does not keep."""
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "no-idempotency-key",
        "this route keeps no Idempotency-Key: send the request without; where its answer was "
        "lost, read what is there before you send it again",
    )


IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]
