"""What the Memory API does, seen from its caller."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memos import Denied, IllegalMove, MemCube, Memory, NotFound

SECOND = 1_000_000
DAY = 86_400 * SECOND


def read(memory: Memory, cube_id: str, **given: object) -> MemCube:
    cube = memory.get(cube_id, **given)  # type: ignore[arg-type]
    assert isinstance(cube, MemCube)
    return cube


def test_a_memory_has_a_history_and_every_version_can_be_read(memory: Memory) -> None:
    receipt = memory.add("from Sweden", scope="acme", tags=["home"], metadata={"d": 1})
    memory.name_cut("before")
    memory.update(receipt.cube_id, "from Norway", expected_version=1)
    memory.tag(receipt.cube_id, "family")
    assert [read(memory, receipt.cube_id, version=n).text for n in (1, 2, 3)] == [
        "from Sweden",
        "from Norway",
        "from Norway",
    ]
    assert read(memory, receipt.cube_id, as_of="before").text == "from Sweden"
    assert read(memory, receipt.cube_id, as_of=receipt.position).version == 1
    kinds = [change.entry.kind for change in memory.history(receipt.cube_id)]
    assert kinds == ["Generated", "Revised", "Tagged"]
    cube = read(memory, receipt.cube_id)
    assert (cube.version, cube.tags, dict(cube.metadata)) == (3, ("home", "family"), {"d": 1})
    diff = memory.diff(receipt.cube_id, 1, 3)
    assert "-from Sweden" in diff.text
    assert "+from Norway" in diff.text
    assert diff.fields == {"tags": (("home",), ("home", "family"))}


def test_valid_time_and_log_time_are_two_clocks(memory: Memory) -> None:
    receipt = memory.add("lives in Oslo", scope="acme", valid_from="2020-01-01")
    memory.update(receipt.cube_id, "lives in Rome", valid_from="2023-01-01")
    assert read(memory, receipt.cube_id, valid_at="2021-06-01").text == "lives in Oslo"
    assert read(memory, receipt.cube_id, valid_at="2024-06-01").text == "lives in Rome"
    with pytest.raises(NotFound):
        memory.get(receipt.cube_id, valid_at="2019-01-01")
    with pytest.raises(NotFound):
        memory.get(receipt.cube_id, as_of="2021-06-01")


def test_a_search_as_of_a_cut_shows_what_was_known_then(memory: Memory) -> None:
    receipt = memory.add("she likes pottery", scope="acme")
    memory.name_cut("before")
    memory.update(receipt.cube_id, "she likes chess")
    later = memory.add("he likes pottery", scope="acme")
    (hit,) = memory.search("pottery", scope="acme", as_of="before")
    assert (hit.cube_id, hit.version, hit.text) == (receipt.cube_id, 1, "she likes pottery")
    assert [hit.cube_id for hit in memory.search("pottery", scope="acme")] == [later.cube_id]
    with pytest.raises(IllegalMove):
        memory.name_cut("before")


def test_states_decide_what_a_search_shows(memory: Memory) -> None:
    ids = [memory.add(f"pottery {n}", scope="acme").cube_id for n in range(4)]
    memory.archive(ids[0])
    memory.freeze(ids[1])
    memory.merge([ids[2], ids[3]], text="all the pottery")
    shown = {hit.state for hit in memory.search("pottery", scope="acme")}
    assert shown == {"Frozen", "Generated"}
    archived = memory.search("pottery", scope="acme", states=["Archived", "Merged"])
    assert {hit.cube_id for hit in archived} == {ids[0], ids[2], ids[3]}
    memory.restore(ids[0])
    assert read(memory, ids[0]).state == "Activated"


def test_a_merge_takes_lines_tags_and_lineage_of_its_sources(memory: Memory) -> None:
    a = memory.add("one\ntwo", scope="acme/x/a", tags=["t"])
    b = memory.add("two\nthree", scope="acme/x/b", tags=["u"])
    merged = memory.merge([a.cube_id, b.cube_id])
    cube = read(memory, merged.cube_id)
    assert (cube.text, cube.scope, cube.tags) == ("one\ntwo\nthree", "acme/x", ("t", "u"))
    lineage = memory.lineage(merged.cube_id, direction="upstream")
    assert dict(lineage.depth) == {merged.cube_id: 0, a.cube_id: -1, b.cube_id: -1}


def test_header_rules_bind_every_call_and_a_denial_says_which_rule(vault: Path) -> None:
    with Memory(vault, actor="user:admin") as admin:
        open_to_all = admin.add("open", scope="acme").cube_id
        secret = admin.add("secret", scope="acme", readers=["agent:carol"]).cube_id
    with Memory(vault, actor="agent:bob") as bob:
        bob.update(open_to_all, "changed by bob")
        for call, rule in (
            (lambda: bob.get(secret), "readers-list"),
            (lambda: bob.history(secret), "readers-list"),
            (lambda: bob.update(secret, "x"), "readers-list"),
            (lambda: bob.freeze(open_to_all), "owner-only"),
            (lambda: bob.set_header(open_to_all, owner="agent:bob"), "owner-only"),
            (lambda: bob.erase(cube_id=open_to_all), "owner-only"),
        ):
            with pytest.raises(Denied) as refused:
                call()
            assert refused.value.rule == rule
        assert secret not in {entry.cube_id for entry in bob.events()}
        assert bob.stats().accesses == 6
    with Memory(vault, actor="agent:carol") as carol:
        assert read(carol, secret).text == "secret"


def test_a_use_renews_a_lifespan_and_a_sweep_ends_it(vault: Path) -> None:
    now = [1_700_000_000 * SECOND]
    with Memory(vault, actor="agent:alice", clock=lambda: now[0]) as memory:
        used, left, gone = (
            memory.add(name, scope="acme", lifespan=lifespan).cube_id
            for name, lifespan in (
                ("used", {"after": "10d", "renewed_by_access": True}),
                ("left", {"after": "10d", "then": "expire"}),
                ("gone", {"after": "10d", "then": "erase"}),
            )
        )
        now[0] += 8 * DAY
        assert read(memory, used).text == "used"
        memory.stats()  # writes the accesses that wait
        now[0] += 4 * DAY
        with pytest.raises(NotFound, match="lifespan"):
            memory.get(left)
        assert [hit.text for hit in memory.search("used left gone", scope="acme")] == ["used"]
        swept = memory.sweep()
        assert (swept.archived, swept.expired, swept.erased) == ((), (left,), (gone,))
        assert not memory.get(gone)
        assert read(memory, used).uses >= 1
        now[0] += 3650 * DAY
        assert memory.sweep().archived == (used,)
        assert memory.rebuild().digest == memory.digest()


def test_the_log_tells_who_did_what(memory: Memory) -> None:
    first = memory.add("one", scope="acme/a", source="web:blog/7")
    memory.add("two", scope="acme/b")
    memory.update(first.cube_id, "one, again", source="web:other")
    told = list(memory.events(actor="agent:alice", kind="Revised", scope="acme"))
    assert [(entry.cube_id, entry.version) for entry in told] == [(first.cube_id, 2)]
    assert len(list(memory.events(since=first.position))) == 3
    assert len(list(memory.events(until=first.position))) == 0
    assert [entry.kind for entry in memory.events(source="web:blog")] == ["Generated"]
    assert list(memory.events(actor="agent:nobody")) == []


def test_a_proof_holds_for_its_event_and_no_other(memory: Memory) -> None:
    receipts = [memory.add(f"memory {n}", scope="acme") for n in range(300)]
    key = memory.verifier_key()
    proofs = [memory.prove(receipt.event_id) for receipt in receipts[::50]]
    assert all(proof.verify(key) for proof in proofs)
    one, other = proofs[:2]
    assert not replace(one, record=other.record).verify(key)
    assert not replace(one, position=other.position).verify(key)


def test_bytes_of_any_media_type_are_kept_versioned_and_erased(memory: Memory) -> None:
    receipt = memory.add(content=b"\x89PNG", media_type="image/png", scope="acme", subject="ann")
    cube = read(memory, receipt.cube_id)
    assert (cube.payload, cube.media_type, cube.text) == (b"\x89PNG", "image/png", "")
    memory.erase(subject="ann")
    assert not memory.get(receipt.cube_id)


def test_an_operation_and_a_tenant_s_settings_are_no_memories(memory: Memory) -> None:
    memory.set_header(memory.add("one", scope="acme").cube_id, priority=1)
    granted = memory.grant_administrator("acme", "agent:bob").cube_id
    cube = memory.add("two", scope="acme").cube_id
    memory.update(cube, "changed")
    (operation,) = memory.rollback(cube, to_version=1).operation_ids
    for other in (granted, operation):
        for call in (
            lambda: memory.get(other, any_state=True),  # noqa: B023 - called at once
            lambda: memory.update(other, "mine"),  # noqa: B023
            lambda: memory.set_header(other, priority=1),  # noqa: B023
            lambda: memory.freeze(other),  # noqa: B023
            lambda: memory.hold(other),  # noqa: B023
            lambda: memory.archive(other),  # noqa: B023
            lambda: memory.rollback(other, to_version=1),  # noqa: B023
            lambda: memory.erase(cube_id=other),  # noqa: B023
            lambda: memory.link(other, cube, "supersedes"),  # noqa: B023
            lambda: memory.add("x", scope="acme", derived_from=[other]),  # noqa: B023
        ):
            with pytest.raises(NotFound):
                call()
    assert memory.administrators("acme") == ("agent:bob",)
    assert memory.rebuild().digest == memory.digest()
    assert memory.stats().memories == 2
