"""Promise 7: nothing that the caller may not read has any influence on what the caller sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos import Denied, Hit, InvalidInput, Memory, MemosError, NotFound
from tests.opened import stores_of

ABSENT = "00000000-0000-7000-8000-000000000000"


def seen(hits: list[Hit]) -> list[tuple[Any, ...]]:
    """All that a search says, but for ids, positions and times, which differ between vaults."""
    return [
        (
            hit.text,
            hit.score,
            hit.version,
            hit.tags,
            dict(hit.metadata),
            hit.scope,
            hit.source,
            hit.state,
            {name: value for name, value in hit.explain.items() if name != "read_time"},
        )
        for hit in hits
    ]


def fill(memory: Memory) -> None:
    for n in range(12):
        memory.add(
            f"pottery and gardens {'pottery ' * (n % 3)}{n}", scope=f"acme/a/{n % 2}", tags=["t"]
        )


def add_foreign(memory: Memory) -> None:
    for n in range(30):
        memory.add(f"pottery pottery gardens {n}", scope=f"rival/a/{n % 2}", tags=["t"])
        memory.add(f"gardens {n}", scope="acme2/a")


def add_unreadable(memory: Memory) -> None:
    for n in range(30):
        memory.add(
            f"pottery secret {n}", scope=f"acme/a/{n % 2}", readers=["agent:carol"], owner="user:x"
        )


QUERIES: list[dict[str, Any]] = [
    {"query": "pottery", "scope": "acme", "k": 50},
    {"query": "pottery gardens", "scope": "acme/a/1", "k": 50},
    {"query": "gardens", "scope": "acme/a", "filter": {"tags": "t"}},
    {"query": "secret", "scope": "acme"},
]


@pytest.mark.parametrize("others", [add_foreign, add_unreadable])
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_search_says_the_same_whether_or_not_others_are_there(
    tmp_path: Path, others: Callable[[Memory], None], order: str
) -> None:
    answers = []
    for name in ("alone", "together"):
        path = tmp_path / name
        with Memory(path, actor="user:admin") as admin:
            if name == "together" and order == "before":
                others(admin)
            fill(admin)
            if name == "together" and order == "after":
                others(admin)
        with Memory(path, actor="agent:bob") as bob:
            answers.append([seen(bob.search(**query)) for query in QUERIES])
    assert answers[0] == answers[1]
    assert answers[0][0]


@pytest.mark.parametrize(
    "ask",
    [
        lambda m, c: m.get(c),
        lambda m, c: m.get(c, version=1),
        lambda m, c: m.get(c, any_state=True),
        lambda m, c: m.history(c),
        lambda m, c: m.lineage(c),
        lambda m, c: m.diff(c, 1, 2),
        lambda m, c: m.update(c, "x"),
        lambda m, c: m.update(c, "x", expected_version=7),
        lambda m, c: m.update(c, "x", mode="append"),
        lambda m, c: m.tag(c, "x"),
        lambda m, c: m.archive(c),
        lambda m, c: m.restore(c),
        lambda m, c: m.freeze(c),
        lambda m, c: m.thaw(c),
        lambda m, c: m.set_header(c, priority=1),
        lambda m, c: m.set_lifespan(c, after="1d"),
        lambda m, c: m.rollback(c, to_version=1),
        lambda m, c: m.erase(cube_id=c),
        lambda m, c: m.link(c, c, "quoted_from"),
        lambda m, c: m.merge([c, m.add("mine", scope="acme").cube_id]),
        lambda m, c: m.add("mine", scope="acme", derived_from=[c]),
    ],
)
def test_a_foreign_memory_and_an_absent_one_are_told_alike(
    vault: Path, ask: Callable[[Memory, str], object]
) -> None:
    with Memory(vault, actor="user:admin") as admin:
        foreign = admin.add("theirs", scope="rival/a").cube_id
        admin.update(foreign, "theirs, again")
    with Memory(vault, actor="agent:bob", tenant="acme") as bob:
        told = []
        for cube_id in (foreign, ABSENT):
            with pytest.raises(MemosError) as refused:
                ask(bob, cube_id)
            told.append((type(refused.value), str(refused.value).replace(cube_id, "<id>")))
        assert told[0] == told[1]
        assert "rival" not in told[0][1]


@pytest.mark.parametrize(
    "ask",
    [
        lambda m, s: m.search("theirs", scope=s),
        lambda m, s: m.add("mine", scope=s),
        lambda m, s: m.erase(scope=s),
        lambda m, s: m.rollback(source="web:a", scope=s),
        lambda m, s: list(m.events(scope=s)),
    ],
)
def test_a_foreign_scope_is_told_alike_whether_or_not_it_holds_anything(
    vault: Path, ask: Callable[[Memory, str], object]
) -> None:
    with Memory(vault, actor="user:admin") as admin:
        admin.add("theirs", scope="rival/a", source="web:a")
    with Memory(vault, actor="agent:bob", tenant="acme") as bob:
        told = []
        for scope in ("rival", "nobody"):
            try:
                told.append(repr(ask(bob, scope)))
            except MemosError as error:
                told.append(f"{type(error)} {error}".replace(scope, "<scope>"))
        assert told[0] == told[1]
        assert "00000" not in told[0]


def test_operations_of_one_tenant_leave_the_other_alone(vault: Path) -> None:
    with Memory(vault, actor="agent:bob") as bob:
        mine = bob.add("mine", scope="acme", source="web:a", subject="ann")
        theirs = bob.add("theirs", scope="rival", source="web:a", subject="ann")
    with Memory(vault, actor="agent:bob", tenant="acme") as bob:
        undone = bob.rollback(actor="agent:bob", dry_run=True)
        assert [change.cube_id for change in undone.changes] == [mine.cube_id]
        bob.rollback(actor="agent:bob")
        bob.erase(subject="ann")
        for ask in (bob.events, bob.accesses, bob.denials):
            with pytest.raises(Denied, match="tenant-boundary"):
                ask(scope="rival")
        assert theirs.cube_id not in {entry.cube_id for entry in bob.events()}
    with Memory(vault, actor="agent:bob") as bob:
        cube = bob.get(theirs.cube_id)
        assert cube
        assert cube.text == "theirs"


def test_a_prefix_of_a_segment_is_another_scope(memory: Memory) -> None:
    for scope in ("acme", "acme2", "acme-x", "acme.x", "acme/a", "acme/a2", "acme/a/b", "Acme"):
        memory.add(f"pottery in {scope}", scope=scope)

    def found(scope: str) -> set[str]:
        return {hit.scope for hit in memory.search("pottery", scope=scope, k=50)}

    assert found("acme") == {"acme", "acme/a", "acme/a2", "acme/a/b"}
    assert found("acme/a") == {"acme/a", "acme/a/b"}
    assert found("acme2") == {"acme2"}
    assert {entry.scope for entry in memory.events(scope="acme/a")} == {"acme/a", "acme/a/b"}
    memory.erase(scope="acme/a")
    assert found("acme") == {"acme", "acme/a2"}


def test_equal_texts_of_two_tenants_have_nothing_in_common_on_disk(
    memory: Memory, vault: Path
) -> None:
    memory.add("xylophonist quokka", scope="acme", subject="ann", source="web:a")
    memory.add("xylophonist quokka", scope="rival", subject="ann", source="web:a")
    reader = stores_of(memory).database.reader()
    for sql in ("SELECT digest FROM subject", "SELECT digest FROM source"):
        digests = [row[0] for row in reader.execute(sql)]
        assert len(digests) == len(set(digests)) >= 2
    terms = [row[0] for row in reader.execute("SELECT terms FROM index_doc")]
    assert len(terms) == 2
    words = [{term[at : at + 8] for at in range(0, len(term), 10)} for term in terms]
    assert words[0].isdisjoint(words[1])


def test_readers_that_were_named_later_bind_reads_of_earlier_moments_too(vault: Path) -> None:
    with Memory(vault, actor="user:admin") as admin:
        receipt = admin.add("a secret recipe", scope="acme")
        admin.name_cut("before")
        admin.set_header(receipt.cube_id, readers=["agent:carol"])
    with Memory(vault, actor="agent:bob") as bob:
        with pytest.raises(Denied):
            bob.get(receipt.cube_id, as_of="before")
        assert bob.search("recipe", scope="acme") == []
        assert bob.search("recipe", scope="acme", as_of="before") == []
    with Memory(vault, actor="agent:carol") as carol:
        assert len(carol.search("recipe", scope="acme", as_of="before")) == 1


def test_memories_of_two_tenants_never_meet(memory: Memory) -> None:
    mine = memory.add("mine", scope="acme").cube_id
    theirs = memory.add("theirs", scope="rival").cube_id
    before = memory.digest()
    attempts: list[Callable[[], object]] = [
        lambda: memory.merge([mine, theirs]),
        lambda: memory.merge([mine, theirs], scope="acme"),
        lambda: memory.link(mine, theirs),
        lambda: memory.add("x", scope="acme", derived_from=[theirs]),
    ]
    for attempt in attempts:
        with pytest.raises(MemosError):
            attempt()
        assert memory.digest() == before


def test_an_erase_of_a_subject_tells_of_no_tenant_that_the_caller_may_not_read(
    memory: Memory, vault: Path
) -> None:
    hidden = [
        memory.add("hidden", scope=scope, subject="ann", readers=["agent:alice"]).cube_id
        for scope in ("acme", "rival", "third")
    ]
    with Memory(vault, actor="agent:bob") as bob:

        def told(subject: str) -> str:
            with pytest.raises(NotFound) as raised:
                bob.erase(subject=subject)
            return str(raised.value).replace(subject, "<subject>")

        assert told("ann") == told("nobody")
        mine = bob.add("mine", scope="acme", subject="ann").cube_id
        with pytest.raises(Denied) as denied:  # one of theirs in acme is hidden; no tenant is named
            bob.erase(subject="ann")
        assert "rival" not in str(denied.value)
        memory.set_header(hidden[1], readers=["agent:alice", "agent:bob"])
        with pytest.raises(InvalidInput, match=r"several tenants \(acme, rival\)"):
            bob.erase(subject="ann")
    memory.erase(cube_id=mine)
    memory.erase(cube_id=hidden[0])
    with Memory(vault, actor="agent:alice") as alice, pytest.raises(InvalidInput, match="rival"):
        alice.erase(subject="ann")
    memory.erase(cube_id=hidden[1])
    assert memory.erase(subject="ann").cube_ids == (hidden[2],)  # what is erased is known to none
