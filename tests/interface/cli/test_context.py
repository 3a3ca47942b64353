from __future__ import annotations

from tests.interface.cli.support import Shell


def test_context_prints_the_block_and_what_it_took(shell: Shell) -> None:
    cube_id = shell.add("She likes pottery. <b>\x1b[2J")
    told = shell.run("context", "pottery", "--scope", "acme").out
    assert f"[{cube_id}@1]" in told
    assert "1 cited, 0 left out" in told
    assert "\x1b" not in told
    block = shell.json("context", "pottery", "--scope", "acme", "--budget", "200")
    assert block["citations"] == [{"cube_id": cube_id, "version": 1}]
    assert block["tokens"] <= 200
    assert shell.json("context", "pottery", "--scope", "acme", "--budget", "5")["text"] == ""


def test_related_says_why(shell: Shell) -> None:
    one = shell.add("A zither.", "--tag", "music")
    two = shell.add("A lute.", "--tag", "music")
    (found,) = shell.json("related", one)
    assert found["cube_id"] == two
    assert found["reasons"] == [{"kind": "tag", "detail": "music", "score": 0.5}]
    told = shell.run("related", one).out
    assert "A lute." in told
    assert "tag music" in told


def test_route_tells_topics_concepts_and_steps(shell: Shell) -> None:
    cube_id = shell.add("She likes pottery.", "--tag", "craft")
    found = shell.json("route", "a pottery gift", "--scope", "acme")
    assert [step["cube_ids"] for step in found["steps"]] == [[cube_id]]
    told = shell.run("route", "a pottery gift", "--scope", "acme").out
    for part in ("topic", "acme/alice/chat-7", "concept", "craft", "step 1", cube_id):
        assert part in told
    assert "nothing found" in shell.run("route", "nothing of it", "--scope", "acme").out


def test_tags_and_vocabulary_are_listed(shell: Shell) -> None:
    shell.add("One.", "--tag", "home")
    assert shell.json("tags", "--scope", "acme") == {"home": 1}
    assert shell.run("tags", "--scope", "acme").out.split() == ["1", "home"]
    set_now = shell.json("vocabulary", "--scope", "acme", "--tag", "home", "--closed")
    assert set_now == {"scope": "acme", "tags": ["home"], "closed": True, "set_in": ["acme"]}
    assert "closed, set in acme" in shell.run("vocabulary", "--scope", "acme/alice").out
    ran = shell.run("add", "Two.", "--scope", "acme", "--tag", "homes", "--json")
    assert ran.code == 2
    assert "did you mean 'home'" in ran.error["message"]
    assert shell.run("vocabulary", "--scope", "acme", "--closed").code == 2


def test_facts_are_extracted_and_searched_where_asked_for(shell: Shell) -> None:
    shell.add("Ana's tutor is Leo.")
    report = shell.json("facts", "acme")
    assert (report["read"], report["added"], report["left"]) == (1, 1, 0)
    assert "0 memories read" in shell.run("facts", "acme", "--limit", "5").out
    assert len(shell.json("search", "tutor", "--scope", "acme")) == 1
    assert len(shell.json("search", "tutor", "--scope", "acme", "--facts")) == 2
