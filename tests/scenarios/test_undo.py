"""Rollback, erase and lifespans, from the caller's side."""

from __future__ import annotations

import time

import pytest

from memos import ErasureReceipt, Forgotten, Held, Memory, NotFound
from tests.scenarios.place import Place, read, texts
from tests.waiting import wait_until

DAY = 86_400_000_000


def test_a_cube_goes_back_to_a_version(memory: Memory, tenant: str) -> None:
    cube = memory.add("one", scope=tenant, tags=["a"]).cube_id
    memory.update(cube, "two", tags=["b"])
    memory.update(cube, "three")
    planned = memory.rollback(cube, to_version=1, dry_run=True)
    assert planned.dry_run
    assert read(memory, cube).text == "three"
    done = memory.rollback(cube, to_version=1)
    assert [change.to_version for change in done.changes] == [1]
    found = read(memory, cube)
    assert (found.text, found.tags, found.version) == ("one", ("a",), 4)
    assert texts(memory.search("one", scope=tenant)) == ["one"]
    assert memory.search("three", scope=tenant) == []
    assert [change.text for change in memory.history(cube)] == ["one", "two", "three", "one"]


def test_a_bad_source_is_undone_with_all_that_came_of_it(memory: Memory, tenant: str) -> None:
    good = memory.add("The sky is blue.", scope=tenant, source="book:1").cube_id
    bad = memory.add("The sky is green.", scope=tenant, source="web:hoax/7").cube_id
    near = memory.add("Hoaxes are common.", scope=tenant, source="web:hoaxes").cube_id
    memory.update(good, "Some say it is green.", mode="append", source="web:hoax/8")
    derived = memory.add("Grass and sky are green.", scope=tenant, derived_from=[bad]).cube_id
    planned = memory.rollback(source="web:hoax", scope=tenant, dry_run=True)
    assert {change.cube_id for change in planned.changes} == {good, bad, derived}
    assert len(memory.search("green", scope=tenant)) == 3
    done = memory.rollback(source="web:hoax", scope=tenant)
    assert {(c.cube_id, c.action) for c in done.changes} == {
        (good, "restore"),
        (bad, "archive"),
        (derived, "archive"),
    }
    assert read(memory, good).text == "The sky is blue."
    assert memory.search("green", scope=tenant) == []
    assert read(memory, near).text == "Hoaxes are common."
    assert memory.rollback(source="web:hoax", scope=tenant).changes == ()


def test_what_an_actor_and_an_operation_did_is_undone(
    place: Place, memory: Memory, tenant: str
) -> None:
    rogue = place.open(f"agent:rogue-{tenant}")
    cube = memory.add("clean", scope=tenant).cube_id
    rogue.update(cube, "dirty")
    rogue.add("more dirt", scope=tenant)
    done = memory.rollback(actor=f"agent:rogue-{tenant}")
    assert len(done.changes) == 2
    assert read(memory, cube).text == "clean"
    assert memory.search("dirt dirty", scope=tenant) == []
    batch = memory.add_many([{"text": f"batch {n}", "scope": tenant} for n in range(5)])
    undone = memory.rollback(operation=batch[0].operation_id)
    assert len(undone.changes) == 5
    assert memory.search("batch", scope=tenant) == []


def test_everything_after_a_cut_is_undone(memory: Memory, tenant: str) -> None:
    cube = memory.add("before", scope=tenant).cube_id
    memory.name_cut(f"{tenant} cut")
    memory.update(cube, "after")
    later = memory.add("afterwards", scope=tenant).cube_id
    done = memory.rollback(cut=f"{tenant} cut", scope=tenant)
    assert {(c.cube_id, c.action) for c in done.changes} == {
        (cube, "restore"),
        (later, "archive"),
    }
    assert read(memory, cube).text == "before"


def test_a_later_clean_version_survives_a_rollback(memory: Memory, tenant: str) -> None:
    cube = memory.add("clean", scope=tenant).cube_id
    memory.update(cube, "dirty", source="web:hoax")
    memory.update(cube, "clean again")
    plan = memory.rollback(source="web:hoax", scope=tenant, dry_run=True)
    assert "version 3: its text stays" in str(plan)
    memory.rollback(source="web:hoax", scope=tenant)
    found = read(memory, cube)
    assert (found.text, found.source) == ("clean again", "")


def test_every_part_goes_back_to_what_others_than_the_undone_made_of_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    eve, bob = place.open("agent:eve"), place.open("agent:bob")
    cube = memory.add("one", scope=tenant, tags=["good"], metadata={"a": 1}, source="web:a").cube_id
    eve.tag(cube, "evil")
    bob.tag(cube, "later")
    eve.update(cube, metadata={"evil": 1})
    bob.update(cube, metadata={"b": 2})
    eve.update(cube, source="web:evil")
    bob.update(cube, "two", origin="user")
    memory.set_header(cube, owner="agent:eve")
    eve.set_header(cube, sensitivity="evil", purpose="evil")
    memory.set_header(cube, priority=7)
    memory.rollback(cube, to_version=read(memory, cube).version - 1)
    other = memory.add("other", scope=tenant, tags=["other"]).cube_id
    eve.tag(other, "evil")
    merged = memory.merge([other, memory.add("beside", scope=tenant).cube_id]).cube_id
    assert "evil" in read(memory, merged).tags
    memory.rollback(actor="agent:eve", scope=tenant)
    undone = read(memory, cube)
    assert undone.text == "two"
    assert undone.tags == ("good",)
    assert undone.metadata == {"a": 1}
    assert (undone.source, undone.sensitivity, undone.purpose) == ("web:a", "", "")
    assert undone.owner == "agent:eve", "alice gave it to her"
    assert "evil" not in read(memory, merged).tags
    assert "evil" not in read(memory, other, any_state=True).tags
    assert read(memory, merged).text == "other\nbeside"


def test_an_erased_cube_reads_as_forgotten_at_every_position(memory: Memory, tenant: str) -> None:
    first = memory.add("xylophone secret", scope=tenant, tags=["hush"])
    second = memory.update(first.cube_id, "quokka secret")
    memory.name_cut(f"{tenant} before")
    told = memory.erase(cube_id=first.cube_id)
    assert told.cube_ids == (first.cube_id,)
    for given in (
        {},
        {"version": 1},
        {"version": 2},
        {"as_of": f"{tenant} before"},
        {"as_of": first.position},
        {"as_of": second.position},
    ):
        assert isinstance(memory.get(first.cube_id, **given), Forgotten)
    assert {change.text for change in memory.history(first.cube_id)} == {None}
    for query in ("xylophone", "quokka", "secret"):
        assert memory.search(query, scope=tenant) == []
        assert memory.search(query, scope=tenant, as_of=f"{tenant} before") == []
    assert memory.tags(tenant) == {}
    with pytest.raises(NotFound):
        memory.erase(cube_id=first.cube_id)


def test_a_subject_is_erased_with_all_that_was_derived(
    place: Place, memory: Memory, tenant: str
) -> None:
    subject = f"ann-{tenant}"
    hers = memory.add("Ann likes chess.", scope=f"{tenant}/a", subject=subject).cube_id
    other = place.open("agent:bob")
    assert read(other, hers).text == "Ann likes chess."
    his = memory.add("Ben likes chess.", scope=f"{tenant}/b", subject=f"ben-{tenant}").cube_id
    both = memory.merge([hers, his], text="Both like chess.").cube_id
    told = memory.erase(subject=subject)
    assert set(told.cube_ids) == {hers, both}
    assert told.restored == (his,)
    assert not memory.get(hers)
    assert not memory.get(both)
    assert read(memory, his).text == "Ben likes chess."
    assert texts(memory.search("chess", scope=tenant)) == ["Ben likes chess."]
    new = memory.add("Ann is new here.", scope=f"{tenant}/a", subject=subject)
    assert read(memory, new.cube_id).text == "Ann is new here."
    # The other one may still hold the subject's old key in memory: it must not take it for hers.
    assert read(other, new.cube_id).text == "Ann is new here."


def test_a_scope_is_erased_and_the_one_beside_it_is_not(memory: Memory, tenant: str) -> None:
    gone = memory.add("in it", scope=f"{tenant}/chat").cube_id
    under = memory.add("under it", scope=f"{tenant}/chat/1").cube_id
    beside = memory.add("beside it", scope=f"{tenant}/chatter").cube_id
    assert set(memory.erase(scope=f"{tenant}/chat").cube_ids) == {gone, under}
    assert read(memory, beside).text == "beside it"
    assert texts(memory.search("it", scope=tenant)) in ([], ["beside it"])


def test_a_hold_refuses_an_erase_and_nothing_is_touched(memory: Memory, tenant: str) -> None:
    subject = f"ann-{tenant}"
    free = memory.add("free", scope=tenant, subject=subject).cube_id
    held = memory.add("held", scope=tenant, subject=subject).cube_id
    memory.hold(held)
    with pytest.raises(Held) as refused:
        memory.erase(subject=subject)
    assert refused.value.cube_ids == (held,)
    assert (read(memory, free).text, read(memory, held).text) == ("free", "held")
    memory.update(free, "still mine to change")
    memory.lift_hold(held)
    assert set(memory.erase(subject=subject).cube_ids) == {free, held}


def test_an_erasure_receipt_lists_what_is_gone_and_verifies(memory: Memory, tenant: str) -> None:
    cube = memory.add("one", scope=tenant, subject=f"ann-{tenant}").cube_id
    memory.update(cube, "two")
    told = memory.erase(subject=f"ann-{tenant}")
    kinds = [artefact.kind for artefact in told.artefacts]
    assert (kinds.count("cube key"), kinds.count("version"), kinds.count("subject key")) == (
        *(1, 2, 1),
    )
    counted = {a.kind: int(a.name) for a in told.artefacts if a.kind.startswith("index ")}
    assert counted["index texts"] >= 1
    assert counted["index postings"] >= 1
    assert told.verify(memory.verifier_key())
    forged = ErasureReceipt(
        *(told.operation_id, told.erased_at, (), told.restored),
        *(told.artefacts, told.note, told.confirmed),
    )
    assert not forged.verify(memory.verifier_key())


def test_who_had_the_text_open_reads_it_no_more(place: Place, memory: Memory, tenant: str) -> None:
    receipt = memory.add("quokka secret", scope=tenant)
    memory.name_cut(f"{tenant} before")
    other = place.open("agent:bob")
    assert read(other, receipt.cube_id).text == "quokka secret"
    assert len(other.search("quokka", scope=tenant)) == 1
    memory.erase(cube_id=receipt.cube_id)
    assert isinstance(other.get(receipt.cube_id), Forgotten)
    assert isinstance(other.get(receipt.cube_id, version=1), Forgotten)
    assert other.history(receipt.cube_id)[0].text is None
    assert other.search("quokka", scope=tenant) == []
    assert other.search("quokka", scope=tenant, as_of=f"{tenant} before") == []


def test_a_lifespan_hides_and_a_sweep_ends_it(place: Place, memory: Memory, tenant: str) -> None:
    shift = [0]
    later = place.open(clock=lambda: time.time_ns() // 1000 + shift[0], tenant=tenant)
    kept, archived, expired, erased = (
        memory.add(f"pottery {then}", scope=tenant, lifespan=lifespan).cube_id
        for then, lifespan in (
            ("kept", {"after": "90d"}),
            ("archived", {"after": "10d"}),
            ("expired", {"after": "10d", "then": "expire"}),
            ("erased", {"after": "10d", "then": "erase"}),
        )
    )
    assert len(later.search("pottery", scope=tenant)) == 4
    shift[0] = 12 * DAY
    assert texts(later.search("pottery", scope=tenant)) == ["pottery kept"]
    with pytest.raises(NotFound, match="lifespan"):
        later.get(archived)
    swept = later.sweep()
    assert archived in swept.archived
    assert expired in swept.expired
    assert erased in swept.erased
    assert kept not in (*swept.archived, *swept.expired, *swept.erased)
    assert read(memory, archived, any_state=True).state == "Archived"
    assert read(memory, expired, any_state=True).state == "Expired"
    assert isinstance(memory.get(erased), Forgotten)
    memory.restore(expired)
    memory.set_lifespan(expired)
    assert read(later, expired).state == "Activated"


def test_the_end_of_a_lifespan_reaches_what_is_archived_merged_or_expired(
    place: Place, memory: Memory, tenant: str
) -> None:
    shift = [0]
    later = place.open(clock=lambda: time.time_ns() // 1000 + shift[0], tenant=tenant)
    ends = {"after": "30d", "then": "erase"}
    archived, merged, other = (
        memory.add(f"pottery {text}", scope=tenant, lifespan=ends).cube_id for text in "abc"
    )
    expired = memory.add("pottery d", scope=tenant, lifespan={"after": "1d", "then": "expire"})
    kept = memory.add("pottery e", scope=tenant, lifespan={"after": "30d"}).cube_id
    memory.archive(archived)
    memory.archive(kept)
    memory.merge([merged, other])
    shift[0] = 2 * DAY
    later.sweep()
    assert read(memory, expired.cube_id, any_state=True).state == "Expired"
    memory.set_lifespan(expired.cube_id, after="10d", then="erase")
    shift[0] = 365 * DAY
    later.sweep()
    for gone in (archived, merged, other, expired.cube_id):
        assert isinstance(memory.get(gone), Forgotten)
    assert read(memory, kept, any_state=True).state == "Archived"
    assert memory.history(kept)[-1].entry.kind == "Archived", "nothing was left to do"


def test_a_use_renews_a_lifespan(place: Place, memory: Memory, tenant: str) -> None:
    shift = [0]
    later = place.open(clock=lambda: time.time_ns() // 1000 + shift[0], tenant=tenant)
    cube = memory.add(
        "pottery", scope=tenant, lifespan={"after": "10d", "renewed_by_access": True}
    ).cube_id
    shift[0] = 8 * DAY
    assert read(later, cube).text == "pottery"
    wait_until(lambda: read(later, cube).uses >= 1, "the use is counted")
    shift[0] = 12 * DAY
    assert read(later, cube).text == "pottery"
    swept = later.sweep()
    assert cube not in swept.archived


@pytest.mark.parametrize("stop", ["freeze", "hold"])
@pytest.mark.parametrize("way", ["erase", "source", "operation"])
def test_a_source_that_is_frozen_while_its_merge_ends_comes_back_later(
    memory: Memory, tenant: str, stop: str, way: str
) -> None:
    kept, free = (memory.add(text, scope=tenant).cube_id for text in ("one", "two"))
    merged = memory.merge([kept, free], source="web:merge")
    (memory.freeze if stop == "freeze" else memory.hold)(kept)
    if way == "erase":
        receipt = memory.erase(cube_id=merged.cube_id)
        assert receipt.restored == (free,)
        assert [a.name for a in receipt.artefacts if a.kind == "frozen source"] == [kept]
        assert receipt.verify(memory.verifier_key())
        assert memory.audit().problems == ()
    else:
        done = (
            memory.rollback(source="web:merge", scope=tenant)
            if way == "source"
            else memory.rollback(operation=merged.operation_id)
        )
        assert {(c.cube_id, c.action) for c in done.changes} == {
            (merged.cube_id, "archive"),
            (free, "unmerge"),
        }
        assert [(no.cube_id, no.reason) for no in done.rejected] == [(kept, "frozen")]
    (memory.thaw if stop == "freeze" else memory.lift_hold)(kept)
    with pytest.raises(NotFound, match="undo its merge"):
        memory.get(kept)
    for dry_run in (True, False):
        done = memory.rollback(operation=merged.operation_id, dry_run=dry_run)
        assert [(c.cube_id, c.action) for c in done.changes] == [(kept, "unmerge")]
    assert read(memory, kept).text == "one"
    assert memory.rollback(operation=merged.operation_id).changes == ()
