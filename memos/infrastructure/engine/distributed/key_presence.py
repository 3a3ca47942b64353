"""Which keys a distributed vault needs, and does not have."""

from __future__ import annotations

from collections.abc import Iterable

from memos.infrastructure.engine.reader import has_no_key
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.vault.cassandra.heads import Head
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.kernel.state import checksum, state_from_bytes

HEADS_AT_ONCE = 500


def cubes_without_keys(
    cube_keys: CassandraCubeKeys, vault: CassandraVault, heads: Iterable[Head]
) -> list[bytes]:
    """The memories of some heads that nobody erased and whose key, or one that it needs, is not
    there. A head that is damaged is passed over.
    """
    having = [
        cube_id
        for cube_id, stored, check in heads
        if checksum(stored) == check and not has_no_key(state_from_bytes(stored))
    ]
    missing = cube_keys.without_keys(having)
    # An erase may have ended since the heads were read.
    return [cube_id for cube_id in missing if not has_no_key(vault.head(cube_id))]
