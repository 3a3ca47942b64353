"""The Merkle leaf of a record: what a log's signed trees are over."""

from __future__ import annotations

from memos.kernel.merkle import leaf_hash


def leaf_of(offset: int, log_time: int, data: bytes) -> bytes:
    """The Merkle leaf hash of one record: RFC 6962 §2.1 over offset and log time, each eight bytes
    and big-endian, and the record's bytes.
    """
    return leaf_hash(offset.to_bytes(8) + log_time.to_bytes(8, signed=True) + data)
