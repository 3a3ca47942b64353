from __future__ import annotations

from uuid import UUID

from tests.interface.cli.support import Shell


def poisoned(shell: Shell) -> tuple[str, str, str]:
    clean = shell.add("She likes pottery.", "--source", "conversation:7/1")
    bad = shell.add("She hates pottery.", "--source", "web:blog/7")
    merged = shell.json("merge", clean, bad, "--text", "She used to like pottery.")["cube_id"]
    return clean, bad, str(merged)


def test_a_dry_run_shows_the_plan_and_changes_nothing(shell: Shell) -> None:
    clean, bad, merged = poisoned(shell)
    digest = shell.json("digest")
    plan = shell.json("rollback", "--source", "web:blog", "--dry-run")
    assert plan["dry_run"] is True
    assert {change["cube_id"]: change["action"] for change in plan["changes"]} == {
        clean: "unmerge",
        bad: "archive",
        merged: "archive",
    }
    assert (
        "would change 3 memories" in shell.run("rollback", "--source", "web:blog", "--dry-run").out
    )
    assert shell.json("digest") == digest


def test_without_a_terminal_or_yes_nothing_is_undone(shell: Shell) -> None:
    poisoned(shell)
    digest = shell.json("digest")
    ran = shell.run("rollback", "--source", "web:blog")
    assert (ran.code, ran.out) == (2, "")
    assert "would change 3 memories" in ran.err
    assert "pass --yes" in ran.err
    assert shell.run("erase", "--scope", "acme").code == 2
    assert shell.json("digest") == digest


def test_a_source_is_undone_with_all_that_came_of_it(shell: Shell) -> None:
    clean, _, _ = poisoned(shell)
    rollback = shell.json("rollback", "--source", "web:blog", "--yes")
    assert (len(rollback["changes"]), rollback["rejected"], rollback["dry_run"]) == (3, [], False)
    hits = shell.json("search", "pottery", "--scope", "acme")
    assert [hit["cube_id"] for hit in hits] == [clean]
    for more in (["--yes"], ["--dry-run"], ["--dry-run", "--json"]):
        again = shell.run("rollback", "--source", "web:blog", *more)
        assert (again.code, again.out) == (3, "")  # as an erase of nothing
        assert "nothing to undo" in again.err


def test_a_memory_goes_back_to_a_version(shell: Shell) -> None:
    cube_id = shell.add("one")
    shell.run("update", cube_id, "two")
    assert shell.run("rollback", cube_id, "--to-version", "1", "--yes").code == 0
    assert shell.json("get", cube_id)["text"] == "one"


def test_an_actor_is_undone_by_name(shell: Shell) -> None:
    mine = shell.add("mine")
    shell.add("theirs", "--actor", "agent:bob")
    rollback = shell.json("rollback", "--by", "agent:bob", "--yes")
    assert [change["action"] for change in rollback["changes"]] == ["archive"]
    assert shell.json("get", mine)["state"] == "Generated"


def test_an_erase_prints_its_signed_receipt_and_leaves_no_trace(shell: Shell) -> None:
    cube_id = shell.add("Caroline keeps xylographs.", "--subject", "caroline")
    receipt = shell.json("erase", "--subject", "caroline", "--yes")
    assert receipt["cube_ids"] == [cube_id]
    assert receipt["note"].startswith("memos erasure receipt\n")
    forgotten = shell.json("get", cube_id)
    assert forgotten == {"cube_id": cube_id, "state": "Erased"}
    assert shell.json("search", "xylographs", "--scope", "acme") == []
    assert "its text was erased" in shell.run("history", cube_id).out
    for file in shell.vault.rglob("*"):
        assert b"xylograph" not in file.read_bytes()
    assert shell.run("verify").code == 0


def test_the_plan_of_a_rollback_shows_texts(shell: Shell) -> None:
    cube_id = shell.add("She likes pottery.")
    shell.run("update", cube_id, "She hates\npottery.")
    plan = shell.json("rollback", cube_id, "--to-version", "1", "--dry-run")
    (change,) = plan["changes"]
    assert (change["text"], change["text_after"]) == ("She hates pottery.", "She likes pottery.")
    ran = shell.run("rollback", cube_id, "--to-version", "1", "--dry-run")
    assert "    now   She hates pottery.\n    then  She likes pottery.\n" in ran.out


def test_an_erase_shows_its_plan_before_it_asks(shell: Shell) -> None:
    cube_id = shell.add("Caroline keeps xylographs.", "--subject", "caroline")
    derived = shell.add("A chisel for her.", "--derived-from", cube_id)
    plan = shell.json("erase", "--subject", "caroline", "--dry-run")
    assert {m["cube_id"]: m["title"] for m in plan["memories"]} == {
        cube_id: "Caroline keeps xylographs.",
        derived: "A chisel for her.",
    }
    assert (plan["derived"], plan["held"], plan["refuses"]) == ([], [], False)
    assert shell.json("erase", "--cube", cube_id, "--dry-run")["derived"] == [derived]
    digest = shell.json("digest")
    ran = shell.run("erase", "--cube", cube_id)
    assert ran.code == 2
    assert "would erase 2 memories for good:" in ran.err
    assert "Caroline keeps xylographs." in ran.err
    assert "derived" in ran.err
    assert shell.json("digest") == digest


def test_an_erase_of_what_is_held_says_so_and_does_not_ask(shell: Shell) -> None:
    held, other = shell.add("Caroline."), shell.add("Tea.")
    shell.run("hold", held)
    ran = shell.run("erase", "--cube", held, "--cube", other)
    assert ran.code == 7
    assert "nothing is erased while one of them is held" in ran.err
    assert shell.json("get", other)["text"] == "Tea."


def test_an_erase_of_what_a_filter_fits_leaves_the_rest(shell: Shell) -> None:
    gone, kept = shell.add("Caroline.", "--tag", "old"), shell.add("Tea.")
    assert shell.run("erase", "--filter", '{"tags": "old"}', "--yes").code == 2
    options = ["--scope", "acme", "--filter", '{"tags": "old"}', "--yes"]
    assert shell.json("erase", *options)["cube_ids"] == [gone]
    assert shell.run("erase", *options).code == 3
    assert shell.json("get", kept)["text"] == "Tea."


def test_an_operation_that_a_rollback_never_takes_back_says_what_does(shell: Shell) -> None:
    cube_id = shell.json("add", "kept", "--scope", "acme")["cube_id"]
    frozen = shell.json("freeze", cube_id)["operation_id"]
    for more in ([], ["--dry-run"]):
        told = shell.run("rollback", "--operation", frozen, "--yes", *more)
        assert told.code != 0
        assert "a freeze is ended by thaw" in told.err.replace("\n", " ")
    unknown = shell.run("rollback", "--operation", str(UUID(int=7)), "--yes")
    assert (unknown.code, "there is no operation" in unknown.err) == (3, True)
