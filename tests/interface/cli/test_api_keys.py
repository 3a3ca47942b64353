from __future__ import annotations

from memos import Memory
from tests.interface.cli.support import Shell


def test_a_key_is_printed_once_alone_on_stdout_and_opens_the_vault(shell: Shell) -> None:
    cube = shell.add("Tea.")
    ran = shell.run("api-key", "create", "acme", "agent:alice", "--name", "laptop")
    key = ran.out.strip()
    assert ran.code == 0
    assert key.startswith("memos_")
    assert len(ran.out.splitlines()) == 1
    assert "kept nowhere" in ran.err
    assert key not in ran.err
    with Memory(shell.vault) as memory:
        assert memory.as_api_key(key).get(cube)
    listed = shell.run("api-key", "list", "acme").out
    assert key not in listed
    for told in ("agent:alice", "laptop", "create, read, write", "last used"):
        assert told in listed


def test_json_tells_the_key_and_what_is_kept_of_it(shell: Shell) -> None:
    shell.add("Tea.")
    options = ("--action", "read", "--scope", "acme/a", "--scope", "acme/b")
    created = shell.json(
        "api-key", "create", "acme", "agent:alice", *options, "--expires-after", "never"
    )
    kept = created["api_key"]
    assert (kept["actions"], kept["scopes"]) == (["read"], ["acme/a", "acme/b"])
    assert kept["expires"] is None
    assert shell.json("api-key", "list", "acme") == [kept]
    rotated = shell.json("api-key", "rotate", "acme", kept["key_id"], "--overlap", "none")
    assert rotated["key"] != created["key"]
    assert rotated["api_key"]["replaces"] == kept["key_id"]
    assert shell.json("api-key", "list", "acme") == [rotated["api_key"]]
    shell.json("api-key", "revoke", "acme", rotated["api_key"]["key_id"])
    assert shell.json("api-key", "list", "acme") == []
    assert shell.run("api-key", "list", "acme").out == "none\n"


def test_what_cannot_be_is_told_by_its_exit_code(shell: Shell) -> None:
    shell.add("Tea.")
    gone = "00000000-0000-7000-8000-000000000000"
    for line, code in (
        (("create", "acme", "agent:alice", "--action", "delete"), 2),
        (("create", "acme/alice", "agent:alice"), 2),
        (("create", "acme", "agent:alice", "--actor", "agent:eve"), 4),
        (("list", "acme", "--actor", "agent:eve"), 4),
        (("revoke", "acme", gone), 3),
        (("rotate", "acme", gone, "--overlap", "soon"), 2),
    ):
        ran = shell.run("api-key", *line)
        assert (ran.code, ran.out) == (code, ""), line
