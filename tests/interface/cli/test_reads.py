from __future__ import annotations

import pytest

from tests.interface.cli.support import Shell

READING = [
    ("search", "word", "--scope", "acme"),
    ("get", "00000000-0000-0000-0000-000000000000"),
    ("events",),
    ("tail",),
    ("stats",),
    ("verify",),
    ("digest",),
    ("rebuild",),
    ("cut", "list"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading_makes_no_vault(shell: Shell, command: tuple[str, ...]) -> None:
    ran = shell.run(*command)
    assert ran.code == 1
    assert "there is no vault" in ran.err
    assert not shell.vault.exists()


def test_as_of_reads_what_was_known_then(shell: Shell) -> None:
    cube_id = shell.add("Caroline moved from Sweden.")
    shell.run("cut", "name", "before")
    shell.run("update", cube_id, "Caroline moved from Norway.")
    assert shell.json("get", cube_id, "--as-of", "before")["text"].endswith("Sweden.")
    assert shell.json("get", cube_id, "--as-of", "0:0")["version"] == 1
    (hit,) = shell.json("search", "moved", "--scope", "acme", "--as-of", "before")
    assert hit["version"] == 1
    assert shell.json("cut", "list") == [{"name": "before", "position": "0:0", "records": 1}]


def test_a_filter_and_a_state_narrow_a_search(shell: Shell) -> None:
    shell.add("pottery one", "--tag", "art")
    other = shell.add("pottery two")
    hits = shell.json("search", "pottery", "--scope", "acme", "--filter", '{"tags": "art"}')
    assert [hit["text"] for hit in hits] == ["pottery one"]
    shell.run("archive", other)
    hits = shell.json("search", "pottery", "--scope", "acme", "--state", "Archived")
    assert [hit["cube_id"] for hit in hits] == [other]


def test_explain_says_what_each_term_gave(shell: Shell) -> None:
    shell.add("She likes pottery.")
    output = shell.run("search", "likes pottery", "--scope", "acme", "--explain").out
    plain = shell.run("search", "likes pottery", "--scope", "acme").out
    assert output.startswith(plain)
    assert "searched 1" in output
    assert [term for term in ("likes: ", "pottery: ") if term not in output] == []
    assert "pottery: " not in plain


def test_history_shows_each_version_as_a_diff_and_the_refused_attempt(shell: Shell) -> None:
    cube_id = shell.add("from Sweden")
    shell.run("update", cube_id, "from Norway")
    shell.run("update", cube_id, "from Iceland", "--expect-version", "1")
    output = shell.run("history", cube_id).out.splitlines()
    assert [line.split("  ")[0] for line in output if line.startswith(("version", "no"))] == [
        "version 1",
        "version 2",
        "no version",
    ]
    assert "    -from Sweden" in output
    assert "    +from Norway" in output
    assert output[-1].endswith("rejected: conflict")


def test_diff_names_text_and_fields(shell: Shell) -> None:
    cube_id = shell.add("from Sweden")
    shell.run("update", cube_id, "from Norway", "--tag", "home")
    output = shell.run("diff", cube_id, "1", "2").out
    assert "-from Sweden\n+from Norway\n" in output
    assert "+ tags: home" in output
    assert shell.json("diff", cube_id, "1", "2")["fields"] == {"tags": [[], ["home"]]}


def test_nothing_a_memory_says_can_steer_the_terminal(shell: Shell) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07 \u202etxet \x9b31m \ud800 [red]kept[/red] pottery"
    cube_id = shell.add(evil, "--tag", "\x1b[31mtag", "--source", "web:\x1b[5m")
    shell.run("update", cube_id, "pottery\r\x1b[A")
    for command in (
        ("get", cube_id),
        ("get", cube_id, "--version", "1"),
        ("search", "pottery", "--scope", "acme", "--explain"),
        ("history", cube_id),
        ("diff", cube_id, "1", "2"),
        ("lineage", cube_id),
        ("history", cube_id, "--json"),
    ):
        ran = shell.run(*command)
        assert ran.code == 0
        harmful = {c for c in ran.out if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)}
        assert harmful == set()
        assert "\u202e" not in ran.out
    shown = shell.run("get", cube_id, "--version", "1").out
    assert "\\x1b[2J" in shown
    assert "\\u202etxet" in shown
    assert "\\ud800" in shown
    assert "[red]kept[/red]" in shown


def test_lone_surrogates_survive_json(shell: Shell) -> None:
    cube_id = shell.add("half \ud800 pair")
    assert shell.json("get", cube_id)["text"] == "half \ud800 pair"


def test_events_are_one_json_document_a_line(shell: Shell) -> None:
    shell.add("one")
    cube_id = shell.add("two")
    shell.run("update", cube_id, "three")
    ran = shell.run("events", "--json")
    assert len(ran.out.splitlines()) == 3
    entry = shell.json("events", "--kind", "Revised")
    assert (entry["cube_id"], entry["position"], entry["actor"]) == (cube_id, "0:2", "agent:alice")
    assert shell.json("events", "--limit", "1")["position"] == "0:0"
    assert shell.json("tail", "-n", "1")["position"] == "0:2"
    assert shell.json("tail", "--kind", "Generated", "-n", "1")["position"] == "0:1"
    assert shell.run("tail", "-n", "0").out == ""
