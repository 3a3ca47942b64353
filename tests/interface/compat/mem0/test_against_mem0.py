"""The same story told to mem0's own SDK and to ours, with the same answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from memos.compat.mem0 import Memory
from tests.interface.compat.mem0.story import shape, story

ROOT = Path(__file__).parents[4]


def test_a_story_has_the_answers_and_errors_that_mem0_gives(tmp_path: Path, vault: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.interface.compat.mem0.peer", str(tmp_path / "mem0")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    theirs: dict[str, Any] = json.loads(told.stdout)
    with Memory(vault, scope="acme/mem0", actor="agent:alice") as memory:
        ours = shape(story(memory))
    assert ours.keys() == theirs.keys()
    assert {name: ours[name] for name in ours if ours[name] != theirs[name]} == {}
