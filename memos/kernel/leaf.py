"""The Merkle leaf of a record: what a log's signed trees are over."""

from __future__ import annotations

from memos.kernel.merkle import leaf_hash


def leaf_of(offset: int, log_time: int, data: bytes) -> bytes:
    """The Merkle leaf hash of one record (RFC 6962 §2.1 over offset, log time and bytes)."""
    return leaf_hash(offset.to_bytes(8, "big") + log_time.to_bytes(8, "big", signed=True) + data)
