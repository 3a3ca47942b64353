from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest

from tests.interface.cli.support import Shell


@pytest.fixture
def other(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "other.vault")


def test_a_file_is_imported_once(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_text('{"text": "She likes pottery.", "tags": ["art"]}\n{"text": "He runs."}\n')
    first = shell.json("import", str(file), "--scope", "acme/alice")
    assert (first["format"], first["added"], first["unchanged"]) == ("jsonl", 2, 0)
    second = shell.json("import", str(file), "--scope", "acme/alice")
    assert (second["added"], second["unchanged"]) == (0, 2)
    assert second["cube_ids"] == first["cube_ids"]
    assert "2 were there already" in shell.run("import", str(file), "--scope", "acme/alice").out


def test_a_file_that_is_wrong_is_refused_whole(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("import", "missing.jsonl", "--scope", "acme").code == 2
    assert not shell.vault.exists()
    file = tmp_path / "notes.jsonl"
    file.write_text('{"text": "fine"}\n{"text": 7}\n')
    ran = shell.run("import", str(file), "--scope", "acme", "--json")
    assert ran.code == 1
    assert ran.error["type"] == "Refused"
    assert "line 2" in ran.error["message"]
    assert not shell.vault.exists()


def test_what_was_exported_loads_with_the_same_digest(
    shell: Shell, other: Shell, tmp_path: Path
) -> None:
    cube_id = shell.add("one")
    shell.run("update", cube_id, "two")
    exported = shell.json("export", str(tmp_path / "out.memos"))
    assert (exported["complete"], exported["keys"], len(exported["warnings"])) == (True, "clear", 1)
    report = other.json("load", str(tmp_path / "out.memos"))
    assert report["refused"] == []
    assert other.json("digest") == shell.json("digest")
    assert other.json("get", cube_id, "--version", "1")["text"] == "one"


def test_a_passphrase_is_needed_to_open_what_it_wraps(
    shell: Shell, other: Shell, tmp_path: Path
) -> None:
    shell.add("one")
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    out = str(tmp_path / "out.memos")
    wrapped = shell.json("export", out, "--passphrase-file", str(secret))
    assert (wrapped["keys"], wrapped["warnings"]) == ("passphrase", [])
    assert other.run("load", out).code != 0
    assert not other.vault.exists()
    assert other.run("load", out, "--passphrase-file", str(tmp_path / "none")).code == 2
    assert other.run("load", out, "--passphrase-file", str(secret)).code == 0
    assert other.json("digest") == shell.json("digest")


def test_a_recipient_opens_with_the_private_key(shell: Shell, other: Shell, tmp_path: Path) -> None:
    shell.add("one")
    key = tmp_path / "recipient.key"
    pair = shell.json("recipient", str(key))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert shell.run("recipient", str(key)).code == 2
    out = str(tmp_path / "out.memos")
    assert shell.json("export", out, "--recipient", pair["public_key"])["keys"] == "x25519"
    assert other.run("load", out, "--recipient-key-file", str(key)).code == 0
    assert other.json("digest") == shell.json("digest")


def test_a_part_is_exported_by_scope(shell: Shell, other: Shell, tmp_path: Path) -> None:
    kept = shell.add("in", scope="acme/a")
    left = shell.add("out", scope="acme/b")
    out = str(tmp_path / "part")
    assert shell.json("export", out, "--scope", "acme/a")["complete"] is False
    other.run("load", out)
    assert other.json("get", kept)["text"] == "in"
    assert other.run("get", left).code == 3


def test_what_was_erased_is_not_loaded_again(shell: Shell, tmp_path: Path) -> None:
    cube_id = shell.add("one", "--subject", "caroline")
    out = str(tmp_path / "out.memos")
    shell.run("export", out)
    shell.run("erase", "--subject", "caroline", "--yes")
    ran = shell.run("load", out, "--json")
    assert ran.code == 1
    assert [cube["cube_id"] for cube in json.loads(ran.out)["result"]["refused"]] == [cube_id]
    assert shell.json("get", cube_id)["state"] == "Erased"


def test_an_export_may_be_a_zip(shell: Shell, other: Shell, tmp_path: Path) -> None:
    cube_id = shell.add("one")
    out = str(tmp_path / "out.zip")
    assert shell.json("export", out)["complete"] is True
    assert zipfile.is_zipfile(out)
    assert other.json("load", out)["refused"] == []
    assert other.json("get", cube_id)["text"] == "one"
    assert shell.run("export", str(tmp_path / "out.tar.gz")).code == 2
    refused = shell.run("import", out, "--scope", "acme", "--json")
    assert "load it" in refused.error["message"]


def test_the_chats_of_a_whole_account_are_counted_not_listed(shell: Shell, tmp_path: Path) -> None:
    chats = [
        {
            "uuid": f"c{number}",
            "chat_messages": [
                {"uuid": "m", "sender": "human", "text": "Hi", "created_at": "2026-05-01 12:00"}
            ],
        }
        for number in range(21)
    ]
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps(chats))
    ran = shell.run("import", str(file), "--scope", "acme/ada", "--timezone", "Europe/Oslo")
    assert "21 memories (claude) into 21 scopes of acme/ada" in ran.out
    (hit,) = shell.json("search", "Hi", "--scope", "acme/ada/c7")
    assert hit["valid_from"] == "2026-05-01T10:00:00Z"
