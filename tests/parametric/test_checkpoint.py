"""What is no file of a checkpoint is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memos.parametric.checkpoint import Checkpoints


@pytest.mark.timeout(60)
def test_a_queue_in_the_place_of_a_checkpoint_is_not_waited_for(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, bytes(32), b"seal", 0.0)
    os.mkfifo(checkpoints.path)
    assert checkpoints.read() is None
