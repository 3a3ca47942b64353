from __future__ import annotations

from tests.interface.cli.support import Shell


def test_context_prints_the_block_and_what_it_took(shell: Shell) -> None:
    cube_id = shell.add("She likes pottery. <b>\x1b[2J")
    output = shell.run("context", "pottery", "--scope", "acme").out
    assert "[1]\n" in output
    assert f"[1]  {cube_id}  v1" in output
    assert "1 cited, 0 left out" in output
    assert "\x1b" not in output
    block = shell.json("context", "pottery", "--scope", "acme", "--budget", "200")
    assert block["citations"] == [{"cube_id": cube_id, "version": 1, "label": "1"}]
    assert block["tokens"] <= 200
    assert shell.json("context", "pottery", "--scope", "acme", "--budget", "5")["text"] == ""


def test_a_stable_context_goes_on_from_its_state(shell: Shell) -> None:
    shell.add("Answer in French.", "--tag", "policy")
    shell.add("She likes pottery.")
    first = shell.json("context", "pottery", "--scope", "acme", "--stable")
    assert "French" in first["pinned"]["text"]
    assert "pottery" in first["delta"]["text"]
    asked = ("context", "pottery", "--scope", "acme", "--stable", "--state", first["state"])
    again = shell.json(*asked)
    assert again["pinned"] == first["pinned"]
    assert (again["delta"]["text"], again["changed"]) == ("", [])
    output = shell.run(*asked).out
    assert "pinned" in output
    assert "state: " in output
    assert shell.run("context", "x", "--scope", "acme", "--state", "y").code == 2


def test_related_says_why(shell: Shell) -> None:
    one = shell.add("A zither.", "--tag", "music")
    two = shell.add("A lute.", "--tag", "music")
    (neighbour,) = shell.json("related", one)
    assert neighbour["cube_id"] == two
    assert neighbour["reasons"] == [{"kind": "tag", "detail": "music", "score": 0.5}]
    output = shell.run("related", one).out
    assert "A lute." in output
    assert "tag music" in output


def test_route_tells_topics_concepts_and_steps(shell: Shell) -> None:
    cube_id = shell.add("She likes pottery.", "--tag", "craft")
    route = shell.json("route", "a pottery gift", "--scope", "acme")
    assert [step["cube_ids"] for step in route["steps"]] == [[cube_id]]
    output = shell.run("route", "a pottery gift", "--scope", "acme").out
    for part in ("topic", "acme/alice/chat-7", "concept", "craft", "step 1", cube_id):
        assert part in output
    assert "nothing found" in shell.run("route", "nothing of it", "--scope", "acme").out
