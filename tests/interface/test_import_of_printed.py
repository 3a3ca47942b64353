"""What MemOS prints and exports in clear is imported, with what protects it, or the loss is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memos import Memory, Refused
from memos.interface.serialise import document

UNPRINTED = "not in what was printed"


def test_what_commands_print_is_read_back_and_what_it_does_not_say_is_counted(
    tmp_path: Path,
) -> None:
    file = tmp_path / "printed.json"
    with Memory(tmp_path / "a.vault", actor="agent:alice") as memory:
        private = memory.add(
            "The PIN is 1234.",
            scope="acme/x",
            readers=["agent:bob"],
            sensitivity="secret",
            subject="user:ann",
        )
        memory.add("The door is green.", scope="acme/x")
        page = memory.list(scope="acme/x")
        printed = {
            "get": document("get", memory.get(private.cube_id)),
            "list": document("list", {"memories": page, "cursor": None, "damaged": {}}),
            "search": document("search", memory.search("PIN", scope="acme/x")),
        }
        memory.export(tmp_path / "e")
        for text in printed.values():
            file.write_text(text)
            report = memory.import_file(file, scope="acme")
            assert (report.added, report.changed) == (0, 0)
            assert report.unchanged in (1, 2)
        file.write_text(document("list", {"memories": page, "cursor": "more", "damaged": {}}))
        with pytest.raises(Refused, match="another page follows"):
            memory.import_file(file, scope="acme", prune=True)

    def copied(path: Path) -> tuple[Memory, dict[str, int]]:
        copy = Memory(tmp_path / f"{len(list(tmp_path.iterdir()))}.vault", actor="agent:carol")
        report = copy.import_file(path, scope="acme")
        assert report.added in (1, 2)
        return copy, dict(report.not_kept)

    for name, text in printed.items():
        file.write_text(text)
        copy, not_kept = copied(file)
        with copy:
            assert any(UNPRINTED in told and "subject" in told for told in not_kept), name
            lost = f"memory.readers, writers, sensitivity, {UNPRINTED}"
            assert not_kept.get(lost, 0) == (name == "search")
            (pin,) = (cube for cube in copy.list(scope="acme") if "PIN" in cube.text)
            kept = (("agent:bob",), "secret")
            assert (pin.readers, pin.sensitivity) == (((), "") if name == "search" else kept)
    copy, not_kept = copied(tmp_path / "e" / "memories.jsonl")
    with copy:
        assert not any(UNPRINTED in told for told in not_kept)
        lines = (tmp_path / "e" / "memories.jsonl").read_text().splitlines()
        assert {json.loads(line)["subject"] for line in lines} == {"user:ann", ""}
    with Memory(tmp_path / "b.vault", actor="agent:bob") as bob:
        bob.import_file(tmp_path / "e" / "memories.jsonl", scope="acme")
        assert bob.erase(subject="user:ann").gone
