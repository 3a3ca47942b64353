from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_is_lost_half_done_or_broken_when_writers_are_killed() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.hammer", "--seconds", "9"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    figures = json.loads(told.stdout)
    assert figures["ok"]
    assert figures["kills"] > 20
    assert figures["acknowledged"] > 100
