"""The contract of a reader (see `memos.infrastructure.engine.reader`)."""

from __future__ import annotations

import numpy as np
import pytest

from memos.infrastructure.engine.port import Engine
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.index.port import Ints, Order, Rows, places
from memos.kernel.errors import Damaged, KeysMissing
from memos.kernel.event import Position
from memos.kernel.moment import NEWEST, At
from tests.conformance.engine.vault import EngineVault, new_id, text_of
from tests.waiting import wait_until


def shown(engine: Engine, scope: str, at: At | None = None) -> set[bytes]:
    """The cubes that a view of a scope shows."""
    with engine.read() as reader:
        view = reader.view(scope, at)
        return set(view.cube_ids(np.arange(len(view))))


def test_a_record_is_read_back_and_a_position_without_one_is_damage(vault: EngineVault) -> None:
    committed = vault.add("one")
    with vault.engine.read() as reader:
        assert reader.event(committed.position) == committed.event
        partition, offset = committed.position
        with pytest.raises(Damaged):
            reader.event(Position(partition, offset + 1_000_000))


def test_each_version_has_its_own_body(vault: EngineVault) -> None:
    first = vault.add("first words")
    cube_id = first.event.cube_id
    (second,) = vault.commit(vault.revision(cube_id, "second words"))
    with vault.engine.read() as reader:
        assert text_of(reader.body(cube_id, 1)) == "first words"
        assert text_of(reader.body(cube_id, 2)) == "second words"
        assert text_of(reader.body(cube_id, 2, second.position)) == "second words"
        assert text_of(reader.body(cube_id, 0)) == ""
        assert reader.body(new_id(), 1) is None


def test_a_key_that_is_gone_without_an_erase_is_missing(vault: EngineVault) -> None:
    (committed,) = vault.commit(vault.memory("about ann", subject="ann"))
    cube_id = committed.event.cube_id
    keys, ann = vault.engine.keys, vault.subject("ann")
    with vault.engine.read() as reader:
        assert reader.cube_key(cube_id) is not None
    key = keys.subject_key(vault.tenant, ann, create=False)
    assert key is not None
    keys.destroy(vault.tenant, [ann])
    with vault.open().read() as reader:
        with pytest.raises(KeysMissing):
            reader.cube_key(cube_id)
        with pytest.raises(KeysMissing):
            reader.body(cube_id, 1)
        assert reader.event(committed.position) == committed.event
    keys.add_subject_keys([(vault.tenant, ann, key)])  # other suites read the whole vault
    with vault.open().read() as reader:
        assert reader.cube_key(cube_id) is not None


def test_a_view_shows_its_scope_and_nothing_of_another_tenant(vault: EngineVault) -> None:
    mine = vault.add("a kiln").event.cube_id
    other = f"other{vault.tenant}"
    theirs = vault.add("a kiln", tenant=other).event.cube_id
    assert shown(vault.engine, vault.tenant) == {mine}
    assert shown(vault.engine, other) == {theirs}
    with vault.engine.read() as reader:
        view = reader.view(vault.tenant)
        rows = reader.rows_of(view, [mine, theirs])
        assert rows.keys() == {mine}


def test_terms_that_are_only_matched_name_their_rows(vault: EngineVault) -> None:
    tagged = vault.add("a kiln", tags=["pottery"]).event.cube_id
    plain = vault.add("a wheel").event.cube_id
    with vault.engine.read() as reader:
        view = reader.view(vault.tenant)
        terms = reader.matched_terms(view)
        rows = reader.rows_of(view, [tagged, plain])
    with_terms = {int(row) for found in terms.values() for row in found}
    assert rows[tagged] in with_terms
    assert rows[plain] not in with_terms


def test_a_moment_lets_a_reader_see_the_past(vault: EngineVault) -> None:
    first = vault.add("first words")
    cube_id = first.event.cube_id
    (second,) = vault.commit(vault.revision(cube_id, "second words"))
    later = vault.add("later").event.cube_id
    with vault.engine.read() as reader:
        moment = reader.moment_of(second.position)
        assert moment is not None
        assert moment.at is not None
        then = reader.vault.state_at(cube_id, moment.at)
        assert then is not None
        assert then.outcome.version == 2
        earlier = reader.moment_of(first.position)
        assert earlier is not None
        assert earlier.at is not None
        before = reader.vault.state_at(cube_id, earlier.at)
        assert before is not None
        assert before.outcome.version == 1
        partition, offset = second.position
        assert reader.moment_of(Position(partition, offset + 1_000_000)) is None
        now = reader.moment_at(second.log_time + 3_600_000_000)
        assert now.at is not None
        assert reader.vault.state_at(later, now.at) is not None
        never = reader.moment_at(0)
        assert never.at is not None
        assert reader.vault.state_at(cube_id, never.at) is None
    assert later in shown(vault.engine, vault.tenant)
    assert cube_id in shown(vault.engine, vault.tenant, moment.at)


def test_all_that_was_written_is_folded_soon(vault: EngineVault) -> None:
    vault.add("one")

    def is_folded() -> bool:  # other suites write here, too
        with vault.engine.read() as reader:
            return reader.folded_until() is None

    wait_until(is_folded, "every record is folded")


def test_a_cube_was_created_when_its_first_record_was_written(vault: EngineVault) -> None:
    first = vault.add("one")
    vault.commit(vault.revision(first.event.cube_id, "two"))
    with vault.engine.read() as reader:
        # Kafka's log times are in milliseconds.
        assert reader.created(first.event.cube_id) // 1000 == first.log_time // 1000


def test_usage_until_a_time_is_that_of_the_accesses_up_to_then(vault: EngineVault) -> None:
    used, other = (vault.add(text).event.cube_id for text in ("used", "other"))
    first, denied, later = (vault.access(used) for _ in range(3))
    first.client_time, denied.client_time, later.client_time = 1_000, 1_500, 3_000
    denied.rule = "readers-list"
    vault.engine.writer.append_accesses([later, denied, first, vault.access(other)])
    with vault.engine.read() as reader:
        assert reader.usage_until(used, 999) == Usage()
        assert reader.usage_until(used, 2_000) == Usage(1, 1_000)
        assert reader.usage_until(used, 3_000) == Usage(2, 3_000)


def test_what_was_read_ahead_is_what_is_read(vault: EngineVault) -> None:
    cube_ids = [
        committed.event.cube_id
        for committed in vault.commit(vault.memory("one"), vault.memory("two"))
    ]
    with vault.engine.stream() as plain, vault.engine.stream() as ahead:
        ahead.read_ahead(cube_ids, NEWEST)
        for cube_id in cube_ids:
            assert ahead.vault.state_at(cube_id) == plain.vault.state_at(cube_id)
            assert ahead.created(cube_id) == plain.created(cube_id)
            assert text_of(ahead.body(cube_id, 1)) == text_of(plain.body(cube_id, 1))
            assert ahead.usage(cube_id) == plain.usage(cube_id)


def history(reader: Reader, cube_id: bytes) -> list[object]:
    """What a walk of the taint reads of a cube."""
    edges = reader.vault.edges
    ways = (True, False)
    return [
        reader.vault.attempts(cube_id),
        *(edges(cube_id, downstream=way) for way in ways),
        *(edges(cube_id, downstream=way, version=1) for way in ways),
    ]


def test_histories_that_were_read_ahead_are_those_that_are_read(vault: EngineVault) -> None:
    sources = [vault.add(text).event.cube_id for text in ("one", "two")]
    (merged,) = vault.commit(vault.memory("both", absorbs=sources))
    vault.commit(vault.revision(merged.event.cube_id, "both, changed"))
    cube_ids = [*sources, merged.event.cube_id, new_id()]
    with vault.engine.read() as ahead, vault.engine.read() as plainly:
        ahead.read_histories_ahead(cube_ids)
        for cube_id in cube_ids:
            assert history(ahead, cube_id) == history(plainly, cube_id)
        heads = plainly.vault.heads_many(cube_ids)
        assert heads == {cube_id: plainly.vault.head(cube_id) for cube_id in cube_ids[:-1]}
    found = vault.engine.writer.transact(lambda own: own.heads(reversed(cube_ids)))
    assert found == [heads[cube_id] for cube_id in reversed(cube_ids[:-1])]


def test_the_access_log_is_read_whole_or_by_what_its_records_hold(vault: EngineVault) -> None:
    used, other = (vault.add(text).event.cube_id for text in ("used", "other"))
    noted = [vault.access(cube_id) for cube_id in (used, other, used)]
    for number, access in enumerate(noted):
        access.client_time = number
    vault.engine.writer.append_accesses(noted)
    mine = {access.event_id for access in noted}
    with vault.engine.read() as reader:
        every = [access for access in reader.accesses() if access.event_id in mine]
        assert sorted(every, key=lambda access: access.client_time) == noted
        held = sorted(access.client_time for access in reader.accesses(used))
        assert held == [0, 2]
        assert list(reader.accesses(new_id())) == []


@pytest.mark.parametrize("order", list(Order))
def test_pieces_are_in_order_and_hold_what_the_newest_view_shows(
    vault: EngineVault, order: Order
) -> None:
    ids = [vault.add(f"note {number}").event.cube_id for number in range(5)]
    vault.commit(vault.revision(ids[1], "anew"))
    vault.commit(vault.revision(ids[1], "once more"))
    expected = {
        Order.NEWEST: ids[::-1],
        Order.OLDEST: ids,
        Order.CHANGED: [ids[1], ids[4], ids[3], ids[2], ids[0]],
    }[order]
    with vault.engine.read() as reader:
        placed = _placed(reader, vault.tenant, order, None)
        assert [cube_id for _, cube_id in placed] == expected
        middle = placed[2][0]
        assert _placed(reader, vault.tenant, order, middle) == placed[3:]
        assert _placed(reader, f"no{vault.tenant}", order, None) == []
        newest = reader.view(vault.tenant)
        assert dict(_rows(newest, places(newest, order))) == dict(placed)


def _placed(
    reader: Reader, scope: str, order: Order, behind: int | None
) -> list[tuple[int, bytes]]:
    """The cubes behind a place in an order, as pieces give them."""
    placed: list[tuple[int, bytes]] = []
    for rows, place in reader.pieces(scope, order, behind):
        piece = sorted(_rows(rows, place), reverse=order is not Order.OLDEST)
        placed += [
            each
            for each in piece
            if behind is None or (each[0] > behind if order is Order.OLDEST else each[0] < behind)
        ]
    return placed


def _rows(rows: Rows, place: Ints) -> list[tuple[int, bytes]]:
    return list(zip(place.tolist(), rows.cube_ids(np.arange(len(rows))), strict=True))
