"""What people do in their first week: a chat agent's memory, a knowledge base, an auditor's day."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from memos import Denied, Forgotten, Memory
from tests.scenarios.place import Place, read, texts

AGENT, AUDITOR = "agent:chat", "agent:auditor"
NOTES = 300


def test_an_agent_remembers_its_chats_and_forgets_whom_it_is_told_to(
    place: Place, tenant: str
) -> None:
    agent = place.open().as_actor(AGENT, tenant=tenant)
    ann, bob = f"{tenant}/ann", f"{tenant}/bob"
    turns: list[Mapping[str, Any]] = [
        {"role": "user", "content": "I always take the night train, I prefer the upper berth."},
        {"role": "assistant", "content": "Noted: the upper berth of night trains."},
        {"role": "user", "content": [{"type": "text", "text": "My cat is called Miso."}]},
    ]
    agent.add_conversation(turns, scope=ann, session="monday", subject="ann", at=1_700_000_000)
    agent.add_conversation(turns, scope=ann, session="monday", subject="ann", at=1_700_000_000)
    agent.add("Bob is allergic to cats.", scope=bob, subject="bob")
    assert agent.count(scope=ann) == 2 * len(turns)  # equal words are two memories
    monday = agent.list(scope=ann, order="oldest")
    agent.erase(cube_ids=[cube.cube_id for cube in monday[len(turns) :]])

    (hit, *_) = agent.search("What is the name of the cat?", scope=ann)
    assert "Miso" in hit.text
    agent.update(hit.cube_id, "My cat is called Mochi.", reason="a slip of the tongue")
    assert agent.history(hit.cube_id)[-1].entry.reason == "a slip of the tongue"
    block = agent.context("the cat's name", scope=ann, budget_tokens=200)
    assert "Mochi" in block.text
    assert hit.cube_id in {cite.cube_id for cite in block.citations}
    assert set(agent.scopes(tenant)) == {ann, bob}
    assert agent.subjects(scope=tenant) == {"ann": len(turns), "bob": 1}

    plan = agent.erase(subject="ann", dry_run=True)
    assert len(plan.memories) == len(turns)
    assert agent.erase(subject="ann").gone
    assert isinstance(agent.get(hit.cube_id), Forgotten)
    assert texts(agent.search("cat", scope=tenant)) == ["Bob is allergic to cats."]


def test_a_knowledge_base_is_imported_searched_and_kept_in_step(
    memory: Memory, tenant: str, tmp_path: Path
) -> None:
    folder = tmp_path / "handbook"
    (folder / "services").mkdir(parents=True)
    (folder / ".obsidian").mkdir()
    (folder / ".obsidian" / "app.md").write_text("no note")
    for number in range(NOTES):
        (folder / "services" / f"gateway-{number}.md").write_text(
            f"---\ntags: [infra]\nreviewed: soon\n---\n# Port\n\nIt listens on {20_000 + number}.\n"
        )
    report = memory.import_file(folder, scope=tenant, root="handbook", tags=["handbook"])
    assert (report.added, report.refused) == (NOTES, ())
    (hit, *_) = memory.search("Which port does gateway-217 listen on?", scope=tenant)
    assert "20217" in hit.text
    assert memory.count(scope=tenant, filter={"tags": "handbook"}) == NOTES

    page = memory.list(scope=tenant, limit=200)
    rest = memory.list(scope=tenant, limit=200, cursor=page.cursor)
    assert len({cube.cube_id for cube in (*page, *rest)}) == NOTES
    assert rest.cursor is None

    (folder / "services" / "gateway-217.md").write_text("# Port\n\nIt listens on 443.\n")
    (folder / "services" / "gateway-3.md").unlink()
    before = len(list(memory.events(scope=tenant)))
    again = memory.import_file(folder, scope=tenant, root="handbook", tags=["handbook"], prune=True)
    assert (again.changed, again.archived, again.unchanged) == (1, 1, NOTES - 2)
    assert len(list(memory.events(scope=tenant))) == before + 2
    (hit, *_) = memory.search("Which port does gateway-217 listen on?", scope=tenant)
    assert "443" in hit.text


def test_an_auditor_reads_who_did_what_and_proves_it(
    place: Place, tenant: str, tmp_path: Path
) -> None:
    root = place.open()
    root.grant_administrator(tenant, AUDITOR)
    agent, auditor = root.as_actor(AGENT), root.as_actor(AUDITOR)
    fact = agent.add("The pump was serviced in May.", scope=tenant, source="web:blog/7")
    root.name_cut(f"{tenant} before")
    agent.update(fact.cube_id, "The pump was serviced in June.", reason="the log book says so")
    other = agent.add("Pumps last for ever.", scope=tenant, source="web:blog/8")
    secret = agent.add("The code is 4711.", scope=tenant, readers=[AGENT])
    with pytest.raises(Denied):
        root.as_actor("agent:eve").get(secret.cube_id)

    log = list(auditor.events(scope=tenant))
    assert [entry.kind for entry in log] == ["Granted", "Generated", "Revised", *["Generated"] * 2]
    assert log[2].reason == "the log book says so"
    assert read(auditor, fact.cube_id, as_of=f"{tenant} before").text.endswith("May.")
    assert auditor.prove(log[1].event_id).verify(auditor.verifier_key())
    (denied,) = auditor.denials(scope=tenant)
    assert denied.actor == "agent:eve"
    assert AUDITOR in {entry.actor for entry in auditor.accesses(cube_id=fact.cube_id)}

    plan = auditor.rollback(source="web:blog", scope=tenant, dry_run=True)
    assert {change.cube_id for change in plan.changes} == {fact.cube_id, other.cube_id}
    assert any("for ever" in change.text for change in plan.changes)
    auditor.rollback(source="web:blog", scope=tenant)
    # What somebody else corrected since stays.
    assert texts(auditor.search("pump", scope=tenant)) == ["The pump was serviced in June."]
    report = auditor.export(tmp_path / "case.zip", scope=tenant)
    with Memory.load(tmp_path / "case.zip", tmp_path / "case.vault", actor=AUDITOR) as copy:
        assert copy.stats().memories == report.memories
        assert copy.verify().ok
