from __future__ import annotations

from tests.interface.cli.support import Shell


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


def test_texts_of_queries_are_kept_only_where_it_is_said_for_how_long(shell: Shell) -> None:
    shell.add("Tea.")
    for line in ((), ("--none", "--for", "7d")):
        ran = shell.run("keep-queries", *line)
        assert (ran.code, "--for 30d" in ran.err) == (2, True)
    assert shell.json("keep-queries", "--for", "7d") == {"lifetime": "7d"}
    assert shell.json("keep-queries", "--none") == {"lifetime": None}
