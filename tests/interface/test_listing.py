"""Lists where governance, damage and strange cursors meet them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from memos import DamagedEntry, Denied, InvalidInput, Memory, Position
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.governance.decision import Action, Decision, Resource, Subject
from memos.infrastructure.governance.usage.usage import counts_as_use
from memos.infrastructure.index import spans
from memos.infrastructure.index.spans import Changed
from memos.infrastructure.index.sqlite import pieces
from memos.kernel.event import id_text
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event
from tests.interface.governed import AllowsAll

ALICE, BOB = "agent:alice", "agent:bob"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor=ALICE) as opened:
        yield opened


def test_a_list_without_a_scope_holds_every_tenant_in_one_order(memory: Memory) -> None:
    for number in range(6):
        memory.add(f"note {number}", scope=f"t{number % 3}/a")
    page = memory.list(limit=4)
    assert [cube.text for cube in page] == ["note 5", "note 4", "note 3", "note 2"]
    assert [cube.text for cube in memory.list(cursor=page.cursor)] == ["note 1", "note 0"]
    narrowed = memory.as_actor(ALICE, tenant="t1")
    assert [cube.text for cube in narrowed.list()] == ["note 4", "note 1"]
    assert (narrowed.count(), narrowed.scopes(), dict(narrowed.subjects())) == (
        2,
        {"t1/a": 2},
        {"t1/a": 2},
    )
    with pytest.raises(Denied):
        narrowed.list(scope="t2")
    with pytest.raises(InvalidInput, match="tenant='t1'"):
        narrowed.as_actor(BOB, tenant="t2")


def test_a_cursor_is_good_for_the_list_that_gave_it_alone(memory: Memory) -> None:
    memory.add_many([{"text": f"note {n}", "scope": "acme/a"} for n in range(3)])
    cursor = memory.list(scope="acme", limit=1, filter={"text": {"ne": ""}}).cursor
    assert cursor is not None
    others: list[dict[str, Any]] = [
        {"scope": "acme/a"},
        {"scope": "acme", "filter": {"text": {"ne": "x"}}},
        {"scope": "acme", "filter": {"text": {"ne": ""}}, "order": "oldest"},
    ]
    for other in others:
        with pytest.raises(InvalidInput, match="another list's"):
            memory.list(cursor=cursor, **other)
    for none in ("", "x", "WzEs", cursor[:-3], cursor + "AAAA", "é", "W10"):
        with pytest.raises(InvalidInput, match="no cursor"):
            memory.list(scope="acme", cursor=none)


def test_a_list_asks_a_foreign_governor_of_no_more_rows_than_it_shows(memory: Memory) -> None:
    memory.add_many([{"text": f"note {n}", "scope": "acme/a"} for n in range(50)])
    asked: list[str] = []

    class Counting(AllowsAll):
        def decide(
            self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
        ) -> Decision:
            asked.append(resource.cube_id)
            return super().decide(subject, action, resource, context)

    memory._session.gate.governor = Counting()
    assert len(memory.list(scope="acme", limit=5)) == 5
    assert len([cube_id for cube_id in asked if cube_id]) <= 6
    assert memory.count(scope="acme") == 50


def test_a_list_opens_no_more_memories_than_it_shows(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add_many(
        [
            {"text": f"note {n}", "scope": "acme/a", "tags": ["rare"] if n == 7 else []}
            for n in range(60)
        ]
    )
    opened: list[bytes] = []
    body = EmbeddedReader.body

    def noted(
        reader: EmbeddedReader, cube_id: bytes, version: int, at: Position | None = None
    ) -> Body | None:
        opened.append(cube_id)
        return body(reader, cube_id, version, at)

    monkeypatch.setattr(EmbeddedReader, "body", noted)
    assert [cube.text for cube in memory.list(filter={"tags": "rare"})] == ["note 7"]
    assert len(set(opened)) == 1
    named = memory.list(limit=10)[-1].cube_id
    opened.clear()
    for condition in (
        {"cube_id": named},
        {"cube_id": {"in": [named, "no id", "00000000-0000-0000-0000-000000000000"]}},
        {"and": [{"cube_id": {"eq": named}}, {"text": {"ne": ""}}]},
    ):
        assert [cube.cube_id for cube in memory.list(filter=condition)] == [named]
        assert {id_text(raw) for raw in opened} == {named}
    assert memory.list(filter={"cube_id": "no id"}) == []
    assert memory.list(filter={"and": [{"cube_id": named}, {"cube_id": "no id"}]}) == []
    either = {"or": [{"cube_id": named}, {"tags": "rare"}]}
    assert len(memory.list(filter=either)) == 2
    opened.clear()
    assert len(memory.list(limit=5)) == 5
    assert len(set(opened)) <= 7
    opened.clear()
    assert (memory.count(), memory.scopes()) == (60, {"acme/a": 60})
    assert opened == []


def test_a_memory_that_cannot_be_read_hides_no_other(memory: Memory, tmp_path: Path) -> None:
    first, second = (memory.add(text, scope="acme/a") for text in ("tea", "milk"))
    memory.close()
    with apsw.Connection(str(tmp_path / "test.vault" / "memos.db")) as database:
        database.execute("DROP TRIGGER event_is_never_changed")
        ((data,),) = database.execute(
            "SELECT data FROM event WHERE offset = ?", (first.position.offset,)
        )
        event = Event.FromString(data)
        event.body.box = event.body.box[:-1] + bytes([event.body.box[-1] ^ 1])
        spoilt = event.SerializeToString()
        database.execute(
            "UPDATE event SET data = ? WHERE offset = ?", (spoilt, first.position.offset)
        )
    with Memory(tmp_path / "test.vault", actor=ALICE) as opened:
        page = opened.list()
        assert [cube.cube_id for cube in page] == [second.cube_id]
        assert list(page.damaged) == [first.cube_id]
        damaged, whole = opened.events()
        assert (damaged.cube_id, whole.cube_id) == (first.cube_id, second.cube_id)
        assert isinstance(damaged, DamagedEntry)


def test_what_extractors_keep_and_what_was_erased_counts_nowhere(memory: Memory) -> None:
    memory.add("Nadia lives in Turin.", scope="acme/nadia")
    gone = memory.add("Nadia lives in Ghent.", scope="acme/gone")
    memory.extract_facts("acme")
    memory.erase(cube_id=gone.cube_id)
    memory.name_cut("now")
    memory.grant_administrator("acme", BOB)
    facts = [cube for cube in memory.list(facts=True) if cube.semantic_type == "fact"]
    assert len(facts) == 1
    figures = memory.stats()
    assert figures.memories == memory.count(facts=True) == memory.count() + 1 == 2
    assert figures.states == {"Generated": 2, "Erased": 2}
    assert figures.scopes == len(memory.scopes()) == 1
    as_bob = memory.as_actor("agent:carol").stats()  # looks at every record that they may read
    assert (as_bob.memories, as_bob.scopes) == (2, 1)


def test_a_list_and_a_lasting_lifespan(tmp_path: Path) -> None:
    now = [1_700_000_000_000_000]
    with Memory(tmp_path / "test.vault", actor=ALICE, clock=lambda: now[0]) as memory:
        memory.add("for an hour", scope="acme/a", lifespan="1h")
        memory.add("for ever", scope="acme/a")
        assert memory.count() == 2
        now[0] += 3_600_000_000
        assert ([cube.text for cube in memory.list()], memory.count()) == (["for ever"], 1)
        assert memory.scopes() == {"acme/a": 1}


def test_looking_around_is_no_use() -> None:
    assert not counts_as_use("list", "")


def test_a_page_reads_no_more_rows_of_the_index_than_it_shows(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add_many([{"text": f"note {n}", "scope": f"acme/{n % 3}"} for n in range(90)])
    monkeypatch.setattr(pieces, "PIECE", 4)
    read: list[int] = []

    def noted(rows: Iterable[tuple[Any, ...]]) -> Changed:
        changed = spans.read(rows)
        read.append(len(changed.spans.doc))
        return changed

    monkeypatch.setattr(pieces, "read", noted)
    shown: list[str] = []
    page = memory.list(limit=10)
    while True:
        shown += [cube.text for cube in page]
        assert sum(read) <= 12
        read.clear()
        if page.cursor is None:
            break
        page = memory.list(limit=10, cursor=page.cursor)
    assert shown == [f"note {n}" for n in reversed(range(90))]
