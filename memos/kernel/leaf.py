"""The Merkle leaf of a record: what a log's signed trees are over."""

from __future__ import annotations

from hashlib import sha256


def leaf_of(offset: int, log_time: int, data: bytes) -> bytes:
    """The Merkle leaf hash of one record (RFC 6962 §2.1 over offset, log time and bytes)."""
    return sha256(
        b"\x00" + offset.to_bytes(8, "big") + log_time.to_bytes(8, "big", signed=True) + data
    ).digest()
