"""Digests that only the holder of a key can make, or compare with another."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256

DIGEST_BYTES = 16

SUBJECT = b"subject"
SOURCE = b"source"
IMPORT = b"import"
"""The labels of digests that stand for a subject, for a source, and for what an import knows a memory
by."""


def digests_among(values: Iterable[bytes]) -> list[bytes]:
    """Of what an event names as digests those that are some: nothing is looked up by another."""
    return [value for value in values if len(value) == DIGEST_BYTES]


def keyed_digest(key: bytes, label: bytes, value: bytes) -> bytes:
    """HMAC-SHA256 cut to 16 bytes: tells equal from different to key holders only."""
    return hmac.digest(key, label + b"\x00" + value, sha256)[:DIGEST_BYTES]
