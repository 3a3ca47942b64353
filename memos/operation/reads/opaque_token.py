"""Tokens that callers pass back as they are: a version and fields, as text that goes into an address."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Any


def pack_token(version: int, fields: Iterable[Any]) -> str:
    """A token of fields that JSON can hold."""
    packed = json.dumps([version, *fields], separators=(",", ":")).encode()
    return urlsafe_b64encode(packed).decode().rstrip("=")


def unpack_token(text: object, version: int) -> list[Any]:
    """The fields of a token, of whatever types they are.

    Raises:
        ValueError: it is no token of this version.
    """
    if not isinstance(text, str):
        raise ValueError("a token is text")
    try:
        unpacked = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=="))
    except RecursionError as error:
        raise ValueError("a token is flat") from error
    if not isinstance(unpacked, list) or unpacked[:1] != [version]:
        raise ValueError("it is no token of this version")
    return unpacked[1:]
