"""Promise 9: every derived thing names its sources; rollback and erase reach all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos import Forgotten, Memory, NotFound


def state(memory: Memory, cube_id: str) -> str:
    return memory.get(cube_id, any_state=True).state


def test_a_derived_memory_names_cube_version_and_digest_of_its_sources(memory: Memory) -> None:
    source = memory.add("the source", scope="acme")
    memory.update(source.cube_id, "the source, corrected")
    derived = memory.add("a summary", scope="acme", derived_from=[source.cube_id])
    with memory._session.engine.read() as reader:
        (edge,) = reader.event(derived.position).edges
        version = reader.vault.version(edge.other.cube_id, 2)
    assert version is not None
    assert (edge.other.version, edge.other.digest) == (2, version.outcome.digest)
    (shown,) = memory.lineage(derived.cube_id, direction="upstream").edges
    assert shown.relation == "derived_from"
    assert (shown.source, shown.derived) == ((source.cube_id, 2), (derived.cube_id, 1))


def test_a_rollback_reaches_what_was_derived_merged_quoted_and_appended(memory: Memory) -> None:
    poison = memory.add("poison", scope="acme", source="web:bad/1")
    clean = memory.add("clean", scope="acme", source="web:good")
    derived = memory.add("derived", scope="acme", derived_from=[poison.cube_id])
    quoting = memory.add("quoting", scope="acme")
    memory.link(quoting.cube_id, derived.cube_id, "quoted_from")
    merged = memory.merge([derived.cube_id, clean.cube_id])
    appended = memory.add("before", scope="acme")
    memory.update(appended.cube_id, "poison", mode="append", source="web:bad/2")
    memory.update(appended.cube_id, "after", mode="append")
    plan = memory.rollback(source="web:bad", dry_run=True)
    done = memory.rollback(source="web:bad")
    assert [replace(change, text="", text_after="") for change in plan.changes] == list(
        done.changes
    )
    assert state(memory, poison.cube_id) == "Archived"
    assert state(memory, derived.cube_id) == "Archived"
    assert state(memory, merged.cube_id) == "Archived"
    assert state(memory, clean.cube_id) == "Activated"
    assert memory.get(appended.cube_id).text == "before"  # type: ignore[union-attr]
    assert memory.rollback(source="web:bad").changes == ()


def test_a_clean_overwrite_ends_the_taint(memory: Memory) -> None:
    cube = memory.add("poison", scope="acme", source="web:bad")
    memory.update(cube.cube_id, "all new", source="person:ann")
    derived = memory.add("from the new", scope="acme", derived_from=[cube.cube_id])
    memory.rollback(source="web:bad")
    assert memory.get(cube.cube_id).text == "all new"  # type: ignore[union-attr]
    assert memory.get(derived.cube_id)


def test_a_source_matches_whole_path_segments(memory: Memory) -> None:
    under = memory.add("under", scope="acme", source="web:blog/7")
    beside = memory.add("beside", scope="acme", source="web:blogger")
    undone = memory.rollback(source="web:blog")
    assert [change.cube_id for change in undone.changes] == [under.cube_id]
    assert memory.get(beside.cube_id)


def test_an_erase_reaches_every_derived_memory_and_brings_clean_sources_back(
    memory: Memory,
) -> None:
    about_ann = memory.add("ann's secret", scope="acme", subject="ann")
    about_bob = memory.add("bob's hobby", scope="acme", subject="bob")
    summary = memory.add("a summary", scope="acme", subject="bob", derived_from=[about_ann.cube_id])
    merged = memory.merge([about_ann.cube_id, about_bob.cube_id])
    with pytest.raises(NotFound):
        memory.get(about_bob.cube_id)
    receipt = memory.erase(subject="ann")
    assert set(receipt.cube_ids) == {about_ann.cube_id, summary.cube_id, merged.cube_id}
    assert receipt.restored == (about_bob.cube_id,)
    for cube_id in receipt.cube_ids:
        assert isinstance(memory.get(cube_id), Forgotten)
    back = memory.get(about_bob.cube_id)
    assert back
    assert (back.text, back.state) == ("bob's hobby", "Activated")
    assert memory.rebuild().digest == memory.digest()


def test_a_derived_memory_has_all_its_sources_subjects(memory: Memory) -> None:
    one = memory.add("about ann", scope="acme", subject="ann")
    two = memory.add("about bob", scope="acme", subject="bob")
    both = memory.merge([one.cube_id, two.cube_id])
    on_both = memory.add("a report", scope="acme", subject="carol", derived_from=[both.cube_id])
    receipt = memory.erase(subject="bob")
    assert set(receipt.cube_ids) == {two.cube_id, both.cube_id, on_both.cube_id}
    assert memory.get(one.cube_id)
