"""A vault that is opened for reading, on either engine."""

from __future__ import annotations

import pytest

from memos import Memory, ReadOnly
from tests.scenarios.place import ADMINISTRATOR, Place


def test_a_vault_opened_for_reading_is_read_and_not_written(
    place: Place, memory: Memory, tenant: str
) -> None:
    cube_id = memory.add("She likes pottery.", scope=tenant).cube_id
    before = memory.usage_digest()
    with Memory(place.path, actor=ADMINISTRATOR, mode="read") as reading:
        assert [hit.cube_id for hit in reading.search("pottery", scope=tenant)] == [cube_id]
        assert reading.find_id(cube_id[:30]) == cube_id
        assert reading.digest() == memory.digest()
        for write in (
            lambda: reading.add("No.", scope=tenant),
            lambda: reading.archive(cube_id),
            lambda: reading.erase(cube_id=cube_id),
            reading.rebuild,
            reading.keep_queries,
        ):
            with pytest.raises(ReadOnly):
                write()
    assert memory.usage_digest() == before
