from __future__ import annotations

from memos import Memory
from tests.interface.cli.support import Shell


def flip_a_bit(shell: Shell, needle: bytes) -> None:
    """Damage the first place of the log's file that holds some bytes."""
    file = shell.vault / "memos.db"
    data = bytearray(file.read_bytes())
    data[data.index(needle) + 1] ^= 1
    file.write_bytes(data)


def test_a_sound_vault_verifies(shell: Shell) -> None:
    shell.add("text")
    shell.run("checkpoint")
    result = shell.json("verify")
    (left_out,) = result.pop("not_compared")
    assert "memos audit" in left_out
    assert result == {
        "ok": True,
        "events": 1,
        "cubes": 1,
        "checkpoints": 1,
        "problems": [],
        "keys_missing": 0,
    }
    audited = shell.json("audit")
    assert (audited["ok"], audited["problems"]) == (True, [])
    assert len(audited["not_compared"]) > 1


def test_a_flipped_bit_fails_verification_and_is_named(shell: Shell) -> None:
    shell.add("one")
    shell.add("two", scope="acme/flipped")
    with Memory(shell.vault, create=False) as memory:
        memory.checkpoint()
        event_id = [entry.event_id for entry in memory.events()][1]
    flip_a_bit(shell, bytes.fromhex(event_id.replace("-", "")) + b"\x10")
    ran = shell.run("verify")
    assert ran.code == 6
    assert "0:1" in ran.out
    assert "everything that is not named here is as it was written" in ran.out
    result = shell.json("verify")
    assert result["ok"] is False
    assert "0:1" in [problem["where"] for problem in result["problems"]]


def test_an_event_is_proven_to_who_holds_the_key(shell: Shell) -> None:
    shell.add("one")
    receipt = shell.json("add", "two", "--scope", "acme")
    proof = shell.json("prove", receipt["event_id"])
    assert proof["ok"] is True
    assert proof["position"] == "0:1"
    assert proof["verifier_key"] == shell.json("stats")["verifier_key"]
    assert shell.run("prove", receipt["event_id"]).out.startswith("proven: ")


def test_a_rebuild_gives_the_same_digest(shell: Shell) -> None:
    cube_id = shell.add("one")
    shell.run("update", cube_id, "two")
    before = shell.json("digest")["digest"]
    rebuilt = shell.json("rebuild")
    assert rebuilt["ok"] is True
    assert rebuilt["digest_before"] == rebuilt["digest"] == before


def test_stats_count_memories_by_state(shell: Shell) -> None:
    shell.add("one")
    shell.run("archive", shell.add("two"))
    result = shell.json("stats")
    assert (result["memories"], result["events"]) == (2, 3)
    assert result["states"] == {"Generated": 1, "Archived": 1}


def test_a_cut_name_is_taken_once(shell: Shell) -> None:
    shell.add("one")
    assert shell.run("cut", "name", "before").code == 0
    assert shell.run("cut", "name", "before").code == 7


def test_a_truncated_vault_is_damaged_in_one_paragraph(shell: Shell) -> None:
    shell.add("one")
    file = shell.vault / "memos.db"
    file.write_bytes(file.read_bytes()[:40_000])
    for command in ("verify", "stats", "digest"):
        ran = shell.process(command)
        assert ran.code == 6
        assert "Traceback" not in ran.err
        assert "memos.db is damaged" in ran.err + ran.out
    assert shell.process("doctor").code == 6
