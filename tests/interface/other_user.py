"""Reads the vaults under a directory as a user who may not write them, and says what that gave.

`python other_user.py DIRECTORY`: run by root it goes on as nobody; by anybody else the rights of the files
do. What it prints is JSON: of each vault what was read, what was refused, and what a doctor says.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memos import Memory, ReadOnly, doctor

NOBODY = 65534


def reads(memory: Memory, cube_id: str, exports: Path) -> dict[str, Any]:
    report = memory.export(exports)
    event_id = memory.history(cube_id)[0].entry.event_id
    return {
        "found": len(memory.search("pottery", scope="acme", k=50)),
        "elsewhere": len(memory.search("pottery", scope="nowhere")),
        "digest": memory.digest(),
        "checks": [memory.verify().ok, memory.audit().ok],
        "cited": len(memory.context("pottery", scope="acme").citations),
        "proven": memory.prove(event_id).verify(memory.verifier_key()),
        "exported": [report.complete, report.memories],
    }


def writes(memory: Memory, cube_id: str) -> dict[str, Callable[[], object]]:
    return {
        "add": lambda: memory.add("Tea.", scope="acme/new"),
        "update": lambda: memory.update(cube_id, "Tea."),
        "archive": lambda: memory.archive(cube_id),
        "erase": lambda: memory.erase(cube_id=cube_id),
        "rollback": lambda: memory.rollback(cube_id, to_version=1),
        "set_vocabulary": lambda: memory.set_vocabulary("acme", ["home"]),
        "extract_facts": lambda: memory.extract_facts("acme"),
        "name_cut": lambda: memory.name_cut("now"),
        "keep_queries": memory.keep_queries,
        "rebuild": memory.rebuild,
        "rotate_root_key": memory.rotate_root_key,
    }


def refusals(memory: Memory, cube_id: str) -> list[str]:
    refused = []
    for name, write in writes(memory, cube_id).items():
        try:
            write()
        except ReadOnly:
            refused.append(name)
    return refused


def exercised(path: Path, exports: Path) -> dict[str, Any]:
    with Memory(path, actor="agent:alice", mode="read") as memory:
        (first, *_) = (entry.cube_id for entry in memory.events())
        read = reads(memory, first, exports / path.name)
        refused = refusals(memory, first)
    return {
        "read": read,
        "refused": refused,
        "all": [*writes(memory, first)],
        "doctor": [f"{finding.severity}: {finding.what}" for finding in doctor(path)],
    }


def refuses_to_write(path: Path) -> str:
    try:
        Memory(path, actor="agent:alice").close()
    except ReadOnly as error:
        return str(error)
    return ""


def main(directory: Path) -> None:
    exports = directory / "exports"
    vaults = sorted(path for path in directory.iterdir() if path.name.startswith("vault"))
    told = {"owner": exercised(directory / "owner", exports)}  # everything is imported by then
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    for path in vaults:
        told[path.name] = exercised(path, exports)
        told[path.name]["opened"] = refuses_to_write(path)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
