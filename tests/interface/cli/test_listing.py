"""list, count, scopes, subjects, accesses and denials on a terminal."""

from __future__ import annotations

from tests.interface.cli.support import Shell

CHAT = "acme/alice/chat-7"


def test_a_list_is_a_line_a_memory_and_says_how_to_go_on(shell: Shell) -> None:
    ids = [shell.add(f"note {number}", "--tag", f"t{number % 2}") for number in range(3)]
    ran = shell.run("list", "--limit", "2")
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == [ids[2], ids[1]]
    assert lines[0].endswith("note 2")
    assert "--cursor " in ran.err
    cursor = ran.err.split()[-1]
    assert shell.run("list", "--limit", "2", "--cursor", cursor).out.split()[0] == ids[0]
    page = shell.json("list", "--filter", '{"tags": "t1"}', "--scope", "acme", "--order", "oldest")
    assert [memory["text"] for memory in page["memories"]] == ["note 1"]
    assert (page["cursor"], page["damaged"]) == (None, {})


def test_counts_scopes_and_subjects(shell: Shell) -> None:
    shell.add("tea", "--subject", "ann")
    archived = shell.add("milk", scope="acme/bob")
    shell.run("archive", archived)
    assert shell.run("count").out == "1\n"
    assert shell.json("count", "--state", "Archived", "--scope", "acme/bob") == {
        "count": 1,
        "not_compared": [],
    }
    assert shell.run("scopes", "acme").out.split() == ["1", CHAT]
    assert shell.json("scopes", "other") == {}
    assert shell.json("subjects", "--scope", CHAT) == {"subjects": {"ann": 1}, "unnamed": 0}
    assert shell.run("subjects").out.split() == ["1", "ann"]


def test_who_read_what_and_what_was_denied(shell: Shell) -> None:
    cube_id = shell.add("tea", "--reader", "agent:carol")
    assert shell.run("get", cube_id, "--actor", "agent:bob").code == 4
    shell.run("get", cube_id)
    (read,) = shell.json("accesses", "--cube", cube_id)
    assert (read["actor"], read["action"], read["cubes"]) == ("agent:alice", "get", [[cube_id, 1]])
    line = shell.run("denials", "--by", "agent:bob").out
    assert all(word in line for word in ("agent:bob", "get", cube_id, "denied: readers-list"))
    assert shell.run("accesses", "--cube", cube_id, "--actor", "agent:bob").code == 4
    assert read in shell.json("accesses", "--cube", cube_id[:8])


def test_a_search_takes_several_scopes(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        shell.add(f"kettle {name}", scope=f"acme/{name}")
    hits = shell.json("search", "kettle", "--scope", "acme/a", "--scope", "acme/b")
    assert {hit["scope"] for hit in hits} == {"acme/a", "acme/b"}


def test_history_and_events_show_reason_source_and_metadata(shell: Shell) -> None:
    cube_id = shell.add("tea at five")
    shell.run(
        "update",
        cube_id,
        "tea at six",
        "--reason",
        "she said so",
        "--source",
        "chat:8",
        "--metadata",
        '{"sure": true}',
    )
    told = shell.run("history", cube_id).out
    for said in ("reason: she said so", "source: chat:8", "metadata: sure=True"):
        assert said in told
    assert "from chat:8  because she said so" in shell.run("events").out


def test_what_a_filter_passes_over_is_told(shell: Shell) -> None:
    shell.add("tea", "--metadata", '{"cups": 3}')
    odd = shell.add("milk", "--metadata", '{"cups": "three"}')
    many = ("--filter", '{"metadata.cups": {"gt": 1}}', "--scope", "acme")
    told = f"1 memory has a text where metadata.cups is compared as a number: {odd}"
    for command in (("list",), ("count",), ("search", "milk"), ("archive", "--dry-run")):
        ran = shell.run(*command, *many)
        assert f"passed over: {told}" in ran.out.replace("\n", "")
    assert shell.json("count", *many) == {"count": 1, "not_compared": [told]}
