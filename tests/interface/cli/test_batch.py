"""One change of several memories, as commands."""

from __future__ import annotations

import json
from pathlib import Path

from tests.interface.cli.support import Shell


def test_several_memories_are_archived_and_restored_by_ids_or_by_a_filter(shell: Shell) -> None:
    ids = [shell.add(f"Note {n}.", "--tag", "odd" if n % 2 else "even") for n in range(4)]
    odd = ["--scope", "acme", "--filter", '{"tags": "odd"}']
    plan = shell.json("archive", *odd, "--dry-run")
    assert [memory["cube_id"] for memory in plan["memories"]] == ids[1::2]
    assert plan["memories"][0]["title"] == "Note 1."
    assert (plan["dry_run"], plan["receipts"]) == (True, [])
    assert shell.json("get", ids[1])["state"] == "Generated"
    assert "would archive 2 memories:" in shell.run("archive", *odd, "--dry-run").out
    assert len(shell.json("archive", *odd)["receipts"]) == 2
    assert shell.run("archive", *odd).code == 3
    assert shell.json("archive", ids[0], ids[2])["operation"] == "archive"
    ran = shell.run("restore", "--scope", "acme")
    assert "restored 4 memories:" in ran.out
    assert {shell.json("get", one)["state"] for one in ids} == {"Activated"}


def test_what_a_batch_prints_takes_it_back(shell: Shell) -> None:
    ids = [shell.add("one"), shell.add("two")]
    batch = shell.json("update", "--scope", "acme", "more", "--mode", "append")
    assert shell.json("get", ids[0])["text"] == "one\nmore"
    shell.run("rollback", "--operation", batch["operation_id"], "--yes")
    assert [shell.json("get", one)["text"] for one in ids] == ["one", "two"]


def test_each_memory_takes_its_own_text_from_a_file(shell: Shell, tmp_path: Path) -> None:
    ids = [shell.add("one"), shell.add("two")]
    file = tmp_path / "changes.jsonl"
    lines = [{"cube_id": ids[0], "text": "eins"}, {"id": ids[1], "tags": ["home"]}]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert "would update 2 memories:" in shell.run("update", "--from", str(file), "--dry-run").out
    batch = shell.json("update", "--from", str(file), "--reason", "read again")
    assert [receipt["version"] for receipt in batch["receipts"]] == [2, 2]
    assert shell.json("get", ids[0])["text"] == "eins"
    assert shell.json("get", ids[1])["tags"] == ["home"]
    file.write_text('{"cube_id": 1}\n\n[]\n')
    ran = shell.run("update", "--from", str(file))
    assert (ran.code, "--from, line 3" in ran.err) == (2, True)
    for more in (["text"], ["--scope", "acme"], ["--key", "k"]):
        assert shell.run("update", *more, "--from", str(file)).code == 2


def test_tags_are_given_to_several_and_taken(shell: Shell) -> None:
    first, second = shell.add("one"), shell.add("two")
    assert shell.json("tag", first, "home")["version"] == 2  # of one, as ever
    assert shell.json("tag", "--cube", first, "--cube", second, "art", "tea")["operation"] == "tag"
    assert shell.json("tags", "--scope", "acme") == {"art": 2, "tea": 2, "home": 1}
    shell.run("untag", "--scope", "acme", "art")
    assert shell.json("tags", "--scope", "acme") == {"tea": 2, "home": 1}
    plan = shell.json("tag", first, "lake", "--dry-run")
    assert [memory["cube_id"] for memory in plan["memories"]] == [first]


def test_tags_that_are_so_already_write_no_event_and_it_is_said(shell: Shell) -> None:
    first, second = shell.add("one", "--tag", "home"), shell.add("two")
    for words in (["untag", "--scope", "acme", "zz"], ["tag", "--cube", first, "home"]):
        batch = shell.json(*words)
        assert (batch["memories"], batch["receipts"], batch["operation_id"]) == ([], [], "")
        ran = shell.run(*words)
        assert (ran.code, "nothing was changed" in ran.out) == (0, True)
        assert "nothing would change" in shell.run(*words, "--dry-run").out
    for words in (["untag", second, "zz"], ["tag", first, "home"]):
        receipt = shell.json(*words)
        assert (receipt["event_id"], receipt["operation_id"], receipt["version"]) == ("", "", 1)
        assert "nothing was changed" in shell.run(*words).out
    assert shell.run("untag", second, "zz", "--expect-version", "7").code == 5
    assert {shell.json("get", one)["version"] for one in (first, second)} == {1}
    ran = shell.run("untag", "--scope", "acme", "home")
    assert "untagged 1 memory:" in ran.out
    assert "1 memory left as asked for already" in ran.out
    assert shell.json("untag", first, "home", "--dry-run")["operation"] == "untag"
    assert [shell.json("get", one)["version"] for one in (first, second)] == [2, 1]


def test_what_does_not_go_together_is_refused(shell: Shell) -> None:
    one = shell.add("one")
    for line in (
        ("archive",),
        ("archive", one, "--scope", "acme"),
        ("archive", "--filter", "{}"),
        ("archive", "--scope", "acme", "--expect-version", "1"),
        ("update", "text", "more", "--scope", "acme"),
        ("update", "--scope", "acme", "text", "--key", "k"),
        ("update",),
        ("tag", "--scope", "acme", "--expect-version", "1", "home"),
        ("erase", "--scope", "acme", "--cube", one),
    ):
        assert shell.run(*line).code == 2, line
    assert shell.json("get", one)["version"] == 1


def test_one_that_refuses_stops_all_and_the_plan_names_it(shell: Shell) -> None:
    one, frozen = shell.add("one"), shell.add("two")
    shell.run("freeze", frozen)
    plan = shell.json("archive", one, frozen, "--dry-run")
    assert [no["cube_id"] for no in plan["rejected"]] == [frozen]
    ran = shell.run("archive", one, frozen, "--json")
    assert (ran.code, ran.error["cube_ids"]) == (7, [frozen])
    assert shell.json("get", one)["state"] == "Generated"
