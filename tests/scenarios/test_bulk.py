"""On servers a bulk load goes to the log in parts, so that what others write comes between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from secrets import token_hex

import pytest

from memos import Memory, NotApplied
from memos.infrastructure.engine.distributed import writer
from memos.infrastructure.engine.distributed.engine import DistributedEngine
from memos.kernel.errors import LogUnavailable
from memos.kernel.event import Position, Record
from tests.fleet import Fleet
from tests.scenarios.conftest import SECONDS
from tests.scenarios.place import ADMINISTRATOR, read

PART, ITEMS = 10, 45

pytestmark = [pytest.mark.engines, pytest.mark.timeout(SECONDS)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PART", PART)


@pytest.fixture
def memory(fleet: Fleet) -> Iterator[Memory]:
    with Memory(fleet.path, actor=ADMINISTRATOR) as opened:
        yield opened


@pytest.fixture
def scope() -> str:
    return f"bulk{token_hex(4)}"


def engine_of(memory: Memory) -> DistributedEngine:
    engine = memory._session.engine
    assert isinstance(engine, DistributedEngine)
    return engine


def items(scope: str) -> list[dict[str, str]]:
    return [{"text": f"text {number}", "scope": scope} for number in range(ITEMS)]


def test_a_bulk_load_is_two_parts_before_what_can_be_read_at_most(
    memory: Memory, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = engine_of(memory).stores.logs.events
    append, applied = events.append, engine_of(memory).live.vault
    sizes: list[int] = []
    first: list[Position] = []

    def watched(entries: Sequence[tuple[bytes, bytes]]) -> list[Record]:
        """Appends; each part but the last two can be read by then."""
        if len(sizes) > 1:
            ahead = sizes[-2] + sizes[-1]
            folded = applied().offsets(["fold"])["fold"]
            assert (
                sum(folded.get(at.partition, 0) > at.offset for at in first) >= len(first) - ahead
            )
        records = append(entries)
        sizes.append(len(entries))
        first.extend(record.position for record in records)
        return records

    monkeypatch.setattr(events, "append", watched)
    receipts = memory.add_many(items(scope))
    assert sizes == [10, 10, 10, 10, 5]
    assert [read(memory, receipt.cube_id).text for receipt in receipts[::11]] == [
        f"text {number}" for number in range(0, ITEMS, 11)
    ]


def test_a_log_that_ends_amid_a_bulk_load_says_what_it_has(
    memory: Memory, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = engine_of(memory).stores.logs.events
    append, taken = events.append, 0

    def ends(entries: Sequence[tuple[bytes, bytes]]) -> list[Record]:
        nonlocal taken
        taken += 1
        if taken > 2:
            raise LogUnavailable("Kafka is away")
        return append(entries)

    with monkeypatch.context() as patch:
        patch.setattr(events, "append", ends)
        with pytest.raises(NotApplied, match="first 20 of 45") as told:
            memory.add_many(items(scope), idempotency_key="the load")
    assert len(told.value.cube_ids) == len(told.value.positions) == 20
    for position in told.value.positions:
        memory.wait_for(position, seconds=SECONDS)
    assert read(memory, told.value.cube_ids[-1]).text == "text 19"
    again = memory.add_many(items(scope), idempotency_key="the load")
    assert [receipt.cube_id for receipt in again[:20]] == list(told.value.cube_ids)
    assert len({hit.cube_id for hit in memory.search("text", scope=scope, k=100)}) == ITEMS
