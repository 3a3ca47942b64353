from __future__ import annotations

from memos.interface.cli.errors import ExitCode
from tests.interface.cli.support import Shell


def test_what_is_added_is_found(shell: Shell) -> None:
    cube_id = shell.add("She likes pottery.", "--tag", "art", "--metadata", '{"page": 4}')
    (hit,) = shell.json("search", "pottery", "--scope", "acme/alice")
    assert (hit["cube_id"], hit["tags"], hit["metadata"]) == (cube_id, ["art"], {"page": 4})
    assert hit["position"] == "0:0"


def test_every_option_of_add_reaches_the_header(shell: Shell) -> None:
    options = "--source web:blog/7 --subject caroline --origin told --type fact --owner agent:bob"
    options += " --reader agent:alice --writer agent:alice --priority 3 --sensitivity high"
    options += " --purpose care --lifespan 90d --valid-from 2023-05-08 --valid-until 2024-05-08"
    cube = shell.json("get", shell.add("text", *options.split()))
    assert (cube["source"], cube["origin"], cube["semantic_type"]) == ("web:blog/7", "told", "fact")
    assert (cube["owner"], cube["readers"], cube["writers"]) == (
        "agent:bob",
        ["agent:alice"],
        ["agent:alice"],
    )
    assert (cube["priority"], cube["sensitivity"], cube["purpose"]) == (3, "high", "care")
    assert cube["lifespan"]["after"] == 90 * 86_400_000_000
    assert cube["lifespan"]["then"] == "archive"
    assert (cube["valid_from"], cube["valid_until"]) == (
        "2023-05-08T00:00:00Z",
        "2024-05-08T00:00:00Z",
    )


def test_a_dash_reads_the_text_from_stdin(shell: Shell) -> None:
    receipt = shell.json("add", "-", "--scope", "acme", stdin="from a pipe\n")
    assert shell.json("get", receipt["cube_id"])["text"] == "from a pipe\n"


def test_stdin_that_is_no_utf_8_is_refused(shell: Shell) -> None:
    ran = shell.run("add", "-", "--scope", "acme", stdin=b"\xff\xfe")
    assert ran.code == 2
    assert "no UTF-8" in ran.err


def test_a_key_makes_a_retry_harmless(shell: Shell) -> None:
    once = shell.json("add", "text", "--scope", "acme", "--key", "k1")
    assert shell.json("add", "text", "--scope", "acme", "--key", "k1") == once
    error = shell.run("add", "other", "--scope", "acme", "--key", "k1", "--json").error
    assert (error["type"], error["exit_code"]) == ("OtherContent", 5)


def test_update_keeps_what_is_not_passed(shell: Shell) -> None:
    cube_id = shell.add("one", "--tag", "art", "--source", "web:blog/7")
    shell.run("update", cube_id, "two", "--mode", "append", "--expect-version", "1")
    cube = shell.json("get", cube_id)
    assert (cube["text"], cube["tags"], cube["source"]) == ("one\ntwo", ["art"], "web:blog/7")


def test_metadata_is_added_or_replaced(shell: Shell) -> None:
    cube_id = shell.add("one", "--metadata", '{"a": 1, "b": 2}', "--valid-from", "2020-01-01")
    shell.run("update", cube_id, "--metadata", '{"b": null, "c": 3}', "--valid-until", "2030-01-01")
    cube = shell.json("get", cube_id)
    assert cube["metadata"] == {"a": 1, "c": 3}
    assert cube["valid_from"] is not None
    shell.run("update", cube_id, "--metadata", '{"d": 4}', "--replace-metadata")
    assert shell.json("get", cube_id)["metadata"] == {"d": 4}


def test_tags_come_and_go(shell: Shell) -> None:
    cube_id = shell.add("text")
    assert shell.run("tag", cube_id, "art", "home").code == 0
    assert shell.run("untag", cube_id, "art").code == 0
    assert shell.json("get", cube_id)["tags"] == ["home"]


def test_merge_absorbs_and_lineage_shows_it(shell: Shell) -> None:
    a, b = shell.add("She likes pottery."), shell.add("He runs at dawn.")
    merged = shell.json("merge", a, b, "--text", "Both.")["cube_id"]
    edges = shell.json("lineage", merged)["edges"]
    assert sorted(edge["source"][0] for edge in edges) == sorted([a, b])
    tree = shell.run("lineage", merged).out
    assert "came from" in tree
    assert "merged_into" in tree
    assert "She likes pottery." in tree


def test_a_link_is_an_edge(shell: Shell) -> None:
    a, b = shell.add("quotes"), shell.add("quoted")
    assert shell.run("link", a, b, "--relation", "quoted_from").code == 0
    (edge,) = shell.json("lineage", a)["edges"]
    assert (edge["relation"], edge["source"][0], edge["derived"][0]) == ("quoted_from", b, a)


def test_drawing_a_lineage_is_no_use_of_a_memory(shell: Shell) -> None:
    a, b = shell.add("one"), shell.add("two")
    merged = shell.json("merge", a, b)["cube_id"]
    shell.run("lineage", merged)
    assert shell.json("get", merged)["uses"] == 0


def test_states_move_as_the_lifecycle_allows(shell: Shell) -> None:
    cube_id = shell.add("text")
    states = []
    for move in ("archive", "restore", "freeze", "thaw"):
        assert shell.run(move, cube_id).code == 0
        states.append(shell.json("get", cube_id, "--any-state")["state"])
    assert states == ["Archived", "Activated", "Frozen", "Activated"]


def test_readers_are_set_and_cleared(shell: Shell) -> None:
    cube_id = shell.add("text")
    shell.run("set-header", cube_id, "--reader", "agent:bob", "--priority", "2")
    assert shell.json("get", cube_id)["readers"] == ["agent:bob"]
    shell.run("set-header", cube_id, "--any-reader")
    cube = shell.json("get", cube_id)
    assert (cube["readers"], cube["priority"]) == ([], 2)
    assert shell.run("set-header", cube_id, "--any-reader", "--reader", "x").code == 2


def test_a_sweep_ends_what_has_outlived_its_lifespan(shell: Shell) -> None:
    cube_id = shell.add("text")
    shell.run("lifespan", cube_id, "--after", "90d", "--then", "expire")
    assert shell.json("sweep")["expired"] == []
    shell.run("lifespan", cube_id, "--after", "1us", "--then", "expire")
    assert shell.json("sweep")["expired"] == [cube_id]
    assert shell.run("sweep", "--actor", "agent:eve").code == ExitCode.DENIED
    assert shell.json("get", cube_id, "--any-state")["state"] == "Expired"
