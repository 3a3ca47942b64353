"""The Merkle leaf of a record."""

from __future__ import annotations

from hashlib import sha256

import pytest

from memos.kernel.leaf import leaf_of


def test_a_leaf_is_the_hash_of_offset_log_time_and_exact_bytes() -> None:
    stored = bytes.fromhex("00 0000000000000007 ffffffffffffffff") + b"data"
    assert leaf_of(7, -1, b"data") == sha256(stored).digest()


@pytest.mark.parametrize("other", [(8, 9, b"data"), (7, 8, b"data"), (7, 9, b"dat"), (7, 9, b"")])
def test_another_place_time_or_byte_is_another_leaf(other: tuple[int, int, bytes]) -> None:
    assert leaf_of(*other) != leaf_of(7, 9, b"data")
